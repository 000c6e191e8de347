using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>Planes by moments beside those by rows.</summary>
internal static class BoxPlanesInMemory
{
    /// <summary>A fit to moments at given bandwidths, whose diagnostics are those of the rows in memory.</summary>
    public static BoxRegression AreAsInMemory(BoxRows rows, double[] h, double tolerance)
    {
        var memory = KernelRegression.Fit(
            rows.X, rows.Y, rows.Features, new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.Fixed(h) });
        BoxRegression model = BoxRegression.Fit(Moments(rows, h), Given(h));
        AreEqual(memory.Diagnostics, model.Diagnostics, tolerance);
        return model;
    }

    public static void AreEqual(Diagnostics expected, Diagnostics actual, double tolerance)
    {
        Assert.Equal(1, actual.LeaveOneOutError / expected.LeaveOneOutError, tolerance);
        Assert.Equal(1, actual.EffectiveDegreesOfFreedom / expected.EffectiveDegreesOfFreedom, tolerance);
        Assert.Equal(1, actual.ResidualDegreesOfFreedom / expected.ResidualDegreesOfFreedom, tolerance);
        Assert.All(expected.ResidualStandardError.Zip(actual.ResidualStandardError), pair =>
            Assert.Equal(1, pair.Second / pair.First, tolerance));
        Assert.All(expected.RSquared.Zip(actual.RSquared), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    public static MomentOptions Given(params double[] h) => new() { Degree = 1, Bandwidth = Bandwidth.Fixed(h) };

    public static BoxMoments Moments(BoxRows rows, double[] widths)
    {
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, rows.Features, rows.Count, widths));
        moments.Add(rows.X, rows.Y);
        return moments;
    }
}
