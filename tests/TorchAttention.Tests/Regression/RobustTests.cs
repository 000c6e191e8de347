using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Regression.Groups;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Regression;

/// <summary><see cref="KernelRegressionOptions.RobustIterations"/>.</summary>
public sealed class RobustTests : IDisposable
{
    private static readonly double[] _mcyclePlaces = [5, 10.5, 14.2, 20, 27.7, 33, 45, 56];
    private static readonly double[] _ethanolPlaces = [0.6, 0.72, 0.81, 0.9, 1, 1.1, 1.2];

    private readonly string _folder = Directory.CreateTempSubdirectory("robust").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // R 4.2.2: loess(y ~ x, span = 0.3, degree, family = "symmetric", control = loess.control(surface = "direct", iterations = 4)). R takes
    // weights above 0.999998 for 1 and those below 4e-6 for 0, so that numbers differ from the sixth digit on.
    [Theory]
    [InlineData("mcycle", 0, -2.49907981510296, -5.46903084325178, -28.6341315394338, -98.9596633673644, -28.4473487560744, 23.341580917769,
        3.03480259880283, 0.988975772010342)]
    [InlineData("mcycle", 1, -1.66399505031703, -4.67848417854516, -11.9477181493552, -106.973965889253, -15.5937568830952,
        23.6488515162346, 1.25338612078986, -1.6349914712703)]
    [InlineData("mcycle", 2, -1.42420241553449, -1.2932130901724, -6.44346028238931, -120.156227340419, 0.0129596749118122,
        43.914050594082, -3.28402966919274, 3.74901026137947)]
    [InlineData("ethanol", 0, 1.15556560813592, 1.5981405646885, 2.56198781717703, 3.57123176860324, 2.77959435825266, 1.54724181094597,
        0.821296325060841)]
    [InlineData("ethanol", 1, 0.748538331292564, 1.59333774692314, 2.62153580623991, 3.56918280758753, 3.07283676954611, 1.55295538730953,
        0.742306501361905)]
    [InlineData("ethanol", 2, 0.757384672586504, 1.34620384208744, 3.30804930480687, 3.5929941765705, 3.15533095429417, 1.5073010646432,
        0.698704880576952)]
    public void OfAShare_IsLoess(string table, int degree, params double[] expected)
    {
        double[] found = Fit(table, degree).Predict(table == "mcycle" ? _mcyclePlaces : _ethanolPlaces).Mean;
        AssertClose(expected, found, table);
    }

    // R's stats::lowess(f = 0.3, iter = 3, delta = 0), and statsmodels 0.13.5, lowess(frac = 0.3, it = 3, delta = 0).
    [Theory]
    [InlineData("mcycle", -0.863251764401621, -9.44435741725846, -52.8365774019812, -108.045358897265, -36.0104966093977,
        -1.84603122871443)]
    [InlineData("mcycle", -0.8632517640302578, -9.444357417618898, -52.83657740511222, -108.04535890080246, -36.01049660952268,
        -1.8460312287144274)]
    [InlineData("ethanol", 0.311786665248768, 1.69464163924896, 3.52456325556438, 2.35508618162136, 0.747285750501238, 0.588124135198594)]
    [InlineData("ethanol", 0.3117866652487688, 1.6946416401499165, 3.5245632556896793, 2.3550861816214086, 0.7472857505012357,
        0.5881241351985982)]
    public void OfAShare_IsLowess(string table, params double[] expected)
    {
        KernelRegression model = Fit(table, 1);
        double[] keys = model.Keys.ToArray();
        AssertClose(expected, model.Predict(new[] { 0, 19, 39, 59, 79, keys.Length - 1 }.Select(i => keys[i]).ToArray()).Mean, table);
    }

    // The weighted means of five values by hand: medians of the residuals' sizes, weights, means, again.
    [Fact]
    public void OneIteration_IsThatByHand()
    {
        double[] y = [1, 2, 3, 4, 100];
        KernelRegression model = KernelRegression.Fit(
            [0, 0, 0, 0, 0], y, new KernelRegressionOptions { Bandwidth = 1, RobustIterations = 1 });

        // The mean is 22, the median size of the residuals 20.
        double[] weights = [.. y.Select(value => Math.Pow(1 - Math.Pow((value - 22) / 120, 2), 2))];
        Assert.Equal(weights, model.RobustWeights, (a, b) => Math.Abs(a - b) < 1e-14);
        double mean = weights.Zip(y, (weight, value) => weight * value).Sum() / weights.Sum();
        Assert.Equal(mean, model.Predict([0.0]).Mean[0], 1e-12);

        KernelRegression thrice = KernelRegression.Fit([0, 0, 0, 0, 0], y, model.Options with { RobustIterations = 20 });
        Assert.Equal(0, thrice.RobustWeights[4]);
        Assert.Equal(2.5, thrice.Fitted[0], 1e-12);
    }

    [Theory]
    [InlineData(1, 0, null)]
    [InlineData(1, 1, null)]
    [InlineData(1, 2, 0.25)]
    [InlineData(2, 1, null)]
    [InlineData(2, 2, 0.25)]
    public void Fit_IsTheWeightedOneOfItsWeights(int features, int degree, double? ridge)
    {
        (double[] x, double[] y) = Samples.Of(150, features, seed: 4);
        y[3] += 30;
        var options = new KernelRegressionOptions { Degree = degree, Ridge = ridge, Bandwidth = 0.8, RobustIterations = 4 };
        KernelRegression model = KernelRegression.Fit(x, y, features, options);
        Assert.Equal(0, model.RobustWeights[3]);

        double[] queries = [.. x.Take(20 * features)];
        double[] weights = [.. model.RobustWeights];

        // Given weights have the mean 1, and a ridge counts beside that; one of weight 0 is none.
        double mean = weights.Where(weight => weight > 0).Average();
        KernelRegression weighted = KernelRegression.Fit(
            x, y, features, options with { RobustIterations = 0, Ridge = ridge / mean }, weights);
        double[] expected = weighted.Predict(queries).Mean;
        Assert.Equal(expected, model.Predict(queries).Mean, (a, b) => Math.Abs(a - b) < 1e-9);
    }

    // Where nothing but outliers is changed the curve hardly is; residuals most of which are 0 leave it alone.
    [Fact]
    public void Outliers_AreLeftOut()
    {
        (double[] x, double[] y) = Samples.Of(200, 1, seed: 1);
        double[] spoilt = [.. y.Select((value, i) => i % 20 == 7 ? value + 25 : value)];
        var options = new KernelRegressionOptions { Degree = 2, Bandwidth = 0.6 };
        double[] clean = [.. KernelRegression.Fit(x, y, options).Fitted];
        double[] plain = [.. KernelRegression.Fit(x, spoilt, options).Fitted];
        double[] robust = [.. KernelRegression.Fit(x, spoilt, options with { RobustIterations = 3 }).Fitted];
        Assert.True(Distance(robust, clean) < Distance(plain, clean) / 8);

        double[] line = [.. x.Select((place, i) => i == 5 ? 9 : 2 * place)];
        KernelRegression exact = KernelRegression.Fit(x, line, new() { Degree = 1, Bandwidth = 0.3, RobustIterations = 8 });
        Assert.Equal(0, exact.RobustWeights[5]);
        Assert.Equal(2 * x[5], exact.Fitted[5], 1e-9);

        static double Distance(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (p, q) => (p - q) * (p - q)).Average());
    }

    // Of noise with one outlier in twenty: that share of new observations which the interval says, within what 40 draws tell.
    [Theory]
    [InlineData(IntervalKind.NewObservation)]
    [InlineData(IntervalKind.NewObservationQuantiles)]
    public void IntervalOfNewObservations_CoversThem(IntervalKind interval)
    {
        (int inside, int all) = (0, 0);
        for (int seed = 0; seed < 40; seed++)
        {
            (double[] x, double[] y) = Samples.Of(200, 1, seed);
            y = [.. y.Select((value, i) => i % 20 == 7 ? value + (i % 40 == 7 ? 4 : -4) : value)];
            KernelRegression model = KernelRegression.Fit(
                x[..100], y[..100], new KernelRegressionOptions { Degree = 2, Bandwidth = 0.6, RobustIterations = 3 });
            Predictions at = model.Predict(x[100..], new PredictionOptions { Interval = interval });
            inside += Enumerable.Range(0, 100).Count(i => y[100 + i] >= at.Lower[i] && y[100 + i] <= at.Upper[i]);
            all += 100;
        }

        Assert.InRange((double)inside / all, 0.93, 0.98);
    }

    [Fact]
    public void WhatDoesNotHold_IsRefusedOrNaN()
    {
        KernelRegression model = Fit("mcycle", 1);
        Assert.True(double.IsNaN(model.Diagnostics.LeaveOneOutError));
        Assert.True(double.IsNaN(model.Diagnostics.AICc));
        Predictions plain = model.Predict(_mcyclePlaces);
        Assert.All(plain.StandardError.Concat(plain.Lower).Concat(plain.Upper), number => Assert.True(double.IsNaN(number)));
        foreach (IntervalKind kind in new[] { IntervalKind.Mean, IntervalKind.JackknifePlus })
        {
            Assert.Throws<ArgumentException>(() => model.Predict(_mcyclePlaces, new PredictionOptions { Interval = kind }));
        }

        Assert.Throws<ArgumentException>(() => model.Predict(_mcyclePlaces, new PredictionOptions { IsSimultaneous = true }));
        Assert.Throws<NotSupportedException>(() => model.Condense());
        KernelRegressionOptions options = model.Options;
        Assert.Throws<ArgumentException>(() => KernelRegression.Fit([1, 2, 3], [1, 2, 3, 4, 5, 6], options));
        Assert.Throws<ArgumentException>(() => GroupedRegression.Fit(["a", "a", "a"], [1, 2, 3], [1, 2, 3], 1, options));
        Assert.Throws<ArgumentException>(() => MixedRegression.Fit([1, 0, 2, 0], [1, 2], [null, new Category(["a"])], options));
        Assert.Throws<ArgumentOutOfRangeException>(() => KernelRegression.Fit([1, 2], [1, 2], options with { RobustIterations = -1 }));
    }

    [Fact]
    public void SavedModel_PredictsTheSame()
    {
        KernelRegression model = Fit("mcycle", 2);
        string path = Path.Combine(_folder, "model.safetensors");
        model.Save(path);
        KernelRegression again = KernelRegression.Load(path).Model;
        Assert.Equal(3, again.Options.RobustIterations);
        Assert.Equal(model.RobustWeights.Order(), again.RobustWeights.Order());
        var options = new PredictionOptions { Interval = IntervalKind.NewObservation };
        (Predictions before, Predictions after) = (model.Predict(_mcyclePlaces, options), again.Predict(_mcyclePlaces, options));
        Assert.Equal(before.Mean, after.Mean);
        Assert.Equal(before.Lower, after.Lower);
    }

    // The degree and the bandwidth are those of all rows alike.
    [Fact]
    public void Search_IsThatWithoutIterations()
    {
        (double[] x, double[] y) = Columns("mcycle");
        var options = new KernelRegressionOptions { Degrees = [1, 2] };
        KernelRegression plain = KernelRegression.Fit(x, y, options);
        KernelRegression robust = KernelRegression.Fit(x, y, options with { RobustIterations = 3 });
        Assert.Equal(plain.Options.Degree, robust.Options.Degree);
        Assert.Equal(plain.Bandwidths, robust.Bandwidths);
        Assert.Equal(plain.SpansWithinOneStandardError(), robust.SpansWithinOneStandardError());
        Assert.Contains(robust.RobustWeights, weight => weight == 0);
    }

    private static KernelRegression Fit(string table, int degree)
    {
        (double[] x, double[] y) = Columns(table);
        return KernelRegression.Fit(x, y, new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Tricube,
            Degree = degree,
            Ridge = degree == 0 ? null : 0,
            Bandwidth = Bandwidth.Nearest(0.3),
            RobustIterations = 3,
        });
    }

    private static (double[] X, double[] Y) Columns(string table)
    {
        BuiltInTable builtIn = BuiltInTable.Find(table)!;
        Table data = builtIn.Read(_ => [builtIn.X, builtIn.Y]);
        return (data[builtIn.X].ToArray(), data[builtIn.Y].ToArray());
    }

    private static void AssertClose(double[] expected, double[] found, string table)
    {
        double scale = table == "mcycle" ? 100 : 4;
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], found[i], 1e-7 * scale);
        }
    }
}
