using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>A call of this library's engine, with the memory for its answers.</summary>
/// <typeparam name="TKernel">The kernel.</typeparam>
internal sealed class PoolingWork<TKernel>
    where TKernel : IKernel
{
    private readonly DataSet _data;
    private readonly PoolingOptions _options;
    private readonly double[] _bandwidths;
    private readonly double[] _answers;
    private readonly float[]? _keys;
    private readonly float[]? _queries;
    private readonly float[]? _values;
    private readonly float[]? _pooled;
    private readonly float[]? _gradient;

    /// <param name="data">Keys, values, queries.</param>
    /// <param name="bandwidth">The bandwidth h of every feature.</param>
    /// <param name="options">How to compute it.</param>
    /// <param name="isSingle">Whether it is computed in float32.</param>
    /// <param name="hasGradient">Whether the gradient of w = 1/h is wanted; in float32 alone.</param>
    public PoolingWork(DataSet data, double bandwidth, PoolingOptions options, bool isSingle, bool hasGradient = false)
    {
        _data = data;
        _options = options;
        _bandwidths = [.. Enumerable.Repeat(bandwidth, data.Features)];
        _answers = new double[data.Queries.Length / data.Features];
        if (isSingle)
        {
            _keys = Array.ConvertAll(data.X, x => (float)x);
            _queries = data.Queries == data.X ? _keys : Array.ConvertAll(data.Queries, x => (float)x);
            _values = Array.ConvertAll(data.Y, y => (float)y);
            _pooled = new float[_answers.Length];
            _gradient = hasGradient ? new float[data.Queries.Length] : [];
        }
    }

    /// <summary>What the last run reported.</summary>
    public PoolingReport? Report { get; private set; }

    /// <summary>Does the work.</summary>
    public PoolingReport Pool()
    {
        Report = _pooled is null
            ? KernelPooling.Pool<TKernel>(
                new PoolingInput<double> { Queries = _data.Queries, Keys = _data.X, Values = _data.Y, Bandwidths = _bandwidths },
                new PoolingOutput<double> { Values = _answers },
                _options)
            : KernelPooling.Pool<TKernel>(
                new PoolingInput<float> { Queries = _queries, Keys = _keys, Values = _values, Bandwidths = _bandwidths },
                new PoolingOutput<float> { Values = _pooled, InverseBandwidthGradient = _gradient },
                _options);
        return Report;
    }

    /// <summary>Does the work and returns the answers (m).</summary>
    public double[] Run()
    {
        Pool();
        for (int i = 0; i < _pooled?.Length; i++)
        {
            _answers[i] = _pooled[i];
        }

        return _answers;
    }

    /// <summary>The sum over all pairs in float64 for one query.</summary>
    public double Exact(int query) =>
        DenseAttention.Pool<TKernel>(_data.Queries.AsSpan(query * _data.Features, _data.Features), _data.X, _data.Y, _bandwidths)[0].Output;

    /// <summary>Takes the code to its last tier on some of the points, by the same method.</summary>
    public void WarmUp(PoolingMethod method)
    {
        int enough = method == PoolingMethod.Exact ? 1000 : method == PoolingMethod.Line ? 5000 : 10_000;
        DataSet sample = _data.Sample(enough);
        var small = new PoolingWork<TKernel>(
            sample, _bandwidths[0], _options with { Method = method }, _pooled is not null, _gradient is { Length: > 0 });
        EngineJob.Settle(() => small.Run());
    }
}
