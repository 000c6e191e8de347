using BenchmarkDotNet.Attributes;
using TorchAttention.Benchmarks.Engine;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Benchmarks;

/// <summary>
/// One feature at n log n, float64, h = 0.1 on [0, 5): every point fitted at itself. No other form here takes a million points;
/// peers/engine.py has R's.
/// </summary>
[MemoryDiagnoser]
public class EngineLine
{
    private PoolingWork<Gaussian> _gaussian = null!;
    private PoolingWork<Gaussian> _unsorted = null!;
    private PoolingWork<Epanechnikov> _epanechnikov = null!;
    private PoolingWork<Boxcar> _boxcar = null!;

    [Params(100_000, 1_000_000)]
    public int Points { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        DataSet data = DataSet.Line(Points);
        _gaussian = Work<Gaussian>(data);
        _unsorted = Work<Gaussian>(data.Shuffled().Data);
        _epanechnikov = Work<Epanechnikov>(data);
        _boxcar = Work<Boxcar>(data);
    }

    [Benchmark(Baseline = true)]
    public double[] Gaussian() => _gaussian.Run();

    [Benchmark]
    public double[] GaussianInNoOrder() => _unsorted.Run();

    [Benchmark]
    public double[] Epanechnikov() => _epanechnikov.Run();

    [Benchmark]
    public double[] Boxcar() => _boxcar.Run();

    private static PoolingWork<TKernel> Work<TKernel>(DataSet data)
        where TKernel : IKernel
    {
        var work = new PoolingWork<TKernel>(data, 0.1, new PoolingOptions(), isSingle: false);
        double answer = work.Run()[data.Y.Length / 2];
        double exact = work.Exact(data.Y.Length / 2);
        return Math.Abs(answer - exact) <= 1e-9
            ? work
            : throw new InvalidOperationException($"{TKernel.Name}: expected {exact}, as the sum over all pairs gives, got {answer}.");
    }
}
