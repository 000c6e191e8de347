using TorchAttention.Models;
using TorchAttention.Numerics.Attention;
using TorchAttention.Numerics.Storage;
using TorchAttention.Numerics.Vectors;
using TorchAttention.Pooling;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests;

/// <summary>What the code about attention in <c>docs</c> does; alone, since it reads from the process's current folder.</summary>
[Collection(nameof(Training.AloneTests))]
public sealed class AttentionSnippetsTests : IDisposable
{
    private readonly ConsoleProcess _console = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _console.Dispose();
    }

    // All weights 0 and the last bias 3: whatever comes in, 3 comes out.
    [Fact]
    public void MasksSnippet_AttendsWithPyTorchsState()
    {
        var state = new Dictionary<string, SafeTensor>
        {
            ["self_attn.in_proj_weight"] = TensorBytes.Stored(zeros(24, 8)),
            ["self_attn.in_proj_bias"] = TensorBytes.Stored(zeros(24)),
            ["self_attn.out_proj.weight"] = TensorBytes.Stored(zeros(8, 8)),
            ["self_attn.out_proj.bias"] = TensorBytes.Stored(ones(8).Times(3)),
        };
        new SafeTensorsFile(state, new Dictionary<string, string>()).Write(_console.PathOf("encoder.safetensors"));
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = _console.Folder;
        try
        {
            (double[] attended, double[] weights) = RunMasks(randn(1, 4, 8), tensor(new[,] { { false, false, false, true } }));
            Assert.All(attended, number => Assert.Equal(3, number));
            double[] expected = [1, 0, 0, 0, 1 / 2.0, 1 / 2.0, 0, 0, 1 / 3.0, 1 / 3.0, 1 / 3.0, 0, 1 / 3.0, 1 / 3.0, 1 / 3.0, 0];
            Assert.Equal([.. expected, .. expected], weights, (a, b) => Math.Abs(a - b) < 1e-6);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    [Fact]
    public void ScoresSnippet_AttendsByEach()
    {
        (Tensor q, Tensor k, Tensor v) = (randn(1, 2, 6, 3), randn(1, 2, 8, 3), randn(1, 2, 8, 4));
        Tensor keep = ones(6, 8, ScalarType.Bool);
        Tensor[] outputs = RunScores(q, k, v, ones(1), ones(3), ones(5), ones(2), [8], 2, keep);
        Assert.All(outputs, output => Assert.Equal([1, 2, 6, 4], output.shape));
        Assert.Equal(outputs[0].ToDoubles(), outputs[4].ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-5);
        Assert.Equal(outputs[0].ToDoubles(), outputs[8].ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-5);
    }

    // The score's slopes are those of its terms: libtorch differentiates the same formula where a graph is asked for.
    [Fact]
    public void LaplaceScore_HasTheSlopesOfItsTerms()
    {
        Tensor[] inputs = [.. Enumerable.Range(0, 3).Select(_ => randn([5, 3], ScalarType.Float64).requires_grad_())];
        Tensor[] plain = Gradients(create: false);
        Tensor[] recorded = Gradients(create: true);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(recorded[i].ToDoubles(), plain[i].ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-12);
        }

        Tensor[] Gradients(bool create) =>
        [
            .. autograd.grad(
                [TiledAttention.Attend<LaplaceScore>(inputs[0], inputs[1], inputs[2]).Squared().sum()], inputs, retain_graph: true,
                create_graph: create),
        ];
    }

    private static Tensor[] RunScores(
        Tensor q, Tensor k, Tensor v, Tensor w, Tensor weights, Tensor table, Tensor slopes, int[] lengths, int heads, Tensor keep)
    {
        (int m, int n) = ((int)q.size(-2), (int)k.size(-2));
        Tensor dotProduct = TiledAttention.Attend<DotProductScore>(q, k, v);
        Tensor gaussian = TiledAttention.Attend<GaussianScore>(q * w, k * w, v);
        Tensor boxcar = TiledAttention.Attend<BoxcarScore>(q * w, k * w, v);
        Tensor additive = TiledAttention.Attend<AdditiveScore>(q, k, v, new TiledOptions { Weights = weights });
        Tensor relative = TiledAttention.Attend<DotProductScore>(
            q, k, v, new TiledOptions { LeadBias = TiledOptions.RelativeBias(table, m, n) });
        Tensor alibi = TiledAttention.Attend<DotProductScore>(q, k, v, new TiledOptions { LeadBias = TiledOptions.Alibi(slopes, m, n) });
        Tensor causal = TiledAttention.Attend<DotProductScore>(q, k, v, new TiledOptions { Range = new CausalKeys() });
        Tensor window = TiledAttention.Attend<DotProductScore>(q, k, v, new TiledOptions { Range = new WindowKeys(256, isCausal: true) });
        Tensor padded = TiledAttention.Attend<DotProductScore>(q, k, v, new TiledOptions { Range = new FirstKeys(lengths, heads) });
        (Tensor output, Tensor attention) = TiledAttention.Attend(
            (queries, keys) => cdist(queries, keys).neg(), q, k, v, new AttentionMasks { Keep = keep });
        attention.Dispose();
        return [dotProduct, gaussian, boxcar, additive, relative, alibi, causal, window, padded, output];
    }

    private static (double[] Attended, double[] Weights) RunMasks(Tensor x, Tensor padding)
    {
        using var attention = new MultiHeadAttention(new MultiHeadOptions { QuerySize = 8, Heads = 2 });
        attention.LoadPyTorch("encoder.safetensors", prefix: "self_attn.");
        Tensor attended = attention.Attend(x, x, x, new AttentionMasks { IsCausal = true, Padding = padding });
        Tensor weights = attention.AttentionWeights!;
        return (attended.ToDoubles(), weights.ToDoubles());
    }

    public readonly struct LaplaceScore : IScore
    {
        public static TLanes Add<TLanes, T>(TLanes sum, TLanes query, TLanes key, TLanes weight)
            where TLanes : struct, ILanes<TLanes, T>
            where T : unmanaged => sum - TLanes.Max(query - key, key - query);

        public static TLanes QuerySlope<TLanes, T>(TLanes query, TLanes key)
            where TLanes : struct, ILanes<TLanes, T>
            where T : unmanaged => TLanes.WhereLess(query, key, TLanes.All(1)) - TLanes.WhereLess(key, query, TLanes.All(1));

        public static TLanes KeySlope<TLanes, T>(TLanes query, TLanes key)
            where TLanes : struct, ILanes<TLanes, T>
            where T : unmanaged => QuerySlope<TLanes, T>(key, query);
    }
}
