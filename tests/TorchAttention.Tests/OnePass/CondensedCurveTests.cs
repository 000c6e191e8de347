using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.OnePass;

/// <summary>A condensed curve predicts as its model does, within the bound that it says.</summary>
public sealed class CondensedCurveTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    private static int Problems => LongTests.AreAskedFor ? 400 : 24;

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(1e-6, 0)]
    [InlineData(1e-10, 0)]
    [InlineData(1e-13, 0)]
    [InlineData(1e-6, 1)]
    [InlineData(1e-10, 1)]
    public void MeanWithinThePieces_IsWithinItsBound(double tolerance, int degree)
    {
        for (int seed = 0; seed < Problems; seed++)
        {
            MomentProblem problem = MomentProblem.Draw(seed);
            KernelRegression model = KernelRegression.Fit(
                problem.X, problem.Y, new KernelRegressionOptions { Degree = degree, Bandwidth = problem.H });
            CondensedCurve curve = model.Condense(tolerance);
            var random = new Random(seed);
            double[] queries = [.. problem.X.Take(200), .. problem.X.Take(100).Select(x => x + (problem.H * (random.NextDouble() - 0.5)))];
            Predictions expected = model.Predict(queries);
            Predictions actual = curve.Predict(queries);
            double size = 1e-15 * problem.Y.Max(Math.Abs);
            for (int i = 0; i < queries.Length; i++)
            {
                if (double.IsNaN(actual.StandardError[i]))
                {
                    continue;
                }

                // In memory, sums of many rows are off by more than a narrow bound.
                Assert.True(
                    Math.Abs(expected.Mean[i] - actual.Mean[i]) <= curve.Bound + (20 * size) + (1e-12 * Math.Abs(expected.Mean[i])),
                    $"{problem}: {expected.Mean[i] - actual.Mean[i]:g3} beyond {curve.Bound:g3}.");

                // Lines change faster at their ends.
                Assert.Equal(expected.StandardError[i], actual.StandardError[i], (degree == 0 ? 1e-5 : 1e-3) * expected.StandardError[i]);
            }
        }
    }

    [Fact]
    public void AMillionPlaces_AreWithinTheBound()
    {
        var random = new Random(4);
        double[] x = [.. Enumerable.Range(0, 5000).Select(_ => random.NextDouble())];
        KernelRegression model = KernelRegression.Fit(
            x, [.. x.Select(at => Math.Sin(20 * at) + random.NextDouble())], new KernelRegressionOptions { Bandwidth = 0.01 });
        CondensedCurve curve = model.Condense(1e-7);
        double[] queries = [.. Enumerable.Range(0, 1_000_000).Select(i => x.Min() + ((x.Max() - x.Min()) * i / 999_999))];
        double[] mean = new double[queries.Length];
        curve.Mean(queries, mean);
        double[] expected = model.Predict(queries, new PredictionOptions { HasErrors = false }).Mean;

        Assert.InRange(mean.Zip(expected, (a, b) => Math.Abs(a - b)).Max(), 0.01 * curve.Bound, curve.Bound);
    }

    [Fact]
    public void Bound_IsNotFarFromTheError()
    {
        var random = new Random(3);
        double[] x = [.. Enumerable.Range(0, 3000).Select(_ => random.NextDouble())];
        double[] y = [.. x.Select(at => Math.Sin(9 * at) + random.NextDouble())];
        KernelRegression model = KernelRegression.Fit(x, y);
        CondensedCurve coarse = model.Condense(1e-4);
        CondensedCurve fine = model.Condense(1e-12);

        Assert.True(fine.Pieces > coarse.Pieces, $"{fine.Pieces} and {coarse.Pieces} pieces.");
        double worst = model.Predict(x).Mean.Zip(coarse.Predict(x).Mean, (a, b) => Math.Abs(a - b)).Max();
        Assert.InRange(worst, 0.001 * coarse.Bound, coarse.Bound);
        Assert.InRange(coarse.Bound, 0, 1e-4 * 3);
    }

    [Fact]
    public void SavedCurve_PredictsTheSame()
    {
        MomentProblem problem = MomentProblem.Draw(3);
        CondensedCurve curve = KernelRegression.Fit(problem.X, problem.Y).Condense();
        string path = Path.Combine(_folder.FullName, "curve.safetensors");
        curve.Save(path, new Dictionary<string, string> { ["x"] = "times" });

        (CondensedCurve back, IReadOnlyDictionary<string, string> notes) = CondensedCurve.Load(path);

        double[] queries = [.. Enumerable.Range(-100, 500).Select(i => i * 0.02)];
        var options = new PredictionOptions { HasSlopes = true };
        Assert.Equal("times", notes["x"]);
        Assert.Equal(curve.Predict(queries, options).Mean, back.Predict(queries, options).Mean);
        Assert.Equal(curve.Predict(queries, options).Lower, back.Predict(queries, options).Lower);
        Assert.Equal(curve.Predict(queries, options).Slopes, back.Predict(queries, options).Slopes);
        Assert.Equal(curve.Bound, back.Bound);
        double[] mean = new double[queries.Length];
        back.Mean(queries, mean);
        Assert.Equal(curve.Predict(queries).Mean, mean);
    }

    // 200 rows in two stretches, saved before pieces had any length, starts were left away and later terms were float32.
    [Fact]
    public void FileOfTheFirstVersion_PredictsAsItDid()
    {
        double[] queries = [-3, 0.3, 1, 1.7, 5, 14, 20.6, 21, 30];
        var options = new PredictionOptions { HasSlopes = true };
        string path = Path.Combine(AppContext.BaseDirectory, "OnePass", "curve-of-version-1.safetensors");
        (CondensedCurve curve, IReadOnlyDictionary<string, string> notes) = CondensedCurve.Load(path);
        string again = Path.Combine(_folder.FullName, "again.safetensors");
        curve.Save(again, notes);

        Predictions at = curve.Predict(queries, options);
        Assert.Equal(
            [
                5.285198382720288, 5.640204852547945, 5.071402822945786, 4.323655076152112, 4.444916725184779, 4.448025719727094,
                4.540022353311468, 5.0841831618571405, 5.29307939854704,
            ],
            at.Mean);
        double[] lower =
        [
            double.NaN, 5.5513002039499595, 4.995771869207048, 4.233850322647317, double.NaN, double.NaN, 4.460841048676616,
            5.008552208118402, double.NaN,
        ];
        Assert.All(lower.Zip(at.Lower), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
        Assert.Equal([false, false, false, false, true, true, false, false, false], at.IsInGap);
        Assert.Equal(4.426952859117809E-11, curve.Bound);
        (CondensedCurve back, notes) = CondensedCurve.Load(again);
        Assert.Equal("times", notes["x"]);
        Assert.Equal(curve.Bound, back.Bound);
        Assert.Equal(at.Lower, back.Predict(queries, options).Lower);
        Assert.Equal(at.Slopes, back.Predict(queries, options).Slopes);
        Assert.Equal(at.IsInGap, back.Predict(queries, options).IsInGap);
    }

    [Fact]
    public void File_HasLongPiecesOfFewBytes()
    {
        var random = new Random(5);
        double[] x = [.. Enumerable.Range(0, 20_000).Select(_ => random.NextDouble())];
        KernelRegression model = KernelRegression.Fit(
            x, [.. x.Select(at => Math.Sin(20 * at) + random.NextDouble())], new KernelRegressionOptions { Bandwidth = 0.005 });
        CondensedCurve curve = model.Condense();
        string path = Path.Combine(_folder.FullName, "curve.safetensors");
        curve.Save(path);

        // 6 bandwidths lie beyond the rows.
        Assert.InRange(206.0 / curve.Pieces, 2.7, 6);
        Assert.InRange(new FileInfo(path).Length, 150 * curve.Pieces, (190 * curve.Pieces) + 1200);
    }

    // Numbers that float32 does not hold.
    [Theory]
    [InlineData(1e-60)]
    [InlineData(1e60)]
    public void ValuesOfAnySize_HaveTheSameCurve(double size)
    {
        var random = new Random(6);
        double[] x = [.. Enumerable.Range(0, 2000).Select(_ => random.NextDouble())];
        double[] y = [.. x.Select(at => Math.Sin(9 * at) + random.NextDouble())];
        var options = new KernelRegressionOptions { Bandwidth = 0.02 };
        CondensedCurve expected = KernelRegression.Fit(x, y, options).Condense();
        CondensedCurve curve = KernelRegression.Fit(x, [.. y.Select(value => size * value)], options).Condense();
        string path = Path.Combine(_folder.FullName, "curve.safetensors");
        curve.Save(path);
        CondensedCurve back = CondensedCurve.Load(path).Curve;

        Assert.Equal(expected.Pieces, curve.Pieces);
        Assert.InRange(curve.Bound / size, 0, 1.01 * expected.Bound);
        Assert.Equal(curve.Bound, back.Bound);
        double[] mean = curve.Predict(x).Mean;
        Assert.Equal(mean, back.Predict(x).Mean);
        var news = new PredictionOptions { Interval = IntervalKind.NewObservation };
        Assert.All(
            back.Predict(x, news).StandardError.Zip(expected.Predict(x, news).StandardError),
            pair => Assert.Equal(1, pair.First / size / pair.Second, 1e-5));
        Assert.All(mean.Zip(expected.Predict(x).Mean), pair => Assert.Equal(pair.Second, pair.First / size, 2 * expected.Bound));
    }

    [Fact]
    public void SavedCurvesOfColumns_PredictTheSame()
    {
        MomentProblem problem = MomentProblem.Draw(3);
        double[] y = MomentRows.Columns(problem.X, 2, 3);
        var moments = new Moments(MomentGrid.Choose(problem.X, y, problem.X.Length));
        moments.Add(problem.X, y);
        CondensedCurves curves = MomentRegression.Fit(moments).CondenseColumns();
        string path = Path.Combine(_folder.FullName, "curves.safetensors");
        curves.Save(path, new Dictionary<string, string> { ["y"] = "a,b" });

        (CondensedCurves back, IReadOnlyDictionary<string, string> notes) = CondensedCurves.Load(path, SafeTensorsFile.Read(path));

        double[] queries = [.. Enumerable.Range(-100, 500).Select(i => i * 0.02)];
        Assert.Equal("a,b", notes["y"]);
        Assert.Equal(curves.Predict(queries).Lower, back.Predict(queries).Lower);
        Assert.Equal(curves.Predict(queries).IsInGap, back.Predict(queries).IsInGap);
        Assert.Equal(curves.Diagnostics.RSquared, back.Diagnostics.RSquared);
        Assert.InRange(
            DamagedBytes.Refused(
                path, 2, file => CondensedCurves.Load(file, SafeTensorsFile.Read(file)).Curves.Predict([0.5, -1e300, 1e300])),
            150,
            400);
    }

    [Fact]
    public void GapAndBeyond_AreFlaggedAndHaveNoBand()
    {
        double[] x = [.. Enumerable.Range(0, 400).Select(i => (i / 200 * 1000) + (i % 200 * 0.01))];
        double[] y = [.. x.Select(at => at < 500 ? 1.0 : 5)];
        CondensedCurve curve = KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = 0.1 }).Condense();

        Predictions at = curve.Predict([1, 300, 700, 1001, -50, 2000]);

        Assert.Equal([1, 1, 5, 5, 1, 5], at.Mean.Select(mean => Math.Round(mean, 9)));
        Assert.Equal([false, true, true, false, false, false], at.IsInGap);
        Assert.Equal([false, false, false, false, true, true], at.IsOutside);
        Assert.Equal([false, true, true, false, true, true], at.StandardError.Select(double.IsNaN));
    }

    // The end is the number below a whole one, and that many cells from the start is not less than their count.
    [Fact]
    public void BeyondTheLastPiece_IsWhatItsEndIs()
    {
        double[] x = [.. Enumerable.Range(0, 200).Select(i => i * 0.01)];
        double[] y = [.. x.Select(Math.Sin)];
        var options = new KernelRegressionOptions { Bandwidth = 0.1 };
        for (int i = 0; i < 100; i++)
        {
            CondensedCurve curve = KernelRegression.Fit([.. x.Select(at => at - (0.05 * i))], y, options).Condense();

            double[] mean = curve.Predict([10, 1e300]).Mean;
            Assert.Equal(mean[0], mean[1]);
            Assert.InRange(mean[0], 0.85, 0.95);
        }
    }

    [Fact]
    public void OtherModels_AreRefused()
    {
        double[] x = [1, 2, 3, 4, 5, 6];
        double[] y = [1, 3, 2, 5, 4, 6];
        KernelRegression Fit(KernelRegressionOptions options) => KernelRegression.Fit(x, y, options with { Bandwidth = 1 });

        Assert.Contains(
            "the kernel tricube", Refused(Fit(new KernelRegressionOptions { Kernel = SmoothingKernel.Tricube })), StringComparison.Ordinal);
        Assert.Contains(
            "2 features",
            Refused(KernelRegression.Fit(x, y[..3], 2, new KernelRegressionOptions { Bandwidth = 1 })),
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => Fit(new KernelRegressionOptions()).Condense(0));
        Assert.Throws<ArgumentException>(() => Fit(new KernelRegressionOptions()).Condense().Predict([double.NaN]));

        static string Refused(KernelRegression model) => Assert.Throws<NotSupportedException>(() => model.Condense()).Message;
    }

    [Fact]
    public void DamagedFiles_AreRefusedInOneLine()
    {
        MomentProblem problem = MomentProblem.Draw(0);
        string path = Path.Combine(_folder.FullName, "curve.safetensors");
        KernelRegression.Fit(problem.X, problem.Y).Condense().Save(path);

        Assert.InRange(DamagedBytes.Refused(path, 2, file => CondensedCurve.Load(file).Curve.Predict([0.5, -1e300, 1e300])), 150, 400);
    }
}
