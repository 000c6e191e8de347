using TorchAttention.Data;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.Regression;

/// <summary>Why data cannot be used stands in fields.</summary>
public sealed class RegressionDataExceptionTests
{
    private static readonly double[] _x = [1, 2, 3, 4];
    private static readonly double[] _y = [1, 3, 2, 4];

    [Fact]
    public void Data_AreRefusedInFields()
    {
        Is(RegressionProblem.NoSpread, 0, null, () => KernelRegression.Fit([5, 5, 5, 5], _y));
        Is(RegressionProblem.NoSpread, 1, null, () => KernelRegression.Fit([1, 7, 2, 7, 3, 7, 4, 7], _y, 2));
        Is(RegressionProblem.NoSpread, 0, null, () => KernelRegression.Fit([5, 5, 5, 5], _y, With(Bandwidth.Silverman)));
        Is(RegressionProblem.Range, 0, null, () => KernelRegression.Fit([0, 1e160, 2e160, 3e160], _y));
        Is(RegressionProblem.Range, null, 0, () => KernelRegression.Fit(_x, [0, 1e-200, 2e-200, 0]));
        Is(RegressionProblem.TooFew, null, null, () => KernelRegression.Fit(_x, _y, With(Bandwidth.PlugIn)));
        Is(RegressionProblem.Features, null, null, () => KernelRegression.Fit([1, 2, 3, 4, 5, 7, 8, 9], _y, 2, With(Bandwidth.PlugIn)));
        Is(RegressionProblem.Weights, null, null, () => KernelRegression.Fit(_x, _y, 1, null, [0, 0, 0, 0]));
        Is(RegressionProblem.NoBandwidth, null, null, () => KernelRegression.Fit([1, 2], [1, 2], With(Bandwidth.AICc)));
        Is(RegressionProblem.NoSpread, 0, null, () => new TabularData([1, 1, 1, 1], _y).Dispose());
        Is(RegressionProblem.NoSpread, null, null, () => new TabularData(_x, [1, 1, 1, 1]).Dispose());
    }

    // Polynomials leave the rule nothing but rounding, as of curvature or of noise.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void PlugIn_NeedsCurvatureAndNoise(int power)
    {
        foreach ((double xScale, double yScale) in new[] { (1.0, 2.0), (1e-60, 1e80), (1e40, 1e-70) })
        {
            double[] z = [.. Enumerable.Range(0, 40).Select(i => i / 7.0)];
            double[] x = [.. z.Select(at => at * xScale)];
            double[] y = [.. z.Select(at => Math.Pow(at, power) * yScale)];
            foreach (int degree in new[] { 0, 1 })
            {
                Is(
                    RegressionProblem.NoSpread, null, null,
                    () => KernelRegression.Fit(x, y, new() { Bandwidth = Bandwidth.PlugIn, Degree = degree }));
            }
        }
    }

    [Fact]
    public void Message_IsMadeOfThem()
    {
        Assert.Equal(
            "Expected a range of numbers in feature 2, got 7 of them.",
            new RegressionDataException(RegressionProblem.Range, "a range of numbers", "7 of them", "x") { Feature = 2 }.Message);
        Assert.Equal(
            "Expected one in column 0 of the values.",
            new RegressionDataException(RegressionProblem.Range, "one") { ValueColumn = 0 }.Message);
        Assert.Equal("Expected one.", new RegressionDataException(RegressionProblem.TooMany, "one", null, "labels").Message);
    }

    private static KernelRegressionOptions With(Bandwidth bandwidth) => new() { Bandwidth = bandwidth };

    private static void Is(RegressionProblem kind, int? feature, int? valueColumn, Action action)
    {
        RegressionDataException refused = Assert.Throws<RegressionDataException>(action);
        Assert.Equal((kind, feature, valueColumn), (refused.Kind, refused.Feature, refused.ValueColumn));
        Assert.NotEmpty(refused.Expected);
    }
}
