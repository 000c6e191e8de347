using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Intervals;

namespace TorchAttention.Tests.Regression;

public sealed class KernelRegressionTests
{
    public static TheoryData<string, int, int, bool, double?> Cases
    {
        get
        {
            var cases = new TheoryData<string, int, int, bool, double?>();
            foreach (SmoothingKernel kernel in SmoothingKernel.All)
            {
                for (int degree = 0; degree <= KernelRegressionOptions.MostDegree; degree++)
                {
                    cases.Add(kernel.Name, degree, 1, false, null);
                    cases.Add(kernel.Name, degree, 2, true, null);
                }

                cases.Add(kernel.Name, 1, 1, true, 0.25);
                cases.Add(kernel.Name, 2, 1, true, 1e-3);
            }

            cases.Add("gaussian", 2, 1, false, 0);
            cases.Add("biweight", 3, 1, true, 0);
            cases.Add("gaussian", 1, 3, true, 0.25);
            cases.Add("gaussian", 2, 3, false, null);
            cases.Add("epanechnikov", 3, 3, true, null);
            cases.Add("gaussian", 2, 4, true, null);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EverythingItSays_IsTheMatrixs(string kernel, int degree, int features, bool isWeighted, double? ridge)
    {
        (double[] x, double[] y) = Samples.Of(150, features, seed: 1);
        var random = new Random(2);
        double[]? weights = isWeighted ? [.. y.Select(_ => random.Next(4) * random.NextDouble())] : null;
        double[] h = [.. new[] { features == 1 ? 0.6 : 1.2, 1.5, 2, 1.8 }.Take(features)];
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Degree = degree,
            Ridge = ridge,
            Bandwidth = Bandwidth.Fixed(h)
        };
        KernelRegression model = KernelRegression.Fit(x, y, features, options, weights);
        int[] kept = [.. Enumerable.Range(0, y.Length).Where(i => weights is null || weights[i] > 0)];
        var dense = new DenseRegression(
            [.. kept.SelectMany(i => x.Skip(i * features).Take(features))], [.. kept.Select(i => y[i])], features, options, h,
                weights is null ? null : [.. kept.Select(i => weights[i])]);

        Assert.Equal(isWeighted, kept.Length < y.Length);
        Assert.All(
            Enumerable.Range(0, y.Length), i => Assert.Equal(dense.At(x.AsSpan(i * features, features)).Mean, model.Fitted[i], 1e-9));
        Diagnostics said = model.Diagnostics;
        Assert.Equal(dense.Trace, said.EffectiveDegreesOfFreedom, 1e-9 * dense.Trace);
        Assert.Equal(dense.ResidualFreedom, said.ResidualDegreesOfFreedom, 1e-9 * dense.ResidualFreedom);
        Assert.Equal(dense.Error, said.ResidualStandardError[0], 1e-9 * dense.Error);
        Assert.Equal(dense.LeaveOneOut, said.LeaveOneOutError, 1e-9 * dense.LeaveOneOut);
        Assert.Equal(dense.AICc, said.AICc, 1e-9);
        Assert.Equal(dense.GCV, said.GCV, 1e-9 * dense.GCV);
        double[] queries = [.. x.Take(20 * features).Select(x => x + 0.01)];
        Predictions at = model.Predict(queries);
        for (int i = 0; i < 20; i++)
        {
            (double mean, double error) = dense.At(queries.AsSpan(i * features, features));
            Assert.Equal(mean, at.Mean[i], 1e-9);
            Assert.Equal(error, at.StandardError[i], 1e-9 * error);
            Assert.Equal(mean + (at.Quantile * error), at.Upper[i], 1e-9);
            Assert.Equal(mean - (at.Quantile * error), at.Lower[i], 1e-9);
        }
    }

    [Fact]
    public void ExamplesOfWeightZero_AreFittedAndCountNowhere()
    {
        double[] x = [0, 0.1, 9, 0.2, 0.3, 0.4, 0.15, 0.5];
        double[] y = [1, 2, 5, 1.5, 3, 2, 7, 4];
        double[] weights = [1, 1, 0, 1, 1, 1, 0, 1];
        int[] kept = [0, 1, 3, 4, 5, 7];
        foreach (Bandwidth bandwidth in (Bandwidth[])[0.25, Bandwidth.GCV, Bandwidth.LeaveOneOut, Bandwidth.KFold(3)])
        {
            var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Epanechnikov, Bandwidth = bandwidth };
            KernelRegression model = KernelRegression.Fit(x, y, 1, options, weights);
            KernelRegression without = KernelRegression.Fit([.. kept.Select(i => x[i])], [.. kept.Select(i => y[i])], options);

            Assert.Equal(without.Bandwidths, model.Bandwidths);
            Assert.Equal(without.Diagnostics.GCV, model.Diagnostics.GCV, 1e-12);
            Assert.Equal(without.Diagnostics.ResidualStandardError[0], model.Diagnostics.ResidualStandardError[0], 1e-12);
            Assert.Equal(without.Diagnostics.LeaveOneOutError, model.Diagnostics.LeaveOneOutError, 1e-12);
            Assert.Equal(without.Fitted, kept.Select(i => model.Fitted[i]));
            Assert.Equal(
                without.Predict([9, 0.15]).Mean, new double[] { model.Fitted[2], model.Fitted[6] },
                (a, b) => a.Equals(b) || Math.Abs(a - b) < 1e-12);
            Assert.Equal(6, model.Count);
        }
    }

    [Fact]
    public void WideBandwidth_IsTheMeanAndTheLineOfLeastSquares()
    {
        (double[] x, double[] y) = Samples.Of(60, 1, seed: 5);
        double mean = y.Average();
        double xMean = x.Average();
        double slope = x.Zip(y).Sum(pair => (pair.First - xMean) * (pair.Second - mean)) / x.Sum(a => (a - xMean) * (a - xMean));
        foreach (SmoothingKernel kernel in SmoothingKernel.All)
        {
            Predictions constant = Predict(0);
            Predictions line = Predict(1);
            Assert.Equal(mean, constant.Mean[0], 1e-6);
            Assert.Equal(mean + (slope * (2 - xMean)), line.Mean[0], 1e-6);
            Assert.Equal(slope, line.Slopes[0], 1e-6);

            Predictions Predict(int degree) => KernelRegression
                .Fit(x, y, new KernelRegressionOptions { Kernel = kernel, Degree = degree, Bandwidth = 1e7 }).Predict(
                    [2], new PredictionOptions { HasSlopes = true });
        }
    }

    [Fact]
    public void Classes_HaveProbabilities()
    {
        var random = new Random(6);
        double[] x = [.. Enumerable.Range(0, 300).Select(_ => random.NextDouble() * 3)];
        string[] labels = [.. x.Select(x => x < 1 ? "low" : x < 2 ? "middle" : "high")];
        KernelRegression model = KernelRegression.FitClasses(x, labels, 1);
        Predictions at = model.Predict([0.5, 1.5, 2.5]);

        Assert.Equal(["high", "low", "middle"], model.Classes);
        Assert.All(at.Mean.Chunk(3), probabilities => Assert.Equal(1, probabilities.Sum(), 1e-12));
        Assert.True(at.Mean[1] > 0.95 && at.Mean[5] > 0.95 && at.Mean[6] > 0.95, string.Join(' ', at.Mean));
        Assert.Contains(
            "degree 0",
            Assert.Throws<ArgumentException>(
            () => KernelRegression.FitClasses(x, labels, 1, new KernelRegressionOptions { Degree = 1 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WeightOfAnExampleWithAClass_IsThatManyExamples()
    {
        double[] x = [1, 2, 3, 4];
        string[] labels = ["a", "b", "a", "b"];
        var options = new KernelRegressionOptions { Bandwidth = 1 };
        Assert.Equal(
            KernelRegression.FitClasses([1, 2, 2, 2, 3, 4], ["a", "b", "b", "b", "a", "b"], 1, options).Predict([2.5]).Mean,
            KernelRegression.FitClasses(x, labels, 1, options, [1, 3, 1, 1]).Predict([2.5]).Mean,
            (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void QueryWithoutNeighbours_HasNoSlope()
    {
        foreach (int degree in (int[])[0, 1])
        {
            KernelRegression model = KernelRegression.Fit(
                [0, 1, 2, 9], [1, 2, 3, 4],
                new KernelRegressionOptions { Kernel = SmoothingKernel.Epanechnikov, Bandwidth = 1.5, Degree = degree });
            Predictions at = model.Predict([1, 5], new PredictionOptions { HasSlopes = true });
            Assert.True(at.Slopes[0] > 0);
            Assert.True(double.IsNaN(at.Slopes[1]) && double.IsNaN(at.Mean[1]));
        }
    }

    [Theory]
    [InlineData(0.95, 1, 12.706204736174698)]
    [InlineData(0.95, 4, 2.7764451051977934)]
    [InlineData(0.5, 2, 0.81649658092772603)]
    [InlineData(0.99, 30, 2.7499956535672259)]
    [InlineData(0.95, 5e6, 1.959963984540054)]
    [InlineData(0.95, 1e-14, double.PositiveInfinity)]
    [InlineData(0.95, 0, double.NaN)]
    public void Quantile_IsStudents(double level, double freedom, double expected) =>
        Assert.Equal(expected, StudentBand.Quantile(level, freedom), 1e-6 * (double.IsFinite(expected) ? 1e-3 : 1));

    [Theory]
    [InlineData(0.99999999, 2.3)]
    [InlineData(0.95, 0.01)]
    [InlineData(0.01, 3)]
    public void Quantile_LeavesOutWhatItIsToLeaveOut(double level, double freedom) =>
        Assert.Equal(1 - level, StudentBand.Outside(StudentBand.Quantile(level, freedom), freedom), 1e-10 * (1 - level));

    [Fact]
    public void FewExamples_HaveBandsThatSaySo()
    {
        for (int n = 2; n < 6; n++)
        {
            double[] x = [.. Enumerable.Range(0, n).Select(i => (double)i)];
            foreach (Bandwidth bandwidth in (Bandwidth[])[Bandwidth.LeaveOneOut, Bandwidth.Silverman, 0.2])
            {
                foreach (bool isSimultaneous in (bool[])[false, true])
                {
                    Predictions at = KernelRegression.Fit(
                        x, [.. x.Select(q => q * q % 3)], new KernelRegressionOptions { Bandwidth = bandwidth })
                        .Predict([0.5], new PredictionOptions { IsSimultaneous = isSimultaneous });
                    Assert.True(double.IsFinite(at.Mean[0]));
                    Assert.True(double.IsNaN(at.Upper[0]) || at.Upper[0] >= at.Mean[0]);
                }
            }
        }
    }

    [Fact]
    public void BandsOfAWideFit_AreThoseOfTheMean()
    {
        // Of n values about their mean, by Student's distribution with n - 1 degrees of freedom.
        double[] x = [1, 2, 3, 4, 5];
        double[] y = [2, 1, 4, 3, 5];
        Predictions at = KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = 1e9 }).Predict([3]);

        double error = Math.Sqrt(y.Sum(v => (v - 3) * (v - 3)) / 4 / 5);
        Assert.Equal(error, at.StandardError[0], 1e-9);
        Assert.Equal(2.7764451051977934, at.Quantile, 1e-9);
        Assert.Equal(3 + (at.Quantile * error), at.Upper[0], 1e-9);
    }

    [Fact]
    public void PointwiseBands_CoverTheTruthAsOftenAsTheySay()
    {
        // A narrow bandwidth, so that the bias is small beside the noise; by theory 95% of all points, less the bias.
        (double pointwise, _) = Coverage(isSimultaneous: false);
        Assert.InRange(pointwise, 0.935, 0.965);
    }

    [Fact]
    public void SimultaneousBands_CoverTheWholeCurveAsOftenAsTheySay()
    {
        (_, double whole) = Coverage(isSimultaneous: true);
        Assert.InRange(whole, 0.91, 0.99);
        (_, double pointwise) = Coverage(isSimultaneous: false);
        Assert.True(pointwise < 0.5, $"Pointwise bands covered the whole curve {pointwise:P0} of the time.");
    }

    [Fact]
    public void WrongInput_IsSaidInOneLine()
    {
        double[] x = [1, 2, 3];
        double[] y = [1, 2, 3];
        Says<ArgumentException>("at least one example, got 0", () => KernelRegression.Fit([], []));
        Says<ArgumentException>("for 3 examples, got 2", () => KernelRegression.Fit(x, [1, 2]));
        Says<ArgumentException>("Expected finite x, got NaN in row 1, column 0", () => KernelRegression.Fit([1, double.NaN, 3], y));
        Says<ArgumentException>("Expected finite y, got", () => KernelRegression.Fit(x, [1, 2, double.PositiveInfinity]));
        Says<ArgumentException>("a range from 1E-100 to 1E+100 in feature 0, got 3E+160", () => KernelRegression.Fit([0, 1e160, 3e160], y));
        Says<ArgumentException>(
            "a range from 1E-100 to 1E+100 in column 0 of the values, got 2E-200", () => KernelRegression.Fit(x, [0, 1e-200, 2e-200]));
        Says<ArgumentException>("got -1 for example 1", () => KernelRegression.Fit(x, y, 1, null, [1, -1, 1]));
        Says<ArgumentException>("positive, finite bandwidths, got 0", () => Bandwidth.Fixed(0));
        Says<ArgumentException>("positive, finite bandwidths, got NaN", () => Bandwidth.Fixed(1, double.NaN));
        Says<ArgumentException>(
            "one for each of 1 features, got 2",
            () => KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = Bandwidth.Fixed(1, 2) }));
        Says<RegressionDataException>("got 5 everywhere", () => KernelRegression.Fit([5, 5, 5], y));
        Says<RegressionDataException>(
            "that vary in feature 0",
            () => KernelRegression.Fit([5, 5, 5], y, new KernelRegressionOptions { Bandwidth = Bandwidth.Silverman }));
        Says<RegressionDataException>(
            "more than 5 different keys", () => KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = Bandwidth.PlugIn }));
        Says<RegressionDataException>(
            "AICc is finite", () => KernelRegression.Fit([1, 2], [1, 2], new KernelRegressionOptions { Bandwidth = Bandwidth.AICc }));
        Says<ArgumentOutOfRangeException>(
            "degree from 0 to 3", () => KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = 4 }));
        Says<ArgumentOutOfRangeException>(
            "ridge of at least 0", () => KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = 2, Ridge = -1 }));
        Says<ArgumentException>(
            "no ridge with the degree 0, got 0.5", () => KernelRegression.Fit(x, y, new KernelRegressionOptions { Ridge = 0.5 }));
        Says<ArgumentException>(
            "at most 20 terms, got the degree 3 in 4 features, which has 35",
            () => KernelRegression.Fit([1, 2, 3, 4], [1], 4, new KernelRegressionOptions { Degree = 3, Bandwidth = 1 }));
        Says<ArgumentException>(
            "Expected a device (auto, cpu, cuda or cuda:N), got 'gpu'",
            () => KernelRegression.Fit(x, y, new KernelRegressionOptions { Device = "gpu" }));
        KernelRegression model = KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = 1 });
        Says<ArgumentException>("Expected finite Queries", () => model.Predict([double.NaN]));
        Says<ArgumentOutOfRangeException>("between 0 and 1", () => model.Predict([1], new PredictionOptions { Level = 1 }));

        static void Says<T>(string text, Action action)
            where T : Exception => Assert.Contains(text, Assert.ThrowsAny<T>(action).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_HaveTheirDefaults()
    {
        var options = new KernelRegressionOptions();
        Assert.Equal(
            (SmoothingKernel.Gaussian, 0, null, Bandwidth.LeaveOneOut, false, null, NumberPrecision.Float64, NoNeighbourPolicy.NaN, null,
            null),
            (options.Kernel, options.Degree, options.Ridge, options.Bandwidth, options.LeaveOutTies, options.SearchBounds,
            options.Precision, options.NoNeighbour, options.Device, options.Threads));
        Assert.Equal(
            (0.95, true, false, false),
            (new PredictionOptions().Level, new PredictionOptions().HasErrors, new PredictionOptions().IsSimultaneous,
            new PredictionOptions().HasSlopes));
    }

    private static (double Points, double Curves) Coverage(bool isSimultaneous)
    {
        const int Runs = 300;
        double[] queries = [.. Enumerable.Range(0, 101).Select(i => 0.25 + (i * 0.045))];
        double[] truth = [.. queries.Select(Samples.Truth)];
        int points = 0;
        int curves = 0;
        for (int run = 0; run < Runs; run++)
        {
            (double[] x, double[] y) = Samples.Of(200, 1, seed: 100 + run);
            Predictions at = KernelRegression
                .Fit(x, y, new KernelRegressionOptions { Degree = 1, Bandwidth = 0.12 })
                .Predict(queries, new PredictionOptions { IsSimultaneous = isSimultaneous });
            int inside = truth.Index().Count(point => point.Item >= at.Lower[point.Index] && point.Item <= at.Upper[point.Index]);
            points += inside;
            curves += inside == queries.Length ? 1 : 0;
        }

        return ((double)points / Runs / queries.Length, (double)curves / Runs);
    }
}
