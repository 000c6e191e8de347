using TorchAttention.Pooling;
using TorchAttention.Tests.Golden;
using TorchAttention.Tests.Models;

namespace TorchAttention.Tests.Pooling;

[Collection(nameof(TorchsGenerator))]
public sealed class ScaledDotProductTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Cases => [.. GoldenAttention.Names("sdpa-")];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void OutputsWeightsAndGradients_ArePyTorchs(string name)
    {
        var golden = new GoldenAttention(name);
        var inputs = new Dictionary<string, Tensor>();
        foreach (string input in golden.Gradients)
        {
            inputs[input] = golden.Input(input)!.requires_grad_();
        }

        Tensor? mask = inputs.GetValueOrDefault("attn_mask") ?? golden.Input("attn_mask");
        bool isBool = mask?.dtype == ScalarType.Bool;
        var masks = new AttentionMasks
        {
            Keep = isBool ? mask : null,
            Added = isBool ? null : mask ?? golden.Input("bias"),
            IsCausal = golden.Flag("causal"),
            Window = (int?)golden.Number("window"),
        };
        double? scale = golden.Number("scale");

        (Tensor output, Tensor weights) = ScaledDotProduct.Attend(inputs["query"], inputs["key"], inputs["value"], masks, scale);

        Assert.Equal(inputs["query"].dtype, output.dtype);
        golden.AssertNear("outputs", "output", output);
        golden.AssertNear("outputs", "weights", weights);
        golden.AssertNear(
            "outputs", "logsumexp", ScaledDotProduct.Scores(inputs["query"], inputs["key"], masks, scale).logsumexp(-1, false));
        (output.to(ScalarType.Float64) * golden.Input("grad_out")!.to(ScalarType.Float64)).sum().backward();
        foreach (string gradient in golden.Gradients)
        {
            golden.AssertNear("gradients", gradient, inputs[gradient].grad ?? zeros_like(inputs[gradient]));
        }
    }

    [Fact]
    public void QueriesWithoutBatchOrHeads_AreTheSame()
    {
        using var generator = new Generator(5);
        Tensor q = randn([2, 3, 4], ScalarType.Float64, generator: generator);
        Tensor k = randn([2, 5, 4], ScalarType.Float64, generator: generator);
        Tensor v = randn([2, 5, 6], ScalarType.Float64, generator: generator);
        Tensor padding = tensor(new[,] { { false, false, false, true, true }, { false, true, false, false, true } });
        var masks = new AttentionMasks { IsCausal = true, Padding = padding };
        (Tensor three, Tensor weights) = ScaledDotProduct.Attend(q, k, v, masks);
        (Tensor four, _) = ScaledDotProduct.Attend(q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1), masks);
        Assert.Equal([2, 3, 5], weights.shape);
        Assert.Equal(four.squeeze(1).ToDoubles(), three.ToDoubles());
        (Tensor two, _) = ScaledDotProduct.Attend(q[1], k[1], v[1], masks with { Padding = padding[1].unsqueeze(0) });
        Assert.Equal(three[1].ToDoubles(), two.ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-14);
    }

    [Fact]
    public void NumbersOfPadding_HaveNoSay()
    {
        using var generator = new Generator(6);
        Tensor q = randn([1, 1, 3, 4], generator: generator);
        Tensor k = randn([1, 1, 5, 4], generator: generator);
        Tensor v = randn([1, 1, 5, 2], generator: generator);
        var masks = new AttentionMasks { Padding = tensor(new[,] { { false, false, false, true, true } }) };
        (Tensor expected, _) = ScaledDotProduct.Attend(q, k.narrow(2, 0, 3), v.narrow(2, 0, 3));
        k[0, 0, 3] = float.NaN;
        v[0, 0, 4] = float.PositiveInfinity;
        Tensor padded = k.requires_grad_();
        (Tensor output, _) = ScaledDotProduct.Attend(q, padded, v, masks);
        output.sum().backward();
        Assert.Equal(expected.ToDoubles(), output.ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.All(padded.grad!.ToDoubles(), gradient => Assert.True(double.IsFinite(gradient)));
    }

    [Fact]
    public void SecondDerivatives_AreThoseOfDifferences()
    {
        using var generator = new Generator(7);
        Tensor q = randn([1, 1, 2, 3], ScalarType.Float64, generator: generator);
        Tensor k = randn([1, 1, 4, 3], ScalarType.Float64, generator: generator);
        Tensor v = randn([1, 1, 4, 2], ScalarType.Float64, generator: generator);
        var masks = new AttentionMasks { IsCausal = true };
        Tensor at = tensor(0.7, ScalarType.Float64).requires_grad_();
        Tensor first = autograd.grad([Loss(at)], [at], create_graph: true, retain_graph: true)[0];
        double second = autograd.grad([first], [at])[0].ToDouble();
        double[] near = [.. new[] { -1e-4, 1e-4 }.Select(step =>
        {
            Tensor there = tensor(0.7 + step, ScalarType.Float64).requires_grad_();
            return autograd.grad([Loss(there)], [there])[0].ToDouble();
        })];
        Assert.Equal((near[1] - near[0]) / 2e-4, second, 1e-6);

        Tensor Loss(Tensor factor) => ScaledDotProduct.Attend(q * factor, k, v, masks).Output.Squared().sum();
    }

    [Fact]
    public void Dropout_IsLibTorchsOfTheSameSeed()
    {
        Tensor q = ones(1, 2, 3, 4);
        Tensor v = eye(5).expand(1, 2, 5, 5);
        manual_seed(11);
        Tensor expected = nn.functional.dropout(ones(1, 2, 3, 5).Times(0.2), 0.5, training: true);
        manual_seed(11);
        (Tensor output, Tensor weights) = ScaledDotProduct.Attend(q, ones(1, 2, 5, 4), v, dropout: 0.5);
        Assert.Equal(expected.ToDoubles(), output.ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.All(weights.ToDoubles(), weight => Assert.Equal(0.2, weight, 1e-6));
    }

    [Fact]
    public void WrongInput_IsOneLineWithExpectedAndGiven()
    {
        Tensor q = zeros(2, 4, 3, 4);
        Tensor k = zeros(2, 2, 5, 4);
        Refused("heads a multiple of key heads, got (2, 4, 3, 4), (2, 3, 5, 4)", () => Attend(zeros(2, 3, 5, 4), new()));
        Refused("of one floating type, got Float32, Float64", () => Attend(k.to(ScalarType.Float64), new()));
        Refused("Expected LeaveOut of Bool, got Float32 (3, 5).", () => Attend(k, new() { LeaveOut = zeros(3, 5) }));
        Refused("Expected Keep of Bool, got Int64 (3, 5).", () => Attend(k, new() { Keep = ones(3, 5, ScalarType.Int64) }));
        Refused("Expected Added of numbers with a point, got Bool", () => Attend(k, new() { Added = ones(3, 5, ScalarType.Bool) }));
        Refused(
            "Expected Keep (3, 5), with heads (4, ...), with examples (8, ...) or (2, 4, ...), got shape (5, 3).",
            () => Attend(k, new() { Keep = ones(5, 3, ScalarType.Bool) }));
        Refused("Expected Padding (2, 5), got shape (5, 2).", () => Attend(k, new() { Padding = zeros(5, 2, ScalarType.Bool) }));
        Refused("Expected at least 1, got 0. (Parameter 'Window')", () => Attend(k, new() { Window = 0 }));
        Refused("Expected at least 0 and below 1, got 1.", () => ScaledDotProduct.Attend(q, k, k, dropout: 1));

        void Attend(Tensor keys, AttentionMasks masks) => ScaledDotProduct.Attend(q, keys, keys, masks);
        static void Refused(string message, Action action) =>
            Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
    }
}
