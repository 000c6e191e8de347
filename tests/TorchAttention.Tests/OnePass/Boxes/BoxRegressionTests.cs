using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>A fit to moments of several features is the fit to their rows.</summary>
public sealed class BoxRegressionTests
{
    public static TheoryData<string, int, double> Problems()
    {
        var data = new TheoryData<string, int, double>();
        foreach (string kind in BoxRows.Kinds)
        {
            data.Add(kind, 2, 0.15);
            data.Add(kind, 2, 0.6);
            data.Add(kind, 3, 0.4);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Problems))]
    public void Errors_AreThoseOfPairs(string kind, int features, double h)
    {
        BoxRows rows = BoxRows.Draw(kind, features == 2 ? 3000 : 1500, features, 3);
        double[] bandwidths = [.. Enumerable.Range(0, features).Select(j => h * (1 + (0.7 * j)))];
        (double loo, double trace, double traceOfSquare, double meanSquare) = rows.Dense(bandwidths);
        BoxRegression model = BoxRegression.Fit(Moments(rows, bandwidths), new MomentOptions { Bandwidth = Bandwidth.Fixed(bandwidths) });

        // What is said of rows that stand alone is an estimate.
        double tolerance = model.LonelyRows == 0 ? 1e-12 : 1e-9;
        Assert.InRange(model.LonelyRows, 0, kind == "lognormal" ? 10 : 0);
        Diagnostics said = model.Diagnostics;
        double freedom = rows.Count - (2 * trace) + traceOfSquare;
        Assert.Equal(1, said.LeaveOneOutError / loo, tolerance);
        Assert.Equal(1, said.EffectiveDegreesOfFreedom / trace, 1e-12);
        Assert.Equal(1, said.ResidualDegreesOfFreedom / freedom, 1e-12);
        Assert.Equal(1, said.ResidualStandardError[0] / Math.Sqrt(meanSquare * rows.Count / freedom), 1e-12);
    }

    [Theory]
    [InlineData("uniform", 2, 3200)]
    [InlineData("clusters", 2, 800)]
    [InlineData("ties", 2, 800)]
    [InlineData("gaps", 2, 800)]
    [InlineData("lognormal", 2, 500)]
    [InlineData("offset", 2, 800)]
    [LongData("uniform", 3, 400)]
    public void Search_FindsWhatIsFoundInMemory(string kind, int features, int n)
    {
        BoxRows rows = BoxRows.Draw(kind, n, features, 4);
        var memory = KernelRegression.Fit(
            rows.X, rows.Y, features, new KernelRegressionOptions { Bandwidth = Bandwidth.LeaveOneOut });
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, features, n));
        moments.Add(rows.X, rows.Y);
        BoxRegression model = BoxRegression.Fit(moments);

        // Rows in tails make many valleys.
        double tolerance = kind == "lognormal" ? 0.02 : 1e-12;
        Assert.True(model.Search!.Score <= memory.Search!.Score * (1 + tolerance), $"{model.Search.Score} {memory.Search.Score}");
        for (int j = 0; j < features; j++)
        {
            // The search in memory ends near the least error; that is where sums over pairs say that it is.
            Assert.Equal(1, model.Bandwidths[j] / memory.Bandwidths[j], kind == "lognormal" ? 0.3 : 1e-2);
            // Estimates for rows that stand alone have no slope, and a search among rows ends near the least error as well.
            bool isKnown = model.LonelyRows == 0 && model.OfRows is null && !model.Search.IsAtMostBound(j);
            Assert.Equal(0, isKnown ? StepToLeast(rows, [.. model.Bandwidths], j) : 0, 1e-6);
        }
    }

    // Of log h, by a parabola.
    private static double StepToLeast(BoxRows rows, double[] h, int feature)
    {
        const double Step = 1e-3;
        double At(double by) => rows.Dense([.. h.Select((at, j) => j == feature ? at * Math.Exp(by) : at)]).LeaveOneOut;
        (double below, double here, double above) = (At(-Step), At(0), At(Step));
        return Step * (below - above) / (2 * (below + above - (2 * here)));
    }

    [Theory]
    [InlineData(BandwidthRule.GCV)]
    [InlineData(BandwidthRule.AICc)]
    public void OtherRules_FindWhatIsFoundInMemory(BandwidthRule rule)
    {
        BoxRows rows = BoxRows.Draw("uniform", 800, 2, 5);
        var memory = KernelRegression.Fit(rows.X, rows.Y, 2, new KernelRegressionOptions { Bandwidth = Bandwidth.By(rule) });
        BoxRegression model = BoxRegression.Fit(Moments(rows, [0.05, 0.1]), new MomentOptions { Bandwidth = Bandwidth.By(rule) });

        Assert.Equal(memory.Search!.Score, model.Search!.Score, 1e-10 * Math.Abs(memory.Search.Score));
        Assert.Equal(1, model.Bandwidths[0] / memory.Bandwidths[0], 1e-5);
        Assert.Equal(1, model.Bandwidths[1] / memory.Bandwidths[1], 1e-5);
    }

    [Theory]
    [InlineData("uniform", 2)]
    [InlineData("clusters", 2)]
    [InlineData("uniform", 3)]
    public void Slopes_AreThoseOfTheScores(string kind, int features)
    {
        BoxRows rows = BoxRows.Draw(kind, 4000, features, 6);
        double[] h = [0.3, 0.5, 0.8];
        var levels = new BoxLevels(Moments(rows, h[..features]));
        BoxScore At(double[] at, BoxSumsKind kind) => new BoxFit(levels.Finest, at, kind).Score(null, CancellationToken.None);
        BoxScore slopes = At(h[..features], BoxSumsKind.Slopes);
        const double Step = 1e-4;
        for (int j = 0; j < features; j++)
        {
            BoxScore Moved(double by) => At([.. h[..features].Select((at, k) => k == j ? at * Math.Exp(by) : at)], BoxSumsKind.Plain);
            (BoxScore above, BoxScore below) = (Moved(Step), Moved(-Step));

            Near((above.LeaveOneOut - below.LeaveOneOut) / (2 * Step), slopes.LeaveOneOutByLog[j], slopes.LeaveOneOut);
            Near((above.Residual - below.Residual) / (2 * Step), slopes.ResidualByLog[j], slopes.Residual);
            Near((above.Trace - below.Trace) / (2 * Step), slopes.TraceByLog[j], slopes.Trace);
        }

        static void Near(double expected, double actual, double size) => Assert.Equal(expected, actual, 1e-7 * size);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Predictions_AreThoseOfTheRows(int features)
    {
        BoxRows rows = BoxRows.Draw("gaps", 3000, features, 7);
        double[] h = [.. Enumerable.Range(0, features).Select(j => 0.1 * (j + 1) * (features - 1))];
        var memory = KernelRegression.Fit(
            rows.X, rows.Y, features, new KernelRegressionOptions { Bandwidth = Bandwidth.Fixed(h) });
        BoxRegression model = BoxRegression.Fit(Moments(rows, h), new MomentOptions { Bandwidth = Bandwidth.Fixed(h) });
        double[] queries = [.. Enumerable.Range(0, 100 * features).Select(i => -0.1 + (1.5 * (i % features + 1) * (i * 37 % 100) / 100.0))];
        Predictions expected = memory.Predict(queries);
        Predictions actual = model.Predict(queries);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(expected.IsOutside[i], actual.IsOutside[i]);
            Assert.Equal(expected.IsInGap[i], actual.IsInGap[i]);
            Assert.Equal(expected.Mean[i], actual.Mean[i], 1e-9);
            Assert.Equal(expected.StandardError[i], actual.StandardError[i], 1e-9);
            Assert.Equal(expected.Upper[i], actual.Upper[i], 1e-8);
            Assert.Equal(1, actual.EffectiveNeighbours[i] / expected.EffectiveNeighbours[i], 1e-6);
        }
    }

    private static BoxMoments Moments(BoxRows rows, double[] widths)
    {
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, rows.Features, rows.Count, widths));
        moments.Add(rows.X, rows.Y);
        return moments;
    }
}
