using System.Numerics;
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
    /// <summary>How the engine is asked.</summary>
    public static readonly PoolingOptions Nearest = new() { NoNeighbour = NoNeighbourPolicy.Nearest };

    private readonly KeptSamples _kept = new();

    public SmoothingKernel Kernel => kernel;

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

        KeepFor(new LastPass(queries, numbers, own), bandwidth);
        return method == AttentionMethod.Streaming ? StreamingPooling.Pool(queries, k, v, w, own)
            : regions is not null ? RegionPooling.Pool(kernel, inputs, regions, Nearest)
            : EnginePooling.Pool(kernel, inputs, Nearest, _kept);
    }

    /// <summary>The heights of planes through the values at each query; what it makes besides is disposed by the caller.</summary>
    /// <param name="queries">Queries (m), or (m, d).</param>
    /// <param name="w">One w (1), or each feature's own (d).</param>
    /// <param name="ridge">lambda (1).</param>
    /// <param name="own">The places of the queries among the keys, where each leaves out its own (m).</param>
    public Tensor PoolPlanes(Tensor queries, Tensor w, Tensor ridge, Tensor? own)
    {
        var inputs = new PoolingInputs(queries, keys(), values(), w, own);
        double[] numbers = w.ToDoubles();
        if (AttentionChoice.HasRunAway(numbers))
        {
            return w.sum().Times(double.NaN).expand(queries.size(0));
        }

        var pass = new LastPass(queries, numbers, own);
        double lambda = ridge.ToDoubles()[0];
        last.KeepFor(() =>
        {
            Tensor k = keys();
            Tensor? indices = pass.LeavesOneOut ? pass.Indices() : null;
            Tensor each = LocalLinearPooling.Weights(
                new PoolingInputs(pass.Queries(), k, values(), pass.W(), indices), tensor([lambda], k.dtype, k.device));
            return indices is null ? each : each.gather(1, PairRegression.Others(indices, k.size(0)));
        });
        return Method == AttentionMethod.Textbook
            ? LocalLinearPooling.ByMatrices(inputs, ridge)
            : LocalLinearPooling.Pool(inputs, ridge, byTiles: Method == AttentionMethod.Streaming || queries.device_type != DeviceType.CPU);
    }

    /// <summary>The model's keys and values for the engine, prepared once.</summary>
    public Samples<T> Samples<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        (Tensor k, Tensor v) = (keys(), values());
        using var keyNumbers = new Numbers<T>(k);
        using var valueNumbers = new Numbers<T>(v);
        return _kept.Of<T>(keyNumbers.Span, valueNumbers.Span, k.dim() == 1 ? 1 : (int)k.size(1));
    }

    /// <summary>Keeps what the weights of a pass are made of, should someone ask.</summary>
    public void KeepFor(LastPass pass, double? bandwidth = null) => last.KeepFor(() => Weights(
        pass.Queries(), pass.W(), pass.LeavesOneOut ? PairRegression.Others(pass.Indices(), keys().size(0)) : null, bandwidth));

    private Tensor Weights(Tensor queries, Tensor w, Tensor? others, double? bandwidth)
    {
        Tensor k = keys();
        Tensor scaled = bandwidth is double h ? AttentionPooling.Diff(queries, k).Over(h)
            : others is null ? AttentionPooling.Diff(queries, k) * w
            : (queries.unsqueeze(1) - k[others]) * (w.size(0) == 1 || k.dim() == 2 ? w : w[others]);
        return KernelWeights.Compute(kernel, AttentionPooling.SquaredDistances(scaled));
    }
}
