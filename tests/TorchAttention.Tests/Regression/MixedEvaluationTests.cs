using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Categories;

namespace TorchAttention.Tests.Regression;

public sealed class MixedEvaluationTests
{
    private const int N = 60;
    private static readonly Category?[] _columns = [null, new Category(["a", "b", "c"])];
    private readonly double[] _x = new double[2 * N];
    private readonly double[] _y = new double[N];

    public MixedEvaluationTests()
    {
        var random = new Random(7);
        for (int i = 0; i < N; i++)
        {
            (_x[2 * i], _x[(2 * i) + 1]) = (random.NextDouble(), random.Next(3));
            _y[i] = Math.Sin(5 * _x[2 * i]) + _x[(2 * i) + 1] + (0.3 * random.NextDouble());
        }
    }

    [Fact]
    public void WidthsAreChosenWithoutTheFold()
    {
        RegressionEvaluation found = MixedEvaluation.CrossValidate(_x, _y, _columns, folds: 3, seed: 2);
        int[] fold = [.. Enumerable.Range(0, N).Select(i => i % 3)];
        new Random(2).Shuffle(fold);
        double squares = 0;
        for (int k = 0; k < 3; k++)
        {
            int[] rows = [.. Enumerable.Range(0, N).Where(i => fold[i] == k)];
            int[] others = [.. Enumerable.Range(0, N).Where(i => fold[i] != k)];
            MixedRegression model = MixedRegression.Fit(Of(others), [.. others.Select(i => _y[i])], _columns);
            squares += rows.Zip(model.Predict(Of(rows)).Mean, (i, at) => Math.Pow(_y[i] - at, 2)).Sum();
            Assert.Equal(model.Bandwidths, found.Bandwidths[k]);
            Assert.Equal(model.Lambdas, found.Lambdas[k]);
        }

        Assert.Equal(Math.Sqrt(squares / N), found.RootMeanSquaredError, 1e-12);
        Assert.Equal(squares / N, found.MeanLoss.Value, 1e-12);

        double[] Of(int[] rows) => [.. rows.SelectMany(i => _x[(2 * i)..((2 * i) + 2)])];
    }

    [Fact]
    public void OneExampleAFold_IsLeaveOneOut()
    {
        var options = new KernelRegressionOptions { Bandwidth = 0.2 };
        double[] counts = [.. Enumerable.Range(0, N).Select(i => 1.0 + (i % 2))];
        RegressionEvaluation precise = MixedEvaluation.CrossValidate(_x, _y, _columns, options, [0.2], folds: N, weights: counts);
        MixedRegression model = MixedRegression.Fit(_x, _y, _columns, options, [0.2], counts);
        Assert.Equal(model.Diagnostics.LeaveOneOutError, Math.Pow(precise.RootMeanSquaredError, 2), 1e-12);

        KernelRegressionOptions frequent = options with { WeightsAre = WeightMeaning.Frequencies };
        RegressionEvaluation of = MixedEvaluation.CrossValidate(_x, _y, _columns, frequent, [0.2], folds: N * 3 / 2, weights: counts);
        Assert.Equal(N * 3 / 2, of.Examples);
        Assert.Equal(
            MixedRegression.Fit(_x, _y, _columns, frequent, [0.2], counts).Diagnostics.LeaveOneOutError,
            Math.Pow(of.RootMeanSquaredError, 2), 1e-12);
    }

    // The least of the criterion, and formulas that know the numbers alone.
    [Fact]
    public void OtherRules_ChooseBesideCategories()
    {
        double[] numbers = [.. Enumerable.Range(0, N).Select(i => _x[2 * i])];
        foreach (Bandwidth rule in (Bandwidth[])[Bandwidth.AICc, Bandwidth.GCV])
        {
            MixedRegression model = MixedRegression.Fit(_x, _y, _columns, new KernelRegressionOptions { Bandwidth = rule });
            double least = Score(model);
            foreach ((double h, double lambda) in ((double, double)[])[(0.8, 1), (1.25, 1), (1, 0.7), (1, 1.4)])
            {
                MixedRegression other = MixedRegression.Fit(
                    _x, _y, _columns, new KernelRegressionOptions { Bandwidth = model.Bandwidths[0] * h }, [model.Lambdas[1] * lambda]);
                Assert.True(Score(other) >= least, $"{rule}: {other}");
            }

            double Score(MixedRegression of) => rule == Bandwidth.AICc ? of.Diagnostics.AICc : of.Diagnostics.GCV;
        }

        foreach (Bandwidth formula in (Bandwidth[])[Bandwidth.Silverman, Bandwidth.Scott])
        {
            var options = new KernelRegressionOptions { Bandwidth = formula };
            double h = KernelRegression.Fit(numbers, _y, 1, options).Bandwidths[0];
            MixedRegression model = MixedRegression.Fit(_x, _y, _columns, options);
            Assert.Equal(h, model.Bandwidths[0], 1e-12);
            Assert.Equal(
                MixedRegression.Fit(_x, _y, _columns, new KernelRegressionOptions { Bandwidth = h }).Lambdas[1], model.Lambdas[1], 1e-9);
        }
    }

    [Fact]
    public void WrongInput_IsRefused()
    {
        Assert.Contains("Expected from 2 folds to 60", Assert.Throws<ArgumentOutOfRangeException>(
            () => MixedEvaluation.CrossValidate(_x, _y, _columns, folds: 61)).Message, StringComparison.Ordinal);
        Assert.Contains("one of the y for each of 60 examples, got 59", Assert.Throws<ArgumentException>(
            () => MixedEvaluation.CrossValidate(_x, _y.AsSpan(1), _columns)).Message, StringComparison.Ordinal);
        var kernel = new KernelRegressionOptions { Kernel = SmoothingKernel.Tricube, Bandwidth = 1e-9 };
        Assert.Equal(N, MixedEvaluation.CrossValidate(_x, _y, _columns, kernel, [0.0]).WithoutNeighbour);
    }
}
