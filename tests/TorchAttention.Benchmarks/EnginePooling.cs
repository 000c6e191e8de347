using BenchmarkDotNet.Attributes;
using TorchAttention.Benchmarks.Engine;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Benchmarks;

/// <summary>
/// Gaussian pooling of points at themselves: libtorch's textbook form and fused attention, and this library's engine, on all cores.
/// </summary>
[MemoryDiagnoser]
public class EnginePooling : IDisposable
{
    private LibTorchPooling _libtorch = null!;
    private PoolingWork<Gaussian> _exact = null!;
    private PoolingWork<Gaussian> _exactWithGradient = null!;
    private PoolingWork<Gaussian> _exactFloat64 = null!;
    private PoolingWork<Gaussian> _auto = null!;

    /// <summary>Keys, and as many queries: the textbook form's matrix of the larger is 400 MB.</summary>
    [Params(2_000, 10_000)]
    public int Points { get; set; }

    [Params(1, 3)]
    public int Features { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        set_num_threads(Environment.ProcessorCount);
        DataSet data = Features == 1 ? DataSet.Line(Points) : DataSet.Cube(Points);
        double bandwidth = Features == 1 ? 1 : 0.1;
        var exact = new PoolingOptions { Method = PoolingMethod.Exact };
        _libtorch = new LibTorchPooling(data, bandwidth);
        _exact = new PoolingWork<Gaussian>(data, bandwidth, exact, isSingle: true);
        _exactWithGradient = new PoolingWork<Gaussian>(data, bandwidth, exact, isSingle: true, hasGradient: true);
        _exactFloat64 = new PoolingWork<Gaussian>(data, bandwidth, exact, isSingle: false);
        _auto = new PoolingWork<Gaussian>(data, bandwidth, new PoolingOptions(), isSingle: true);
        double[] expected = [.. _exactFloat64.Run()];
        foreach (Func<double[]> form in
            (Func<double[]>[])[_libtorch.Textbook, _libtorch.Fused, _exact.Run, _exactWithGradient.Run, _auto.Run])
        {
            double largest = form().Zip(expected, (answer, other) => Math.Abs(answer - other)).Max();
            if (!(largest <= 1e-3))
            {
                throw new InvalidOperationException(
                    $"Expected {form.Method.Name} within 1e-3 of the sum over all pairs in float64, got {largest}.");
            }
        }
    }

    /// <summary>The baseline.</summary>
    [Benchmark(Baseline = true)]
    public double[] Textbook() => _libtorch.Textbook();

    [Benchmark]
    public double[] FusedAttention() => _libtorch.Fused();

    [Benchmark]
    public double[] EveryPair() => _exact.Run();

    [Benchmark]
    public double[] EveryPairWithGradient() => _exactWithGradient.Run();

    [Benchmark]
    public double[] EveryPairFloat64() => _exactFloat64.Run();

    [Benchmark]
    public double[] Auto() => _auto.Run();

    [GlobalCleanup]
    public void Dispose()
    {
        _libtorch.Dispose();
        GC.SuppressFinalize(this);
    }
}
