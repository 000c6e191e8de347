using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.Cases;

/// <summary>Data on which searches for bandwidths went astray, here and elsewhere.</summary>
public sealed class BandwidthCaseTests
{
    // The others lie on a line up and down again, with steps of 0.1 and 1: the mean of the two neighbours is off at the four bends only,
    // and the far one by its nearest's value.
    // Of two rows on either side, or one far beyond another, each hides the other where the furthest alone is asked about.
    [Theory]
    [LongData(200, new[] { 5.0, -5 })]
    [InlineData(60, new[] { 20.0, -20 })]
    [InlineData(30, new[] { 100.0, 200 })]
    [InlineData(30, new[] { 1e4, -1e5 })]
    [InlineData(40, new[] { 10.0, 100, 1000, 1e4 })]
    public void SeveralRowsFarAway_HaveNoSay(int n, double[] far)
    {
        var random = new Random(n);
        double[] x = [.. Enumerable.Range(0, n).Select(_ => random.NextDouble())];
        double[] y = [.. x.Select(at => Math.Sin(6 * at) + (0.4 * (random.NextDouble() - 0.5)))];
        foreach (SmoothingKernel kernel in new[] { SmoothingKernel.Gaussian, SmoothingKernel.Epanechnikov })
        {
            foreach (int degree in new[] { 0, 1 })
            {
                var options = new KernelRegressionOptions { Kernel = kernel, Degree = degree };
                KernelRegression plain = KernelRegression.Fit(x, y, options);
                KernelRegression with = KernelRegression.Fit([.. far, .. x], [.. far.Select(_ => 0.0), .. y], options);

                Assert.Equal(Enumerable.Range(0, far.Length), with.Search!.SetAside);
                Assert.Equal(plain.Bandwidths[0], with.Bandwidths[0], 1e-6 * plain.Bandwidths[0]);
            }
        }
    }

    [Theory]
    [InlineData("gaussian", BandwidthRule.LeaveOneOut)]
    [InlineData("gaussian", BandwidthRule.GCV)]
    [InlineData("gaussian", BandwidthRule.KFold)]
    [InlineData("epanechnikov", BandwidthRule.LeaveOneOut)]
    [InlineData("epanechnikov", BandwidthRule.AICc)]
    [InlineData("boxcar", BandwidthRule.GCV)]
    [InlineData("tricube", BandwidthRule.KFold)]
    public void ExampleFarFromTheOthers_LeavesThemTheirBandwidth(string kernel, BandwidthRule rule)
    {
        (double[] x, double[] y) = Read("small_xoutlier.csv");
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Find(kernel)!, Bandwidth = Bandwidth.By(rule) };
        KernelRegression model = KernelRegression.Fit(x, y, options);

        Assert.Equal(0.5, model.Diagnostics.LeaveOneOutError, 1e-6);
        Assert.Equal([12], model.Search!.SetAside);
        Assert.Equal(KernelRegression.Fit(x[..12], y[..12], options).Bandwidths, model.Bandwidths);
    }

    [Theory]
    [InlineData(0, 5.0 / 24)]
    [InlineData(1, 1.0 / 24)]
    public void ClustersFarApart_GetABandwidthOfTheirOwnSize(int degree, double least)
    {
        (double[] x, double[] y) = Read("small_clusters.csv");
        KernelRegression model = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = degree });

        Assert.InRange(model.Bandwidths[0], 0, 0.1);
        Assert.Equal(least, model.Diagnostics.LeaveOneOutError, 1e-6);
        Assert.Empty(model.Search!.SetAside);
    }

    [Fact]
    public void SkewedFeature_GetsABandwidthForWhereItsExamplesAre()
    {
        (double[] x, double[] y) = Read("lognormal2.csv");
        KernelRegression model = KernelRegression.Fit(x, y);

        Assert.Equal(0.0741521, model.Diagnostics.LeaveOneOutError, 1e-7);
        Assert.Equal(0.01414, model.Bandwidths[0], 2e-5);
        Assert.False(model.Search!.IsAtBound);
    }

    [Theory]
    [InlineData(BandwidthRule.LeaveOneOut)]
    [InlineData(BandwidthRule.GCV)]
    [InlineData(BandwidthRule.AICc)]
    [InlineData(BandwidthRule.KFold)]
    public void ConstantTarget_GetsTheSmoothestOfEqualsAndSaysSo(BandwidthRule rule)
    {
        (double[] x, double[] y) = Read("line_const.csv");
        KernelRegression model = KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = Bandwidth.By(rule) });

        Assert.Equal(8 * 19.0, model.Bandwidths[0], 1e-9);
        Assert.True(model.Search!.IsFlat);
        Assert.Equal(1, model.Diagnostics.EffectiveDegreesOfFreedom, 0.01);
        Assert.All(model.Predict([-3, 2.5, 400]).Mean, mean => Assert.Equal(3, mean));
    }

    // So many that estimates on a grid lead the search.
    [Theory]
    [InlineData(BandwidthRule.LeaveOneOut, 0)]
    [InlineData(BandwidthRule.GCV, 1)]
    [InlineData(BandwidthRule.AICc, 0)]
    [InlineData(BandwidthRule.AICc, 1)]
    public void ConstantTargetOfManyExamples_GetsTheSmoothestToo(BandwidthRule rule, int degree)
    {
        double[] x = [.. Enumerable.Range(0, 2000).Select(i => i + (0.3 * Math.Sin(i)))];
        KernelRegression model = KernelRegression.Fit(
            x, [.. x.Select(_ => 3.0)], new KernelRegressionOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) });

        Assert.Equal(8 * (x.Max() - x.Min()), model.Bandwidths[0], 1e-3);
        Assert.True(model.Search!.IsFlat);
    }

    [Theory]
    [InlineData(BandwidthRule.LeaveOneOut, 20)]
    [InlineData(BandwidthRule.GCV, 20)]
    [InlineData(BandwidthRule.AICc, 20)]
    [InlineData(BandwidthRule.LeaveOneOut, 3000)]
    [InlineData(BandwidthRule.GCV, 3000)]
    [InlineData(BandwidthRule.AICc, 3000)]
    public void ExactLine_GetsTheSmoothestLocalLineAndSaysSo(BandwidthRule rule, int n)
    {
        double[] x = [.. Enumerable.Range(0, n).Select(i => i + (0.3 * Math.Sin(i)))];
        KernelRegression model = KernelRegression.Fit(
            x, [.. x.Select(x => 3 - (0.7 * x))], new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.By(rule) });

        Assert.Equal(8 * (x.Max() - x.Min()), model.Bandwidths[0], 1e-6 * n);
        Assert.True(model.Search!.IsFlat);
        Assert.Equal(2, model.Diagnostics.EffectiveDegreesOfFreedom, 0.01);
    }

    [Theory]
    [InlineData("small_yoff_1e+13.csv", 1e13)]
    [InlineData("small_yoff_1e+10.csv", 1e10)]
    public void TargetsFarFromZero_LoseNoDigits(string file, double offset)
    {
        (double[] x, double[] y) = Read(file);
        KernelRegression model = KernelRegression.Fit(x, y);
        KernelRegression near = KernelRegression.Fit(x, [.. y.Select(y => y - offset)]);

        Assert.Equal(2, model.Diagnostics.LeaveOneOutError, 1e-9);
        Assert.Equal(near.Bandwidths, model.Bandwidths);
        Assert.Equal(near.Diagnostics.ResidualStandardError, model.Diagnostics.ResidualStandardError);
        Assert.Equal(near.Predict([2.5]).StandardError, model.Predict([2.5]).StandardError);
        Assert.Equal(near.Predict([2.5]).Mean[0] + offset, model.Predict([2.5]).Mean[0]);
        Assert.Equal(y, model.Values.ToArray());
    }

    // Of 60 examples in two or three features, a kernel that ends and a criterion that counts degrees of freedom went through each.
    [Theory]
    [InlineData("epanechnikov", BandwidthRule.GCV, 2)]
    [InlineData("tricube", BandwidthRule.GCV, 3)]
    [InlineData("boxcar", BandwidthRule.GCV, 2)]
    [InlineData("biweight", BandwidthRule.AICc, 3)]
    [InlineData("gaussian", BandwidthRule.GCV, 3)]
    public void CriterionOfTheWholeFit_DoesNotEndInInterpolation(string kernel, BandwidthRule rule, int features)
    {
        for (int seed = 0; seed < 6; seed++)
        {
            var random = new Random(seed);
            double[] x = [.. Enumerable.Range(0, 60 * features).Select(_ => random.NextDouble())];
            double[] y = [.. Enumerable.Range(0, 60).Select(i => Math.Sin(5 * x[i * features]) + random.NextDouble())];
            KernelRegression model = KernelRegression.Fit(
                x, y, features, new KernelRegressionOptions { Kernel = SmoothingKernel.Find(kernel)!, Bandwidth = Bandwidth.By(rule) });

            Assert.InRange(model.Diagnostics.EffectiveDegreesOfFreedom, 1, 50);
            Assert.True(double.IsFinite(model.Diagnostics.LeaveOneOutError));
        }
    }

    [Fact]
    public void SkewedFeatureThatExplainsAll_IsNotSmoothedAway()
    {
        for (int seed = 0; seed < 4; seed++)
        {
            var random = new Random(seed);
            double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            double[] x = [.. Enumerable.Range(0, 300).SelectMany(_ => (double[])[Math.Exp(2 * Normal()), random.NextDouble()])];
            double[] y = [.. Enumerable.Range(0, 300).Select(i => (2 * Math.Sin(Math.Log(x[2 * i]))) + (0.3 * Normal()))];
            KernelRegression model = KernelRegression.Fit(x, y, 2);

            Assert.False(model.Search!.IsAtMostBound(0));
            Assert.InRange(model.Bandwidths[0], 0, 1);
            Assert.InRange(model.Diagnostics.RSquared[0], 0.7, 1);
        }
    }

    [Fact]
    public void Spans_AreWhereTheLeaveOneOutErrorIsWithinOneStandardError()
    {
        var random = new Random(3);
        double[] x = [.. Enumerable.Range(0, 150).Select(_ => 5 * random.NextDouble())];
        double[] y = [.. x.Select(x => Math.Sin(x) + random.NextDouble())];
        KernelRegression model = KernelRegression.Fit(x, y);
        double[] best = Errors(model.Bandwidths[0]);
        (double least, double most) = Assert.Single(model.SpansWithinOneStandardError());

        Assert.True(IsWithin(least * 1.05) && IsWithin(most / 1.05), $"Got {least} to {most}.");
        Assert.False(IsWithin(least / 1.05) || IsWithin(most * 1.05), $"Got {least} to {most}.");
        Assert.Empty(KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = 1 }).SpansWithinOneStandardError());
        Assert.Empty(KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = Bandwidth.Scott }).SpansWithinOneStandardError());

        double[] Errors(double h) => [.. Enumerable.Range(0, x.Length).Select(i =>
        {
            double[] weights = [.. x.Select((at, j) => j == i ? 0 : Math.Exp(-Math.Pow((at - x[i]) / h, 2) / 2))];
            return Math.Pow(y[i] - (weights.Zip(y).Sum(pair => pair.First * pair.Second) / weights.Sum()), 2);
        })];

        bool IsWithin(double h)
        {
            double[] differences = [.. Errors(h).Zip(best, (a, b) => a - b)];
            double mean = differences.Average();
            return mean <= Math.Sqrt(differences.Average(d => (d - mean) * (d - mean)) / x.Length);
        }
    }

    private static (double[] X, double[] Y) Read(string file) => (Case.Column(file, "x"), Case.Column(file, "y"));
}
