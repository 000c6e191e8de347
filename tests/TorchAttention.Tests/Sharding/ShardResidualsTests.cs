using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Tests.Sharding;

/// <summary>The noise that residuals of shards say is that of a model of all rows, and so are the errors that are made of it.</summary>
public sealed class ShardResidualsTests : ShardFolder
{
    public static TheoryData<string, int, int, int, bool> Problems()
    {
        var problems = new TheoryData<string, int, int, int, bool>();
        foreach (string kernel in new[] { "gaussian", "epanechnikov", "boxcar" })
        {
            foreach (int features in new[] { 1, 2 })
            {
                problems.Add(kernel, features, 0, 2, features == 1);
                problems.Add(kernel, features, 0, 1, features == 2);
                problems.Add(kernel, features, 1, 1, features == 1);
                problems.Add(kernel, features, 1, 2, features == 2);
            }
        }

        return problems;
    }

    [Theory]
    [MemberData(nameof(Problems))]
    public async Task Noise_IsThatOfAModelOfAllRows(string kernelName, int features, int degree, int columns, bool hasWeights)
    {
        (double[] X, double[] Y, double[] Weights) rows = Rows(3000, features, columns, hasWeights);
        ShardManifest manifest = Write(rows, features, 7);
        ShardRequest request = Request(kernelName, features, degree);

        await AssertNoiseAsync(rows, manifest, request);
    }

    // With the derivatives that a search in memory has.
    [Theory]
    [MemberData(nameof(Problems))]
    public async Task LeaveOneOut_IsThatOfAModelOfAllRows(string kernelName, int features, int degree, int columns, bool hasWeights)
    {
        (double[] X, double[] Y, double[] Weights) rows = Rows(3000, features, columns, hasWeights);
        ShardRequest request = Request(kernelName, features, degree) with { HasBandwidthSlopes = true };
        ShardManifest manifest = Write(rows, features, 7);
        using var shards = new LocalShards(manifest);
        ShardResiduals found = await new ShardedPooling(manifest, request, shards).ResidualsAsync(
            cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(0, found.Alone);
        AssertClose(Model(rows, request).Diagnostics.LeaveOneOutError, found.LeaveOneOutError, 1e-11);
        if (request.Kernel.HasJump)
        {
            Assert.Empty(found.LeaveOneOutSlopes);
            return;
        }

        SmootherData data = KernelRegression.DataOf(rows.X, rows.Y, features, new KernelRegressionOptions(), rows.Weights);
        var smoother = new Smoother(request.Kernel, degree, 0, 2, TestContext.Current.CancellationToken);
        double[] slopes = new double[features];
        new LeaveOneOutCriterion(smoother, leaveOutTies: false).WithGradient(data, request.Bandwidths, slopes, isSingle: false);
        Assert.All(
            slopes.Zip(found.LeaveOneOutSlopes), pair => Assert.Equal(pair.First, pair.Second, 1e-9 * found.LeaveOneOutError));
    }

    // Of values far from 0 a curve has few digits behind the point.
    [Theory]
    [InlineData("gaussian", 0)]
    [InlineData("epanechnikov", 1)]
    public async Task LevelOfTheValues_TakesNoDigits(string kernel, int degree)
    {
        (double[] x, double[] y, _) = Rows(3000, 1);
        double[] far = Array.ConvertAll(y, value => value + (1L << 33));

        await AssertNoiseAsync((x, far, []), Write((x, far, []), 1, 4), Request(kernel, 1, degree));
    }

    // More than a message holds of a shard, and than a question.
    [Fact]
    public async Task LargeShard_IsAskedInParts()
    {
        (double[] X, double[] Y, double[] Weights) rows = Rows(140_000, 1, hasWeights: true);
        ShardManifest manifest = Write(rows, 1, 2);
        ShardRequest request = Request("epanechnikov", 1, 1);
        using var shards = new LocalShards(manifest);
        var pooling = new ShardedPooling(manifest, request, shards);
        var told = new Told();
        ShardResiduals found = await pooling.ResidualsAsync(told, TestContext.Current.CancellationToken);

        Assert.Equal(2, pooling.OfAllRows.Count(part => part.Shard == 0));
        Assert.Equal(pooling.OfAllRows.Count(), told.Parts.Count);
        Assert.Equal(told.Parts.Order(), told.Parts);
        Assert.Equal((112_000, 1), (found.Rows, told.Parts[^1]));
        AssertClose(Model(rows, request).Diagnostics.ResidualStandardError[0], found.ResidualStandardError[0], 1e-12);
    }

    // Lines through pairs of rows that are 30 bandwidths apart: no sum holds the weights that they hang on.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LinesThroughPairs_AreFittedToThem(bool hasWeights)
    {
        (double[] x, double[] y, double[] weights) = Rows(500, 1, hasWeights: hasWeights);
        ShardRequest request = Request("gaussian", 1, 1);
        double[] pairs = [.. Enumerable.Range(1, 8).SelectMany(k => new[] { 50.0 * k, (50.0 * k) + (30 * request.Bandwidths[0]) })];
        (double[] X, double[] Y, double[] Weights) rows = (
            [.. x, .. pairs], [.. y, .. pairs.Select(Math.Sin)], hasWeights ? [.. weights, .. pairs.Select(one => 1 + (one % 3))] : []);
        ShardManifest manifest = Write(rows, 1, 3);
        using var shards = new LocalShards(manifest);
        var counted = new Counted(shards);
        await new ShardedPooling(manifest, request, counted).ResidualsAsync(cancellationToken: TestContext.Current.CancellationToken);

        Assert.InRange(counted.Asked, 1, 100);
        await AssertNoiseAsync(rows, manifest, request);
    }

    // Each row is its own mean.
    [Fact]
    public async Task RowsWithoutOthers_LeaveNoFreedom()
    {
        double[] x = [.. Enumerable.Range(0, 100).Select(i => (double)i)];
        ShardManifest manifest = Write((x, x, []), 1, 3);
        using var shards = new LocalShards(manifest);
        var request = new ShardRequest { Kernel = SmoothingKernel.Epanechnikov, Bandwidths = [0.5] };
        ShardResiduals found = await new ShardedPooling(manifest, request, shards).ResidualsAsync(
            cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal((100, 0), (found.EffectiveDegreesOfFreedom, found.ResidualDegreesOfFreedom));
        Assert.Equal([double.NaN], found.ResidualStandardError);
        Assert.Equal((100, double.NaN), (found.Alone, found.LeaveOneOutError));
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(3, 0)]
    [InlineData(0, -1)]
    [InlineData(0, 1_000_000)]
    public async Task RowsThatAreNotThere_AreRefused(int shard, int first)
    {
        ShardManifest manifest = Write(Rows(300, 1), 1, 3);
        using var shards = new LocalShards(manifest);
        var pooling = new ShardedPooling(manifest, Request("gaussian", 1, 0), shards);

        await Assert.ThrowsAsync<ArgumentException>(() => pooling.ResidualsAsync(shard, first, TestContext.Current.CancellationToken));
    }

    private static async Task AssertNoiseAsync(
        (double[] X, double[] Y, double[] Weights) rows, ShardManifest manifest, ShardRequest request)
    {
        KernelRegression whole = Model(rows, request);
        using var shards = new LocalShards(manifest);
        var pooling = new ShardedPooling(manifest, request, shards);
        ShardResiduals found = await pooling.ResidualsAsync(cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(manifest.Rows, found.Rows);
        AssertClose(whole.Diagnostics.EffectiveDegreesOfFreedom, found.EffectiveDegreesOfFreedom, 1e-12);
        AssertClose(whole.Diagnostics.ResidualDegreesOfFreedom, found.ResidualDegreesOfFreedom, 1e-12);
        Assert.All(
            whole.Diagnostics.ResidualStandardError.Zip(found.ResidualStandardError), pair => AssertClose(pair.First, pair.Second, 1e-12));

        double[] queries = [.. rows.X.Where((_, i) => i / request.Bandwidths.Length % 10 == 0).Select(x => x + 0.01)];
        Predictions expected = whole.Predict(queries);
        Predictions at = await pooling.PredictAsync(queries, cancellationToken: TestContext.Current.CancellationToken);
        at = at.WithErrors(found.ResidualStandardError, expected.Quantile);
        foreach ((double[] ofModel, double[] ofShards) in new[]
        {
            (expected.StandardError, at.StandardError), (expected.Lower, at.Lower), (expected.Upper, at.Upper),
        })
        {
            Assert.All(ofModel.Zip(ofShards), pair => AssertClose(pair.First, pair.Second, 1e-11));
        }
    }

    private static KernelRegression Model((double[] X, double[] Y, double[] Weights) rows, ShardRequest request) => KernelRegression.Fit(
        rows.X, rows.Y, request.Bandwidths.Length,
        new KernelRegressionOptions
        {
            Kernel = request.Kernel,
            Degree = request.Degree,
            Bandwidth = Bandwidth.Fixed(request.Bandwidths),
        },
        rows.Weights);

    private static ShardRequest Request(string kernel, int features, int degree) => new()
    {
        Kernel = SmoothingKernel.Find(kernel)!,
        Bandwidths = [.. Enumerable.Range(0, features).Select(j => (features == 1 ? 0.2 : 0.9) * (1 + j))],
        Degree = degree,
    };

    private static void AssertClose(double expected, double found, double part) => Assert.True(
        double.IsNaN(expected) ? double.IsNaN(found) : Math.Abs(found - expected) <= part * Math.Abs(expected),
        $"Expected {expected:R}, found {found:R}, off by {Math.Abs((found / expected) - 1):E2}.");

    // How often rows near a query are asked for.
    private sealed class Counted(IShards shards) : IShards
    {
        public int Asked { get; private set; }

        public Task<IReadOnlyList<PoolingSums>> AskAsync(
            ShardRequest request, IReadOnlyList<ShardQuestion> questions, CancellationToken cancellationToken) =>
            shards.AskAsync(request, questions, cancellationToken);

        public Task<ShardRows> RowsNearAsync(
            int shard, double[] query, ShardRequest request, double square, int first, CancellationToken cancellationToken)
        {
            Asked += double.IsFinite(square) ? 1 : 0;
            return shards.RowsNearAsync(shard, query, request, square, first, cancellationToken);
        }
    }

    private sealed class Told : IProgress<double>
    {
        public List<double> Parts { get; } = [];

        public void Report(double value) => Parts.Add(value);
    }
}
