using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Likelihood;
using TorchAttention.Numerics.Storage;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Regression;

public sealed class LocalLikelihoodTests : IDisposable
{
    private static readonly double[] _faithfulPlaces = [3.6, 1.8, 3.333, 2.283, 4.533, 4.25, 4.433];
    private static readonly double[] _mcyclePlaces = [2.4, 8.2, 15.4, 20.2, 29.4, 39.2, 57.6];

    private readonly string _folder = Directory.CreateTempSubdirectory("likelihood").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // R 4.2.2, locfit 1.5-9.7: locfit(y ~ lp(x, h, deg), family, kern, ev = dat(), maxit = 200) of waiting > 70 by eruptions of faithful,
    // and of floor(abs(accel) / 5) by times of mcycle: df1, lk, and fitted(what = "coef") and "vari" at seven rows. locfit's Gaussian ends
    // at its h, 2.5 of ours, and is exp(-(2.5 u)^2 / 2) within.
    [Theory]
    [InlineData(ResponseFamily.Binomial, "gaussian", 0, 0.5, 2.8573604, -36.956098, 1.7764341, -4.9819588, 0.98336525, -3.7708573,
        3.5065312, 2.9996861, 3.322217, 0.068206259, 1.6302781, 0.051738245, 0.47152849, 0.23035418, 0.137676, 0.18840582)]
    [InlineData(ResponseFamily.Binomial, "tricube", 0, 2, 2.0430701, -41.020314, 1.5298459, -4.0987498, 0.77413883, -2.3683797,
        2.9385362, 2.6921507, 2.8527496, 0.034712501, 0.6274797, 0.021686822, 0.11003882, 0.12131901, 0.095463812, 0.11139941)]
    [InlineData(ResponseFamily.Binomial, "gaussian", 1, 0.75, 2.9875326, -34.092906, 1.0622922, -6.2732165, 0.028755924, -4.2004683,
        4.7969209, 3.5745806, 4.3483784, 0.11675991, 2.490345, 0.15555504, 0.99177659, 0.66298385, 0.28634555, 0.49242771)]
    [InlineData(ResponseFamily.Poisson, "gaussian", 1, 3, 8.0083798, -166.23196, -8.8963815, -3.1283773, 1.8283911, 2.7825597,
        1.9495844, 1.2697127, 0.32726346, 37.476236, 0.61746269, 0.0041449927, 0.0013733679, 0.0050619167, 0.015620285, 0.4809457)]
    [InlineData(ResponseFamily.Binomial, "tricube", 1, 3, 2.3184662, -34.243065, 1.0474953, -6.157361, -0.0092092929, -4.1528559,
        4.7519343, 3.6281274, 4.3535164, 0.10883134, 1.6805071, 0.13898314, 0.7730708, 0.47446039, 0.25222398, 0.37788055)]
    [InlineData(ResponseFamily.Poisson, "tricube", 1, 12, 4.8920048, -220.87684, -8.6737269, -3.1210452, 1.9103199, 2.505765, 2.0987138,
        1.3198078, 0.073989055, 20.461997, 0.20264472, 0.0030456457, 0.001179906, 0.0030328259, 0.010501919, 0.33326756)]
    [InlineData(ResponseFamily.Binomial, "gaussian", 2, 1, 3.3609367, -34.017927, 1.0553666, -6.5659363, 0.034133343, -4.2545886,
        4.9999201, 3.6501683, 4.4961111, 0.16333864, 4.639266, 0.21575318, 1.1395124, 1.0424733, 0.3347856, 0.70168088)]
    [InlineData(ResponseFamily.Poisson, "gaussian", 2, 4.5, 7.4884875, -147.84606, -10.479569, -5.3538885, 1.6914714, 3.1482644,
        2.0093467, 1.3862026, 0.29671739, 24.676657, 1.3784144, 0.0062145165, 0.0027561147, 0.0039381517, 0.012161345, 0.46023032)]
    [InlineData(ResponseFamily.Binomial, "tricube", 2, 4, 3.029943, -34.186807, 1.0315618, -6.4067534, -0.026110267, -4.2450271,
        4.8704472, 3.6725757, 4.4416596, 0.16078527, 3.6704323, 0.21302185, 1.0770648, 0.90118259, 0.32967404, 0.63750647)]
    [InlineData(ResponseFamily.Poisson, "tricube", 2, 18, 5.5815373, -176.12855, -10.415457, -5.9032844, 1.7334941, 2.9538254,
        2.2336115, 1.430074, 0.028744539, 23.528035, 0.64615114, 0.0054781435, 0.0023171653, 0.0027913575, 0.0089199531, 0.44849496)]
    public void Fit_IsLocfit(
        ResponseFamily family, string kernel, int degree, double h, double freedom, double logLikelihood, params double[] expected)
    {
        (double[] x, double[] y) = Data(family);
        LocalLikelihood model = LocalLikelihood.Fit(x, y, family, new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Degree = degree,
            Ridge = degree == 0 ? null : 0,
            Bandwidth = h,
        });
        Predictions at = model.Predict(family == ResponseFamily.Binomial ? _faithfulPlaces : _mcyclePlaces);
        for (int i = 0; i < 7; i++)
        {
            double eta = Link(family, at.Mean[i]);
            double deviation = at.StandardError[i] / (family == ResponseFamily.Binomial ? at.Mean[i] * (1 - at.Mean[i]) : at.Mean[i]);
            AssertClose(expected[i], eta, 5e-5);
            AssertClose(expected[7 + i], deviation * deviation, 1e-4);
        }

        // Of counts and the degree 2 locfit says that it did not converge at some rows, where there are hardly any but zeros.
        if (family == ResponseFamily.Binomial || degree < 2)
        {
            AssertClose(freedom, model.Likelihood.EffectiveDegreesOfFreedom, 1e-4);
        }

        AssertClose(-2 * logLikelihood, model.Likelihood.Deviance, 1e-4);
    }

    // R 4.2.2, glm(y ~ x + I(x^2), binomial) at 1.8, 2.5, 3, 3.4, 4, 4.6 and glm(y ~ x, poisson) at 5, 12, 20, 28, 40, 55, epsilon = 1e-15.
    [Fact]
    public void OfAVeryWideBandwidth_IsTheModelOfAllRows()
    {
        Check(ResponseFamily.Binomial, 2, [1.8, 2.5, 3, 3.4, 4, 4.6], 364.608947102983, 68.4931994528558, [
            -6.10134102375043, -3.34944063330406, -1.36524297800386, 0.233247857796549, 2.64953863076424, 5.08809482685242,
            1.76945943464172, 0.776219077783385, 0.533184587333299, 0.448068529471959, 0.395083670206481, 1.03642485559825]);
        Check(ResponseFamily.Poisson, 1, [5, 12, 20, 28, 40, 55], 1096.6930486264, 1081.44346649472, [
            2.17790963948424, 2.10923136168152, 2.03074190133555, 1.95225244098958, 1.83451825047063, 1.68735051232194,
            0.0570971514825049, 0.04353110125018, 0.0333445453776777, 0.0340236973839455, 0.0527289121340862, 0.0862048918473688]);

        static void Check(
            ResponseFamily family, int degree, double[] places, double nullDeviance, double deviance, double[] expected)
        {
            (double[] x, double[] y) = Data(family);
            var options = new KernelRegressionOptions { Degree = degree, Ridge = 0, Bandwidth = 1e6 };
            LocalLikelihood model = LocalLikelihood.Fit(x, y, family, options);
            Predictions at = model.Predict(places);
            for (int i = 0; i < places.Length; i++)
            {
                AssertClose(expected[i], Link(family, at.Mean[i]), 1e-6);
                double error = at.StandardError[i] / (family == ResponseFamily.Binomial ? at.Mean[i] * (1 - at.Mean[i]) : at.Mean[i]);
                AssertClose(expected[places.Length + i], error, 1e-6);
                Assert.Equal(1.959963984540054, (Link(family, at.Upper[i]) - Link(family, at.Mean[i])) / error, 1e-6);
            }

            AssertClose(nullDeviance, model.Likelihood.NullDeviance, 1e-9);
            AssertClose(deviance, model.Likelihood.Deviance, 1e-8);
            AssertClose(degree + 1, model.Likelihood.EffectiveDegreesOfFreedom, 1e-6);
        }
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
        double eta = Link(ResponseFamily.Binomial, at.Mean[0]);
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

    private static (double[] X, double[] Y) Data(ResponseFamily family)
    {
        BuiltInTable builtIn = BuiltInTable.Find(family == ResponseFamily.Binomial ? "faithful" : "mcycle")!;
        Table table = builtIn.Read(_ => [builtIn.X, builtIn.Y]);
        double[] y = table[builtIn.Y].ToArray();
        return (
            table[builtIn.X].ToArray(),
            Array.ConvertAll(y, value => family == ResponseFamily.Binomial ? value > 70 ? 1.0 : 0 : Math.Floor(Math.Abs(value) / 5)));
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

    private static double Link(ResponseFamily family, double mean) =>
        Math.Log(family == ResponseFamily.Binomial ? mean / (1 - mean) : mean);

    private static double Variance(ResponseFamily family, double mean) => family == ResponseFamily.Binomial ? mean * (1 - mean) : mean;

    private static void AssertClose(double expected, double found, double part) =>
        Assert.Equal(expected, found, part * Math.Max(1, Math.Abs(expected)));
}
