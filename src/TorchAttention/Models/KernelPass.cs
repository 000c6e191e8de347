using TorchAttention.Numerics.Pooling;
using TorchAttention.Pooling;

namespace TorchAttention.Models;

/// <summary>How a model pools its values by a kernel, whatever computes it.</summary>
/// <param name="kernel">The kernel.</param>
/// <param name="keys">The model's keys, as they are when asked for: a model that moves to a device has others then.</param>
/// <param name="values">Its values.</param>
/// <param name="last">Keeps the weights.</param>
internal sealed class KernelPass(SmoothingKernel kernel, Func<Tensor> keys, Func<Tensor> values, LastWeights last)
{
    private static readonly PoolingOptions _nearest = new() { NoNeighbour = NoNeighbourPolicy.Nearest };

    private readonly KeptSamples _kept = new();

    public AttentionMethod Method { get; set => field = Guard.Defined(value); }

    /// <summary>Pools the values at each query; what it makes besides is disposed by the caller.</summary>
    /// <param name="queries">Queries (m), or (m, d).</param>
    /// <param name="w">One w (1), each feature's own (d), each key's own (n), or with regions each region's.</param>
    /// <param name="own">The places of the queries among the keys, where each leaves out its own (m).</param>
    /// <param name="regions">The place in w of each key's (n); null where keys do not share them so.</param>
    /// <param name="bandwidth">1/w where that was given: the textbook form then divides by it.</param>
    public Tensor Pool(Tensor queries, Tensor w, Tensor? own, Tensor? regions = null, double? bandwidth = null)
    {
        (Tensor k, Tensor v) = (keys(), values());
        Tensor each = regions is null ? w : w[regions];
        var inputs = new PoolingInputs(queries, k, v, w, own);
        AttentionMethod method = AttentionChoice.For(Method, kernel, inputs with { W = each }, out double[] numbers);
        if (method == AttentionMethod.Textbook)
        {
            Tensor? others = own is null ? null : PairRegression.Others(own, k.size(0));
            Tensor attentionWeights = Weights(queries, each, others, bandwidth);
            last.Keep(attentionWeights);
            return AttentionPooling.Pool(attentionWeights, others is null ? v : v[others]);
        }

        var pass = new LastPass(queries, numbers, own);
        last.KeepFor(() => Weights(
            pass.Queries(), pass.W(), own is null ? null : PairRegression.Others(pass.Indices(), keys().size(0)), bandwidth));
        return method == AttentionMethod.Streaming ? StreamingPooling.Pool(queries, k, v, w, own)
            : regions is not null ? RegionPooling.Pool(kernel, inputs, regions, _nearest)
            : EnginePooling.Pool(kernel, inputs, _nearest, _kept);
    }

    private Tensor Weights(Tensor queries, Tensor w, Tensor? others, double? bandwidth)
    {
        Tensor k = keys();
        Tensor scaled = bandwidth is double h ? AttentionPooling.Diff(queries, k).Over(h)
            : others is null ? AttentionPooling.Diff(queries, k) * w
            : (queries.unsqueeze(1) - k[others]) * (w.size(0) == 1 || k.dim() == 2 ? w : w[others]);
        return KernelWeights.Compute(kernel, AttentionPooling.SquaredDistances(scaled));
    }
}
