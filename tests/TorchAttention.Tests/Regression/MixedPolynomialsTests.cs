using MathNet.Numerics.LinearAlgebra;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Categories;

namespace TorchAttention.Tests.Regression;

/// <summary>Lines and parabolas in the numbers beside categories.</summary>
public sealed class MixedPolynomialsTests : IDisposable
{
    private const int N = 24;
    private static readonly double[] _h = [0.2, 0.3];
    private static readonly double[] _lambdas = [0.3, 0.4];
    private static readonly Category?[] _columns =
        [null, null, new Category(["0", "1", "2"]), new Category(["0", "1", "2", "3"], CategoryKernel.WangVanRyzin)];

    private readonly string _file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");
    private readonly double[] _x =
        [.. Enumerable.Range(0, N).SelectMany(i => (double[])[i * 7 % 24 / 24.0, i * 5 % 11 / 11.0, i % 3, i / 2 % 4])];

    private readonly double[] _y =
    [
        -0.3, 2.000294, 2.54948, -0.411391, 2.509598, 2.325612, 0.657364, 1.339887, 2.700367, 0.224856, 0.205837, 2.163247, 1.305084,
        0.997528, 2.136946, 2.823507, 0.583812, 0.632066, 1.282042, 1.52479, 0.553512, 1.182618, 2.571503, 1.917125,
    ];

    public void Dispose() => File.Delete(_file);

    // statsmodels 0.13.5: WLS(y, [1, x - q]) with its own kernels aitchison_aitken and wang_ryzin for weights, and the mean of the squares
    // where each row's weight is 0 in its own fit.
    [Fact]
    public void Lines_AreThoseOfStatsmodels()
    {
        MixedRegression model = Fit(new KernelRegressionOptions { Bandwidth = Bandwidth.Fixed(_h), Degree = 1 });
        double[] found = model.Predict([0.3, 0.4, 1, 2, 0.8, 0.1, 2, 0]).Mean;
        Assert.Equal(1.88183665, found[0], 1e-8);
        Assert.Equal(0.03913186, found[1], 1e-8);
        Assert.Equal(0.6882303091143425, model.Diagnostics.LeaveOneOutError, 1e-10);
    }

    // The same, KernelReg(y, x, 'ccu', 'll', bw=[0.2, 0.3, 0]). At a lambda above 0 its line goes through the levels' numbers as well,
    // which these do not.
    [Fact]
    public void Lines_AreThoseOfKernelReg_WhereLevelsStandApart()
    {
        double[] x = [.. Enumerable.Range(0, N).SelectMany(i => _x[(4 * i)..((4 * i) + 3)])];
        MixedRegression model = MixedRegression.Fit(
            x, _y, _columns[..3], new KernelRegressionOptions { Bandwidth = Bandwidth.Fixed(_h), Degree = 1 }, [0.0]);
        double[] found = model.Predict([0.3, 0.4, 1, 0.8, 0.1, 2]).Mean;
        Assert.Equal(1.90202335, found[0], 1e-8);
        Assert.Equal(0.72789213, found[1], 1e-8);
        Assert.Equal(0.85431263, model.Diagnostics.LeaveOneOutError, 1e-8);
    }

    // By dense algebra: the value, 1 / sum l^2 / s, the trace of the leverages, and each row left out.
    [Theory]
    [InlineData(1, null, false)]
    [InlineData(1, 0.5, true)]
    [InlineData(2, null, true)]
    [InlineData(3, null, false)]
    [InlineData(3, 0.02, true)]
    public void Fits_AreThoseOfAllPairs(int degree, double? ridge, bool isWeighted)
    {
        double[] weights = isWeighted ? [.. Enumerable.Range(0, N).Select(i => 1.0 + (i % 3))] : [];
        MixedRegression model = Fit(
            new KernelRegressionOptions { Bandwidth = Bandwidth.Fixed(_h), Degree = degree, Ridge = ridge }, weights);
        double held = ridge ?? (degree > 1 ? 0.25 : 0);
        double[] query = [0.37, 0.52, 1, 2];
        Predictions at = model.Predict(query);
        double[] l = Direct(query, -1);
        Assert.Equal(l.Zip(_y, (a, b) => a * b).Sum(), at.Mean[0], 1e-9);
        Assert.Equal(1 / l.Select((part, i) => part * part / S(i)).Sum(), at.EffectiveNeighbours[0], 1e-8);
        (double trace, double squares) = (0, 0);
        for (int i = 0; i < N; i++)
        {
            double[] row = _x[(4 * i)..((4 * i) + 4)];
            double[] own = Direct(row, -1);
            trace += own[i];
            Assert.Equal(own.Zip(_y, (a, b) => a * b).Sum(), model.Fitted[i], 1e-9);
            squares += S(i) * Math.Pow(_y[i] - Direct(row, i).Zip(_y, (a, b) => a * b).Sum(), 2);
        }

        Assert.Equal(trace, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-8);
        Assert.Equal(squares / N, model.Diagnostics.LeaveOneOutError, 1e-8 * squares);

        // Of mean 1.
        double S(int i) => isWeighted ? weights[i] * N / weights.Sum() : 1;

        double[] Direct(double[] at, int without)
        {
            int terms = (degree + 1) * (degree + 2) / 2;
            Matrix<double> z = Matrix<double>.Build.Dense(N, terms, (i, k) => Term(i, k, at));
            Matrix<double> w = Matrix<double>.Build.Diagonal(N, N, i => i == without ? 0 : S(i) * Pair(i, at));
            Matrix<double> matrix = z.Transpose() * w * z;
            for (int k = 1; k < terms; k++)
            {
                matrix[k, k] += held;
            }

            return (matrix.Inverse().Row(0) * z.Transpose() * w).AsArray();
        }

        double U(int i, int j, double[] at) => (_x[(4 * i) + j] - at[j]) / _h[j];

        double Term(int i, int k, double[] at) => k switch
        {
            0 => 1,
            1 => U(i, 0, at),
            2 => U(i, 1, at),
            3 => U(i, 0, at) * U(i, 0, at),
            4 => U(i, 0, at) * U(i, 1, at),
            5 => U(i, 1, at) * U(i, 1, at),
            _ => Math.Pow(U(i, 0, at), 9 - k) * Math.Pow(U(i, 1, at), k - 6),
        };

        double Pair(int i, double[] at)
        {
            double steps = Math.Abs(_x[(4 * i) + 3] - at[3]);
            return Math.Exp(-((U(i, 0, at) * U(i, 0, at)) + (U(i, 1, at) * U(i, 1, at))) / 2)
                * (_x[(4 * i) + 2] == at[2] ? 0.7 : 0.15)
                * (steps == 0 ? 0.6 : 0.3 * Math.Pow(0.4, steps)) / (0.7 * 0.6);
        }
    }

    // At lambda 0 a level's rows alone, at the largest all rows alike: as the regression on numbers has it, by another path for many rows.
    [Theory]
    [InlineData("gaussian", 1, 0.0)]
    [InlineData("gaussian", 2, 0.25)]
    [InlineData("epanechnikov", 1, 0.25)]
    public void BetweenItsEnds_ALambdaGoesFromOneLevelToAll(string kernel, int degree, double ridge)
    {
        const int Rows = 900;
        var random = new Random(3);
        double[] numbers = [.. Enumerable.Range(0, Rows).Select(_ => random.NextDouble())];
        double[] y = [.. numbers.Select((number, i) => Math.Sin(6 * number) + (i % 2) + (0.2 * random.NextDouble()))];
        double[] x = [.. numbers.SelectMany((number, i) => (double[])[number, i % 2])];
        Category?[] columns = [null, new Category(["even", "odd"])];
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Bandwidth = 0.1,
            Degree = degree,
            Ridge = ridge,
        };
        double[] places = [.. Enumerable.Range(0, 100).Select(i => i / 99.0)];
        KernelRegression odd = KernelRegression.Fit(
            [.. numbers.Where((_, i) => i % 2 == 1)], [.. y.Where((_, i) => i % 2 == 1)], 1, options);
        KernelRegression all = KernelRegression.Fit(numbers, y, 1, options);
        double[] queries = [.. places.SelectMany(place => (double[])[place, 1])];
        foreach ((double lambda, KernelRegression same) in ((double, KernelRegression)[])[(0, odd), (0.5, all)])
        {
            MixedRegression model = MixedRegression.Fit(x, y, columns, options, [lambda]);
            Predictions found = model.Predict(queries);
            Predictions expected = same.Predict(places);
            Assert.All(Enumerable.Range(0, 100), i =>
            {
                Assert.Equal(expected.Mean[i], found.Mean[i], 1e-9);
                Assert.Equal(1, found.EffectiveNeighbours[i] / expected.EffectiveNeighbours[i], 1e-8);
            });
            if (same == all)
            {
                Assert.Equal(all.Diagnostics.LeaveOneOutError, model.Diagnostics.LeaveOneOutError, 1e-9);
                Assert.Equal(
                    all.Diagnostics.EffectiveDegreesOfFreedom, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-7);
            }
        }
    }

    [Fact]
    public void ALoadedLine_PredictsTheSame_AndTheBetterDegreeIsTaken()
    {
        MixedRegression model = Fit(new KernelRegressionOptions { Bandwidth = 0.4, Degree = 1, Ridge = 0.1 });
        model.Save(_file);
        (MixedRegression again, _) = MixedRegression.Load(_file);
        Assert.Equal((1, 0.1), (again.Options.Degree, again.Options.Ridge));
        Assert.Equal(model.Predict([0.3, 0.4, 1, 2]).Upper, again.Predict([0.3, 0.4, 1, 2]).Upper);

        MixedRegression either = Fit(new KernelRegressionOptions { Bandwidth = 0.4, Degrees = [1, 2] });
        Assert.Equal([1, 2], either.DegreeTrials.Select(trial => trial.Degree));
        Assert.Equal(either.DegreeTrials.MinBy(trial => trial.LeaveOneOutError).Degree, either.Options.Degree);
        Assert.Equal(either.DegreeTrials.Min(trial => trial.LeaveOneOutError), either.Diagnostics.LeaveOneOutError);
    }

    private MixedRegression Fit(KernelRegressionOptions options, double[]? weights = null) =>
        MixedRegression.Fit(_x, _y, _columns, options, _lambdas, weights ?? []);
}
