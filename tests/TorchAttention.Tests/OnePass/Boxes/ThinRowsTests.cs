using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>Features of which one is nearly what others add up to.</summary>
public sealed class ThinRowsTests
{
    [Theory]
    [InlineData(1e-4)]
    [InlineData(1e-8)]
    [InlineData(1e-10)]
    public void PlanesToNearCopies_AreThoseInMemory(double noise)
    {
        BoxRows rows = NearCopies(300, noise);
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, 2, rows.Count));
        moments.Add(rows.X, rows.Y);
        BoxRegression model = BoxRegression.Fit(moments, new MomentOptions { Degree = 1 });

        // In the order of the boxes, as moments keep rows: what planes say of noise depends on the last digits.
        Assert.True(model.AreThin);
        Assert.NotNull(model.OfRows);
        var memory = KernelRegression.Fit(
            rows.X, rows.Y, 2, new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.Fixed([.. model.Bandwidths]) });
        Assert.Equal(1, model.Diagnostics.LeaveOneOutError / memory.Diagnostics.LeaveOneOutError, 1e-9);
    }

    [Fact]
    public void NearCopiesOfManyRows_AreSaid()
    {
        BoxRows rows = NearCopies(4000, 1e-5);
        BoxMoments moments = BoxPlanesInMemory.Moments(rows, [2, 2]);
        MomentOptions options = BoxPlanesInMemory.Given(3, 3);
        BoxRegression model = BoxRegression.Fit(moments, options);
        Assert.True(model.AreThin);
        Assert.Null(model.OfRows);

        // With the rows at hand they are fitted.
        BoxRegression settled = BoxRegression.Fit(
            moments, options, new RowsOfBoxes(rows.X, rows.Y, null, []), null, CancellationToken.None);
        var memory = KernelRegression.Fit(
            rows.X, rows.Y, 2, new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.Fixed(3, 3) });
        Assert.Equal(memory.Diagnostics.LeaveOneOutError, settled.Diagnostics.LeaveOneOutError);
    }

    [Theory]
    [InlineData("same", false)]
    [InlineData("copy", false)]
    [InlineData("rounded", false)]
    [InlineData("noise", true)]
    [InlineData("far", false)]
    [InlineData("wide", false)]
    public void OneFeatureByTwoOthers(string last, bool areThin)
    {
        var random = new Random(3);
        double[] x = [.. Enumerable.Range(0, 500).SelectMany(_ =>
        {
            (double a, double b) = (random.NextDouble(), 7 * random.NextDouble());
            return (double[])[a, b, last switch
            {
                "same" => 3,
                "copy" => a,
                "rounded" => (0.1 * a) + (b / 3) - 17.3,
                "noise" => a + b + (1e-6 * random.NextDouble()),
                "far" => 1e5 + a + b,
                _ => a + b + (0.5 * random.NextDouble()),
            }];
        })];
        Assert.Equal(areThin, ThinRows.Are(x, 3));
    }

    private static BoxRows NearCopies(int n, double noise)
    {
        var random = new Random(5);
        double[] a = [.. Enumerable.Range(0, n).Select(_ => 10 * random.NextDouble())];
        return new BoxRows(
            2,
            [.. a.SelectMany(at => (double[])[at, at + (noise * BoxRows.Normal(random))])],
            [.. a.Select(at => Math.Sin(at) + (0.3 * BoxRows.Normal(random)))]);
    }
}
