using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using static TorchAttention.Tests.OnePass.Boxes.BoxPlanesInMemory;

namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>Planes to rows that leave directions open: a feature that others add up to, and rows that share a few places.</summary>
public sealed class BoxSpanTests
{
    // The last feature, by the others.
    private static readonly Dictionary<string, Func<double[], double>> _lasts = new()
    {
        ["copy"] = x => x[0],
        ["fahrenheit"] = x => (1.8 * x[0]) + 32,
        ["same"] = _ => 3,
        ["sum"] = x => x[0] - (0.5 * x[1]),
    };

    [Theory]
    [InlineData("copy", 2, 0.15)]
    [InlineData("copy", 2, 0.6)]
    [InlineData("fahrenheit", 2, 0.3)]
    [InlineData("same", 2, 0.3)]
    [InlineData("sum", 3, 0.4)]
    public void Errors_AreThoseOfRows(string last, int features, double h)
    {
        BoxRows rows = Rows(last, features, 3000);
        double[] bandwidths = [.. Enumerable.Range(0, features).Select(j => h * (1 + (0.7 * j)))];
        bandwidths[^1] *= last == "fahrenheit" ? 1.8 : 1;
        BoxRegression model = AreAsInMemory(rows, bandwidths, 1e-10);
        Assert.Equal(0, model.UncertainBoxes);
    }

    [Theory]
    [InlineData("copy", 2, 600, 0.0)]
    [InlineData("fahrenheit", 2, 600, 32.0)]
    public void Search_FindsWhatIsFoundInMemory(string last, int features, int n, double offset)
    {
        BoxRows rows = Rows(last, features, n);
        var memory = KernelRegression.Fit(
            rows.X, rows.Y, features, new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.LeaveOneOut });
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, features, n));
        moments.Add(rows.X, rows.Y);
        BoxRegression model = BoxRegression.Fit(moments, new MomentOptions { Degree = 1 });
        Assert.True(model.Search!.Score <= memory.Search!.Score * (1 + 1e-9), $"{model.Search.Score}, {memory.Search.Score}");

        // On the line and beside it.
        double[] queries = [.. Enumerable.Range(0, 40).SelectMany(i =>
            (double[])[i / 40.0, offset + ((offset > 0 ? 1.8 : 1) * i / 40.0) + (i % 2 * 0.1 * model.Bandwidths[1])])];
        var given = new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.Fixed([.. model.Bandwidths]) };
        Predictions expected = KernelRegression.Fit(rows.X, rows.Y, features, given).Predict(queries);
        Predictions actual = model.Predict(queries);
        for (int i = 0; i < expected.Mean.Length; i++)
        {
            Assert.Equal(expected.Mean[i], actual.Mean[i], 1e-9);
            Assert.Equal(1, actual.StandardError[i] / expected.StandardError[i], 1e-6);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Slopes_AreThoseOfTheScores(int features)
    {
        BoxRows rows = Rows(features == 2 ? "copy" : "sum", features, 3000);
        double[] h = [.. ((double[])[0.3, 0.5, 0.8])[..features]];
        var levels = new BoxLevels(Moments(rows, h));
        BoxScore At(double[] at, BoxSumsKind kind) => new BoxFit(levels.Finest, at, kind, 1).Score(null, CancellationToken.None);
        BoxScore slopes = At(h, BoxSumsKind.Slopes);
        const double Step = 1e-4;
        for (int j = 0; j < features; j++)
        {
            BoxScore Moved(double by) => At([.. h.Select((at, k) => k == j ? at * Math.Exp(by) : at)], BoxSumsKind.Plain);
            (BoxScore above, BoxScore below) = (Moved(Step), Moved(-Step));
            Assert.Equal((above.LeaveOneOut - below.LeaveOneOut) / (2 * Step), slopes.LeaveOneOutByLog[j], 1e-6 * slopes.LeaveOneOut);
            Assert.Equal((above.Residual - below.Residual) / (2 * Step), slopes.ResidualByLog[j], 1e-6 * slopes.Residual);
            Assert.Equal((above.Trace - below.Trace) / (2 * Step), slopes.TraceByLog[j], 1e-6 * slopes.Trace);
        }
    }

    // Whole numbers: boxes hold one place each, and planes there are known by other boxes, or not at all.
    [Theory]
    [InlineData(0.2)]
    [InlineData(0.5)]
    [InlineData(1.5)]
    public void RowsAtPlaces_AreAsInMemory(double h)
    {
        BoxRows rows = BoxRows.Draw("uniform", 3000, 2, 9);
        for (int i = 0; i < rows.X.Length; i++)
        {
            rows.X[i] = Math.Floor((i % 2 == 0 ? 6 : 3) * rows.X[i]);
        }

        double[] bandwidths = [h, 1.2 * h];
        BoxRegression model = AreAsInMemory(rows, bandwidths, 1e-10);
        Assert.Equal(0, model.UncertainBoxes);
        var levels = new BoxLevels(Moments(rows, bandwidths));
        BoxScore At(double by, BoxSumsKind kind) => new BoxFit(
            levels.Finest, [h * Math.Exp(by), 1.2 * h], kind, 1).Score(null, CancellationToken.None);
        BoxScore slopes = At(0, BoxSumsKind.Slopes);
        Assert.Equal(
            (At(1e-4, BoxSumsKind.Plain).LeaveOneOut - At(-1e-4, BoxSumsKind.Plain).LeaveOneOut) / 2e-4, slopes.LeaveOneOutByLog[0],
            1e-6 * slopes.LeaveOneOut);
    }

    [Fact]
    public void WeightedRowsAtPlaces_AreAsInMemory()
    {
        BoxRows rows = BoxRows.Draw("uniform", 3000, 2, 9);
        for (int i = 0; i < rows.X.Length; i++)
        {
            rows.X[i] = Math.Floor(3 * rows.X[i]);
        }

        double[] weights = MomentRows.Weights(rows.Count, 12);
        double[] h = [0.6, 0.8];
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, 2, rows.Count, h, weights));
        moments.Add(rows.X, rows.Y, weights);
        var memory = KernelRegression.Fit(
            rows.X, rows.Y, 2, new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.Fixed(h) }, weights);
        AreEqual(memory.Diagnostics, BoxRegression.Fit(moments, Given(h)).Diagnostics, 1e-7);
    }

    // Which of the two is right near a line: sums over pairs, by orthogonal columns, are as in memory.
    [Fact]
    public void RowsNearALine_AreRightInMemory()
    {
        BoxRows rows = BoxRows.Draw("uniform", 1500, 2, 9);
        for (int i = 0; i < rows.Count; i++)
        {
            rows.X[(2 * i) + 1] = (2 * rows.X[2 * i]) + (0.02 * rows.X[(2 * i) + 1]);
        }

        double[] h = [0.2, 0.4];
        double exact = rows.DensePlanes(h);
        var memory = KernelRegression.Fit(
            rows.X, rows.Y, 2, new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.Fixed(h) });
        BoxRegression model = BoxRegression.Fit(Moments(rows, h), Given(h));
        Assert.Equal(1, memory.Diagnostics.LeaveOneOutError / exact, 1e-10);
        Assert.True(model.UncertainBoxes > 0);
        Assert.Equal(1, model.Diagnostics.LeaveOneOutError / exact, 0.1);
    }

    private static BoxRows Rows(string last, int features, int n)
    {
        BoxRows rows = BoxRows.Draw("uniform", n, features, 9);
        for (int i = 0; i < n; i++)
        {
            int at = i * features;
            rows.X[at + features - 1] = _lasts[last](rows.X[at..(at + features - 1)]);
        }

        return rows;
    }
}
