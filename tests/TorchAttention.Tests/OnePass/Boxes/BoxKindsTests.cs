using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>Several targets, classes, weights and folds of rows of several features are those of the rows in memory.</summary>
public sealed class BoxKindsTests
{
    [Theory]
    [InlineData("uniform", 1500, 2, 2, false, BandwidthRule.LeaveOneOut)]
    [InlineData("clusters", 900, 2, 3, false, BandwidthRule.AICc)]
    [InlineData("uniform", 1500, 2, 1, true, BandwidthRule.AICc)]
    [InlineData("clusters", 900, 2, 2, true, BandwidthRule.LeaveOneOut)]
    public void Values_AreFittedAsInMemory(string kind, int n, int features, int columns, bool hasWeights, BandwidthRule rule)
    {
        BoxRows rows = BoxRows.Draw(kind, n, features, 11);
        double[] y = rows.Columns(columns);
        double[] weights = hasWeights ? MomentRows.Weights(n, 12) : [];
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, y, features, n, default, weights));
        moments.Add(rows.X, y, weights);
        var options = new KernelRegressionOptions { Bandwidth = Bandwidth.By(rule) };
        var memory = KernelRegression.Fit(rows.X, y, features, options, weights);
        var found = BoxRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.By(rule) });
        var model = BoxRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.Fixed([.. memory.Bandwidths]) });

        Assert.True(
            found.Search!.Score <= memory.Search!.Score + (1e-9 * Math.Abs(memory.Search.Score)),
            $"{found.Search.Score} at {found}, {memory.Search.Score} at {string.Join(" ", memory.Bandwidths)}");
        for (int j = 0; j < features; j++)
        {
            Assert.Equal(1, found.Bandwidths[j] / memory.Bandwidths[j], 1e-2);
        }

        AreEqual(memory.Diagnostics, model.Diagnostics, hasWeights ? 1e-8 : 1e-10);
        Predictions expected = memory.Predict(rows.X.AsSpan(0, 60 * features));
        Predictions actual = model.Predict(rows.X.AsSpan(0, 60 * features));
        for (int i = 0; i < expected.Mean.Length; i++)
        {
            double unit = memory.Diagnostics.ResidualStandardError[i % columns];
            Assert.Equal(expected.Mean[i], actual.Mean[i], 1e-9 * unit);
            Assert.Equal(expected.StandardError[i], actual.StandardError[i], 1e-8 * unit);
        }
    }

    [Theory]
    [InlineData(1500, 2, false, BandwidthRule.LeaveOneOut)]
    [InlineData(300, 2, false, BandwidthRule.AICc)]
    [InlineData(1500, 2, true, BandwidthRule.LeaveOneOut)]
    public void Classes_AreFittedAsInMemory(int n, int features, bool hasWeights, BandwidthRule rule)
    {
        BoxRows rows = BoxRows.Draw("uniform", n, features, 13);
        string[] labels = rows.Labels();
        double[] weights = hasWeights ? MomentRows.Weights(n, 14) : [];
        var moments = new BoxMoments(BoxGrid.ChooseClasses(rows.X, labels, features, n, default, weights));
        moments.AddClasses(rows.X, labels, weights);
        var options = new KernelRegressionOptions { Bandwidth = Bandwidth.By(rule) };
        var memory = KernelRegression.FitClasses(rows.X, labels, features, options, weights);
        var found = BoxRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.By(rule) });
        double[] h = [.. memory.Bandwidths];
        var model = BoxRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.Fixed(h) });

        Assert.Equal(memory.Classes, model.Classes);
        Assert.True(
            found.Search!.Score <= memory.Search!.Score + (1e-9 * Math.Abs(memory.Search.Score)),
            $"{found.Search.Score} at {found}, {memory.Search.Score} at {string.Join(" ", memory.Bandwidths)}");
        AreEqual(memory.Diagnostics, model.Diagnostics, hasWeights ? 1e-8 : 1e-10);
        Assert.Equal(rows.LogLoss(labels, weights, h), model.LeaveOneOutLogLoss, 1e-7);
        double[] queries = rows.X[..(40 * features)];
        double[] expected = memory.Predict(queries).Mean;
        Assert.All(expected.Zip(model.Predict(queries).Mean), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
        Assert.All(expected.Zip(model.Condense().Predict(queries).Mean), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Theory]
    [InlineData(1200, 2, 5, 1, false)]
    [InlineData(900, 2, 3, 2, true)]
    public void Folds_HaveTheErrorOfPairs(int n, int features, int folds, int columns, bool hasWeights)
    {
        BoxRows rows = BoxRows.Draw("uniform", n, features, 15);
        double[] y = rows.Columns(columns);
        double[] weights = hasWeights ? MomentRows.Weights(n, 16) : [];
        double[] h = [.. Enumerable.Range(0, features).Select(j => 0.12 * (j + 1))];
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, y, features, n, h, weights, folds));
        moments.Add(rows.X, y, weights);
        BoxFolds criterion = BoxFolds.Create(moments, Bandwidth.KFold(folds));
        double At(double by, int feature) => criterion.At(
            [.. h.Select((at, j) => j == feature ? at * Math.Exp(by) : at)], false, false, 1, CancellationToken.None).Squares;
        (double squares, double[] byLog) = criterion.At(h, true, false, null, CancellationToken.None);

        double expected = rows.SquaresOfFolds(y, weights, h, folds);
        Assert.Equal(1, squares / expected, 1e-10);
        for (int j = 0; j < features; j++)
        {
            const double Step = 1e-4;
            Assert.Equal((At(Step, j) - At(-Step, j)) / (2 * Step), byLog[j], 1e-6 * expected);
        }

        // Folds are a part of moments: what else they say is the same as without.
        var plain = new BoxMoments(BoxGrid.Choose(rows.X, y, features, n, h, weights));
        plain.Add(rows.X, y, weights);
        var options = new MomentOptions { Bandwidth = Bandwidth.Fixed(h) };
        Diagnostics one = BoxRegression.Fit(plain, options).Diagnostics;
        Diagnostics other = BoxRegression.Fit(moments, options).Diagnostics;
        Assert.Equal(one.LeaveOneOutError, other.LeaveOneOutError);
        Assert.Equal(one.ResidualDegreesOfFreedom, other.ResidualDegreesOfFreedom);
        var model = BoxRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.KFold(folds) });
        double weight = hasWeights ? weights.Sum() : n;
        Assert.Equal(1, model.Search!.Score / (rows.SquaresOfFolds(y, weights, [.. model.Bandwidths], folds) / weight), 1e-9);
        Assert.Throws<ArgumentException>(
            () => BoxRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.KFold(folds + 1) }));
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(1, true)]
    public void Slopes_AreThoseOfTheScores(int columns, bool hasWeights)
    {
        BoxRows rows = BoxRows.Draw("uniform", 4000, 2, 17);
        double[] y = rows.Columns(columns);
        double[] weights = hasWeights ? MomentRows.Weights(rows.Count, 18) : [];
        double[] h = [0.2, 0.4];
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, y, 2, rows.Count, h, weights));
        moments.Add(rows.X, y, weights);
        var levels = new BoxLevels(moments);
        BoxScore At(double[] at, BoxSumsKind kind) => new BoxFit(levels.Finest, at, kind).Score(null, CancellationToken.None);
        BoxScore slopes = At(h, BoxSumsKind.Slopes);
        const double Step = 1e-4;
        for (int j = 0; j < 2; j++)
        {
            BoxScore Moved(double by) => At([.. h.Select((at, k) => k == j ? at * Math.Exp(by) : at)], BoxSumsKind.Plain);
            (BoxScore above, BoxScore below) = (Moved(Step), Moved(-Step));
            Assert.Equal((above.LeaveOneOut - below.LeaveOneOut) / (2 * Step), slopes.LeaveOneOutByLog[j], 1e-6 * slopes.LeaveOneOut);
            Assert.Equal((above.Residual - below.Residual) / (2 * Step), slopes.ResidualByLog[j], 1e-6 * slopes.Residual);
            Assert.Equal((above.Trace - below.Trace) / (2 * Step), slopes.TraceByLog[j], 1e-7 * slopes.Trace);
        }
    }

    private static void AreEqual(Diagnostics expected, Diagnostics actual, double tolerance)
    {
        Assert.Equal(1, actual.LeaveOneOutError / expected.LeaveOneOutError, tolerance);
        Assert.Equal(1, actual.EffectiveDegreesOfFreedom / expected.EffectiveDegreesOfFreedom, tolerance);
        Assert.Equal(1, actual.ResidualDegreesOfFreedom / expected.ResidualDegreesOfFreedom, tolerance);
        Assert.Equal(expected.AICc, actual.AICc, tolerance * Math.Max(1, Math.Abs(expected.AICc)));
        Assert.Equal(1, actual.GCV / expected.GCV, tolerance);
        for (int c = 0; c < expected.RSquared.Count; c++)
        {
            Assert.Equal(expected.RSquared[c], actual.RSquared[c], tolerance);
            Assert.Equal(1, actual.ResidualStandardError[c] / expected.ResidualStandardError[c], tolerance);
        }
    }
}
