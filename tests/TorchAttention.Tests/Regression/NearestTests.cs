using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Regression;

public sealed class NearestTests
{
    // R 4.2.2, mcycle of MASS: loess(y ~ x, span, degree, control = loess.control(surface = "direct", statistics = "exact")), trace.hat and
    // what it predicts. R holds the farthest thousandth of a width at 0, so that numbers differ from the eighth digit on.
    [Theory]
    [InlineData(0, 0.2, 9.40666859585, -2.09244483531, -2.95397715873, -21.2018458141, -105.465210669, 27.2050154274, -0.858243708619)]
    [InlineData(0, 1, 1.3780022164, -33.8112763695, -32.9182122324, -32.0873150832, -31.1413606607, -26.8580939752, -13.9180058443)]
    [InlineData(1, 0.2, 11.1905153192, -1.15441911389, -2.99374338828, -14.8712924594, -108.935791186, 28.590914364, 1.21825036695)]
    [InlineData(1, 0.5, 4.84203152297, 16.5397963681, -11.8832387565, -35.5935027344, -88.6278519955, 4.328254869, -7.18244810449)]
    [InlineData(2, 0.2, 18.532110014, -0.974321296031, -2.71612195466, -13.4110969908, -110.617910236, 38.5645031817, 10.5485652535)]
    [InlineData(2, 0.5, 7.67023077214, -11.5317021506, 5.82175467413, -26.3221141446, -115.458687316, 29.7449105681, 3.19895755468)]
    [InlineData(2, 1, 3.6848584348, 20.961318785, -27.7385435457, -43.068631395, -48.800742024, -12.6418325312, -5.47896198161)]
    public void Tricube_IsLoess(int degree, double span, double trace, params double[] expected)
    {
        KernelRegression model = Mcycle(degree, span);

        double[] mean = model.Predict([2.4, 10, 14.6, 20.3, 33, 57.6]).Mean;
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], mean[i], 1e-6 * Math.Max(1, Math.Abs(expected[i])));
        }

        Assert.Equal(trace, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-6);
    }

    // R's stats::lowess(f, iter = 0, delta = 0), which statsmodels' lowess(it = 0) follows, and locfit 1.5-9.7, lp(x, nn, deg).
    [Theory]
    [InlineData(1, 0.2, -1.15441911389, -2.99374338828, -14.8712924594, -69.1253596139, 1.21825036695)]
    [InlineData(1, 0.5, 16.5397963681, -11.8832387565, -35.5935027344, -54.0343739443, -7.18244810449)]
    [InlineData(0, 0.3, -2.34118814886, -4.42111477314, -32.5371990719, -56.422166886, 0.593663090057)]
    [InlineData(1, 0.7, 23.5466963407, -16.4250382991, -39.7342869612, -40.2538910443, 7.48274139155)]
    [InlineData(2, 0.3, -1.44495092521, -1.52626491459, -13.5629892297, -69.3403212419, 6.75380887539)]
    [InlineData(3, 0.3, -0.434270826193, -2.21749541245, -13.3530631552, -69.7996623993, 11.1919402268)]
    [InlineData(3, 0.7, -22.4494070114, 11.2135693041, -34.3068401286, -63.0875679161, 21.9224689997)]
    public void Tricube_IsLowessAndLocfit(int degree, double share, params double[] expected)
    {
        double[] mean = Mcycle(degree, share).Predict([2.4, 10, 14.6, 25, 57.6]).Mean;
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], mean[i], 1e-6 * Math.Max(1, Math.Abs(expected[i])));
        }
    }

    [Theory]
    [InlineData("gaussian", 0, 0)]
    [InlineData("gaussian", 2, 0.25)]
    [InlineData("boxcar", 0, 0)]
    [InlineData("boxcar", 1, 0)]
    [InlineData("epanechnikov", 1, 0.25)]
    [InlineData("triangular", 3, 0)]
    [InlineData("tricube", 2, 0.25)]
    public void EveryFit_IsThatOfTheWidthAtItsQuery(string kernel, int degree, double ridge)
    {
        (double[] x, double[] y) = Samples.Of(70, 1, seed: 9);

        // Weights count by their mean, and a ridge beside it, so that with one left out the others are another fit.
        double[] weights = [.. Enumerable.Range(0, 70).Select(i => ridge > 0 ? 1 : 0.5 + (i % 3))];
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Degree = degree,
            Ridge = degree == 0 ? null : ridge,
            Bandwidth = Bandwidth.Nearest(0.3),
        };
        KernelRegression model = KernelRegression.Fit(x, y, 1, options, weights);
        double[] queries = [-0.4, 0, 1.1, 2.5, 4.9, 5.3];
        var asked = new PredictionOptions { HasSlopes = degree > 0 };
        Predictions found = model.Predict(queries, asked);
        for (int i = 0; i < queries.Length; i++)
        {
            KernelRegression fixedOne = KernelRegression.Fit(x, y, 1, options with { Bandwidth = WidthAt(queries[i], x, 21) }, weights);
            Predictions expected = fixedOne.Predict([queries[i]], asked);
            Assert.Equal(expected.Mean[0], found.Mean[i], 1e-8);
            Assert.Equal(expected.Slopes, found.Slopes.Skip(i).Take(expected.Slopes.Length), (a, b) => Math.Abs(a - b) < 1e-7);
            Assert.Equal(expected.EffectiveNeighbours[0], found.EffectiveNeighbours[i], 1e-8 * expected.EffectiveNeighbours[0]);
        }

        double squares = 0;
        for (int i = 0; i < x.Length; i++)
        {
            int[] others = [.. Enumerable.Range(0, x.Length).Where(k => k != i)];
            KernelRegression without = KernelRegression.Fit(
                [.. others.Select(k => x[k])], [.. others.Select(k => y[k])], 1, options with { Bandwidth = WidthAt(x[i], x, 21) },
                [.. others.Select(k => weights[k])]);
            squares += weights[i] * Math.Pow(y[i] - without.Predict([x[i]]).Mean[0], 2);
        }

        Assert.Equal(squares / weights.Sum(), model.Diagnostics.LeaveOneOutError, 1e-8);
    }

    // The farthest of the nearest just within, as the boxcar has it; of the other kernels it weighs nothing.
    private static double WidthAt(double query, double[] x, int count) =>
        x.Select(key => Math.Abs(key - query)).Order().ElementAt(count - 1) * (1 + 1e-12);

    [Theory]
    [InlineData("tricube", BandwidthRule.LeaveOneOut)]
    [InlineData("gaussian", BandwidthRule.LeaveOneOut)]
    [InlineData("tricube", BandwidthRule.AICc)]
    [InlineData("epanechnikov", BandwidthRule.GCV)]
    [InlineData("tricube", BandwidthRule.KFold)]
    public void Search_FindsAShareThatNoOtherTriedBeats(string kernel, BandwidthRule rule)
    {
        (double[] x, double[] y) = Samples.Of(80, 1, seed: 11);
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Degree = 1,
            Bandwidth = Bandwidth.NearestBy(rule),
        };
        KernelRegression model = KernelRegression.Fit(x, y, options);
        double share = Assert.Single(model.Bandwidths);
        Assert.InRange(share, 4 / 80.0, 1);
        Assert.Equal(model.Search!.Trials.Min(trial => trial.Score), model.Search.Score);
        Assert.Equal((4 / 80.0, 1), model.Search.Bounds[0]);
        if (rule == BandwidthRule.LeaveOneOut)
        {
            Assert.Equal(model.Search.Score, model.Diagnostics.LeaveOneOutError, 1e-12);

            // Beside the least of all shares the search may only have missed a dent of the staircase.
            double least = Enumerable.Range(4, 77).Min(k => KernelRegression.Fit(
                x, y, options with { Bandwidth = Bandwidth.Nearest(k / 80.0) }).Diagnostics.LeaveOneOutError);
            Assert.InRange(model.Search.Score, least, 1.02 * least);
        }

        (double low, double high) = Assert.Single(KernelRegression.Fit(
            x, y, options with { Bandwidth = Bandwidth.NearestBy(BandwidthRule.LeaveOneOut) }).SpansWithinOneStandardError());
        Assert.InRange(low, 0, high);
    }

    // Of many examples sums of cells stand for pairs, whose answers are those of few queries at a time.
    [Theory]
    [InlineData("tricube", 2, 0.25, 0.05)]
    [InlineData("tricube", 1, 0, 0.7)]
    [InlineData("biweight", 3, 0.25, 0.3)]
    [InlineData("boxcar", 0, 0, 0.01)]
    [InlineData("triangular", 1, 0.25, 0.002)]
    public void SumsOfManyExamples_AreThoseOfPairs(string kernel, int degree, double ridge, double share)
    {
        var random = new Random(5);
        double[] x = [.. Enumerable.Range(0, 4000).Select(
            i => i % 7 == 0 ? Math.Round(random.NextDouble(), 2) : Math.Exp(3 * random.NextDouble()))];
        double[] y = [.. x.Select(at => Math.Sin(at) + random.NextDouble())];
        double[] weights = [.. x.Select(_ => 0.5 + random.NextDouble())];
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Degree = degree,
            Ridge = degree == 0 ? null : ridge,
            Bandwidth = Bandwidth.Nearest(share),
        };
        KernelRegression model = KernelRegression.Fit(x, y, 1, options, weights);
        double[] queries = [.. Enumerable.Range(0, 900).Select(i => -0.5 + (i * 0.025))];
        var asked = new PredictionOptions { HasSlopes = degree > 0 };
        Predictions many = model.Predict(queries, asked);
        foreach (int first in new[] { 0, 20, 21, 60, 300, 700, 860 })
        {
            Predictions few = model.Predict(queries.AsSpan(first, 30), asked);
            for (int i = 0; i < 30; i++)
            {
                Assert.Equal(few.Mean[i], many.Mean[first + i], 1e-8);
                Assert.Equal(few.EffectiveNeighbours[i], many.EffectiveNeighbours[first + i], 1e-7 * few.EffectiveNeighbours[i]);
                Assert.Equal(degree == 0 ? 0 : few.Slopes[i], degree == 0 ? 0 : many.Slopes[first + i], 1e-6);
            }
        }
    }

    [Fact]
    public void SearchOfManyExamples_EndsWhereThatOfAllSharesDoes()
    {
        LongTests.SkipUnlessAskedFor();
        var random = new Random(6);
        double[] x = [.. Enumerable.Range(0, 20_000).Select(_ => 10 * random.NextDouble())];
        double[] y = [.. x.Select(at => (2 * Math.Sin(at)) + random.NextDouble() + random.NextDouble())];
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Tricube, Degree = 1 };
        KernelRegression model = KernelRegression.Fit(x, y, options with { Bandwidth = Bandwidth.NearestBy(BandwidthRule.LeaveOneOut) });
        double least = Enumerable.Range(1, 40).Min(i => KernelRegression.Fit(
            x, y, options with { Bandwidth = Bandwidth.Nearest(0.005 * i) }).Diagnostics.LeaveOneOutError);
        Assert.InRange(model.Diagnostics.LeaveOneOutError, 0, 1.0001 * least);
        Assert.Contains(model.Search!.Trials, trial => trial.IsEstimate);
    }

    [Fact]
    public void Ties_WidenToTheNextPlace()
    {
        double[] x = [0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        double[] y = [1, 2, 3, 1, 2, 3, 7, 7, 8, 9];
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Tricube, Bandwidth = Bandwidth.Nearest(0.4) };
        KernelRegression model = KernelRegression.Fit(x, y, options);

        // At 0 four of six copies are at no distance; within the next place nothing but copies weighs.
        Assert.Equal(2, model.Predict([0]).Mean[0], 1e-12);
        KernelRegression same = KernelRegression.Fit([5, 5, 5, 5], [1, 2, 3, 6], options with { Bandwidth = Bandwidth.Nearest(0.5) });
        Assert.Equal(3, same.Predict([5]).Mean[0], 1e-12);
    }

    [Fact]
    public void File_KeepsTheShare()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid()}.safetensors");
        try
        {
            KernelRegression model = Mcycle(2, 0.3);
            model.Save(path);
            (KernelRegression again, _) = KernelRegression.Load(path);
            double[] queries = [.. Enumerable.Range(0, 300).Select(i => i * 0.2)];

            Assert.Equal(Bandwidth.Nearest(0.3).IsShare, again.Options.Bandwidth.IsShare);
            Assert.Equal(model.Predict(queries).Mean, again.Predict(queries).Mean);
            foreach (IntervalKind kind in Enum.GetValues<IntervalKind>())
            {
                var options = new PredictionOptions { Interval = kind };
                Predictions found = again.Predict(queries.AsSpan(20), options);
                Assert.All(found.Mean.Zip(found.Lower, found.Upper), one => Assert.True(one.Second < one.First && one.First < one.Third));
            }

            var band = new PredictionOptions { Interval = IntervalKind.Mean, IsSimultaneous = true };
            Assert.InRange(again.Predict([20.0], band).Quantile, 2, 6);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void WrongShares_AreNamed()
    {
        (double[] x, double[] y) = Samples.Of(40, 2, seed: 1);
        var options = new KernelRegressionOptions { Bandwidth = Bandwidth.Nearest(0.5) };
        Assert.Throws<ArgumentOutOfRangeException>(() => Bandwidth.Nearest(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Bandwidth.Nearest(1.1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Bandwidth.Nearest(double.NaN));
        Assert.Contains("got Silverman", Assert.Throws<ArgumentException>(
            () => Bandwidth.NearestBy(BandwidthRule.Silverman)).Message, StringComparison.Ordinal);
        Refused("got 2 features", () => KernelRegression.Fit(x, y, 2, options));
        double[] first = [.. x.Take(y.Length)];
        Refused("for slopes", () => KernelRegression.Fit(first, y, options).Predict([1.0], new PredictionOptions { HasSlopes = true }));
        Refused("got a period", () => KernelRegression.Fit(first, y, 1, options with { Periods = [24] }));
        Refused("got ties left out together", () => KernelRegression.Fit(first, y, 1, options with { LeaveOutTies = true }));
        RegressionDataException few = Assert.Throws<RegressionDataException>(
            () => KernelRegression.Fit(first, y, 1, options with { Degree = 2, Bandwidth = Bandwidth.Nearest(0.05) }));
        Assert.Equal("a share of at least 4 examples for the degree 2, 2 of 40", $"{few.Expected}, {few.Got}");
        Assert.Throws<RegressionDataException>(
            () => KernelRegression.Fit(
                [1, 2, 3], [1, 2, 3], options with { Degree = 1, Bandwidth = Bandwidth.NearestBy(BandwidthRule.GCV) }));

        static void Refused(string got, Action fit) =>
            Assert.Contains(got, Assert.Throws<ArgumentException>(fit).Message, StringComparison.Ordinal);
    }

    private static KernelRegression Mcycle(int degree, double share)
    {
        Table table = BuiltInTable.All.First(one => one.Name == "mcycle").Read(header => header);
        return KernelRegression.Fit(table["times"], table["accel"], new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Tricube,
            Degree = degree,
            Ridge = degree == 0 ? null : 0,
            Bandwidth = Bandwidth.Nearest(share),
        });
    }
}
