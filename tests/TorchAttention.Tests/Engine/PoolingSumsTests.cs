using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.Engine;

/// <summary>Sums over parts of the samples add up to the answers over all.</summary>
public sealed class PoolingSumsTests
{
    private const int Queries = 60;
    private const PoolingParts Everything = PoolingParts.EffectiveNeighbours | PoolingParts.BandwidthGradient | PoolingParts.QueryGradient;

    public static TheoryData<string, int, int, PoolingMethod, int, bool> Problems()
    {
        var problems = new TheoryData<string, int, int, PoolingMethod, int, bool>();
        foreach (SmoothingKernel kernel in SmoothingKernel.All)
        {
            foreach ((int features, PoolingMethod method) in new[]
            {
                (1, PoolingMethod.Exact), (1, PoolingMethod.Line), (2, PoolingMethod.Exact), (2, PoolingMethod.Tree),
                (3, PoolingMethod.Tree),
            })
            {
                foreach (int degree in new[] { 0, 1 })
                {
                    problems.Add(kernel.Name, features, degree, method, features == 2 ? 2 : 1, (features + degree) % 2 == 0);
                }
            }
        }

        return problems;
    }

    // Parts by chance, by ranges that most queries are far from, and of different ranges of values and weights.
    [Theory]
    [MemberData(nameof(Problems))]
    public void Parts_AddUpToTheWhole(string kernel, int features, int degree, PoolingMethod method, int columns, bool isWeighted)
    {
        var random = new Random(features + (10 * degree));
        const int n = 400;
        double[] x = [.. Enumerable.Range(0, n * features).Select(_ => 10 * random.NextDouble())];
        double[] y = [.. Enumerable.Range(0, n * columns).Select(i => 1000 + x[i / columns * features] + random.NextDouble())];
        double[] weights = isWeighted ? [.. Enumerable.Range(0, n).Select(i => (i % 5) * (1 + (i % 7)))] : [];
        double[] queries = [.. Enumerable.Range(0, Queries * features).Select(_ => (11 * random.NextDouble()) - 0.5)];
        var smoothing = SmoothingKernel.Find(kernel)!;
        var widths = new PoolingWidths { Bandwidths = [.. Enumerable.Repeat(features == 1 ? 0.4 : 2.5, features)] };
        var options = new PoolingOptions { Degree = degree, Method = method, NoNeighbour = NoNeighbourPolicy.Nearest };
        Answers whole = Pool(smoothing, x, y, weights, features, widths, options, queries);
        foreach (int[][] parts in new[]
        {
            ByChance(n, 3, random),
            ByRange(x, features, 4),
        })
        {
            Pooler<double>[] poolers = [.. parts.Select(part => Part(smoothing, x, y, weights, features, widths, options, part))];
            var merged = new Answers(queries.Length / features, columns, features, degree);
            PoolingReport report = PoolingSums.Pool(poolers, queries, merged.Output(), NoNeighbourPolicy.Nearest);
            PoolingSums sums = PoolingSums.Merge([.. poolers.Select(pooler => pooler.SumsAt(queries))]);
            double[] left = [.. sums.Unsettled.SelectMany(query => queries.AsSpan(query * features, features).ToArray())];
            PoolingSums careful = PoolingSums.Merge([.. poolers.Select(pooler => pooler.SumsAt(left, isCareful: true))]);
            HashSet<int> open = [.. sums.With(careful).Unsettled];

            Assert.InRange(open.Count, 0, degree == 0 ? 0 : Queries / 4);
            Assert.InRange(report.ErrorBound, 0, 1e-10);
            Assert.Equal(whole.Output().HasNeighbour.ToArray(), merged.Output().HasNeighbour.ToArray());
            whole.AssertClose(merged, query => !open.Contains(query));

            PoolingParts everything = degree == 0 ? Everything : Everything & ~PoolingParts.QueryGradient;
            PoolingSums all = PoolingSums.Merge(
                [.. poolers.Select(pooler => ThroughBytes(pooler.SumsAt(queries, everything, isCareful: true)))]);
            open = [.. all.Unsettled];
            all.Answer(merged.Output(), NoNeighbourPolicy.Nearest);

            Assert.InRange(open.Count, 0, degree == 0 ? 0 : Queries / 4);
            whole.AssertClose(merged, query => !open.Contains(query));
            Array.ForEach(poolers, pooler => pooler.Samples.Dispose());
        }
    }

    [Fact]
    public void SameSumsInTheSameOrder_AreTheSameBits()
    {
        var random = new Random(1);
        double[] x = [.. Enumerable.Range(0, 5000).Select(_ => random.NextDouble())];
        double[] y = [.. x.Select(at => Math.Sin(6 * at) + random.NextDouble())];
        double[] queries = [.. Enumerable.Range(0, 300).Select(i => i / 300.0)];
        var widths = new PoolingWidths { Bandwidths = [0.02] };
        int[][] parts = ByChance(x.Length, 5, random);
        double[] once = Merged(threads: 1);
        double[] again = Merged(threads: 3);

        Assert.Equal(once, again);

        double[] Merged(int threads)
        {
            Pooler<double>[] poolers =
            [
                .. parts.Select(
                    part => Part(SmoothingKernel.Gaussian, x, y, [], 1, widths, new PoolingOptions { Threads = threads }, part))
            ];
            double[] values = new double[queries.Length];
            PoolingSums.Merge([.. poolers.Select(pooler => pooler.SumsAt(queries))]).Answer(new PoolingOutput<double> { Values = values });
            return values;
        }
    }

    // What is far has nothing to add, and is not asked pair by pair.
    [Fact]
    public void PartFarFromTheQueries_AddsNothingAndTakesNoCare()
    {
        double[] near = [.. Enumerable.Range(0, 1000).Select(i => i / 1000.0)];
        double[] far = [.. near.Select(at => at + 1000)];
        var widths = new PoolingWidths { Bandwidths = [0.05] };
        using var nearby = new Pooler<double>(SmoothingKernel.Gaussian, new Samples<double>(near, near), widths);
        using var distant = new Pooler<double>(SmoothingKernel.Gaussian, new Samples<double>(far, far), widths);
        double[] values = new double[near.Length];
        double[] alone = new double[near.Length];
        PoolingSums merged = PoolingSums.Merge(distant.SumsAt(near), nearby.SumsAt(near));
        PoolingReport report = merged.Answer(new PoolingOutput<double> { Values = values });
        nearby.At(near, new PoolingOutput<double> { Values = alone });

        Assert.Empty(merged.Unsettled);
        Assert.Equal(0, report.Recomputed);
        Assert.All(values.Zip(alone), pair => Assert.Equal(pair.Second, pair.First, 1e-10));
    }

    [Fact]
    public void QueryFarFromAllParts_HasTheNearestKeysValue()
    {
        var widths = new PoolingWidths { Bandwidths = [0.1] };
        using var first = new Pooler<double>(SmoothingKernel.Gaussian, new Samples<double>([0, 1, 2], [5, 6, 7]), widths);
        using var second = new Pooler<double>(SmoothingKernel.Gaussian, new Samples<double>([10, 11, 12], [-3, -2, -1]), widths);
        double[] values = new double[4];
        double[] logWeights = new double[4];
        PoolingSums.Pool(
            [first, second], [5.0, 7.0, -1e6, 1e9], new PoolingOutput<double> { Values = values, LogWeightSum = logWeights });

        Assert.Equal([7, -3, 5, -1], values);
        Assert.Equal(-900.0 / 2, logWeights[0], 1e-9);
    }

    [Fact]
    public void DamagedBytes_AreRefusedInOneLine()
    {
        using var samples = new Samples<double>([0, 1, 2], [5, 6, 7]);
        using var pooler = new Pooler<double>(SmoothingKernel.Gaussian, samples, new PoolingWidths { Bandwidths = [1] });
        using var stream = new MemoryStream();
        pooler.SumsAt([0.5, 1.5]).Write(stream);
        byte[] bytes = stream.ToArray();
        Assert.Equal(2, PoolingSums.Read(bytes, "shard 3").Count);

        Refused(bytes[..^8]);
        Refused(Replaced("\"degree\":\"0\"", "\"degree\":\"7\""));
        Refused(Replaced("\"degree\":\"0\"", "\"degree\":\"1\""));
        Refused(Replaced("\"parts\":\"0\"", "\"parts\":\"3\""));
        Refused(Replaced("\"kernel\":\"gaussian\"", "\"kernel\":\"gaussiam\""));
        Refused(Replaced("pooling_sums", "pooling_sumx"));

        byte[] Replaced(string from, string to)
        {
            int at = bytes.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(from));
            byte[] changed = [.. bytes];
            System.Text.Encoding.ASCII.GetBytes(to.PadRight(from.Length)[..from.Length]).CopyTo(changed, at);
            return changed;
        }

        static void Refused(byte[] damaged)
        {
            StorageException e = Assert.Throws<StorageException>(() => PoolingSums.Read(damaged, "shard 3"));

            Assert.StartsWith("shard 3", e.Message);
            Assert.DoesNotContain('\n', e.Message);
        }
    }

    [Fact]
    public void SumsThatDoNotGoTogether_AreRefused()
    {
        PoolingSums sums = SumsOf(SmoothingKernel.Gaussian, 0.1, 0, [1.0]);

        AssertRefused("the kernel gaussian, got tricube", SumsOf(SmoothingKernel.Tricube, 0.1, 0, [1.0]));
        AssertRefused("the same bandwidths", SumsOf(SmoothingKernel.Gaussian, 0.2, 0, [1.0]));
        AssertRefused("degree 0", SumsOf(SmoothingKernel.Gaussian, 0.1, 1, [1.0]));
        AssertRefused("the same 1 queries", SumsOf(SmoothingKernel.Gaussian, 0.1, 0, [2.0]));
        Assert.Throws<ArgumentException>(() => PoolingSums.Merge());
        Assert.Contains(
            nameof(PoolingParts.EffectiveNeighbours),
            Assert.Throws<InvalidOperationException>(
                () => sums.Answer(new PoolingOutput<double> { Values = new double[1], EffectiveNeighbours = new double[1] })).Message);

        void AssertRefused(string message, PoolingSums other) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => PoolingSums.Merge(sums, other)).Message);

        static PoolingSums SumsOf(SmoothingKernel kernel, double h, int degree, double[] queries)
        {
            using var samples = new Samples<double>([0, 1, 2], [5, 6, 7]);
            using var pooler = new Pooler<double>(
                kernel, samples, new PoolingWidths { Bandwidths = [h] }, new PoolingOptions { Degree = degree });
            return pooler.SumsAt(queries);
        }
    }

    private static PoolingSums ThroughBytes(PoolingSums sums)
    {
        using var stream = new MemoryStream();
        sums.Write(stream);
        return PoolingSums.Read(stream.ToArray(), "sums");
    }

    private static int[][] ByChance(int n, int parts, Random random) =>
        [.. Enumerable.Range(0, n).GroupBy(_ => random.Next(parts)).Select(group => group.ToArray())];

    private static int[][] ByRange(double[] x, int features, int parts) =>
    [
        .. Enumerable.Range(0, x.Length / features).OrderBy(i => x[i * features]).Index()
            .GroupBy(pair => pair.Index * parts * features / x.Length).Select(group => group.Select(pair => pair.Item).ToArray())
    ];

    private static Pooler<double> Part(
        SmoothingKernel kernel, double[] x, double[] y, double[] weights, int features, PoolingWidths widths, PoolingOptions options,
        int[] part)
    {
        int columns = y.Length / (x.Length / features);
        return new Pooler<double>(
            kernel,
            new Samples<double>(
                [.. part.SelectMany(i => x.AsSpan(i * features, features).ToArray())],
                [.. part.SelectMany(i => y.AsSpan(i * columns, columns).ToArray())],
                features,
                weights.Length == 0 ? [] : [.. part.Select(i => weights[i])]),
            widths, options);
    }

    private static Answers Pool(
        SmoothingKernel kernel, double[] x, double[] y, double[] weights, int features, PoolingWidths widths, PoolingOptions options,
        double[] queries)
    {
        using var samples = new Samples<double>(x, y, features, weights);
        using var pooler = new Pooler<double>(kernel, samples, widths, options);
        var answers = new Answers(queries.Length / features, samples.Columns, features, options.Degree);
        pooler.At(queries, answers.Output());
        return answers;
    }

    private sealed class Answers(int m, int v, int d, int degree)
    {
        private readonly double[] _values = new double[m * v];
        private readonly double[] _logWeightSum = new double[m];
        private readonly double[] _effective = new double[m];
        private readonly double[] _ownWeight = new double[m];
        private readonly double[] _byW = new double[m * v * d];
        private readonly double[] _logByW = new double[m * d];
        private readonly double[] _ownByW = new double[m * d];
        private readonly double[] _slopes = new double[m * v * d];
        private readonly bool[] _hasNeighbour = new bool[m];

        public PoolingOutput<double> Output() => new()
        {
            Values = _values,
            LogWeightSum = _logWeightSum,
            EffectiveNeighbours = _effective,
            OwnWeight = _ownWeight,
            HasNeighbour = _hasNeighbour,
            InverseBandwidthGradient = _byW,
            LogWeightSumGradient = _logByW,
            OwnWeightGradient = _ownByW,
            Slopes = degree == 1 ? _slopes : [],
            QueryGradient = degree == 0 ? _slopes : [],
        };

        public void AssertClose(Answers other, Func<int, bool> counts)
        {
            Close(nameof(_values), _values, other._values, 1e-8);
            Close(nameof(_logWeightSum), _logWeightSum, other._logWeightSum, 1e-8);
            Close(nameof(_effective), _effective, other._effective, 1e-6);
            Close(nameof(_ownWeight), _ownWeight, other._ownWeight, 1e-8);
            Close(nameof(_byW), _byW, other._byW, 1e-6);
            Close(nameof(_logByW), _logByW, other._logByW, 1e-7);
            Close(nameof(_ownByW), _ownByW, other._ownByW, 1e-6);
            Close(nameof(_slopes), _slopes, other._slopes, 1e-6);

            void Close(string name, double[] expected, double[] actual, double tolerance)
            {
                for (int i = 0; i < expected.Length; i++)
                {
                    Assert.True(
                        !counts(i / (expected.Length / m)) || expected[i].Equals(actual[i])
                            || Math.Abs(expected[i] - actual[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])),
                        $"{name} {i}: expected {expected[i]:R}, got {actual[i]:R}.");
                }
            }
        }
    }
}
