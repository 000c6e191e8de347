using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.Regression;

public sealed class FreedomSearchTests
{
    [Theory]
    [InlineData("gaussian", 0, 0)]
    [InlineData("gaussian", 1, 0)]
    [InlineData("gaussian", 2, 0.25)]
    [InlineData("gaussian", 3, 0)]
    [InlineData("epanechnikov", 0, 0)]
    [InlineData("tricube", 1, 0.25)]
    [InlineData("biweight", 2, 0)]
    public void TraceOfTheSmoother_IsWhatWasAskedFor(string kernel, int degree, double ridge)
    {
        (double[] x, double[] y) = Samples.Of(60, 1, seed: 5);
        double[] weights = [.. Enumerable.Range(0, 60).Select(i => 1.0 + (i % 3))];
        foreach (double freedom in new[] { 4.5, 8, 20 })
        {
            var options = new KernelRegressionOptions
            {
                Kernel = SmoothingKernel.Find(kernel)!,
                Degree = degree,
                Ridge = ridge > 0 ? ridge : degree > 1 ? 0 : null,
                Bandwidth = Bandwidth.DegreesOfFreedom(freedom),
            };
            KernelRegression model = KernelRegression.Fit(x, y, 1, options, weights);

            Assert.Equal(freedom, new DenseRegression(x, y, 1, options, [.. model.Bandwidths], weights).Trace, 1e-6);
            Assert.Equal(freedom, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-6);
            Assert.Null(model.Search);
        }
    }

    [Fact]
    public void SeveralFeatures_HaveBandwidthsInProportionToTheirDeviations()
    {
        (double[] x, double[] y) = Samples.Of(80, 2, seed: 6);
        double[] wide = [.. x.Select((number, i) => i % 2 == 0 ? number : 100 * number)];
        var options = new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.DegreesOfFreedom(9) };
        KernelRegression model = KernelRegression.Fit(wide, y, 2, options);

        Assert.Equal(9, new DenseRegression(wide, y, 2, options, [.. model.Bandwidths]).Trace, 1e-6);
        double[] first = [.. wide.Where((_, i) => i % 2 == 0)];
        double[] second = [.. wide.Where((_, i) => i % 2 == 1)];
        Assert.Equal(Deviation(first) / Deviation(second), model.Bandwidths[0] / model.Bandwidths[1], 1e-9);
    }

    [Fact]
    public void RowFarFromAllOthers_IsCounted()
    {
        (double[] x, double[] y) = Samples.Of(50, 1, seed: 7);
        KernelRegression model = KernelRegression.Fit(
            [.. x, 500], [.. y, 1], new KernelRegressionOptions { Bandwidth = Bandwidth.DegreesOfFreedom(8) });

        Assert.Equal(8, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-6);
    }

    [Fact]
    public void KernelThatJumps_JumpsOverTheNumber()
    {
        (double[] x, double[] y) = Samples.Of(40, 1, seed: 8);
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Boxcar, Bandwidth = Bandwidth.DegreesOfFreedom(10) };
        double h = KernelRegression.Fit(x, y, options).Bandwidths[0];

        Assert.True(new DenseRegression(x, y, 1, options, [h * (1 - 1e-6)]).Trace >= 10);
        Assert.True(new DenseRegression(x, y, 1, options, [h * (1 + 1e-6)]).Trace <= 10);
    }

    [Theory]
    [InlineData(0, null, 1)]
    [InlineData(1, null, 2)]
    [InlineData(2, 0.0, 3)]
    [InlineData(2, null, 1)]
    [InlineData(1, null, 5)]
    public void MoreOrLessThanAFitCanHave_IsRefused(int degree, double? ridge, double freedom)
    {
        var options = new KernelRegressionOptions
        {
            Degree = degree,
            Ridge = ridge,
            Bandwidth = Bandwidth.DegreesOfFreedom(freedom),
        };
        RegressionDataException refusal = Assert.Throws<RegressionDataException>(
            () => KernelRegression.Fit([1, 2, 2, 3, 4, 5, 5], [1, 2, 4, 3, 4, 5, 6], options));

        Assert.Equal(RegressionProblem.NoBandwidth, refusal.Kind);
        Assert.Contains("below 5", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(-3)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void NoNumberOfDegrees_IsRefused(double freedom) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Bandwidth.DegreesOfFreedom(freedom));

    [Fact]
    public void KeysAllTheSame_AreRefused() => Assert.Equal(
        RegressionProblem.NoSpread,
        Assert.Throws<RegressionDataException>(() => KernelRegression.Fit(
            [1, 2, 1, 3, 1, 4], [1, 2, 3], 2, new KernelRegressionOptions { Bandwidth = Bandwidth.DegreesOfFreedom(2) })).Kind);

    [Fact]
    public void Moments_RefuseThem()
    {
        var moments = new Moments(MomentGrid.Choose([1, 2, 3], [1, 2, 4], 3));
        moments.Add([1, 2, 3], [1, 2, 4]);
        ArgumentException refusal = Assert.Throws<ArgumentException>(
            () => MomentRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.DegreesOfFreedom(2) }));

        Assert.Contains("Expected one bandwidth, got df=2", refusal.Message, StringComparison.Ordinal);
    }

    private static double Deviation(double[] numbers)
    {
        double mean = numbers.Average();
        return Math.Sqrt(numbers.Sum(x => (x - mean) * (x - mean)));
    }
}
