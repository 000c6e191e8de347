using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using TorchAttention.Pooling;
using TorchAttention.Tests.Golden;
using TorchSharp.Modules;

namespace TorchAttention.Tests.Models;

/// <summary>Attention with masks and PyTorch's state, beside recorded runs of nn.MultiheadAttention.</summary>
[Collection(nameof(TorchsGenerator))]
public sealed class MultiHeadAttentionTests : IDisposable
{
    private static readonly string[] _names = ["query", "key", "value"];
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Cases => [.. GoldenAttention.Names("mha-")];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void OutputsWeightsAndGradients_ArePyTorchs(string name)
    {
        var golden = new GoldenAttention(name);
        using MultiHeadAttention attention = Create(golden);
        var inputs = new Dictionary<string, Tensor?>();
        foreach (string input in (string[])["query", "key", "value", "static_k", "static_v"])
        {
            inputs[input] = golden.Input(input)?.requires_grad_();
        }

        Tensor query = inputs["query"]!;
        Tensor output = attention.Attend(
            query, inputs["key"] ?? query, inputs["value"] ?? query, Masks(golden), inputs["static_k"], inputs["static_v"]);

        int unknown = golden.AssertNear("outputs", "output", output);
        golden.AssertNear("outputs", "weights", attention.AttentionWeights);
        Assert.Equal(name.Contains("fully", StringComparison.Ordinal), unknown > 0);
        if (golden.Input("grad_out") is not Tensor gradient || unknown > 0)
        {
            return;
        }

        (output * gradient).sum().backward();
        foreach (string part in golden.Gradients)
        {
            golden.AssertNear("gradients", part, inputs.TryGetValue(part, out Tensor? input) ? input!.grad : Gradient(attention, part));
        }
    }

    // What PyTorch 1.13 answers with NaN: 0 before the last map, and the gradients of the other rows alone.
    [Theory]
    [InlineData("mha-fully-masked-row", false)]
    [InlineData("mha-fully-masked-row-no-weights", false)]
    [InlineData("mha-fully-padded-example", true)]
    public void RowsWithoutKeys_AreTheLastBiasAndHaveNoGradient(string name, bool isExample)
    {
        var golden = new GoldenAttention(name);
        using MultiHeadAttention attention = Create(golden);
        Tensor[] inputs = [.. _names.Select(part => golden.Input(part)!.requires_grad_())];
        Tensor gradient = golden.Input("grad_out")!;
        AttentionMasks masks = Masks(golden);
        Tensor output = attention.Attend(inputs[0], inputs[1], inputs[2], masks);
        Tensor empty = isExample ? output.select(1, 1) : output[1];
        double[] bias = golden.Input("out_proj.bias")!.ToDoubles();
        Assert.All(empty.ToDoubles().Index(), it => Assert.Equal(bias[it.Index % bias.Length], it.Item, 1e-12));
        (output * gradient).sum().backward();

        using MultiHeadAttention other = Create(golden);
        Tensor[] seen = [.. inputs.Select(input => (isExample ? input.narrow(1, 0, 1) : input).detach().requires_grad_())];
        Tensor rows = tensor(new long[] { 0, 2 });
        Tensor rest = isExample
            ? other.Attend(seen[0], seen[1], seen[2], masks with { Padding = masks.Padding!.narrow(0, 0, 1) })
            : other.Attend(
                seen[0].index_select(0, rows), seen[1], seen[2], masks with { LeaveOut = masks.LeaveOut!.index_select(0, rows) });
        (rest * (isExample ? gradient.narrow(1, 0, 1) : gradient.index_select(0, rows))).sum().backward();
        for (int i = 0; i < 3; i++)
        {
            Tensor got = inputs[i].grad!;
            Assert.Equal(
                seen[i].grad!.ToDoubles(), (isExample ? got.narrow(1, 0, 1) : got).ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-12);
            Assert.All(got.ToDoubles(), number => Assert.True(double.IsFinite(number)));
        }

        Assert.Equal(
            Gradient(other, "in_proj_weight")!.ToDoubles(), Gradient(attention, "in_proj_weight")!.ToDoubles(),
            (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void GroupedHeads_AreHeadsThatReadTheSameKeys()
    {
        using var grouped = new MultiHeadAttention(new MultiHeadOptions { QuerySize = 8, Heads = 4, KeyHeads = 2, Scale = 0.3 });
        using var whole = new MultiHeadAttention(new MultiHeadOptions { QuerySize = 8, Heads = 4, Scale = 0.3 });
        Dictionary<string, Tensor> from = grouped.state_dict();
        using (no_grad())
        {
            foreach ((string name, Tensor to) in whole.state_dict())
            {
                Tensor part = from[name];
                to.copy_(name.StartsWith("W_k", StringComparison.Ordinal) || name.StartsWith("W_v", StringComparison.Ordinal)
                    ? part.reshape([2, 2, .. part.shape[1..]]).repeat_interleave(2, 0).reshape(to.shape)
                    : part);
            }
        }

        Tensor x = randn(2, 5, 8);
        Tensor one = grouped.Attend(x, x, x, new AttentionMasks { Window = 2 });
        Assert.Equal([2, 4, 5, 5], grouped.AttentionWeights!.shape);
        Tensor other = whole.Attend(x, x, x, new AttentionMasks { Window = 2 });
        Assert.Equal(other.ToDoubles(), one.ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void CallsWithLengths_AreThoseWithPadding()
    {
        using var attention = new MultiHeadAttention(
            new MultiHeadOptions { QuerySize = 4, KeySize = 3, ValueSize = 5, Heads = 2, Weights = KeptWeights.Averaged });
        (Tensor q, Tensor k, Tensor v) = (randn(2, 3, 4), randn(2, 6, 3), randn(2, 6, 5));
        Tensor byLengths = attention.call(q, k, v, tensor(new long[] { 4, 6 }));
        double[] weights = attention.AttentionWeights!.ToDoubles();
        Tensor padding = zeros(2, 6, ScalarType.Bool);
        padding[0, 4] = padding[0, 5] = true;
        Tensor byMask = attention.Attend(q, k, v, new AttentionMasks { Padding = padding });
        Assert.Equal(byLengths.ToDoubles(), byMask.ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(weights, attention.AttentionWeights!.ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void HalfNumbers_AreNearTheSameInFloat64()
    {
        foreach ((ScalarType type, double tolerance) in new[] { (ScalarType.Float16, 4e-3), (ScalarType.BFloat16, 3e-2) })
        {
            using MultiHeadAttention attention = new MultiHeadAttention(new MultiHeadOptions { QuerySize = 8, Heads = 2 }).to(type);
            Tensor x = randn(2, 5, 8).to(type);
            Tensor output = attention.Attend(x, x, x, new AttentionMasks { IsCausal = true });
            Assert.Equal(type, output.dtype);
            double[] numbers = output.ToDoubles();
            attention.to(ScalarType.Float64);
            Tensor wide = x.to(ScalarType.Float64);
            double[] expected = attention.Attend(wide, wide, wide, new AttentionMasks { IsCausal = true }).ToDoubles();
            Assert.Equal(expected, numbers, (a, b) => Math.Abs(a - b) < tolerance);
        }
    }

    [Fact]
    public void Dropout_IsTheSeedsAndOfTrainingAlone()
    {
        using var attention = new MultiHeadAttention(new MultiHeadOptions { QuerySize = 8, Heads = 2, Dropout = 0.5 });
        Tensor x = randn(2, 5, 8);
        manual_seed(3);
        double[] first = attention.Attend(x, x, x).ToDoubles();
        double[] other = attention.Attend(x, x, x).ToDoubles();
        manual_seed(3);
        Assert.Equal(first, attention.Attend(x, x, x).ToDoubles());
        Assert.NotEqual(first, other);
        attention.eval();
        Assert.Equal(attention.Attend(x, x, x).ToDoubles(), attention.Attend(x, x, x).ToDoubles());
    }

    [Fact]
    public void WrongInput_IsOneLineWithExpectedAndGiven()
    {
        Refused("Expected a multiple of 3 heads, got 8.", () => _ = new MultiHeadAttention(new() { QuerySize = 8, Heads = 3 }));
        Refused(
            "Expected a divisor of 4 heads, got 3.", () => _ = new MultiHeadAttention(new() { QuerySize = 8, Heads = 4, KeyHeads = 3 }));
        using var attention = new MultiHeadAttention(new() { QuerySize = 8, Heads = 2, KeySize = 3, IsBatchFirst = false });
        Tensor q = zeros(3, 2, 8);
        Refused(
            "Expected queries (queries, batch, 8), keys (keys, batch, 3) and values (keys, batch, 8), or all without the batch, got "
                + "(3, 2, 8), (5, 2, 8) and (5, 2, 8).", () => attention.Attend(q, zeros(5, 2, 8), zeros(5, 2, 8)));
        Refused(
            "Expected static keys and values (4, keys, 4), got (2, 5, 4).",
            () => attention.Attend(q, zeros(5, 2, 3), zeros(5, 2, 8), staticKeys: zeros(2, 5, 4)));
        Refused(
            "Expected Padding (2, 5), got shape (5, 2).",
            () => attention.Attend(q, zeros(5, 2, 3), zeros(5, 2, 8), new() { Padding = zeros(5, 2, ScalarType.Bool) }));
        Assert.Contains(
            "Attend takes masks for the others", Assert.Throws<InvalidOperationException>(
                () => attention.call(zeros(2, 3, 8), zeros(2, 5, 3), zeros(2, 5, 8), null)).Message, StringComparison.Ordinal);

        static void Refused(string message, Action action) =>
            Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FilesOfPyTorch_AreReadAndOthersRefused()
    {
        var golden = new GoldenAttention("mha-plain-f64");
        string path = Path.Combine(Directory.CreateTempSubdirectory("state").FullName, "state.safetensors");
        Dictionary<string, SafeTensor> state = State(golden, "layer.");
        new SafeTensorsFile(state, new Dictionary<string, string>()).Write(path);
        using var attention = new MultiHeadAttention(new MultiHeadOptions { QuerySize = 8, Heads = 2, IsBatchFirst = false });
        attention.to(ScalarType.Float64);
        attention.LoadPyTorch(path, "layer.");
        golden.AssertNear("outputs", "output", attention.Attend(golden.Input("query")!, golden.Input("key")!, golden.Input("value")!));

        StorageException e = Assert.Throws<StorageException>(() => attention.LoadPyTorch(path));
        Assert.Equal($"{path}: expected 'in_proj_weight' as F32 or F64 (24, 8), found none", e.Message);
        using var wide = new MultiHeadAttention(new MultiHeadOptions { QuerySize = 16, Heads = 2 });
        double[] before = wide.state_dict()["W_q.weight"].ToDoubles();
        e = Assert.Throws<StorageException>(() => wide.LoadPyTorch(path, "layer."));
        Assert.Contains("expected 'layer.in_proj_weight' as F32 or F64 (48, 16), found F64 (24, 8)", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, wide.state_dict()["W_q.weight"].ToDoubles());
        using var grouped = new MultiHeadAttention(new MultiHeadOptions { QuerySize = 8, Heads = 2, KeyHeads = 1 });
        Assert.Throws<InvalidOperationException>(() => grouped.LoadPyTorch(path, "layer."));
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    private static MultiHeadAttention Create(GoldenAttention golden)
    {
        bool needsWeights = golden.Flag("need_weights") || !golden.Has("need_weights");
        var attention = new MultiHeadAttention(new MultiHeadOptions
        {
            QuerySize = (int)golden.Number("embed_dim")!,
            Heads = (int)golden.Number("num_heads")!,
            KeySize = (int?)golden.Number("kdim"),
            ValueSize = (int?)golden.Number("vdim"),
            HasBias = golden.Input("in_proj_bias") is not null,
            HasBiasKey = golden.Flag("add_bias_kv"),
            HasZeroKey = golden.Flag("add_zero_attn"),
            IsBatchFirst = golden.Flag("batch_first"),
            Weights = !needsWeights ? KeptWeights.None
                : golden.Flag("average_attn_weights") || !golden.Has("average_attn_weights") ? KeptWeights.Averaged
                : KeptWeights.ByHead,
        });
        attention.to(golden.Input("query")!.dtype);
        attention.LoadPyTorch("recorded", State(golden, ""), "");
        return attention;
    }

    private static AttentionMasks Masks(GoldenAttention golden)
    {
        Tensor? mask = golden.Input("attn_mask");
        bool isBool = mask?.dtype == ScalarType.Bool;
        return new AttentionMasks
        {
            LeaveOut = isBool ? mask : null,
            Added = isBool ? null : mask,
            Padding = golden.Input("key_padding_mask"),
        };
    }

    private static Dictionary<string, SafeTensor> State(GoldenAttention golden, string prefix)
    {
        string[] names = ["in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias", "bias_k", "bias_v",
            "out_proj.weight", "out_proj.bias"];
        return names.Where(name => golden.Input(name) is not null)
            .ToDictionary(name => prefix + name, name => TensorBytes.Stored(golden.Input(name)!));
    }

    // Of the parameter by PyTorch's name.
    private static Tensor? Gradient(MultiHeadAttention attention, string name)
    {
        Dictionary<string, Parameter> own = attention.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        return name switch
        {
            "in_proj_weight" => cat([.. "qkv".Select(part => own[$"W_{part}.weight"].grad ?? zeros_like(own[$"W_{part}.weight"]))]),
            "in_proj_bias" => cat([.. "qkv".Select(part => own[$"W_{part}.bias"].grad ?? zeros_like(own[$"W_{part}.bias"]))]),
            "q_proj_weight" or "k_proj_weight" or "v_proj_weight" => own[$"W_{name[0]}.weight"].grad,
            "out_proj.weight" => own["W_o.weight"].grad,
            "out_proj.bias" => own["W_o.bias"].grad,
            _ => own[name].grad,
        };
    }
}
