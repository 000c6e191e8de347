using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass;

/// <summary>A fit to moments is the fit to their rows.</summary>
public sealed class MomentRegressionTests
{
    [Fact]
    public void HeapInTheMiddle_IsNoSpanThatOthersAreFarFrom()
    {
        var random = new Random(6);
        double[] x = [.. Enumerable.Range(0, 2040).Select(
            i => i < 2000 ? 5 : i < 2020 ? random.NextDouble() : 9 + random.NextDouble())];
        double[] y = [.. x.Select(at => Math.Sin(3 * at) + (0.2 * random.NextDouble()))];
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length));
        moments.Add(x, y);
        var found = MomentRegression.Fit(moments);
        var memory = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = 0, Bandwidth = Bandwidth.LeaveOneOut });
        Assert.Equal(0, found.SetAside);
        Assert.Equal(1, found.Search!.Score / memory.Search!.Score, 1e-8);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(7.0)]
    public void FewRowsBesideManyAtOnePlace_AreNoFarEnds(double few)
    {
        var random = new Random(3);
        double[] x = [.. Enumerable.Range(0, 4000).Select(i => i % 25 == 0 ? few : 1)];
        double[] y = [.. x.Select(_ => random.NextDouble())];
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length));
        moments.Add(x, y);
        var found = MomentRegression.Fit(moments);
        Assert.Equal(0, found.SetAside);
        double memory = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = 0 }).Diagnostics.LeaveOneOutError;
        Assert.Equal(memory, found.Diagnostics.LeaveOneOutError, 1e-6 * memory);
    }

    [Theory]
    [InlineData(800, BandwidthRule.LeaveOneOut, 0)]
    [InlineData(30_000, BandwidthRule.LeaveOneOut, 0)]
    [InlineData(200_000, BandwidthRule.LeaveOneOut, 0)]
    [InlineData(3_000, BandwidthRule.GCV, 0)]
    [InlineData(3_000, BandwidthRule.AICc, 0)]
    [InlineData(800, BandwidthRule.LeaveOneOut, 1)]
    [InlineData(10_000, BandwidthRule.LeaveOneOut, 1)]
    [InlineData(200_000, BandwidthRule.LeaveOneOut, 1)]
    [InlineData(3_000, BandwidthRule.GCV, 1)]
    [InlineData(3_000, BandwidthRule.AICc, 1)]
    public void Fit_IsThatOfTheRowsInMemory(int n, BandwidthRule rule, int degree)
    {
        (double[] x, double[] y) = MomentRows.Draw(n, 5);
        var moments = new Moments(MomentGrid.Choose(x, y, n, null, degree));
        moments.Add(x, y);
        var memory = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) });
        var found = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) });
        var model = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = memory.Bandwidths[0] });

        Assert.Equal(memory.Bandwidths[0], found.Bandwidth, 1e-6 * memory.Bandwidths[0]);
        Assert.True(found.Search!.Score <= memory.Search!.Score + (1e-12 * Math.Abs(memory.Search.Score)));
        Diagnostics expected = memory.Diagnostics;
        Diagnostics actual = model.Diagnostics;
        Near(expected.LeaveOneOutError, actual.LeaveOneOutError);
        Near(expected.EffectiveDegreesOfFreedom, actual.EffectiveDegreesOfFreedom);
        Near(expected.ResidualDegreesOfFreedom, actual.ResidualDegreesOfFreedom);
        Near(expected.ResidualStandardError[0], actual.ResidualStandardError[0]);
        Near(expected.RSquared[0], actual.RSquared[0]);
        Near(expected.AICc, actual.AICc);
        Near(expected.GCV, actual.GCV);

        double[] queries = [.. Enumerable.Range(0, 200).Select(i => -0.05 + (i * 1.1 / 199))];
        var options = new PredictionOptions { HasSlopes = true };
        Predictions ofRows = memory.Predict(queries, options);
        Predictions ofMoments = model.Predict(queries, options);
        for (int i = 0; i < queries.Length; i++)
        {
            Assert.Equal(ofRows.IsOutside[i], ofMoments.IsOutside[i]);
            if (!ofRows.IsOutside[i])
            {
                Assert.Equal(ofRows.Mean[i], ofMoments.Mean[i], 1e-11);
                Assert.Equal(ofRows.Lower[i], ofMoments.Lower[i], 1e-9);
                Assert.Equal(ofRows.Slopes[i], ofMoments.Slopes[i], 1e-6 * (1 + Math.Abs(ofRows.Slopes[i])));
                Assert.Equal(ofRows.EffectiveNeighbours[i], ofMoments.EffectiveNeighbours[i], 1e-9 * ofRows.EffectiveNeighbours[i]);
            }
        }
    }

    // Weights count like rows that stand there as often, but in n; ratios of them are all that matters.
    [Theory]
    [InlineData(0, BandwidthRule.LeaveOneOut)]
    [InlineData(1, BandwidthRule.LeaveOneOut)]
    [InlineData(0, BandwidthRule.AICc)]
    public void FitWithWeights_IsThatOfTheRowsInMemory(int degree, BandwidthRule rule)
    {
        const int n = 3000;
        (double[] x, double[] y) = MomentRows.Draw(n, 12);
        double[] weights = MomentRows.Weights(n, 12);
        var moments = new Moments(MomentGrid.Choose(x, y, n, null, degree, weights));
        moments.Add(x, y, weights);
        moments.Add([0.5, 0.2], [1e6, -1e6], [0, 0]);
        var options = new KernelRegressionOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) };
        var memory = KernelRegression.Fit(x, y, 1, options, weights);
        var found = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) });
        var model = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = memory.Bandwidths[0] });

        Assert.Equal(n, moments.Count);
        Assert.Equal(memory.Bandwidths[0], found.Bandwidth, 1e-6 * memory.Bandwidths[0]);
        Assert.True(model.Certificate.IsProved, $"{model.Certificate}");
        Diagnostics expected = memory.Diagnostics;
        Diagnostics actual = model.Diagnostics;
        Assert.Equal(expected.LeaveOneOutError, actual.LeaveOneOutError, 1e-9);
        Near(expected.EffectiveDegreesOfFreedom, actual.EffectiveDegreesOfFreedom);
        Near(expected.ResidualDegreesOfFreedom, actual.ResidualDegreesOfFreedom);
        Near(expected.ResidualStandardError[0], actual.ResidualStandardError[0]);
        Near(expected.RSquared[0], actual.RSquared[0]);
        Near(expected.AICc, actual.AICc);

        double[] queries = [.. Enumerable.Range(0, 200).Select(i => i / 199.0)];
        Predictions ofRows = memory.Predict(queries);
        foreach (Predictions predicted in (Predictions[])[model.Predict(queries), memory.Condense(1e-12).Predict(queries)])
        {
            for (int i = 0; i < queries.Length; i++)
            {
                Assert.Equal(ofRows.Mean[i], predicted.Mean[i], 1e-10);
                Assert.Equal(ofRows.StandardError[i], predicted.StandardError[i], 1e-5 * ofRows.StandardError[i]);
            }
        }
    }

    // One bandwidth for all columns: that of the sum of their squares. Their bounds add up too.
    [Theory]
    [InlineData(0, false, BandwidthRule.LeaveOneOut)]
    [InlineData(1, false, BandwidthRule.LeaveOneOut)]
    [InlineData(0, true, BandwidthRule.LeaveOneOut)]
    [InlineData(1, true, BandwidthRule.GCV)]
    public void FitOfSeveralColumns_IsThatOfTheRowsInMemory(int degree, bool hasWeights, BandwidthRule rule)
    {
        const int n = 2000;
        const int columns = 3;
        (double[] x, _) = MomentRows.Draw(n, 15);
        double[] y = MomentRows.Columns(x, columns, 15);
        double[] weights = hasWeights ? MomentRows.Weights(n, 15) : [];
        var moments = new Moments(MomentGrid.Choose(x, y, n, null, degree, weights));
        moments.Add(x, y, weights);
        var options = new KernelRegressionOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) };
        var memory = KernelRegression.Fit(x, y, 1, options, weights);
        var found = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) });
        var model = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = memory.Bandwidths[0] });

        Assert.Equal(columns, model.Columns);
        Assert.Equal(memory.Bandwidths[0], found.Bandwidth, 1e-6 * memory.Bandwidths[0]);
        Diagnostics expected = memory.Diagnostics;
        Diagnostics actual = model.Diagnostics;
        Assert.True(model.Certificate.IsProved, $"{model.Certificate}");
        Assert.InRange(model.Certificate.Bound, 0, 1e-8 * actual.LeaveOneOutError);
        Assert.Equal(expected.LeaveOneOutError, actual.LeaveOneOutError, 1e-10 * expected.LeaveOneOutError);
        Assert.Equal(expected.EffectiveDegreesOfFreedom, actual.EffectiveDegreesOfFreedom, 1e-8);
        Assert.Equal(expected.AICc, actual.AICc, 1e-9);
        for (int c = 0; c < columns; c++)
        {
            double error = expected.ResidualStandardError[c];
            Assert.Equal(error, actual.ResidualStandardError[c], 1e-9 * error);
            Assert.Equal(expected.RSquared[c], actual.RSquared[c], 1e-9);
        }

        double[] queries = [.. Enumerable.Range(0, 50).Select(i => i / 49.0)];
        CondensedCurves curves = model.CondenseColumns();
        var with = new PredictionOptions { HasSlopes = true };
        Predictions ofRows = memory.Predict(queries, with);
        foreach (Predictions predicted in (Predictions[])[model.Predict(queries, with), curves.Predict(queries, with)])
        {
            for (int i = 0; i < queries.Length * columns; i++)
            {
                double size = expected.ResidualStandardError[i % columns];
                Assert.Equal(ofRows.Mean[i], predicted.Mean[i], 1e-7 * size);
                Assert.Equal(ofRows.Lower[i], predicted.Lower[i], 1e-3 * size);
            }

            Assert.Equal(ofRows.Slopes.Length, predicted.Slopes.Length);
            Assert.Equal(ofRows.EffectiveNeighbours.Length, predicted.EffectiveNeighbours.Length);
        }

        Assert.Throws<NotSupportedException>(() => model.Condense());
    }

    [Fact]
    public void WiderCellsOfWeights_AreThoseOfTheirRows()
    {
        (double[] x, double[] y) = MomentRows.Draw(2000, 13);
        double[] weights = MomentRows.Weights(2000, 13);
        double[] cells = [1.0 / 512, 1.0 / 32];
        MomentRegression[] models = [.. cells.Select(cell =>
        {
            var moments = new Moments(MomentGrid.Choose(x, y, 2000, cell, 0, weights));
            moments.Add(x, y, weights);
            return MomentRegression.Fit(moments, new MomentOptions { Bandwidth = 1.0 / 32 });
        })];

        Assert.Equal(models[1].Diagnostics.LeaveOneOutError, models[0].Diagnostics.LeaveOneOutError, 1e-12);
        Assert.All(models, model => Assert.True(model.Certificate.IsProved));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(0, true)]
    [InlineData(1, true)]
    public void Slopes_AreThoseOfTheScores(int degree, bool hasWeights)
    {
        (double[] x, double[] y) = MomentRows.Draw(3000, 6);
        double[] weights = hasWeights ? MomentRows.Weights(3000, 6) : [];
        var moments = new Moments(MomentGrid.Choose(x, y, 3000, null, degree, weights));
        moments.Add(x, y, weights);
        var level = MomentLevel.Create(moments);
        foreach (double h in (double[])[0.01, 0.03, 0.3])
        {
            MomentScore At(double at) => new MomentFit(level, at, degree, isCertified: false).Score(null, CancellationToken.None);
            const double Step = 1e-4;
            MomentScore here = At(h);
            MomentScore above = At(h * Math.Exp(Step));
            MomentScore below = At(h * Math.Exp(-Step));

            Assert.Equal((above.LeaveOneOut - below.LeaveOneOut) / (2 * Step), here.LeaveOneOutByLog, 1e-6 * here.LeaveOneOut);
            Assert.Equal((above.Residual - below.Residual) / (2 * Step), here.ResidualByLog, 1e-6 * here.Residual);
            Assert.Equal((above.Trace - below.Trace) / (2 * Step), here.TraceByLog, 1e-6 * here.Trace);
        }
    }

    [Fact]
    public void LevelFarFromZero_TakesNoDigits()
    {
        (double[] x, double[] y) = MomentRows.Draw(2000, 7);
        double[] far = [.. y.Select(at => at + 1e8)];
        double[] back = [.. far.Select(at => at - 1e8)];
        MomentRegression expected = Fitted(x, back);
        MomentRegression actual = Fitted(x, far);

        Near(expected.Diagnostics.LeaveOneOutError, actual.Diagnostics.LeaveOneOutError);
        Assert.True(actual.Certificate.Bound < 1e-10 * actual.Diagnostics.LeaveOneOutError, $"{actual.Certificate}");
    }

    // Nothing near says anything about them: they count in the fit, and not in the choice of the bandwidth.
    [Theory]
    [InlineData(0, new double[] { 100 })]
    [InlineData(0, new double[] { -50, 7, 7.1, 1e6 })]
    [InlineData(1, new double[] { 9, 9.01, 9.02, 9.03, -8 })]
    public void RowsFarFromAllOthers_DoNotChooseTheBandwidth(int degree, double[] far)
    {
        (double[] x, double[] y) = MomentRows.Draw(500, 14);
        (x, y) = ([.. x, .. far], [.. y, .. far.Select((_, i) => 3.0 + i)]);
        var memory = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = degree });
        foreach (double[] weights in (double[][])[[], [.. x.Select(_ => 2.0)]])
        {
            var moments = new Moments(MomentGrid.Choose(x, y, x.Length, null, degree, weights));
            moments.Add(x, y, weights);
            var model = MomentRegression.Fit(moments, new MomentOptions { Degree = degree });

            Assert.Equal(far.Length, model.SetAside);
            Assert.Equal(memory.Search!.SetAside.Count, model.SetAside);
            Assert.Equal(memory.Bandwidths[0], model.Bandwidth, 1e-6 * memory.Bandwidths[0]);
            Assert.Equal(memory.Search.Score, model.Search!.Score, 1e-9);
        }
    }

    /// <summary>Rows that have broken a fit once.</summary>
    public static TheoryData<string> Awkward =>
        ["few places", "two places", "lonely among few", "small values", "two rows", "zeros", "level"];

    [Theory]
    [MemberData(nameof(Awkward))]
    public void AwkwardRows_AreFittedAsInMemory(string kind)
    {
        (double[] x, double[] y, int degree, Bandwidth bandwidth) = kind switch
        {
            "few places" => (
                Count(200, i => i % 5), Count(200, i => ((i % 5) * (i % 5)) + (i * 37 % 100 / 100.0)), 1, Bandwidth.LeaveOneOut),
            "two places" => (Count(80, i => i % 2), Count(80, i => (i % 2) + (i * 37 % 100 / 100.0)), 1, 0.1),
            "lonely among few" => ([0, 1, 2, 3, 4, 5, 1e6], [0, 0.1, 0.3, 0.1, 0.5, 0.2, 0.3], 0, 1),
            "small values" => (
                Count(100, i => i / 100.0),
                Count(100, i => 1e-3 * (Math.Sin(i / 8.0) + (i * 37 % 100 / 500.0))),
                0,
                Bandwidth.LeaveOneOut),
            "two rows" => ([0, 1], [1, 2], 1, Bandwidth.LeaveOneOut),
            "zeros" => ([0, 1, 2], [0, 0, 0], 0, Bandwidth.LeaveOneOut),
            _ => (Count(500, i => i / 50.0), Count(500, _ => 4.2), 0, Bandwidth.LeaveOneOut),
        };
        var memory = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = degree, Bandwidth = bandwidth });
        var moments = new Moments(
            MomentGrid.Choose(x, y, x.Length, bandwidth.Values.Count > 0 ? bandwidth.Values[0] : null, degree));
        moments.Add(x, y);
        var model = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = bandwidth });

        Assert.Equal(memory.Bandwidths[0], model.Bandwidth, 1e-6 * memory.Bandwidths[0]);
        double error = memory.Diagnostics.LeaveOneOutError;
        Assert.Equal(error, model.Diagnostics.LeaveOneOutError, (1e-6 * error) + 1e-20);
        Assert.Equal(memory.Diagnostics.EffectiveDegreesOfFreedom, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-4);

        static double[] Count(int n, Func<int, double> at) => [.. Enumerable.Range(0, n).Select(at)];
    }

    private static void Near(double expected, double actual) => Assert.Equal(expected, actual, 1e-11 * Math.Max(1e-3, Math.Abs(expected)));

    private static MomentRegression Fitted(double[] x, double[] y)
    {
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length));
        moments.Add(x, y);
        return MomentRegression.Fit(moments);
    }
}
