using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Tests.Regression;

public sealed class LocalPolynomialsTests
{
    [Theory]
    [InlineData("gaussian", 1, 1, 0.25)]
    [InlineData("gaussian", 2, 1, 0.25)]
    [InlineData("gaussian", 3, 1, 0)]
    [InlineData("tricube", 2, 1, 0.25)]
    [InlineData("gaussian", 2, 2, 0.25)]
    [InlineData("biweight", 3, 3, 0.25)]
    public void LeaveOneOut_IsTheFitWithoutTheExample(string kernel, int degree, int features, double ridge)
    {
        (double[] x, double[] y) = Samples.Of(60, features, seed: 3);
        double[] h = [.. Enumerable.Repeat(features == 1 ? 0.8 : 2.5, features)];
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Degree = degree,
            Ridge = ridge,
            Bandwidth = Bandwidth.Fixed(h),
        };
        SmootherData data = SmootherData.Create(x, y, [], features, out _);
        Smoother.Fit fit = new Smoother(options.Kernel, degree, ridge, null, CancellationToken.None)
            .At<double>(data, h, leaveOut: true);

        for (int i = 0; i < y.Length; i++)
        {
            int[] others = [.. Enumerable.Range(0, y.Length).Where(k => k != i)];
            SmootherData without = data.Take(others);
            KernelRegression model = KernelRegression.Fit(without.Keys, without.Values, features, options);
            double expected = model.Predict(data.Keys.AsSpan(i * features, features)).Mean[0];
            Assert.Equal(expected, fit.WithoutOwn[i], 1e-12 * Math.Max(1, Math.Abs(expected)) / (1 - fit.Leverage[i]));
        }
    }

    [Theory]
    [InlineData("gaussian", 2, 1)]
    [InlineData("gaussian", 3, 1)]
    [InlineData("epanechnikov", 3, 2)]
    [InlineData("gaussian", 2, 3)]
    public void HatWeights_MakeTheValueAndItsError(string kernel, int degree, int features)
    {
        (double[] x, double[] y) = Samples.Of(80, features, seed: 4);
        double[] weights = [.. y.Select((_, i) => 1 + (i % 3))];
        double[] h = [.. Enumerable.Repeat(1.5, features)];
        using var samples = new Samples<double>(x, y, features, weights);
        var polynomials = new LocalPolynomials(SmoothingKernel.Find(kernel)!, samples, h, degree, 0.25, threads: 1, isLasting: true);
        foreach (double place in new[] { 0.1, 2.5, 5.1, 60 })
        {
            double[] query = [.. Enumerable.Repeat(place, features)];
            double[] value = [0];
            double[] effective = [0];
            bool[] has = [false];
            polynomials.At<double>(
                query, new() { Values = value, EffectiveNeighbours = effective, HasNeighbour = has }, NoNeighbourPolicy.NaN);
            double[] l = new double[y.Length];

            polynomials.HatWeights(query, l);

            Assert.Equal(has[0] ? 1 : 0, l.Sum(), 1e-12);
            if (has[0])
            {
                Assert.Equal(l.Zip(y).Sum(pair => pair.First * pair.Second), value[0], 1e-12 * Math.Max(1, Math.Abs(value[0])));
                Assert.Equal(1 / l.Zip(weights).Sum(pair => pair.First * pair.First / pair.Second), effective[0], 1e-11 * effective[0]);
            }

            double[] some = new double[20];
            polynomials.HatWeights(query, some, first: 30);
            Assert.Equal(l[30..50], some);
        }
    }

    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    [InlineData(512)]
    public void WidthOfVectorsAndThreads_SayTheSame(int bits)
    {
        (double[] x, double[] y) = Samples.Of(700, 2, seed: 5);
        using var samples = new Samples<double>(x, y, 2);
        double[] Of(int? width, int? threads)
        {
            double[] value = new double[y.Length];
            new LocalPolynomials(SmoothingKernel.Gaussian, samples, [0.7, 0.9], 2, 0.25, threads, isLasting: true, width)
                .At(x, new PoolingOutput<double> { Values = value }, NoNeighbourPolicy.NaN);
            return value;
        }

        double[] expected = Of(128, 1);
        Assert.All(expected.Zip(Of(bits, 1)), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
        Assert.Equal(Of(bits, 1), Of(bits, 3));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Slope_IsTheLinearTermOfThePolynomial(int degree)
    {
        // A polynomial of the degree is fitted exactly, with its derivatives, where there is no ridge.
        double[] x = [.. Enumerable.Range(0, 40).Select(i => i / 10.0)];
        double[] y = [.. x.Select(at => 1 + Math.Pow(at - 1, degree))];
        KernelRegression model = KernelRegression.Fit(
            x, y, new KernelRegressionOptions { Degree = degree, Ridge = degree == 1 ? null : 0, Bandwidth = 0.5 });
        Predictions at = model.Predict([0, 1.7, 3.9], new PredictionOptions { HasSlopes = true });
        double[] places = [0, 1.7, 3.9];
        for (int i = 0; i < places.Length; i++)
        {
            Assert.Equal(1 + Math.Pow(places[i] - 1, degree), at.Mean[i], 1e-9);
            Assert.Equal(degree * Math.Pow(places[i] - 1, degree - 1), at.Slopes[i], 1e-8);
        }
    }

    [Theory]
    [InlineData(1, 0.25)]
    [InlineData(2, null)]
    [InlineData(3, null)]
    public void FarFromAllExamples_TheNearestSpeak(int degree, double? ridge)
    {
        var random = new Random(6);
        double[] x = [.. Enumerable.Range(0, 200).Select(_ => random.NextDouble())];
        double[] y = [.. x.Select(at => 10 * at)];
        KernelRegression model = KernelRegression.Fit(
            x, y, new KernelRegressionOptions { Degree = degree, Ridge = ridge, Bandwidth = 0.05 });

        // From where the ridge lets go of the line to where weights leave float64, and beyond.
        double[] far = [1.3, 1.6, 2, 2.22, 2.23, 3, 10, 1e6, -0.5, -1e9];
        Predictions at = model.Predict(far);

        for (int i = 0; i < far.Length; i++)
        {
            Assert.InRange(at.Mean[i], -0.01, 10.01);
            if (Math.Abs(far[i] - 0.5) > 1.5)
            {
                Assert.Equal(far[i] > 0 ? y.Max() : y.Min(), at.Mean[i], 0.3);
            }
        }

        // No step where weights begin to be relative to the nearest key's.
        double edge = x.Max() + (0.05 * Math.Sqrt(600));
        Predictions around = model.Predict([edge * (1 - 1e-12), edge * (1 + 1e-12)]);
        Assert.Equal(around.Mean[0], around.Mean[1], 1e-9);
        Assert.Equal(around.EffectiveNeighbours[0], around.EffectiveNeighbours[1], 1e-9);
    }

    [Theory]
    [InlineData(1, 0.25, 1)]
    [InlineData(2, null, 1)]
    [InlineData(2, 0.0, 1)]
    [InlineData(3, null, 2)]
    public void TooFarForSquaresToTellKeysApart_TheNearestSpeaks(int degree, double? ridge, int features)
    {
        double[] x = [.. Enumerable.Range(0, 50 * features).Select(i => i / features / 50.0)];
        double[] y = [.. Enumerable.Range(0, 50).Select(i => (double)i)];
        KernelRegression model = KernelRegression.Fit(
            x, y, features, new KernelRegressionOptions { Degree = degree, Ridge = ridge, Bandwidth = 0.05 });

        foreach (double place in new[] { -1e5, -3e7, -1e9, -1e12, -1e15, 1e7, 4e8, 1e10, 1e14 })
        {
            Predictions at = model.Predict([.. Enumerable.Repeat(place, features)]);

            Assert.Equal(place < 0 ? 0 : 49, at.Mean[0], 1e-9);
            Assert.Equal(1, at.EffectiveNeighbours[0], 1e-9);
            Assert.Equal(model.Predict([.. Enumerable.Repeat(place < 0 ? -1e4 : 1e4, features)]).Lower[0], at.Lower[0], 1e-9);
        }
    }

    [Fact]
    public void ExampleTooFarForSquares_IsPredictedByTheNearest()
    {
        double[] x = [.. Enumerable.Range(0, 50).Select(i => i / 50.0), 1e9];
        double[] y = [.. Enumerable.Range(0, 50).Select(i => (double)i), 7];
        SmootherData data = SmootherData.Create(x, y, [], 1, out _);
        Smoother.Fit fit = new Smoother(SmoothingKernel.Gaussian, 2, 0.25, null, CancellationToken.None)
            .At<double>(data, [0.05], leaveOut: true);

        Assert.Equal(49, fit.WithoutOwn[^1], 1e-9);
    }

    [Fact]
    public void ExampleAlone_IsPredictedByItsNeighboursAndNotByItself()
    {
        // Its leverage is 1 to all digits: nothing may be divided by what is left.
        double[] x = [.. Enumerable.Range(0, 40).Select(i => i / 40.0), 3];
        double[] y = [.. Enumerable.Range(0, 40).Select(i => (double)(i % 2)), 1000];
        SmootherData data = SmootherData.Create(x, y, [], 1, out _);
        Smoother.Fit fit = new Smoother(SmoothingKernel.Gaussian, 2, 0.25, null, CancellationToken.None)
            .At<double>(data, [0.1], leaveOut: true);

        Assert.Equal(1, fit.Leverage[^1], 1e-12);
        Assert.InRange(fit.WithoutOwn[^1], 0, 1);
        Smoother.Fit ends = new Smoother(SmoothingKernel.Tricube, 2, 0.25, null, CancellationToken.None)
            .At<double>(data, [0.1], leaveOut: true);
        Assert.Equal(1, ends.WithoutOwn[^1], 1e-12);
    }

    [Fact]
    public void WithoutARidge_TermsThatTheExamplesDoNotDetermineAreLeftOut()
    {
        // Two places hold a line, and no bend.
        KernelRegression model = KernelRegression.Fit(
            [0, 0, 1, 1, 1], [1, 3, 4, 5, 6], new KernelRegressionOptions { Degree = 3, Ridge = 0, Bandwidth = 1 });
        Predictions at = model.Predict([0, 0.5, 1, 2], new PredictionOptions { HasSlopes = true });
        Assert.Equal([2, 3.5, 5, 8], at.Mean, (a, b) => Math.Abs(a - b) < 1e-9);
        Assert.All(at.Slopes, slope => Assert.Equal(3, slope, 1e-9));
        Assert.DoesNotContain(true, at.IsLevel);
        Assert.True(KernelRegression.Fit([1, 1], [1, 2], new KernelRegressionOptions { Degree = 2, Ridge = 0, Bandwidth = 1 })
            .Predict([1]).IsLevel[0]);
    }

    [Fact]
    public void ThinTail_DoesNotExplode()
    {
        // Ages of a log-normal income, as in INTERVALS.md section 5: the last rows stand many bandwidths from all others.
        var random = new Random(7);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double[] x = [.. Enumerable.Range(0, 400).Select(_ => Math.Exp(0.9 * Normal()))];
        double[] y = [.. x.Select(income => 40 + (8 * Math.Log(1 + income)) + (10 * Normal()))];
        foreach (int degree in (int[])[2, 3])
        {
            RegressionEvaluation errors = Evaluation.CrossValidate(x, y, 1, new KernelRegressionOptions { Degree = degree }, folds: 5);
            Assert.InRange(errors.RSquared, 0.05, 0.6);
        }
    }

    [Fact]
    public void ValuesAndKeysFarFromZero_LoseNoDigits()
    {
        (double[] x, double[] y) = Samples.Of(200, 1, seed: 8);
        x = [.. x.Select(at => Math.Round(at * 1024) / 1024)];
        y = [.. y.Select(at => Math.Round(at * 1024) / 1024)];
        var options = new KernelRegressionOptions { Degree = 3, Bandwidth = 0.5 };
        double[] plain = KernelRegression.Fit(x, y, options).Predict([1, 2.5, 4.9]).Mean;
        double[] moved = KernelRegression.Fit([.. x.Select(at => at + 1e6)], [.. y.Select(at => at + 1e7)], options)
            .Predict([1 + 1e6, 2.5 + 1e6, 4.9 + 1e6]).Mean;
        Assert.Equal(plain, moved.Select(mean => mean - 1e7), (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Fact]
    public void SimultaneousBand_IsWiderThanThatOfPoints()
    {
        (double[] x, double[] y) = Samples.Of(200, 1, seed: 9);
        KernelRegression model = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = 2 });
        double points = model.Predict([2]).Quantile;
        double curve = model.Predict([2], new PredictionOptions { IsSimultaneous = true }).Quantile;
        Assert.InRange(curve, points + 0.5, 4);
    }
}
