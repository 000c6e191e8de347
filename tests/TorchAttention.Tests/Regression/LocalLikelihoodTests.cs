using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Likelihood;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.Regression;

public sealed class LocalLikelihoodTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("likelihood").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // However many rows are the nearest: sums are taken four at a time.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(6)]
    public void FarAway_IsTheMeanOfTheNearest(int nearest)
    {
        double[] x = [.. Enumerable.Range(0, 20).Select(i => (double)i), .. Enumerable.Repeat(20.0, nearest)];
        double[] y = [.. x.Select((_, i) => (double)(i % 5))];
        LocalLikelihood model = LocalLikelihood.Fit(
            x, y, ResponseFamily.Poisson, new KernelRegressionOptions { Kernel = SmoothingKernel.Gaussian, Bandwidth = 0.1 });
        Predictions at = model.Predict([25.0, 1e6, 1e200]);
        double mean = Math.Max(y[20..].Average(), y.Average() * Math.Exp(-20));
        Assert.Equal([true, true, false], at.HasNeighbour);
        Assert.Equal(mean, at.Mean[0], 1e-12);
        Assert.Equal(mean, at.Mean[1], 1e-12);
        Assert.Equal(double.NaN, at.Mean[2]);
    }

    [Theory]
    [InlineData(1, "gaussian")]
    [InlineData(1, "tricube")]
    [InlineData(2, "gaussian")]
    [InlineData(3, "epanechnikov")]
    public void Degree0_IsTheWeightedMean(int features, string kernel)
    {
        (double[] x, double[] y) = Drawn(ResponseFamily.Poisson, 80, features, seed: 2);
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Find(kernel)!, Bandwidth = 0.8 };
        double[] queries = [.. x.Take(30 * features)];
        double[] expected = KernelRegression.Fit(x, y, features, options).Predict(queries).Mean;
        double[] found = LocalLikelihood.Fit(x, y, features, ResponseFamily.Poisson, options).Predict(queries).Mean;
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(Math.Max(expected[i], y.Average() * Math.Exp(-20)), found[i], 1e-10 * Math.Max(1, expected[i]));
        }
    }

    [Theory]
    [InlineData(ResponseFamily.Binomial, 1, 0)]
    [InlineData(ResponseFamily.Binomial, 2, 1)]
    [InlineData(ResponseFamily.Poisson, 1, 2)]
    [InlineData(ResponseFamily.Poisson, 3, 1)]
    public void LeaveOneOut_IsThatOfFitsWithoutEach(ResponseFamily family, int features, int degree)
    {
        (double[] x, double[] y) = Drawn(family, 50, features, seed: 5);
        var options = new KernelRegressionOptions { Degree = degree, Ridge = degree == 0 ? null : 0.25, Bandwidth = 0.9 };
        double sum = 0;
        for (int i = 0; i < y.Length; i++)
        {
            double[] others = [.. y.Where((_, k) => k != i)];

            // A ridge is one of rows of the mean of those that are fitted.
            double v = Variance(family, y.Average()) / Variance(family, others.Average());
            double mean = LocalLikelihood.Fit(
                [.. x.Where((_, k) => k / features != i)], others, features, family, options with { Ridge = options.Ridge * v })
                .Predict([.. x.AsSpan(i * features, features)]).Mean[0];
            sum += family == ResponseFamily.Binomial ? -2 * Math.Log(y[i] == 1 ? mean : 1 - mean)
                : 2 * ((y[i] > 0 ? y[i] * Math.Log(y[i] / mean) : 0) - y[i] + mean);
        }

        AssertClose(sum / y.Length, LocalLikelihood.Fit(x, y, features, family, options).Likelihood.LeaveOneOutDeviance, 1e-7);
    }

    // The largest of the penalised sum, by its own gradient in differences.
    [Fact]
    public void Ridge_HoldsSlopesAsItsFormulaSays()
    {
        (double[] x, double[] y) = Drawn(ResponseFamily.Binomial, 60, 1, seed: 8);
        (double h, double ridge, double q) = (0.7, 0.25, 2.1);
        LocalLikelihood model = LocalLikelihood.Fit(
            x, y, ResponseFamily.Binomial, new KernelRegressionOptions { Degree = 1, Ridge = ridge, Bandwidth = h });
        Predictions at = model.Predict([q], new PredictionOptions { HasSlopes = true });
        double eta = LocalLikelihoodPeersTests.Link(ResponseFamily.Binomial, at.Mean[0]);
        double slope = at.Slopes[0] / (at.Mean[0] * (1 - at.Mean[0])) * h;
        double held = ridge * Variance(ResponseFamily.Binomial, y.Average());
        double[] gradient = [0, -held * slope];
        for (int i = 0; i < x.Length; i++)
        {
            double u = (x[i] - q) / h;
            double score = Math.Exp(-u * u / 2) * (y[i] - (1 / (1 + Math.Exp(-eta - (slope * u)))));
            gradient[0] += score;
            gradient[1] += score * u;
        }

        Assert.Equal(0, gradient[0], 1e-7);
        Assert.Equal(0, gradient[1], 1e-7);
    }

    // Zeros to the left, ones to the right: nothing is largest there, and what is said is finite and honest.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void OfOneKind_AnswersAreFinite(int degree)
    {
        double[] x = [.. Enumerable.Range(0, 40).Select(i => (double)i)];
        double[] y = [.. x.Select(place => place < 20 ? 0.0 : 1)];
        foreach (SmoothingKernel kernel in new[] { SmoothingKernel.Gaussian, SmoothingKernel.Epanechnikov })
        {
            LocalLikelihood model = LocalLikelihood.Fit(x, y, ResponseFamily.Binomial, new KernelRegressionOptions
            {
                Kernel = kernel,
                Degree = degree,
                Ridge = degree == 0 ? null : 0,
                Bandwidth = 2.5,
            });
            foreach (IntervalKind kind in new[] { IntervalKind.MeanWithoutBias, IntervalKind.Mean })
            {
                Predictions at = model.Predict([-300, 2, 19.4, 25, 38, 1e6], new PredictionOptions { Interval = kind });
                int[] inReach = [.. Enumerable.Range(0, 6).Where(i => at.HasNeighbour[i])];
                Assert.Equal(kernel == SmoothingKernel.Gaussian ? 6 : 4, inReach.Length);
                Assert.All(inReach, i =>
                {
                    Assert.InRange(at.Lower[i], 1e-10, at.Mean[i]);
                    Assert.InRange(at.Upper[i], at.Mean[i], 1 - 1e-10);
                    Assert.True(at.StandardError[i] >= 0 && double.IsFinite(at.StandardError[i]));
                });
            }
        }

        LocalLikelihood ends = LocalLikelihood.Fit(
            x, y, ResponseFamily.Binomial, new KernelRegressionOptions { Kernel = SmoothingKernel.Boxcar, Bandwidth = 2.5 });
        Predictions zeros = ends.Predict([10.0]);
        Assert.Equal(1 / (1 + Math.Exp(20)), zeros.Mean[0], 1e-20);
        Assert.Equal(1 - Math.Pow(0.025, 1 / 5.0), zeros.Upper[0], 1e-12);
        Assert.True(zeros.IsLevel[0]);
    }

    [Fact]
    public void CountsOfZeroAlone_HaveAnUpperEnd()
    {
        double[] x = [.. Enumerable.Range(0, 40).Select(i => (double)i)];
        double[] y = [.. x.Select(place => place < 20 ? 0.0 : 4)];
        LocalLikelihood model = LocalLikelihood.Fit(
            x, y, ResponseFamily.Poisson, new KernelRegressionOptions { Kernel = SmoothingKernel.Boxcar, Bandwidth = 2.5 });
        Predictions at = model.Predict([10.0]);
        Assert.Equal(2 * Math.Exp(-20), at.Mean[0], 1e-20);
        Assert.Equal(-Math.Log(0.025) / 5, at.Upper[0], 1e-12);
    }

    // Most draws of a line of the link are fitted with a wide bandwidth of the degree 1, those of a wave with a narrow one.
    [Fact]
    public void Search_FindsWhatTheLinkIsLike()
    {
        var options = new KernelRegressionOptions { Degree = 1 };
        LocalLikelihood[] straight = [.. Enumerable.Range(0, 9).Select(seed => Of(seed, place => 1.5 * place))];
        LocalLikelihood[] bent = [.. Enumerable.Range(0, 9).Select(seed => Of(seed, place => 3 * Math.Sin(3 * place)))];
        Assert.True(straight.Count(model => model.Bandwidths[0] > 1) >= 4);
        Assert.All(bent, model =>
        {
            Assert.InRange(model.Bandwidths[0], 0.05, 0.8);
            Assert.Equal(model.Search!.Score, model.Likelihood.LeaveOneOutDeviance);
            Assert.All(model.Search.Trials, trial => Assert.True(trial.Score >= model.Search.Score * (1 - 1e-7)));
        });

        (double[] x, double[] y) = Drawn(ResponseFamily.Binomial, 60, 1, seed: 1);
        LocalLikelihood either = LocalLikelihood.Fit(x, y, ResponseFamily.Binomial, new KernelRegressionOptions { Degrees = [0, 1] });
        Assert.Equal(either.DegreeTrials.MinBy(trial => trial.LeaveOneOutDeviance).Degree, either.Options.Degree);

        LocalLikelihood Of(int seed, Func<double, double> eta)
        {
            var random = new Random(seed);
            double[] x = [.. Enumerable.Range(0, 150).Select(_ => (6 * random.NextDouble()) - 3)];
            double[] y = [.. x.Select(place => random.NextDouble() < 1 / (1 + Math.Exp(-eta(place))) ? 1.0 : 0)];
            return LocalLikelihood.Fit(x, y, ResponseFamily.Binomial, options);
        }
    }

    // Forty draws of 300 rows, at 50 places: pointwise, as far as so many tell.
    [Theory]
    [InlineData(ResponseFamily.Binomial)]
    [InlineData(ResponseFamily.Poisson)]
    public void IntervalOfTheMean_CoversIt(ResponseFamily family)
    {
        (double inside, double plain, int all) = (0, 0, 0);
        double[] places = [.. Enumerable.Range(0, 50).Select(i => 0.1 + (4.8 * i / 49))];
        for (int seed = 0; seed < 40; seed++)
        {
            (double[] x, double[] y) = Drawn(family, 300, 1, seed);
            LocalLikelihood model = LocalLikelihood.Fit(
                x, y, family, new KernelRegressionOptions { Degree = 2, Bandwidth = family == ResponseFamily.Binomial ? 1.2 : 0.7 });
            foreach (IntervalKind kind in new[] { IntervalKind.Mean, IntervalKind.MeanWithoutBias })
            {
                Predictions at = model.Predict(places, new PredictionOptions { Interval = kind });
                double count = places.Index().Count(p => MeanAt(family, [p.Item]) is var mean && mean >= at.Lower[p.Index]
                    && mean <= at.Upper[p.Index]);
                (inside, plain) = kind == IntervalKind.Mean ? (inside + count, plain) : (inside, plain + count);
            }

            all += places.Length;
        }

        Assert.InRange(inside / all, 0.935, 0.99);
        Assert.True(plain < inside);
    }

    [Fact]
    public void Weights_CountAsCopies()
    {
        (double[] x, double[] y) = Drawn(ResponseFamily.Poisson, 40, 1, seed: 9);
        double[] weights = [.. Enumerable.Range(0, 40).Select(i => i % 3 == 0 ? 2.0 : 1)];
        double[] copiesOfX = [.. x, .. x.Where((_, i) => i % 3 == 0)];
        double[] copiesOfY = [.. y, .. y.Where((_, i) => i % 3 == 0)];
        var options = new KernelRegressionOptions { Degree = 2, Ridge = 0, Bandwidth = 0.8 };
        double[] weighted = LocalLikelihood.Fit(x, y, 1, ResponseFamily.Poisson, options, weights).Predict([1, 2, 3]).Mean;
        double[] copied = LocalLikelihood.Fit(copiesOfX, copiesOfY, ResponseFamily.Poisson, options).Predict([1, 2, 3]).Mean;
        Assert.Equal(copied, weighted, (a, b) => Math.Abs(a - b) < 1e-9);
    }

    [Theory]
    [InlineData(ResponseFamily.Binomial)]
    [InlineData(ResponseFamily.Poisson)]
    public void ExamplesOfWeight0_CountForNothingAndAreFitted(ResponseFamily family)
    {
        (double[] x, double[] y) = Drawn(family, 60, 1, seed: 4);
        double[] weights = [.. Enumerable.Range(0, 60).Select(i => (double)(i % 3))];
        int[] left = [.. Enumerable.Range(0, 60).Where(i => i % 3 > 0)];
        var options = new KernelRegressionOptions { Degree = 1, Ridge = 0.25 };

        LocalLikelihood model = LocalLikelihood.Fit(x, y, 1, family, options, weights);

        LocalLikelihood without = LocalLikelihood.Fit(
            [.. left.Select(i => x[i])], [.. left.Select(i => y[i])], 1, family, options, [.. left.Select(i => weights[i])]);
        Assert.Equal(without.Bandwidths[0], model.Bandwidths[0], 1e-6 * without.Bandwidths[0]);
        Assert.Equal(without.Count, model.Count);
        Assert.Equal(without.Likelihood.Deviance, model.Likelihood.Deviance, 1e-9 * without.Likelihood.Deviance);
        Assert.Equal(without.Predict(x).Mean, model.Fitted, (a, b) => Math.Abs(a - b) < 1e-6);

        double[] ofOneKind = [.. y.Select((value, i) => i % 3 > 0 ? 0 : value)];
        Assert.Equal(
            RegressionProblem.NoSpread,
            Assert.Throws<RegressionDataException>(() => LocalLikelihood.Fit(x, ofOneKind, 1, family, options, weights)).Kind);
    }

    [Theory]
    [InlineData(ResponseFamily.Binomial)]
    [InlineData(ResponseFamily.Poisson)]
    public void AnyNumberOfThreads_IsTheSameBits(ResponseFamily family)
    {
        (double[] x, double[] y) = Drawn(family, 3000, 1, seed: 4);
        LocalLikelihood one = FitWith(1);
        LocalLikelihood two = FitWith(2);

        Assert.Equal(one.Fitted, two.Fitted);
        Assert.Equal(one.Likelihood.Deviance, two.Likelihood.Deviance);

        LocalLikelihood FitWith(int threads) => LocalLikelihood.Fit(
            x, y, 1, family, new KernelRegressionOptions { Degree = 1, Bandwidth = 0.7, Threads = threads });
    }

    [Fact]
    public void SavedModel_PredictsTheSame()
    {
        (double[] x, double[] y) = Drawn(ResponseFamily.Binomial, 70, 2, seed: 1);
        double[] weights = [.. Enumerable.Range(1, 70).Select(i => (double)i)];
        LocalLikelihood model = LocalLikelihood.Fit(
            x, y, 2, ResponseFamily.Binomial, new KernelRegressionOptions { Degree = 2, Bandwidth = 1.1 }, weights);
        string path = Path.Combine(_folder, "model.safetensors");
        model.Save(path, new Dictionary<string, string> { ["y"] = "ill" });
        (LocalLikelihood again, IReadOnlyDictionary<string, string> notes) = LocalLikelihood.Load(path);
        Assert.Equal(("ill", ResponseFamily.Binomial), (notes["y"], again.Family));
        Predictions before = model.Predict([1, 2, 3, 3], new PredictionOptions { HasSlopes = true });
        Predictions after = again.Predict([1, 2, 3, 3], new PredictionOptions { HasSlopes = true });
        Assert.Equal(before.Mean, after.Mean);
        Assert.Equal(before.Upper, after.Upper);
        Assert.Equal(before.Slopes, after.Slopes);
        Assert.Equal(model.Likelihood, again.Likelihood);

        SafeTensorsFile file = SafeTensorsFile.Read(path);
        var tensors = new Dictionary<string, SafeTensor>(file.Tensors) { ["values"] = SafeTensor.Create(new double[70], 70) };
        new SafeTensorsFile(tensors, file.Metadata).Write(path);
        string message = Assert.Throws<StorageException>(() => LocalLikelihood.Load(path)).Message;
        Assert.Contains("values of both kinds", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluation_IsByFolds()
    {
        (double[] x, double[] y) = Drawn(ResponseFamily.Binomial, 60, 1, seed: 2);
        var options = new KernelRegressionOptions { Degree = 1, Bandwidth = 0.8 };
        LikelihoodEvaluation each = LikelihoodEvaluation.CrossValidate(x, y, 1, ResponseFamily.Binomial, options, folds: 60);
        LocalLikelihood model = LocalLikelihood.Fit(x, y, ResponseFamily.Binomial, options);
        AssertClose(model.Likelihood.LeaveOneOutDeviance, each.MeanDeviance, 1e-7);
        AssertClose(model.Likelihood.LeaveOneOutDeviance / 2, each.LogLoss, 1e-7);
        AssertClose(model.Likelihood.LeaveOneOutError, each.MeanSquaredError, 1e-7);
        Assert.Equal(60, each.Losses.Count);
    }

    [Fact]
    public void WrongInput_IsRefused()
    {
        double[] x = [1, 2, 3];
        Refused("Expected 0 or 1, got 2 in row 1.", [0, 2, 1], ResponseFamily.Binomial);
        Refused("Expected whole numbers of at least 0, got -1 in row 0.", [-1, 2, 1], ResponseFamily.Poisson);
        Refused("Expected whole numbers of at least 0, got 0.5 in row 2.", [1, 2, 0.5], ResponseFamily.Poisson);
        Refused("got examples that are left out together", [0, 1, 1], ResponseFamily.Binomial, new() { LeaveOutTies = true });
        Refused("got NoNeighbour Nearest", [0, 1, 1], ResponseFamily.Binomial, new() { NoNeighbour = NoNeighbourPolicy.Nearest });
        Refused("got the bandwidth AICc", [0, 1, 1], ResponseFamily.Binomial, new() { Bandwidth = Bandwidth.AICc });
        Refused("got a period", [0, 1, 1], ResponseFamily.Binomial, new() { Periods = [24] });
        Refused("values of both kinds", [1, 1, 1], ResponseFamily.Binomial);
        Refused("counts above 0", [0, 0, 0], ResponseFamily.Poisson);
        LocalLikelihood model = LocalLikelihood.Fit(x, [0, 1, 1], ResponseFamily.Binomial, new() { Bandwidth = 1 });
        foreach (PredictionOptions options in new PredictionOptions[]
            {
                new() { IsSimultaneous = true }, new() { Interval = IntervalKind.NewObservation }, new() { HasSlopes = true },
            })
        {
            Assert.Throws<ArgumentException>(() => model.Predict([1.0], options));
        }

        void Refused(string message, double[] y, ResponseFamily family, KernelRegressionOptions? options = null) => Assert.Contains(
            message, Assert.ThrowsAny<ArgumentException>(() => LocalLikelihood.Fit(x, y, family, options)).Message,
            StringComparison.Ordinal);
    }

    private static double MeanAt(ResponseFamily family, ReadOnlySpan<double> x)
    {
        double eta = Math.Sin(1.3 * x[0]) + (x.Length > 1 ? 0.4 * x[1] - 1 : 0);
        return family == ResponseFamily.Binomial ? 1 / (1 + Math.Exp(-eta)) : Math.Exp(eta);
    }

    private static (double[] X, double[] Y) Drawn(ResponseFamily family, int n, int features, int seed)
    {
        var random = new Random(seed);
        double[] x = [.. Enumerable.Range(0, n * features).Select(_ => 5 * random.NextDouble())];
        return (x, [.. Enumerable.Range(0, n).Select(i => Draw(MeanAt(family, x.AsSpan(i * features, features))))]);

        double Draw(double mean)
        {
            if (family == ResponseFamily.Binomial)
            {
                return random.NextDouble() < mean ? 1 : 0;
            }

            (double product, int count) = (random.NextDouble(), 0);
            for (double end = Math.Exp(-mean); product > end; count++)
            {
                product *= random.NextDouble();
            }

            return count;
        }
    }

    private static double Variance(ResponseFamily family, double mean) => family == ResponseFamily.Binomial ? mean * (1 - mean) : mean;

    internal static void AssertClose(double expected, double found, double part) =>
        Assert.Equal(expected, found, part * Math.Max(1, Math.Abs(expected)));
}
