using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Tests.Sharding;

/// <summary>Shards answer as all rows together do, and to the same bits whoever answers first.</summary>
public sealed class ShardedPoolingTests : ShardFolder
{
    public static TheoryData<string, int, int, int, bool> Problems()
    {
        var problems = new TheoryData<string, int, int, int, bool>();
        foreach (SmoothingKernel kernel in SmoothingKernel.All)
        {
            foreach (int features in new[] { 1, 2, 3 })
            {
                problems.Add(kernel.Name, features, 0, 1 + (features % 2), features == 1);
                problems.Add(kernel.Name, features, 1, 1, features == 2);
            }
        }

        return problems;
    }

    [Theory]
    [MemberData(nameof(Problems))]
    public async Task Shards_AnswerAsAllRows(string kernelName, int features, int degree, int columns, bool hasWeights)
    {
        SmoothingKernel kernel = SmoothingKernel.Find(kernelName)!;
        (double[] X, double[] Y, double[] Weights) rows = Rows(3000, features, columns, hasWeights);
        ShardManifest manifest = Write(rows, features, 12);
        double[] bandwidths = [.. Enumerable.Range(0, features).Select(j => (features == 1 ? 0.2 : 0.9) * (1 + j))];
        double[] queries = Queries(400, features);
        var request = new ShardRequest { Kernel = kernel, Bandwidths = bandwidths, Degree = degree, HasSlopes = true };
        foreach (NoNeighbourPolicy policy in new[] { NoNeighbourPolicy.NaN, NoNeighbourPolicy.Nearest })
        {
            KernelRegression whole = KernelRegression.Fit(
                rows.X, rows.Y, features,
                new KernelRegressionOptions
                {
                    Kernel = kernel,
                    Degree = degree,
                    Bandwidth = Bandwidth.Fixed(bandwidths),
                    NoNeighbour = policy,
                },
                rows.Weights);
            Predictions expected = whole.Predict(queries, new PredictionOptions { HasSlopes = true });
            using var shards = new LocalShards(manifest);
            Predictions found = await new ShardedPooling(manifest, request, shards).PredictAsync(
                queries, policy, TestContext.Current.CancellationToken);

            Assert.Equal(expected.HasNeighbour, found.HasNeighbour);
            Assert.Equal(expected.IsOutside, found.IsOutside);
            Assert.Equal(expected.IsInGap, found.IsInGap);
            AssertClose(rows.Y, expected, found);
            Assert.Equal(expected.HasNeighbour.Count(has => has), found.EffectiveNeighbours.Count(count => count > 0));
            Assert.All(expected.EffectiveNeighbours.Zip(found.EffectiveNeighbours), at =>
            {
                // A plane far from its rows multiplies here, too.
                double off = 1e-7 * Math.Max(1, at.First);
                Assert.InRange(at.Second, at.First - off, at.First + off);
            });
        }
    }

    private static double[] Queries(int m, int features)
    {
        var random = new Random(7);

        // Some far from all rows, some in the gap.
        return [.. Enumerable.Range(0, m * features).Select(
            i => i / features % 40 == 0 ? 200 * (random.NextDouble() - 0.5) : (20 * random.NextDouble()) - 1)];
    }

    // A plane far from its rows multiplies what they are off by, as its effective neighbours say; a value of 1000 is rounded to 1e-13.
    private static void AssertClose(double[] y, Predictions expected, Predictions found)
    {
        double range = y.Max() - y.Min();
        int columns = expected.Mean.Length / expected.HasNeighbour.Length;
        for (int i = 0; i < expected.Mean.Length; i++)
        {
            double grown = 1 / Math.Min(1, expected.EffectiveNeighbours[i / columns]);
            double off = Math.Abs(expected.Mean[i] - found.Mean[i]);
            Assert.True(
                double.IsNaN(expected.Mean[i]) ? double.IsNaN(found.Mean[i]) : off <= grown * ((1e-13 * range) + 3e-13),
                $"{i}: expected {expected.Mean[i]:R}, found {found.Mean[i]:R}, off by {off:E2}");
        }
    }

    // Whoever answers first, and however many threads there are.
    [Theory]
    [InlineData("gaussian", 1)]
    [InlineData("gaussian", 2)]
    [InlineData("epanechnikov", 2)]
    public async Task AnyOrderOfArrival_IsTheSameBits(string kernel, int features)
    {
        ShardManifest manifest = Write(Rows(3000, features), features, 7);
        double[] queries = Queries(300, features);
        var request = new ShardRequest
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Bandwidths = [.. Enumerable.Repeat(0.3, features)],
            Degree = 1,
        };
        using var shards = new LocalShards(manifest);
        var pooling = new ShardedPooling(manifest, request, shards);
        Predictions first = await pooling.PredictAsync(queries, cancellationToken: TestContext.Current.CancellationToken);
        ShardResiduals residuals = await pooling.ResidualsAsync(cancellationToken: TestContext.Current.CancellationToken);
        for (int seed = 1; seed <= 3; seed++)
        {
            // None stays in memory, and every question is answered by itself, in an order of its own.
            using var others = new LocalShards(manifest, bytes: 0);
            var shuffled = new ShardedPooling(manifest, request, new Shuffled(others, seed));
            Predictions again = await shuffled.PredictAsync(queries, cancellationToken: TestContext.Current.CancellationToken);
            ShardResiduals anew = await shuffled.ResidualsAsync(cancellationToken: TestContext.Current.CancellationToken);

            Assert.Equal(first.Mean, again.Mean);
            Assert.Equal(first.EffectiveNeighbours, again.EffectiveNeighbours);
            Assert.Equal(residuals.ToNumbers(), anew.ToNumbers());
        }
    }

    // The order that rows come in decides nothing, nor how they are cut into batches.
    [Fact]
    public void AnyOrderOfRows_IsTheSameFiles()
    {
        (double[] x, double[] y, _) = Rows(2000, 1);
        ShardManifest one = Write((x, y, []), 1, 5, "one");
        int[] order = [.. Enumerable.Range(0, 1000).Reverse(), .. Enumerable.Range(1000, 1000)];
        ShardManifest other = Write(
            (Array.ConvertAll(order, i => x[i]), Array.ConvertAll(order, i => y[i]), []), 1, 5, "other", batch: 77);

        Assert.Equal(one.Hash, other.Hash);
    }

    [Fact]
    public async Task FarShards_AreNotAsked()
    {
        double[] x = [.. Enumerable.Range(0, 10_000).Select(i => i / 100.0)];
        ShardManifest manifest = Write((x, [.. x.Select(Math.Sin)], []), 1, 10);
        var request = new ShardRequest { Kernel = SmoothingKernel.Gaussian, Bandwidths = [0.1] };
        using var shards = new LocalShards(manifest);
        var counted = new Shuffled(shards, 0);
        await new ShardedPooling(manifest, request, counted).PredictAsync(
            [.. Enumerable.Range(0, 500).Select(i => 25 + (i / 100.0))], cancellationToken: TestContext.Current.CancellationToken);

        Assert.InRange(counted.Asked.Distinct().Count(), 1, 4);
    }

    [Fact]
    public async Task QueryWithoutNeighbour_IsRefusedWhereAsked()
    {
        ShardManifest manifest = Write(Rows(500, 1), 1, 3);
        using var shards = new LocalShards(manifest);
        var pooling = new ShardedPooling(
            manifest, new ShardRequest { Kernel = SmoothingKernel.Epanechnikov, Bandwidths = [0.1] }, shards);

        NoNeighbourException refused = await Assert.ThrowsAsync<NoNeighbourException>(() => pooling.PredictAsync(
            [3, -50, 3, 80], NoNeighbourPolicy.Error, TestContext.Current.CancellationToken));
        Assert.Equal([1, 3], refused.Queries);
        Assert.Empty((await pooling.PredictAsync([], cancellationToken: TestContext.Current.CancellationToken)).Mean);
        await Assert.ThrowsAsync<ArgumentException>(
            () => pooling.PredictAsync([double.NaN], cancellationToken: TestContext.Current.CancellationToken));
    }

    // Asks one question at a time, in an order of its own.
    private sealed class Shuffled(IShards shards, int seed) : IShards
    {
        public List<int> Asked { get; } = [];

        public async Task<IReadOnlyList<PoolingSums>> AskAsync(
            ShardRequest request, IReadOnlyList<ShardQuestion> questions, CancellationToken cancellationToken)
        {
            var sums = new PoolingSums[questions.Count];
            int[] order = [.. Enumerable.Range(0, sums.Length)];
            new Random(seed).Shuffle(order);
            foreach (int index in order)
            {
                Asked.Add(questions[index].Shard);
                sums[index] = (await shards.AskAsync(request, [questions[index]], cancellationToken))[0];
            }

            return sums;
        }

        public Task<ShardRows> RowsNearAsync(
            int shard, double[] query, ShardRequest request, double square, int first, CancellationToken cancellationToken) =>
            shards.RowsNearAsync(shard, query, request, square, first, cancellationToken);
    }
}
