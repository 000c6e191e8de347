using System.Text.Json;
using TorchAttention.Models;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Models;

/// <summary>
/// Masked softmax and the attentions built on it, beside PyTorch's numbers for the same inputs and parameters by the book's formulas, in
/// which a query of length 0 sees all keys alike.
/// </summary>
public sealed class AttentionTests : IDisposable
{
    // Of sums of eight products of several units, in float32.
    private const double Tolerance = 5e-6;

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly JsonElement _golden = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "pytorch_attention.json"))).RootElement;

    public static TheoryData<string> Lengths => ["none", "one", "two"];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Lengths))]
    public void MaskedSoftmax_IsPyTorchs(string lengths)
    {
        Tensor weights = MaskedSoftmax.Apply(Numbers("scores", 2, 3, 5), ValidLens(lengths), EmptyRowPolicy.Uniform);
        AssertNear(lengths, "masked_softmax", weights);
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void DotProductAttention_IsPyTorchs(string lengths)
    {
        using var attention = new DotProductAttention(dropout: 0.5, EmptyRowPolicy.Uniform);
        attention.eval();
        AssertNear(lengths, "dot_product", Call(attention, lengths));
        AssertNear(lengths, "dot_product_weights", attention.AttentionWeights!);
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void AdditiveAttention_IsPyTorchs(string lengths)
    {
        using var attention = new AdditiveAttention(4, 4, 8, dropout: 0.1, EmptyRowPolicy.Uniform);
        Fill(attention, "additive", "W_q.weight", "W_k.weight", "w_v.weight");
        attention.eval();
        AssertNear(lengths, "additive", Call(attention, lengths));
        AssertNear(lengths, "additive_weights", attention.AttentionWeights!);
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void MultiHeadAttention_IsPyTorchs(string lengths)
    {
        using var attention = new MultiHeadAttention(4, 4, 6, 8, 4, emptyRows: EmptyRowPolicy.Uniform);
        Fill(attention, "multi_head", "W_q.weight", "W_k.weight", "W_v.weight", "W_o.weight");
        AssertNear(lengths, "multi_head", Call(attention, lengths));
        Assert.Equal([8, 3, 5], attention.AttentionWeights!.shape);
    }

    [Fact]
    public void DotProductsOfKeysOfOneLength_AreAGaussian()
    {
        // -|q - k|^2 / 2 = q.k - |q|^2 / 2 - |k|^2 / 2, of which the last two do not tell keys of one length apart.
        Tensor angles = linspace(0, 3, 7, ScalarType.Float64);
        Tensor keys = stack([angles.cos(), angles.sin()], 1);
        Tensor queries = tensor(new double[,] { { 0.3, -1.2 }, { 2, 0.5 } });
        Tensor values = angles.exp();
        using var attention = new DotProductAttention();
        Tensor byDots = attention.call(
            queries.Times(Math.Sqrt(2)).unsqueeze(0), keys.unsqueeze(0), values.reshape(1, -1, 1), null).reshape(-1);
        Tensor byDistance = EnginePooling.Pool<TorchAttention.Numerics.Kernels.Gaussian>(
            queries, keys, values, ones(1, ScalarType.Float64));

        Assert.Equal(byDistance.ToDoubles(), byDots.ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void Dropout_IsOfTheWeightsWhileTrainingAlone()
    {
        using var attention = new DotProductAttention(dropout: 0.5);
        Tensor values = eye(5).unsqueeze(0);
        Tensor input = zeros(1, 400, 2);
        attention.train();
        double[] dropped = attention.call(input, zeros(1, 5, 2), values, null).reshape(-1).ToDoubles();
        Assert.All(dropped, weight => Assert.True(weight == 0 || Math.Abs(weight - 0.4) < 1e-6));
        Assert.InRange(dropped.Count(weight => weight == 0), 850, 1150);
        Assert.Equal(0.2, attention.AttentionWeights![0, 0, 0].ToDouble(), 1e-6);
        attention.eval();
        Assert.All(attention.call(input, zeros(1, 5, 2), values, null).reshape(-1).ToDoubles(), weight => Assert.Equal(0.2, weight, 1e-6));
    }

    [Fact]
    public void Gradients_ReachEveryParameter()
    {
        using var attention = new MultiHeadAttention(4, 4, 6, 8, 2, bias: true);
        Call(attention, "one").Squared().sum().backward();
        Assert.Equal(8, attention.parameters().Count());
        Assert.All(
            attention.named_parameters(),
            parameter => Assert.True(parameter.name == "W_k.bias" || parameter.parameter.grad!.abs().sum().ToDouble() > 0, parameter.name));
    }

    [Fact]
    public void OtherShapes_AreRefused()
    {
        using var attention = new DotProductAttention();
        Refused("Expected queries (batch, queries, q)", () => attention.call(zeros(2, 3), zeros(2, 5, 4), zeros(2, 5, 6), null));
        Refused("of one length, got (2, 3, 4) and (2, 5, 3)", () => attention.call(zeros(2, 3, 4), zeros(2, 5, 3), zeros(2, 5, 6), null));
        Refused(
            "Expected valid lengths (2) or (2, 3)",
            () => attention.call(zeros(2, 3, 4), zeros(2, 5, 4), zeros(2, 5, 6), ones(3, ScalarType.Int64)));
        Refused("multiple of 3 heads, got 8", () => _ = new MultiHeadAttention(4, 4, 6, 8, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new DotProductAttention(dropout: 1));

        static void Refused(string message, Action action) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    private Tensor Call(nn.Module<Tensor, Tensor, Tensor, Tensor?, Tensor> attention, string lengths) =>
        attention.call(Numbers("queries", 2, 3, 4), Numbers("keys", 2, 5, 4), Numbers("values", 2, 5, 6), ValidLens(lengths));

    private Tensor Numbers(string name, params long[] shape) => tensor(Floats(_golden.GetProperty(name))).reshape(shape);

    private Tensor? ValidLens(string lengths)
    {
        JsonElement recorded = _golden.GetProperty("results").GetProperty(lengths).GetProperty("lengths");
        return recorded.ValueKind == JsonValueKind.Null ? null
            : tensor(recorded.EnumerateArray().Select(length => length.GetInt64()).ToArray()).reshape(
                recorded.GetArrayLength() == 2 ? [2] : [2, 3]);
    }

    private void Fill(nn.Module module, string name, params string[] parameters)
    {
        using IDisposable noGradients = no_grad();
        Dictionary<string, TorchSharp.Modules.Parameter> named = module.named_parameters().ToDictionary(
            pair => pair.name, pair => pair.parameter);
        Assert.Equal(parameters.Order(StringComparer.Ordinal), named.Keys.Order(StringComparer.Ordinal));
        foreach ((int i, string parameter) in parameters.Index())
        {
            named[parameter].copy_(tensor(Floats(_golden.GetProperty("parameters").GetProperty(name)[i])).reshape(named[parameter].shape));
        }
    }

    private void AssertNear(string lengths, string name, Tensor actual)
    {
        float[] expected = Floats(_golden.GetProperty("results").GetProperty(lengths).GetProperty(name));
        double[] numbers = actual.reshape(-1).ToDoubles();
        Assert.Equal(expected.Length, numbers.Length);
        Assert.All(expected.Zip(numbers), pair => Assert.Equal(pair.First, pair.Second, Tolerance * Math.Max(1, Math.Abs(pair.First))));
    }

    private static float[] Floats(JsonElement numbers) => [.. numbers.EnumerateArray().Select(number => number.GetSingle())];
}
