using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Engine;

public sealed class KernelPoolingTests
{
    [Theory]
    [InlineData(PoolingMethod.Exact)]
    [InlineData(PoolingMethod.Line)]
    [InlineData(PoolingMethod.Tree)]
    public void QueryWithoutNeighbour_IsAnsweredByThePolicy(PoolingMethod method)
    {
        double[] queries = [0.5, 7, -3, 4];
        double[] keys = [0, 1, 9, 9];
        double[] values = [10, 20, 30, 50];
        (double[] nan, PoolingReport report) = Pool(NoNeighbourPolicy.NaN);
        (double[] nearest, _) = Pool(NoNeighbourPolicy.Nearest);

        Assert.Equal([15, double.NaN, double.NaN, double.NaN], nan);
        Assert.Equal([15, 40, 10, 20], nearest);
        Assert.Equal([1, 2, 3], report.WithoutNeighbour);
        NoNeighbourException error = Assert.Throws<NoNeighbourException>(() => Pool(NoNeighbourPolicy.Error));
        Assert.Equal([1, 2, 3], error.Queries);
        Assert.Contains("3 queries have no key within reach of the kernel; the first is query 1", error.Message, StringComparison.Ordinal);

        (double[], PoolingReport) Pool(NoNeighbourPolicy policy)
        {
            double[] pooled = new double[4];
            bool[] hasNeighbour = new bool[4];
            var input = new PoolingInput<double> { Queries = queries, Keys = keys, Values = values, Bandwidths = [1] };
            PoolingReport report = KernelPooling.Pool<Epanechnikov>(
                input, new PoolingOutput<double> { Values = pooled, HasNeighbour = hasNeighbour },
                new PoolingOptions { Method = method, NoNeighbour = policy });
            Assert.Equal([true, false, false, false], hasNeighbour);
            return (pooled, report);
        }
    }

    [Fact]
    public void LoneKeyLeftOut_HasNoNearestEither()
    {
        double[] pooled = [0];
        var input = new PoolingInput<double> { Queries = [1], Keys = [1], Values = [5], Bandwidths = [1], LeftOut = [0] };
        PoolingReport report = KernelPooling.Pool<Gaussian>(
            input, new PoolingOutput<double> { Values = pooled }, new PoolingOptions { NoNeighbour = NoNeighbourPolicy.Nearest });

        Assert.Equal([double.NaN], pooled);
        Assert.Equal([0], report.WithoutNeighbour);
    }

    [Theory]
    [InlineData(PoolingMethod.Exact)]
    [InlineData(PoolingMethod.Line)]
    [InlineData(PoolingMethod.Tree)]
    public void QueryAMillionBandwidthsAway_GetsItsNearestNeighboursValue(PoolingMethod method)
    {
        float[] pooled = new float[3];
        var input = new PoolingInput<float> { Queries = [1e6f, -1e6f, 1e12f], Keys = [0, 1, 2], Values = [10, 20, 30], Bandwidths = [1] };
        KernelPooling.Pool<Gaussian>(input, new PoolingOutput<float> { Values = pooled }, new PoolingOptions { Method = method });

        Assert.Equal([30, 10, 30], pooled);
    }

    [Fact]
    public void SixteenMillionEqualWeights_AreAllCounted()
    {
        // A sum of ones in float32 stops at 2^24.
        const int Keys = (1 << 24) + 1001;
        float[] keys = new float[Keys];
        float[] values = new float[Keys];
        for (int i = 0; i < Keys; i++)
        {
            values[i] = i & 1;
        }

        float[] pooled = [0];
        float[] logWeightSum = [0];
        float[] effective = [0];
        KernelPooling.Pool<Gaussian>(
            new PoolingInput<float> { Queries = [0], Keys = keys, Values = values, Bandwidths = [1] },
            new PoolingOutput<float> { Values = pooled, LogWeightSum = logWeightSum, EffectiveNeighbours = effective },
            new PoolingOptions { Method = PoolingMethod.Exact });

        Assert.Equal(0.5, pooled[0], 1e-7);
        Assert.Equal(Math.Log(Keys), logWeightSum[0], 1e-5);
        Assert.Equal(1, effective[0] / Keys, 1e-6);
    }

    [Fact]
    public void Auto_PicksByWhatIsAsked()
    {
        Assert.Equal(PoolingMethod.Exact, Report<Gaussian>(features: 1, keys: 50, bandwidth: 0.1).Method);
        Assert.Equal(PoolingMethod.Line, Report<Gaussian>(features: 1, keys: 20_000, bandwidth: 0.1).Method);
        Assert.Equal(PoolingMethod.Line, Report<Tricube>(features: 1, keys: 20_000, bandwidth: 0.1).Method);
        Assert.Equal(PoolingMethod.Exact, Report<Constant>(features: 1, keys: 20_000, bandwidth: 0.1).Method);
        Assert.Equal(PoolingMethod.Tree, Report<Gaussian>(features: 2, keys: 20_000, bandwidth: 0.01).Method);
        Assert.Equal(PoolingMethod.Tree, Report<Epanechnikov>(features: 3, keys: 20_000, bandwidth: 0.1).Method);

        PoolingReport wide = Report<Gaussian>(features: 2, keys: 20_000, bandwidth: 1);
        Assert.Equal(
            (PoolingMethod.Exact, "100% of all pairs are in reach"),
            (wide.Method, wide.Reason.Replace(" %", "%", StringComparison.Ordinal)));
        Assert.Equal(
            (PoolingMethod.Exact, "5 features"),
            (Report<Gaussian>(features: 5, keys: 20_000, bandwidth: 0.1).Method,
            Report<Gaussian>(features: 5, keys: 20_000, bandwidth: 0.1).Reason));
    }

    [Fact]
    public void Gradients_OfOneFeatureAreTheLines()
    {
        double[] keys = [.. Enumerable.Range(0, 20_000).Select(i => i / 20_000.0)];
        double[] pooled = new double[keys.Length];
        double[] gradient = new double[keys.Length];

        PoolingReport report = KernelPooling.Pool<Gaussian>(
            new PoolingInput<double> { Queries = keys, Keys = keys, Values = keys, Bandwidths = [1e-3] },
            new PoolingOutput<double> { Values = pooled, InverseBandwidthGradient = gradient });

        Assert.Equal(PoolingMethod.Line, report.Method);

        // At the left end, where sum u exp(-u^2 / 2) / sum exp(-u^2 / 2) is sqrt(2 / pi) in the limit of many keys, a mean goes with h and
        // so against w.
        Assert.Equal(-Math.Sqrt(2 / Math.PI) * 1e-6, gradient[0], 1e-8);
    }

    [Theory]
    [InlineData(PoolingMethod.Exact)]
    [InlineData(PoolingMethod.Line)]
    [InlineData(PoolingMethod.Tree)]
    public void Work_IsToldAndStopped(PoolingMethod method)
    {
        double[] keys = [.. Enumerable.Range(0, 30_000).Select(i => i / 30_000.0)];
        List<double> told = [];
        Pool(new Progress(told.Add), CancellationToken.None);
        Assert.Equal(told.Order(), told);
        Assert.Equal(1, told[^1]);
        Assert.True(told.Count > 3, $"Told {told.Count} times.");

        using var stop = new CancellationTokenSource();
        told.Clear();
        Assert.ThrowsAny<OperationCanceledException>(() => Pool(
            new Progress(part =>
            {
                told.Add(part);
                stop.Cancel();
            }),
            stop.Token));
        Assert.True(Assert.Single(told) < 1);

        void Pool(IProgress<double> progress, CancellationToken token) => KernelPooling.Pool<Gaussian>(
            new PoolingInput<double> { Queries = keys, Keys = keys, Values = keys, Bandwidths = [0.01] },
            new PoolingOutput<double> { Values = new double[keys.Length] },
            new PoolingOptions { Method = method, Threads = 1 },
            progress,
            token);
    }

    [Fact]
    public void NegativeAndZeroInverseBandwidths_AreThoseOfTheMirrorAndOfNoFeature()
    {
        double[] queries = [0.1, 5, 0.7, -2];
        double[] keys = [0, 1, 0.5, 2, 1, 3];
        double[] values = [1, 2, 4];
        double[] mirrored = Pool([-1.5, 0]);

        Assert.Equal(KernelPooling.Pool<Gaussian>([0.1, 0.7], [0, 0.5, 1], values, 1 / 1.5), mirrored, (a, b) => Math.Abs(a - b) < 1e-14);

        double[] Pool(double[] w)
        {
            double[] pooled = new double[2];
            double[] gradient = new double[4];
            var input = new PoolingInput<double> { Queries = queries, Keys = keys, Values = values, InverseBandwidths = w };
            KernelPooling.Pool<Gaussian>(input, new PoolingOutput<double> { Values = pooled, InverseBandwidthGradient = gradient });
            Assert.Equal([0, 0], [gradient[1], gradient[3]]);
            Assert.NotEqual(0, gradient[0]);
            return pooled;
        }
    }

    [Fact]
    public void NoQueries_AreNoWork()
    {
        foreach (PoolingMethod method in Enum.GetValues<PoolingMethod>())
        {
            PoolingReport report = KernelPooling.Pool<Gaussian>(
                new PoolingInput<double> { Queries = [], Keys = [1, 2], Values = [1, 2], Bandwidths = [1] },
                new PoolingOutput<double> { Values = [] },
                new PoolingOptions { Method = method });
            Assert.Empty(report.WithoutNeighbour);
        }
    }

    private static PoolingReport Report<TKernel>(int features, int keys, double bandwidth)
        where TKernel : IKernel
    {
        var random = new Random(features);
        double[] x = [.. Enumerable.Range(0, features * keys).Select(_ => random.NextDouble())];
        double[] y = [.. Enumerable.Range(0, keys).Select(_ => random.NextDouble())];
        double[] queries = x[..(features * Math.Min(keys, 20_000))];
        return KernelPooling.Pool<TKernel>(
            new PoolingInput<double> { Queries = queries, Keys = x, Values = y, Bandwidths = [.. Enumerable.Repeat(bandwidth, features)] },
            new PoolingOutput<double> { Values = new double[queries.Length / features] });
    }

    private sealed class Progress(Action<double> told) : IProgress<double>
    {
        public void Report(double value) => told(value);
    }
}
