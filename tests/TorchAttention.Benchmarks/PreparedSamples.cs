using BenchmarkDotNet.Attributes;
using TorchAttention.Benchmarks.Engine;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Benchmarks;

/// <summary>
/// Few queries at many keys of one feature, float64, h = 0.05 on [0, 5): by a call that begins with all keys, by samples that are in order
/// and a bandwidth that is new, and by a pooler, which has asked before.
/// </summary>
[MemoryDiagnoser]
public class PreparedSamples : IDisposable
{
    private const double Bandwidth = 0.05;

    private DataSet _data = null!;
    private double[] _queries = null!;
    private double[] _answers = null!;
    private double[] _byW = null!;
    private Samples<double> _samples = null!;
    private Pooler<double> _pooler = null!;

    [Params(1_000_000, 10_000_000)]
    public int Keys { get; set; }

    [Params(1, 1024)]
    public int Queries { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _data = DataSet.Line(Keys).Shuffled().Data;
        _queries = [.. Enumerable.Range(0, Queries).Select(i => 5 * (i + 0.5) / Queries)];
        _answers = new double[Queries];
        _byW = new double[Queries];
        _samples = new Samples<double>(_data.X, _data.Y);
        _pooler = new Pooler<double>(SmoothingKernel.Gaussian, _samples, new PoolingWidths { Bandwidths = [Bandwidth] });
        double once = OneCall();
        double again = AskedAgain();
        if (!(Math.Abs(once - again) <= 1e-9))
        {
            throw new InvalidOperationException($"expected {once}, as one call gives, got {again}.");
        }
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _pooler.Dispose();
        _samples.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(Baseline = true)]
    public double OneCall()
    {
        SmoothingKernel.Gaussian.Pool(
            new PoolingInput<double> { Queries = _queries, Keys = _data.X, Values = _data.Y, Bandwidths = [Bandwidth] }, Output);
        return _answers[0];
    }

    [Benchmark]
    public double NewBandwidth()
    {
        SmoothingKernel.Gaussian.Pool(_samples, new PoolingWidths { Bandwidths = [Bandwidth] }, _queries, Output);
        return _answers[0];
    }

    [Benchmark]
    public double AskedAgain()
    {
        _pooler.At(_queries, Output);
        return _answers[0];
    }

    private PoolingOutput<double> Output => new() { Values = _answers, InverseBandwidthGradient = _byW };
}
