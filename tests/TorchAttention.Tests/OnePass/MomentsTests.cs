using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass;

/// <summary>Moments add up to the same bits, say what rows say, and refuse what they cannot hold.</summary>
public sealed class MomentsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(1, 300, false)]
    [InlineData(2, 5_000, false)]
    [InlineData(3, 400_000, false)]
    [InlineData(1, 300, true)]
    [InlineData(2, 20_000, true)]
    public void OrderAndSplit_ChangeNoBit(int seed, int n, bool hasWeights)
    {
        (double[] x, double[] y) = Rows(n, seed);
        double[] weights = hasWeights ? Weights(n, seed) : [];
        MomentGrid grid = MomentGrid.Choose(x, y, n, weights: weights);
        y[n / 2] = 1e5;
        if (hasWeights)
        {
            weights[n / 3] *= 100;
        }

        var whole = new Moments(grid);
        whole.Add(x, y, weights);

        int[] order = [.. Enumerable.Range(0, n)];
        new Random(seed).Shuffle(order);
        Moments[] parts = [new(grid), new(grid), new(grid)];
        for (int part = 0; part < parts.Length; part++)
        {
            int[] rows = [.. order.Where((_, place) => place * parts.Length / n == part)];
            parts[part].Add(
                [.. rows.Select(i => x[i])], [.. rows.Select(i => y[i])], hasWeights ? [.. rows.Select(i => weights[i])] : default);
        }

        parts[2].Merge(parts[0]);
        parts[2].Merge(parts[1]);

        Assert.Equal(Bytes(whole), Bytes(parts[2]));
        MomentRegression one = MomentRegression.Fit(whole);
        MomentRegression other = MomentRegression.Fit(parts[2], new MomentOptions { Threads = 1 });
        Assert.Equal(one.Bandwidth, other.Bandwidth);
        Assert.Equal(one.Certificate, other.Certificate);
    }

    [Fact]
    public void SavedMoments_AreTheSameBitForBit()
    {
        (double[] x, double[] y) = Rows(2000, 4);
        var moments = new Moments(MomentGrid.Choose(x, y, 2000));
        moments.Add(x, y);
        string path = Path.Combine(_folder.FullName, "a.moments");
        moments.Save(path, new Dictionary<string, string> { ["x"] = "times" });

        (Moments back, IReadOnlyDictionary<string, string> notes) = Moments.Load(path);

        Assert.Equal("times", notes["x"]);
        Assert.Equal(Bytes(moments), Bytes(back));
        Assert.Equal(2000, back.Count);
        Assert.Equal(x.Min(), back.LeastX);
        back.Add([0.5], [1]);
        Assert.Equal(2001, back.Count);
    }

    [Theory]
    [InlineData(800, BandwidthRule.LeaveOneOut, 0)]
    [InlineData(30_000, BandwidthRule.LeaveOneOut, 0)]
    [InlineData(3_000, BandwidthRule.GCV, 0)]
    [InlineData(3_000, BandwidthRule.AICc, 0)]
    [InlineData(800, BandwidthRule.LeaveOneOut, 1)]
    [InlineData(10_000, BandwidthRule.LeaveOneOut, 1)]
    [InlineData(3_000, BandwidthRule.GCV, 1)]
    [InlineData(3_000, BandwidthRule.AICc, 1)]
    public void Fit_IsThatOfTheRowsInMemory(int n, BandwidthRule rule, int degree)
    {
        (double[] x, double[] y) = Rows(n, 5);
        var moments = new Moments(MomentGrid.Choose(x, y, n, null, degree));
        moments.Add(x, y);
        var memory = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) });
        var found = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) });
        var model = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = memory.Bandwidths[0] });

        Assert.Equal(memory.Bandwidths[0], found.Bandwidth, 1e-4 * memory.Bandwidths[0]);
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
        (double[] x, double[] y) = Rows(n, 12);
        double[] weights = Weights(n, 12);
        var moments = new Moments(MomentGrid.Choose(x, y, n, null, degree, weights));
        moments.Add(x, y, weights);
        moments.Add([0.5, 0.2], [1e6, -1e6], [0, 0]);
        var options = new KernelRegressionOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) };
        var memory = KernelRegression.Fit(x, y, 1, options, weights);
        var found = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = Bandwidth.By(rule) });
        var model = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = memory.Bandwidths[0] });

        Assert.Equal(n, moments.Count);
        Assert.Equal(memory.Bandwidths[0], found.Bandwidth, 1e-4 * memory.Bandwidths[0]);
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

    [Fact]
    public void WiderCellsOfWeights_AreThoseOfTheirRows()
    {
        (double[] x, double[] y) = Rows(2000, 13);
        double[] weights = Weights(2000, 13);
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
        (double[] x, double[] y) = Rows(3000, 6);
        double[] weights = hasWeights ? Weights(3000, 6) : [];
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
        (double[] x, double[] y) = Rows(2000, 7);
        double[] far = [.. y.Select(at => at + 1e8)];
        double[] back = [.. far.Select(at => at - 1e8)];
        MomentRegression expected = Fitted(x, back);
        MomentRegression actual = Fitted(x, far);

        Near(expected.Diagnostics.LeaveOneOutError, actual.Diagnostics.LeaveOneOutError);
        Assert.True(actual.Certificate.Bound < 1e-10 * actual.Diagnostics.LeaveOneOutError, $"{actual.Certificate}");
    }

    [Fact]
    public void MoreRowsThanAnIntegerCounts_AreCounted()
    {
        (double[] x, double[] y) = Rows(1000, 8);
        var moments = new Moments(MomentGrid.Choose(x, y, 1000));
        moments.Add(x, y);
        var sum = new Moments(moments.Grid);
        for (int i = 0; i < 24; i++)
        {
            sum.Merge(moments);
            moments.Merge(sum);
        }

        MomentRegression model = MomentRegression.Fit(sum);

        Assert.True(sum.Count > int.MaxValue, $"{sum.Count}");
        Assert.Equal(sum.Count, model.Count);
        Assert.True(double.IsFinite(model.Diagnostics.LeaveOneOutError));
    }

    [Fact]
    public void ValuesWithoutNoise_DoNotMakeACellOfEachRow()
    {
        double[] x = [.. Enumerable.Range(0, 200_000).Select(i => i / 2e5)];
        var grid = MomentGrid.Choose(x, [.. x.Select(at => Math.Sin(7 * at))], 10_000_000);
        var moments = new Moments(grid);
        moments.Add(x, [.. x.Select(at => Math.Sin(7 * at))]);

        Assert.InRange(moments.Cells, 1000, 40_000);
    }

    [Fact]
    public void RowThatStandsAlone_IsCountedAndNoBoundIsSaid()
    {
        (double[] x, double[] y) = Rows(500, 9);
        MomentRegression model = Fitted([.. x, 100], [.. y, 3]);

        Assert.Equal(1, model.Certificate.LonelyRows);
        Assert.False(model.Certificate.IsProved);
        Assert.True(double.IsPositiveInfinity(model.Certificate.Bound));

        // It is predicted by the nearest, as in memory.
        KernelRegression memory = KernelRegression.Fit(
            [.. x, 100], [.. y, 3], new KernelRegressionOptions { Bandwidth = model.Bandwidth });
        Assert.Equal(memory.Diagnostics.LeaveOneOutError, model.Diagnostics.LeaveOneOutError, 1e-6 * memory.Diagnostics.LeaveOneOutError);
    }

    // Nothing near says anything about them: they count in the fit, and not in the choice of the bandwidth.
    [Theory]
    [InlineData(0, new double[] { 100 })]
    [InlineData(0, new double[] { -50, 7, 7.1, 1e6 })]
    [InlineData(1, new double[] { 9, 9.01, 9.02, 9.03, -8 })]
    public void RowsFarFromAllOthers_DoNotChooseTheBandwidth(int degree, double[] far)
    {
        (double[] x, double[] y) = Rows(500, 14);
        (x, y) = ([.. x, .. far], [.. y, .. far.Select((_, i) => 3.0 + i)]);
        var memory = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = degree });
        foreach (double[] weights in (double[][])[[], [.. x.Select(_ => 2.0)]])
        {
            var moments = new Moments(MomentGrid.Choose(x, y, x.Length, null, degree, weights));
            moments.Add(x, y, weights);
            var model = MomentRegression.Fit(moments, new MomentOptions { Degree = degree });

            Assert.Equal(far.Length, model.SetAside);
            Assert.Equal(memory.Search!.SetAside.Count, model.SetAside);
            Assert.Equal(memory.Bandwidths[0], model.Bandwidth, 1e-4 * memory.Bandwidths[0]);
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

        Assert.Equal(memory.Bandwidths[0], model.Bandwidth, 1e-4 * memory.Bandwidths[0]);
        double error = memory.Diagnostics.LeaveOneOutError;
        Assert.Equal(error, model.Diagnostics.LeaveOneOutError, (1e-6 * error) + 1e-20);
        Assert.Equal(memory.Diagnostics.EffectiveDegreesOfFreedom, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-4);

        static double[] Count(int n, Func<int, double> at) => [.. Enumerable.Range(0, n).Select(at)];
    }

    [Fact]
    public void WrongInput_IsRefused()
    {
        (double[] x, double[] y) = Rows(500, 10);
        var moments = new Moments(MomentGrid.Choose(x, y, 500, 0.01));
        moments.Add(x, y);

        Assert.StartsWith("Expected finite keys, got NaN at row 1.", Refused(() => moments.Add([0.5, double.NaN], [1, 2])).Message);
        Assert.StartsWith(
            "Expected finite values, got Infinity at row 0.", Refused(() => moments.Add([0.5], [double.PositiveInfinity])).Message);
        Assert.StartsWith("keys below ", Assert.Throws<RegressionDataException>(() => moments.Add([1e300], [1])).Expected);
        Assert.StartsWith("values within ", Assert.Throws<RegressionDataException>(() => moments.Add([0.5], [1e200])).Expected);
        Assert.StartsWith("Expected as many values as keys, 1, got 2.", Refused(() => moments.Add([0.5], [1, 2])).Message);
        Assert.StartsWith("Expected no weights", Refused(() => moments.Add([0.5], [1], [1])).Message);
        var weighted = new Moments(MomentGrid.Choose(x, y, 500, 0.01, 0, Weights(500, 10)));
        Assert.StartsWith("Expected finite weights from 0, got -1 at row 0.", Refused(() => weighted.Add([0.5], [1], [-1])).Message);
        Assert.StartsWith("Expected as many weights as keys, 1, got 2.", Refused(() => weighted.Add([0.5], [1], [1, 2])).Message);
        Assert.StartsWith("weights about", Assert.Throws<RegressionDataException>(() => weighted.Add([0.5], [1], [1e30])).Expected);
        Assert.StartsWith("Expected moments of the same grid", Refused(() => moments.Merge(weighted)).Message);
        Assert.Equal(0, weighted.Count);
        Assert.StartsWith(
            "Expected moments of the same grid", Refused(() => moments.Merge(new Moments(MomentGrid.Choose(x, y, 500, 0.1)))).Message);
        Assert.StartsWith(
            "Expected the rule", Refused(() => MomentRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.Scott })).Message);
        Assert.Equal(500, moments.Count);

        // What was refused leaves no cell behind.
        int cells = moments.Cells;
        Assert.Throws<RegressionDataException>(() => moments.Add([77], [1e200]));
        Assert.Equal(cells, moments.Cells);
        Assert.Equal(moments.Count, Moments.Load(SavedAs(moments)).Moments.Count);
        Assert.InRange(MomentRegression.Fit(moments).Condense().Pieces, 1, 500);
        Assert.Throws<RegressionDataException>(() => MomentRegression.Fit(new Moments(moments.Grid)));
        var same = new Moments(moments.Grid);
        same.Add([0.5, 0.5, 0.5], [1, 2, 3]);
        Assert.Throws<RegressionDataException>(() => MomentRegression.Fit(same));
        Assert.StartsWith(
            "a bandwidth from",
            Assert.Throws<RegressionDataException>(() => MomentRegression.Fit(moments, new MomentOptions { Bandwidth = 1e300 })).Expected);
        Assert.Equal(2, MomentRegression.Fit(same, new MomentOptions { Bandwidth = 0.1 }).Predict([0.5]).Mean[0], 1e-12);
    }

    // Any byte of a file that changes is found, or changes the numbers and nothing else: no other error, and no memory beyond the file's.
    [Fact]
    public void DamagedFiles_AreRefusedInOneLine()
    {
        (double[] x, double[] y) = Rows(300, 11);
        string path = Path.Combine(_folder.FullName, "a.moments");
        foreach (double[] weights in (double[][])[[], Weights(300, 11)])
        {
            var moments = new Moments(MomentGrid.Choose(x, y, 300, 0.1, 0, weights));
            moments.Add(x, y, weights);
            moments.Save(path);

            Assert.InRange(DamagedBytes.Refused(path, 1, file => Moments.Load(file)), 380, 400);
        }
    }

    private static ArgumentException Refused(Action action) => Assert.ThrowsAny<ArgumentException>(action);

    private static void Near(double expected, double actual) => Assert.Equal(expected, actual, 1e-11 * Math.Max(1e-3, Math.Abs(expected)));

    private static MomentRegression Fitted(double[] x, double[] y)
    {
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length));
        moments.Add(x, y);
        return MomentRegression.Fit(moments);
    }

    private static double[] Weights(int n, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, n).Select(_ => Math.Pow(10, 2 * random.NextDouble()))];
    }

    private static (double[] X, double[] Y) Rows(int n, int seed)
    {
        var random = new Random(seed);
        double[] x = [.. Enumerable.Range(0, n).Select(_ => random.NextDouble())];
        return (x, [.. x.Select(at => Math.Sin(7 * at) + random.NextDouble() - 0.5)]);
    }

    private byte[] Bytes(Moments moments) => File.ReadAllBytes(SavedAs(moments));

    private string SavedAs(Moments moments)
    {
        string path = Path.Combine(_folder.FullName, Path.GetRandomFileName());
        moments.Save(path);
        return path;
    }
}
