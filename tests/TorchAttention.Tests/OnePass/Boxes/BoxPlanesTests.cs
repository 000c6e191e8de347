using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using static TorchAttention.Tests.OnePass.Boxes.BoxPlanesInMemory;

namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>Local planes from moments of several features are those of the rows.</summary>
public sealed class BoxPlanesTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    public static TheoryData<string, int, double> Problems()
    {
        var data = new TheoryData<string, int, double>();
        foreach (string kind in BoxRows.Kinds)
        {
            data.Add(kind, 2, 0.15);
            data.Add(kind, 2, 0.6);
        }

        data.Add("uniform", 3, 0.4);
        data.Add("ties", 3, 0.4);
        return data;
    }

    [Theory]
    [MemberData(nameof(Problems))]
    public void Errors_AreThoseOfRows(string kind, int features, double h)
    {
        BoxRows rows = BoxRows.Draw(kind, features == 2 ? 3000 : 1200, features, 3);
        double[] bandwidths = [.. Enumerable.Range(0, features).Select(j => h * (1 + (0.7 * j)))];
        BoxRegression model = AreAsInMemory(rows, bandwidths, kind == "clusters" ? 1e-9 : 1e-10);

        Assert.Equal(0, model.UncertainBoxes);

        // Normal equations in the peer lose digits where rows stand alone.
        if (kind is "uniform" or "gaps" or "ties" or "offset")
        {
            Assert.Equal(1, model.Diagnostics.LeaveOneOutError / rows.DensePlanes(bandwidths), 1e-11);
        }
    }

    [Theory]
    [InlineData("outlier")]
    [InlineData("units")]
    public void HardRows_HaveTheErrorsOfRows(string what)
    {
        BoxRows rows = BoxRows.Draw("uniform", 3000, 2, 9);
        double[] h = [0.2, 0.4];
        for (int i = 0; i < rows.Count; i++)
        {
            rows.X[(2 * i) + 1] *= what == "units" ? 1e6 : 1;
        }

        if (what == "outlier")
        {
            (rows.X[0], rows.X[1], rows.Y[0]) = (9, -7, 100);
        }

        h[1] *= what == "units" ? 1e6 : 1;
        BoxRegression model = AreAsInMemory(rows, h, 1e-8);
        Assert.Equal(what == "outlier" ? 1 : 0, model.LonelyRows);
    }

    // One row alone says what the slope across all others is, and has that to itself.
    [Fact]
    public void RowBesideALine_IsAsInMemory()
    {
        BoxRows rows = BoxRows.Draw("uniform", 13, 2, 4);
        for (int i = 0; i < rows.Count; i++)
        {
            rows.X[(2 * i) + 1] = i == 5 ? 1 : 0;
        }

        AreAsInMemory(rows, [0.4, 1], 1e-9);
    }

    [Theory]
    [InlineData("uniform", 2)]
    [InlineData("clusters", 2)]
    [InlineData("uniform", 3)]
    public void Slopes_AreThoseOfTheScores(string kind, int features)
    {
        BoxRows rows = BoxRows.Draw(kind, 3000, features, 6);
        double[] h = [.. ((double[])[0.3, 0.5, 0.8])[..features]];
        var levels = new BoxLevels(Moments(rows, h));
        BoxScore At(double[] at, BoxSumsKind kind) => new BoxFit(levels.Finest, at, kind, 1).Score(null, CancellationToken.None);
        BoxScore slopes = At(h, BoxSumsKind.Slopes);
        const double Step = 1e-4;
        for (int j = 0; j < features; j++)
        {
            BoxScore Moved(double by) => At([.. h.Select((at, k) => k == j ? at * Math.Exp(by) : at)], BoxSumsKind.Plain);
            (BoxScore above, BoxScore below) = (Moved(Step), Moved(-Step));

            Near((above.LeaveOneOut - below.LeaveOneOut) / (2 * Step), slopes.LeaveOneOutByLog[j], slopes.LeaveOneOut);
            Near((above.Residual - below.Residual) / (2 * Step), slopes.ResidualByLog[j], slopes.Residual);
            Near((above.Trace - below.Trace) / (2 * Step), slopes.TraceByLog[j], slopes.Trace);
        }

        static void Near(double expected, double actual, double size) => Assert.Equal(expected, actual, 1e-6 * size);
    }

    [Theory]
    [InlineData("uniform", 2, 1500, BandwidthRule.LeaveOneOut)]
    [InlineData("clusters", 2, 800, BandwidthRule.LeaveOneOut)]
    [InlineData("uniform", 2, 800, BandwidthRule.AICc)]
    [InlineData("uniform", 3, 300, BandwidthRule.GCV)]
    public void Search_FindsWhatIsFoundInMemory(string kind, int features, int n, BandwidthRule rule)
    {
        BoxRows rows = BoxRows.Draw(kind, n, features, 4);
        var memory = KernelRegression.Fit(
            rows.X, rows.Y, features, new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.By(rule) });
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, features, n));
        moments.Add(rows.X, rows.Y);
        BoxRegression model = BoxRegression.Fit(moments, new MomentOptions { Degree = 1, Bandwidth = Bandwidth.By(rule) });

        Assert.True(
            model.Search!.Score <= memory.Search!.Score + (1e-9 * Math.Abs(memory.Search.Score)),
            $"{model.Search.Score} at {model}, {memory.Search.Score} at {memory}");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Predictions_AreThoseOfTheRows(int features)
    {
        BoxRows rows = BoxRows.Draw("gaps", 3000, features, 7);
        double[] h = [.. Enumerable.Range(0, features).Select(j => 0.1 * (j + 1) * (features - 1))];
        var memory = KernelRegression.Fit(
            rows.X, rows.Y, features, new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.Fixed(h) });
        BoxRegression model = BoxRegression.Fit(Moments(rows, h), Given(h));
        double[] queries = [.. Enumerable.Range(0, 60 * features).Select(i => -0.1 + (1.5 * (i % features + 1) * (i * 37 % 60) / 60.0))];
        Predictions expected = memory.Predict(queries);
        Predictions actual = model.Predict(queries);
        for (int i = 0; i < 60; i++)
        {
            double unit = Math.Max(1, Math.Abs(expected.Mean[i]));
            Assert.Equal(expected.IsOutside[i], actual.IsOutside[i]);
            Assert.Equal(expected.IsInGap[i], actual.IsInGap[i]);
            Assert.Equal(expected.Mean[i], actual.Mean[i], 1e-8 * unit);
            Assert.Equal(1, actual.StandardError[i] / expected.StandardError[i], 1e-6);
            Assert.Equal(1, actual.EffectiveNeighbours[i] / expected.EffectiveNeighbours[i], 1e-6);
        }
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(1, true)]
    public void TargetsAndWeights_AreAsInMemory(int columns, bool hasWeights)
    {
        BoxRows rows = BoxRows.Draw("uniform", 2000, 2, 11);
        double[] y = rows.Columns(columns);
        double[] weights = hasWeights ? MomentRows.Weights(rows.Count, 12) : [];
        double[] h = [0.2, 0.4];
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, y, 2, rows.Count, h, weights));
        moments.Add(rows.X, y, weights);
        var memory = KernelRegression.Fit(
            rows.X, y, 2, new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.Fixed(h) }, weights);
        BoxRegression model = BoxRegression.Fit(moments, Given(h));

        AreEqual(memory.Diagnostics, model.Diagnostics, hasWeights ? 1e-7 : 1e-10);
        Predictions expected = memory.Predict(rows.X.AsSpan(0, 40));
        Predictions actual = model.Predict(rows.X.AsSpan(0, 40));
        Assert.All(expected.Mean.Zip(actual.Mean), pair => Assert.Equal(1, pair.Second / pair.First, 1e-8));
        Assert.All(expected.StandardError.Zip(actual.StandardError), pair => Assert.Equal(1, pair.Second / pair.First, 1e-7));
    }

    [Fact]
    public void Folds_HaveTheErrorOfFitsToTheOthers()
    {
        const int Folds = 4;
        BoxRows rows = BoxRows.Draw("uniform", 1200, 2, 15);
        double[] h = [0.2, 0.4];
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, 2, rows.Count, h, default, Folds));
        moments.Add(rows.X, rows.Y);
        BoxFolds criterion = BoxFolds.Create(moments, Bandwidth.KFold(Folds), 1);
        double At(double by, int feature) => criterion.At(
            [.. h.Select((at, j) => j == feature ? at * Math.Exp(by) : at)], false, false, 1, CancellationToken.None).Squares;
        (double squares, double[] byLog) = criterion.At(h, true, false, null, CancellationToken.None);

        int[] folds = [.. Enumerable.Range(0, rows.Count).Select(i => TorchAttention.Numerics.OnePass.Moments.FoldOf(
            rows.X.AsSpan(2 * i, 2), rows.Y.AsSpan(i, 1), 1, "", Folds))];
        double expected = 0;
        for (int fold = 0; fold < Folds; fold++)
        {
            int[] own = [.. folds.Index().Where(of => of.Item == fold).Select(of => of.Index)];
            int[] others = [.. folds.Index().Where(of => of.Item != fold).Select(of => of.Index)];
            var fit = KernelRegression.Fit(
                KeysOf(others), [.. others.Select(i => rows.Y[i])], 2,
                new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.Fixed(h) });
            double[] mean = fit.Predict(KeysOf(own)).Mean;
            expected += own.Select((i, at) => Math.Pow(rows.Y[i] - mean[at], 2)).Sum();
        }

        Assert.Equal(1, squares / expected, 1e-9);
        const double Step = 1e-4;
        Assert.All(h.Index(), one => Assert.Equal(
            (At(Step, one.Index) - At(-Step, one.Index)) / (2 * Step), byLog[one.Index], 1e-6 * squares));

        double[] KeysOf(int[] of) => [.. of.SelectMany(i => rows.X[(2 * i)..((2 * i) + 2)])];
    }

    [Fact]
    public void Fits_AreTheSameBits_InAnyOrderAndSplit()
    {
        BoxRows rows = BoxRows.Draw("clusters", 3000, 2, 1);
        double[] h = [0.4, 0.5];
        BoxGrid grid = BoxGrid.Choose(rows.X, rows.Y, 2, rows.Count, h);
        var whole = new BoxMoments(grid);
        whole.Add(rows.X, rows.Y);
        var parts = new BoxMoments[3];
        for (int part = 0; part < parts.Length; part++)
        {
            parts[part] = new BoxMoments(grid);
            int[] own = [.. Enumerable.Range(0, rows.Count).Reverse().Where(i => i % 3 == part)];
            parts[part].Add([.. own.SelectMany(i => rows.X[(2 * i)..((2 * i) + 2)])], [.. own.Select(i => rows.Y[i])]);
        }

        parts[2].Merge(parts[0]);
        parts[2].Merge(parts[1]);
        string path = Path.Combine(_folder.FullName, "a.moments");
        parts[2].Save(path);
        Diagnostics expected = BoxRegression.Fit(whole, Given(h)).Diagnostics;
        Diagnostics actual = BoxRegression.Fit(BoxMoments.Load(path).Moments, Given(h)).Diagnostics;
        Assert.Equal(expected.LeaveOneOutError, actual.LeaveOneOutError);
        Assert.Equal(expected.EffectiveDegreesOfFreedom, actual.EffectiveDegreesOfFreedom);
        Assert.Equal(expected.ResidualDegreesOfFreedom, actual.ResidualDegreesOfFreedom);
        Assert.Equal(expected.ResidualStandardError, actual.ResidualStandardError);
    }

    [Fact]
    public void Surface_IsThatOfTheFit()
    {
        BoxRows rows = BoxRows.Draw("uniform", 4000, 2, 8);
        BoxRegression model = BoxRegression.Fit(Moments(rows, [0.2, 0.4]), Given(0.2, 0.4));
        CondensedSurface surface = model.Condense(1e-6);
        double[] queries = [.. rows.X[..600], .. rows.X[..600].Select((x, i) => x + (0.1 * Math.Sin(i)))];
        Predictions expected = model.Predict(queries);
        Predictions actual = surface.Predict(queries);
        double range = expected.Mean.Max() - expected.Mean.Min();
        for (int i = 0; i < expected.Mean.Length; i++)
        {
            Assert.Equal(expected.Mean[i], actual.Mean[i], 3e-6 * range);
            Assert.Equal(1, actual.StandardError[i] / expected.StandardError[i], 2e-3);
        }
    }

    [Fact]
    public void WrongDegrees_AreRefused()
    {
        BoxRows rows = BoxRows.Draw("uniform", 100, 2, 2);
        string[] labels = rows.Labels();
        var classes = new BoxMoments(BoxGrid.ChooseClasses(rows.X, labels, 2, 100, [0.2, 0.2]));
        classes.AddClasses(rows.X, labels);
        Assert.Contains("degree 0 or 1", Refused(Moments(rows, [0.2, 0.2]), 2), StringComparison.Ordinal);
        Assert.Contains("degree 0 for classes", Refused(classes, 1), StringComparison.Ordinal);

        static string Refused(BoxMoments moments, int degree) => Assert.Throws<ArgumentException>(
            () => BoxRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = Bandwidth.Fixed(0.2) })).Message;
    }
}
