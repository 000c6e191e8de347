using CsCheck;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Tests.Regression;

/// <summary>What may not change a bandwidth that the data choose.</summary>
public sealed class BandwidthLaws
{
    private static readonly BandwidthRule[] _rules =
        [BandwidthRule.LeaveOneOut, BandwidthRule.GCV, BandwidthRule.AICc, BandwidthRule.KFold, BandwidthRule.Silverman,
            BandwidthRule.Scott];

    private static readonly Gen<Problem> _problems = Problems(3, _rules);

    private static int Tries => LongTests.AreAskedFor ? 80 : 10;

    private static Gen<Problem> Problems(int mostFeatures, BandwidthRule[] rules) =>
        from n in Gen.Int[8, 40]
        from features in Gen.Int[1, mostFeatures]
        from shape in Gen.Int[0, 4]
        from kernel in Gen.Int[0, SmoothingKernel.All.Count - 1]
        from rule in Gen.Int[0, rules.Length - 1]
        from degree in Gen.Int[0, 3]
        from seed in Gen.Int[0, 100_000]
        select Problem.Of(
            n, features, shape,
            new KernelRegressionOptions { Kernel = SmoothingKernel.All[kernel], Degree = degree, Bandwidth = Bandwidth.By(rules[rule]) },
            seed);

    // Units of powers of two round nothing, and an offset that leaves each place a multiple of 2^-10 neither.
    [Fact]
    public void UnitsAndOffsets_ChangeNothingElse()
    {
        Gen.Select(_problems, Gen.Int[-290, 290], Gen.Int[-290, 290], Gen.Int[-3, 3], Gen.Int[-3, 3]).Sample(
            (problem, ofX, ofY, offsetX, offsetY) =>
            {
                (double scaleX, double scaleY) = (Math.ScaleB(1, ofX), Math.ScaleB(1, ofY));
                (double shiftX, double shiftY) = (
                    Math.Sign(offsetX) * Math.Pow(10, 4 * Math.Abs(offsetX)), Math.Sign(offsetY) * Math.Pow(10, 4 * Math.Abs(offsetY)));
                KernelRegression plain = problem.Fit();
                KernelRegression other = (problem with
                {
                    X = [.. problem.X.Select(x => (x + shiftX) * scaleX)],
                    Y = [.. problem.Y.Select(y => (y + shiftY) * scaleY)],
                }).Fit();

                AreAlike(
                    plain, other, scaleX, problem.Options.Bandwidth.Rule == BandwidthRule.AICc ? 1 : scaleY * scaleY,
                    problem.Options.Bandwidth.Rule == BandwidthRule.AICc ? 2 * Math.Log(scaleY) : 0);
            },
            iter: Tries, threads: 1);
    }

    [Theory]
    [InlineData(-99, 0)]
    [InlineData(-66, 90)]
    [InlineData(70, -90)]
    [InlineData(99, 99)]
    [InlineData(0, -99)]
    public void UnitsOfTheLargestAndTheLeastThatAreTaken_ChangeNoBandwidthAndNoSpan(int ofX, int ofY)
    {
        var random = new Random(3);
        double[] x = [.. Enumerable.Range(0, 60).Select(_ => random.NextDouble())];
        double[] y = [.. x.Select(at => Math.Sin(6 * at) + (0.2 * random.NextDouble()))];
        double unit = Math.Pow(10, ofX);
        double[] scaledX = [.. x.Select(at => at * unit)];
        double[] scaledY = [.. y.Select(at => at * Math.Pow(10, ofY))];
        foreach (BandwidthRule rule in Enum.GetValues<BandwidthRule>())
        {
            var options = new KernelRegressionOptions { Bandwidth = Bandwidth.By(rule) };
            KernelRegression plain = KernelRegression.Fit(x, y, options);
            KernelRegression scaled = KernelRegression.Fit(scaledX, scaledY, options);

            Assert.Equal(plain.Bandwidths[0], scaled.Bandwidths[0] / unit, 1e-6 * plain.Bandwidths[0]);
            if (rule == BandwidthRule.LeaveOneOut)
            {
                (double least, double most) = Assert.Single(plain.SpansWithinOneStandardError());
                (double scaledLeast, double scaledMost) = Assert.Single(scaled.SpansWithinOneStandardError());

                Assert.True(least < plain.Bandwidths[0] && most > plain.Bandwidths[0]);
                Assert.Equal(least, scaledLeast / unit, 1e-6 * least);
                Assert.Equal(most, scaledMost / unit, 1e-6 * most);
            }
        }
    }

    [Fact]
    public void OrderOfRowsAndColumns_ChangesNothing()
    {
        Gen.Select(_problems, Gen.Int[0, 1000]).Sample(
            (problem, seed) =>
            {
                int[] order = [.. Enumerable.Range(0, problem.Count)];
                new Random(seed).Shuffle(order);
                KernelRegression plain = problem.Fit();
                KernelRegression other = (problem with
                {
                    X = [.. order.SelectMany(i => problem.X.AsSpan(i * problem.Features, problem.Features).ToArray().Reverse())],
                    Y = [.. order.Select(i => problem.Y[i])],
                }).Fit();

                AreAlike(plain, other, 1, 1, 0);
            },
            iter: Tries, threads: 1);
    }

    [Fact]
    public void ExampleFarAway_ChangesNoBandwidth()
    {
        Gen.Select(_problems, Gen.Double[1, 9], Gen.Double[-1e3, 1e3]).Sample(
            (problem, magnitude, value) =>
            {
                double far = Math.Pow(10, magnitude) * (problem.X.Max() - problem.X.Min());
                KernelRegression plain = problem.Fit();
                KernelRegression other = (
                    problem with
                    {
                        X = [.. problem.X, .. Enumerable.Repeat(problem.X.Max() + far, problem.Features)],
                        Y = [.. problem.Y, value]
                    }).Fit();
                if (plain.Search!.SetAside.Count > 0)
                {
                    return;
                }

                Assert.Equal([problem.Count], other.Search!.SetAside);
                AreAlike(plain, other, 1, 1, 0);
            },
            iter: Tries, threads: 1);
    }

    // A search of few examples is as good as a fine grid, and never ends where the others do not reach. Kernels that end make valleys a
    // thousandth of h wide, where a leave-one-out line happens to swing past its example: what counts is as low at two neighbours of the
    // grid.
    [Fact]
    public void Search_FindsTheLeastErrorOfAFineGrid()
    {
        Problems(1, [BandwidthRule.LeaveOneOut]).Sample(
            problem =>
            {
                KernelRegression model = problem.Fit();
                SmootherData data = SmootherData.Create(problem.X, problem.Y, [], 1, out _).Near();
                Criterion criterion = Samples.CriterionOf(problem.Options);
                (double from, double to) = model.Search!.Bounds[0];
                double[] grid = [.. Enumerable.Range(0, 300).Select(i => criterion.At(data, [from * Math.Pow(to / from, i / 299.0)]))];
                double least = criterion.IsRough ? grid.Zip(grid[1..], Math.Max).Min() : grid.Min();

                Assert.InRange(model.Search.Score, 0, least * (1 + 1e-4));
                Assert.True(double.IsFinite(model.Diagnostics.LeaveOneOutError));
            },
            iter: Tries, threads: 1);
    }

    // Where a criterion is flat, or jumps, bandwidths of one score are as good as each other; a rule of thumb has no score.
    private static void AreAlike(KernelRegression one, KernelRegression other, double unitOfX, double unitOfScore, double moreScore)
    {
        if (double.IsNaN(one.Search!.Score))
        {
            Assert.All(
                one.Bandwidths.Order().Zip(other.Bandwidths.Order()),
                pair => Assert.Equal(pair.First, pair.Second / unitOfX, 1e-9 * pair.First));
            return;
        }

        double expected = one.Search.Score;
        Close(expected, (other.Search!.Score - moreScore) / unitOfScore, 1e-6 * Math.Max(Math.Abs(expected), unitOfScore == 1 ? 1e-3 : 0));
    }

    private static void Close(double expected, double actual, double tolerance) =>
        Assert.True(
            expected.Equals(actual) || Math.Abs(expected - actual) <= tolerance,
            $"Expected {expected:R}, got {actual:R}, beyond {tolerance:R}.");

    /// <summary>Examples of a kind: even, clustered, skewed, with ties, with pairs that lie close; at multiples of 2^-10.</summary>
    private sealed record Problem(double[] X, double[] Y, int Features, KernelRegressionOptions Options)
    {
        public int Count => Y.Length;

        public KernelRegression Fit() => KernelRegression.Fit(X, Y, Features, Options);

        public static Problem Of(int n, int features, int shape, KernelRegressionOptions options, int seed)
        {
            var random = new Random(seed);
            double[] x = new double[n * features];
            for (int i = 0; i < x.Length; i++)
            {
                double even = random.NextDouble();
                x[i] = shape switch
                {
                    1 => even + (20 * random.Next(3)),
                    2 => Math.Exp(6 * even),
                    3 => random.Next(6),
                    4 when i >= features && i % 3 == 0 => x[i - features] + (even / 64),
                    _ => 5 * even,
                };
                x[i] = Math.Round(x[i] * 1024) / 1024;
            }

            double[] y =
                [.. Enumerable.Range(0, n).Select(i => Math.Round(1024 * (Math.Sin(x[i * features]) + random.NextDouble())) / 1024)];
            return new Problem(x, y, features, options);
        }

        public override string ToString() =>
            $"{Options.Kernel} {Options.Degree} {Options.Bandwidth}: x [{string.Join(", ", X)}] y [{string.Join(", ", Y)}]";
    }
}
