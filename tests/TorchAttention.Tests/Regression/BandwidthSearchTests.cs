using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Tests.Regression;

public sealed class BandwidthSearchTests
{
    [Theory]
    [InlineData(BandwidthRule.LeaveOneOut, 0)]
    [InlineData(BandwidthRule.LeaveOneOut, 1)]
    [InlineData(BandwidthRule.AICc, 0)]
    [InlineData(BandwidthRule.GCV, 1)]
    [InlineData(BandwidthRule.KFold, 0)]
    public void Search_IsNotBeatenByAGrid(BandwidthRule rule, int degree)
    {
        for (int seed = 0; seed < 6; seed++)
        {
            (double[] x, double[] y) = Samples.Of(seed < 4 ? 120 : 1500, 1, seed);
            var options = new KernelRegressionOptions { Bandwidth = Bandwidth.By(rule), Degree = degree };
            BandwidthSearch search = KernelRegression.Fit(x, y, options).Search!;
            SmootherData data = SmootherData.Create(x, y, [], 1, out _);
            Criterion criterion = Samples.CriterionOf(options);
            double least = Enumerable.Range(0, 60).Min(i => Score(Math.Exp(Math.Log(0.02) + (i * 0.1))));

            Assert.True(
                search.Score <= least * (1 + 1e-9 * Math.Sign(least)),
                $"Expected at most {least:R}, got {search.Score:R} at {search.Bandwidths[0]}, seed {seed}.");
            Assert.Equal(search.Score, Score(search.Bandwidths[0]), 1e-9);
            Assert.False(search.IsAtBound);

            double Score(double h) => criterion.At(data, [h]);
        }
    }

    public static TheoryData<string, int, BandwidthRule> RoughSearches
    {
        get
        {
            var cases = new TheoryData<string, int, BandwidthRule>();
            foreach (SmoothingKernel kernel in SmoothingKernel.All)
            {
                cases.Add(kernel.Name, 0, BandwidthRule.LeaveOneOut);
                cases.Add(kernel.Name, 0, BandwidthRule.GCV);
                cases.Add(kernel.Name, 1, BandwidthRule.LeaveOneOut);
                cases.Add(kernel.Name, 1, BandwidthRule.AICc);
            }

            return cases;
        }
    }

    // Few examples and a kernel with an end: a criterion with a kink or a jump at every distance of two examples.
    [Theory]
    [MemberData(nameof(RoughSearches))]
    public void SearchAmongFewExamples_IsNotBeatenByAFineGrid(string kernel, int degree, BandwidthRule rule)
    {
        foreach (int n in LongTests.AreAskedFor ? (int[])[12, 44, 120] : [12, 44])
        {
            (double[] x, double[] y) = Samples.Of(n, 1, seed: n);
            var options =
                new KernelRegressionOptions { Kernel = SmoothingKernel.Find(kernel)!, Degree = degree, Bandwidth = Bandwidth.By(rule) };
            BandwidthSearch search = KernelRegression.Fit(x, y, options).Search!;
            SmootherData data = SmootherData.Create(x, y, [], 1, out _);
            Criterion criterion = Samples.CriterionOf(options);
            (double from, double to) = search.Bounds[0];

            int points = LongTests.AreAskedFor ? 1000 : 250;

            double least = Enumerable.Range(0, points).Min(i => criterion.At(data, [from * Math.Pow(to / from, i / (points - 1.0))]));

            Assert.True(
                search.Score <= least + (1e-6 * Math.Abs(least)),
                $"Expected at most {least:R}, got {search.Score:R} at {search.Bandwidths[0]}, n {n}.");
        }
    }

    [Theory]
    [InlineData("gaussian", 0, BandwidthRule.GCV)]
    [InlineData("gaussian", 0, BandwidthRule.AICc)]
    [InlineData("gaussian", 1, BandwidthRule.LeaveOneOut)]
    [InlineData("tricube", 1, BandwidthRule.GCV)]
    public void SearchWithoutNoise_IsNotLedByItsEstimates(string kernel, int degree, BandwidthRule rule)
    {
        double[] x = [.. Enumerable.Range(0, 900).Select(i => i + (0.3 * Math.Sin(i)))];
        double[] y = [.. x.Select(x => Math.Sin(x / 90))];
        var options =
            new KernelRegressionOptions { Kernel = SmoothingKernel.Find(kernel)!, Degree = degree, Bandwidth = Bandwidth.By(rule) };
        BandwidthSearch search = KernelRegression.Fit(x, y, options).Search!;
        Criterion criterion = Samples.CriterionOf(options);
        SmootherData data = SmootherData.Create(x, y, [], 1, out _);

        double least = Enumerable.Range(0, 300).Min(i => criterion.At(data, [0.3 * Math.Pow(1e3, i / 299.0)]));

        Assert.Equal(criterion.At(data, search.Bandwidths.ToArray()), search.Score, 1e-6 * Math.Abs(least));
        Assert.True(
            search.Score <= least + (1e-6 * Math.Abs(least)),
            $"Expected at most {least:R}, got {search.Score:R} at {search.Bandwidths[0]}.");
    }

    [Fact]
    public void SeveralFeatures_GetABandwidthEachAndAUselessOneIsSmoothedAway()
    {
        (double[] x, double[] y) = Samples.Of(2500, 3, seed: 3, useful: 2);
        KernelRegression model = KernelRegression.Fit(x, y, 3);

        Assert.InRange(model.Bandwidths[0], 0.05, 1);
        Assert.InRange(model.Bandwidths[1], 0.05, 1);
        Assert.True(model.Bandwidths[2] > 2, $"Got {model.Bandwidths[2]}.");
        double worse = KernelRegression.Fit(
            x, y, 3, new KernelRegressionOptions { Bandwidth = Bandwidth.Scott }).Diagnostics.LeaveOneOutError;
        Assert.True(model.Search!.Score < worse);
        Assert.Equal(model.Search.Score, model.Diagnostics.LeaveOneOutError, 1e-9);
    }

    [Fact]
    public void CopiesOfExamples_DriveTheBandwidthToNothingUnlessTheyAreLeftOutTogether()
    {
        (double[] x, double[] y) = Samples.Of(100, 1, seed: 4);
        double[] twice = [.. x, .. x];
        double[] values = [.. y, .. y];
        KernelRegression plain = KernelRegression.Fit(twice, values);
        KernelRegression together = KernelRegression.Fit(twice, values, new KernelRegressionOptions { LeaveOutTies = true });

        Assert.True(plain.Search!.IsAtBound);
        Assert.Equal(KernelRegression.Fit(x, y).Bandwidths[0], together.Bandwidths[0], 1e-3);
        Assert.False(together.Search!.IsAtBound);
    }

    [Fact]
    public void Search_IsStoppedAndTold()
    {
        (double[] x, double[] y) = Samples.Of(3000, 1, seed: 9);
        using var stop = new CancellationTokenSource();
        var told = new List<double>();
        var progress = new Told(part =>
        {
            told.Add(part);
            if (told.Count == 5)
            {
                stop.Cancel();
            }
        });
        Assert.ThrowsAny<OperationCanceledException>(() => KernelRegression.Fit(x, y, 1, null, default, progress, stop.Token));
        Assert.Equal(5, told.Count);
        Assert.Equal(told.Order(), told);
    }

    private sealed class Told(Action<double> told) : IProgress<double>
    {
        public void Report(double value) => told(value);
    }

    // Two examples far from the others need wide bandwidths of a kernel that ends: valleys with edges, which a way downhill does not leave.
    [Theory]
    [InlineData("epanechnikov", 0, 300)]
    [InlineData("epanechnikov", 1, 300)]
    [InlineData("tricube", 0, 300)]
    [InlineData("tricube", 1, 60)]
    [InlineData("biweight", 0, 2000)]
    public void ExamplesFarFromOthers_OfAKernelThatEnds_AreNoWorseThanOnAGrid(string kernel, int degree, int n)
    {
        const int Points = 12;
        var random = new Random(6);
        double[] x = new double[2 * n];
        double[] y = new double[n];
        for (int i = 0; i < n; i++)
        {
            (x[2 * i], x[(2 * i) + 1]) = i switch { 0 => (2.5, 2), 1 => (-1, 0.5), _ => (random.NextDouble(), random.NextDouble()) };
            y[i] = Math.Sin(5 * x[2 * i]) + (x[(2 * i) + 1] * x[(2 * i) + 1]) + (0.5 * (random.NextDouble() + random.NextDouble() - 1));
        }

        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Find(kernel)!, Degree = degree };
        BandwidthSearch search = KernelRegression.Fit(x, y, 2, options).Search!;

        double[] widths = [.. Enumerable.Range(0, Points).Select(i => 0.1 * Math.Pow(300, i / (Points - 1.0)))];
        double least = widths.SelectMany(a => widths.Select(b => (a, b)))
            .Min(h => KernelRegression.Fit(
                x, y, 2, options with { Bandwidth = Bandwidth.Fixed(h.a, h.b) }).Diagnostics.LeaveOneOutError is var error
                && double.IsNaN(error) ? double.PositiveInfinity : error);
        Assert.True(double.IsFinite(least));
        Assert.InRange(search.Score, 0, least);
    }
}
