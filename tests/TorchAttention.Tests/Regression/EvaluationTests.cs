using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Tests.Regression;

public sealed class EvaluationTests
{
    private static readonly KernelRegressionOptions _given = new() { Bandwidth = 0.4 };

    // With as many folds as examples each is predicted by the weighted mean of all others.
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public void OneExampleAFold_IsTheSumOverAllPairs(int features, bool isWeighted)
    {
        const int N = 40;
        (double[] x, double[] y) = Samples.Of(N, features, seed: 3);
        double[] weights = isWeighted ? [.. Enumerable.Range(0, N).Select(i => 0.5 + (i % 4))] : [];
        RegressionEvaluation found = Evaluation.CrossValidate(x, y, features, _given, folds: N, weights: weights);

        (double total, double squares, double absolute, double squaresOfMean) = (0, 0, 0, 0);
        for (int i = 0; i < N; i++)
        {
            (double sum, double of, double plain, double ofPlain) = (0, 0, 0, 0);
            for (int k = 0; k < N; k++)
            {
                double squared = Enumerable.Range(0, features).Sum(j => Math.Pow((x[(i * features) + j] - x[(k * features) + j]) / 0.4, 2));
                double s = k == i ? 0 : isWeighted ? weights[k] : 1;
                (plain, ofPlain) = (plain + s, ofPlain + (s * y[k]));
                (sum, of) = (sum + (s * Math.Exp(-squared / 2)), of + (s * Math.Exp(-squared / 2) * y[k]));
            }

            double weight = isWeighted ? weights[i] : 1;
            total += weight;
            squares += weight * Math.Pow(y[i] - (of / sum), 2);
            absolute += weight * Math.Abs(y[i] - (of / sum));
            squaresOfMean += weight * Math.Pow(y[i] - (ofPlain / plain), 2);
        }

        Assert.Equal((N, 0, N), (found.Examples, found.WithoutNeighbour, found.Bandwidths.Count));
        Assert.Equal(Math.Sqrt(squares / total), found.RootMeanSquaredError, 1e-10);
        Assert.Equal(absolute / total, found.MeanAbsoluteError, 1e-10);
        Assert.Equal(Math.Sqrt(squaresOfMean / total), found.RootMeanSquaredErrorOfMean, 1e-10);
        Assert.Equal(1 - (squares / squaresOfMean), found.RSquared, 1e-10);
        Assert.Empty(found.Astray);
        Assert.All(found.Bandwidths, h => Assert.Equal(Enumerable.Repeat(0.4, features), h));
    }

    [Fact]
    public void Bandwidth_IsChosenWithoutTheFold()
    {
        (double[] x, double[] y) = Samples.Of(60, 1, seed: 5);
        RegressionEvaluation found = Evaluation.CrossValidate(x, y, 1, folds: 3, seed: 2);

        int[] fold = [.. Enumerable.Range(0, 60).Select(i => i % 3)];
        new Random(2).Shuffle(fold);
        double squares = 0;
        for (int k = 0; k < 3; k++)
        {
            int[] rows = [.. Enumerable.Range(0, 60).Where(i => fold[i] == k)];
            KernelRegression model = KernelRegression.Fit([.. x.Where((_, i) => fold[i] != k)], [.. y.Where((_, i) => fold[i] != k)]);
            double[] mean = model.Predict(Array.ConvertAll(rows, i => x[i])).Mean;
            squares += rows.Zip(mean, (i, at) => Math.Pow(y[i] - at, 2)).Sum();

            Assert.Equal(model.Bandwidths, found.Bandwidths[k]);
        }

        Assert.Equal(Math.Sqrt(squares / 60), found.RootMeanSquaredError, 1e-12);
    }

    // By hand: of 0, 0, 9 at the same distances each is predicted by the one neighbour at 1, or by the mean of two.
    [Fact]
    public void WorseThanTheMean_NamesTheExamplesThatMakeItSo()
    {
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Boxcar, Bandwidth = 1.5 };
        RegressionEvaluation found = Evaluation.CrossValidate([0, 1, 2, 50], [0, 0, 9, 1], 1, options, folds: 4);

        // Predicted 0, 4.5, 0, none; the means of the others are 10/3, 10/3 and 1/3. Without the second, 81 is less than 776/9.
        Assert.Equal(1, found.WithoutNeighbour);
        Assert.Equal(Math.Sqrt(101.25 / 3), found.RootMeanSquaredError, 1e-12);
        Assert.Equal(13.5 / 3, found.MeanAbsoluteError, 1e-12);
        Assert.Equal(1 - (101.25 / ((100 + 100 + 676) / 9.0)), found.RSquared, 1e-12);
        Assert.Equal([1], found.Astray);
    }

    [Fact]
    public void ExcessOver_IsTheMeanDifferenceWithItsOwnStandardError()
    {
        var narrow = new KernelRegressionOptions { Kernel = SmoothingKernel.Boxcar, Bandwidth = 1.5 };
        double[] weights = [1, 1, 2];
        RegressionEvaluation first = Evaluation.CrossValidate([0, 1, 2], [0, 1, 3], 1, narrow, folds: 3, weights: weights);
        RegressionEvaluation other = Evaluation.CrossValidate(
            [0, 1, 2], [0, 1, 3], 1, narrow with { Bandwidth = 10 }, folds: 3, weights: weights);

        // The second is predicted by 0 and twice 3; at a width of 10 the first by 1 and twice 3, the third by 0 and 1.
        Assert.Equal([1, 1, 4], first.Losses);
        Assert.Equal([49 / 9.0, 1, 6.25], other.Losses.Select(loss => Math.Round(loss, 12)), (a, b) => Math.Abs(a - b) < 1e-11);
        MeanWithError excess = other.ExcessOver(first);
        double[] differences = [40 / 9.0, 0, 2.25];
        double mean = (differences[0] + differences[1] + (2 * differences[2])) / 4;
        double squares = differences.Zip(weights, (difference, s) => Math.Pow(s * (difference - mean), 2)).Sum();
        Assert.Equal(mean, excess.Value, 1e-12);
        Assert.Equal(Math.Sqrt(1.5 * squares) / 4, excess.StandardError, 1e-12);
        Assert.Equal(-mean, first.ExcessOver(other).Value, 1e-12);
        Assert.Equal(first.RootMeanSquaredError * first.RootMeanSquaredError, first.MeanLoss.Value, 1e-12);
    }

    // Rows that one of the two cannot predict are in neither mean.
    [Fact]
    public void ExcessOver_IsOfRowsThatBothPredict()
    {
        var narrow = new KernelRegressionOptions { Kernel = SmoothingKernel.Boxcar, Bandwidth = 1.5 };
        RegressionEvaluation first = Evaluation.CrossValidate([0, 1, 50], [0, 2, 9], 1, narrow, folds: 3);
        RegressionEvaluation other = Evaluation.CrossValidate([0, 1, 50], [0, 2, 9], 1, narrow with { Bandwidth = 100 }, folds: 3);
        Assert.True(double.IsNaN(first.Losses[2]));
        Assert.Equal(((5.5 * 5.5) + (2.5 * 2.5) - 8) / 2, other.ExcessOver(first).Value, 1e-12);

        RegressionEvaluation fewer = Evaluation.CrossValidate([0, 1], [0, 2], 1, narrow, folds: 2);
        ClassEvaluation classes = Evaluation.CrossValidateClasses([0, 1, 50], ["a", "b", "b"], 1, narrow, folds: 3);
        Assert.Equal("other", Assert.Throws<ArgumentException>(() => first.ExcessOver(fewer)).ParamName);
        Assert.Equal("other", Assert.Throws<ArgumentException>(() => first.ExcessOver(classes)).ParamName);
    }

    [Fact]
    public void Classes_AreJudgedByTheirProbabilities()
    {
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Boxcar, Bandwidth = 1.5 };
        ClassEvaluation found = Evaluation.CrossValidateClasses(
            [0, 1, 2, 9], ["a", "b", "b", "c"], 1, options, folds: 4, weights: [1, 1, 2, 1]);

        // a by b alone: wrong, 2. b by a and the twice weighted b: 1/3 and 2/3, right, 2/9. b by b: right, 0. c has no neighbour.
        Assert.Equal((4, 1), (found.Examples, found.WithoutNeighbour));
        Assert.Equal(3.0 / 4, found.Accuracy, 1e-12);
        Assert.Equal((2 + (2.0 / 9)) / 4, found.BrierScore, 1e-12);
    }

    [Fact]
    public void Classes_AgreeWithTheSumOverAllPairs()
    {
        const int N = 30;
        (double[] x, _) = Samples.Of(N, 1, seed: 8);
        string[] labels = [.. x.Select((at, i) => i == 7 ? "lone" : at + (i % 3) > 3 ? "v" : "u")];
        ClassEvaluation found = Evaluation.CrossValidateClasses(x, labels, 1, _given, folds: N);

        (double right, double squares) = (0, 0);
        for (int i = 0; i < N; i++)
        {
            double[] weights = [.. x.Select((at, k) => k == i ? 0 : Math.Exp(-Math.Pow((at - x[i]) / 0.4, 2) / 2))];
            (string Name,
            double P)[] classes = [.. labels.Distinct().Order(StringComparer.Ordinal).Select(
            name => (name, weights.Where((_, k) => labels[k] == name).Sum() / weights.Sum()))];
            right += classes.MaxBy(pair => pair.P).Name == labels[i] ? 1 : 0;
            squares += classes.Sum(pair => Math.Pow((pair.Name == labels[i] ? 1 : 0) - pair.P, 2));
        }

        Assert.Equal(right / N, found.Accuracy, 1e-12);
        Assert.Equal(squares / N, found.BrierScore, 1e-10);
    }

    [Fact]
    public void WrongArguments_AreNamed()
    {
        double[] x = [1, 2, 3];
        Assert.Equal("folds", Assert.Throws<ArgumentOutOfRangeException>(() => Evaluation.CrossValidate(x, x, 1, folds: 4)).ParamName);
        Assert.Equal("folds", Assert.Throws<ArgumentOutOfRangeException>(() => Evaluation.CrossValidate(x, x, 1, folds: 1)).ParamName);
        Assert.Equal("y", Assert.Throws<ArgumentException>(() => Evaluation.CrossValidate(x, [1, 2], 1)).ParamName);
        Assert.Equal("labels", Assert.Throws<ArgumentException>(() => Evaluation.CrossValidateClasses(x, ["a"], 1)).ParamName);
        Assert.Equal("weights", Assert.Throws<ArgumentException>(() => Evaluation.CrossValidate(x, x, 1, weights: [1])).ParamName);
        Assert.Equal(RegressionProblem.TooFew, Assert.Throws<RegressionDataException>(() => Evaluation.CrossValidate([1], [1], 1)).Kind);
    }

    [Fact]
    public void Evaluation_IsTold()
    {
        (double[] x, double[] y) = Samples.Of(30, 1, seed: 1);
        var told = new List<double>();
        Evaluation.CrossValidate(x, y, 1, _given, folds: 4, progress: new Told(told.Add));

        Assert.Equal([0.25, 0.5, 0.75, 1], told);
    }

    private sealed class Told(Action<double> told) : IProgress<double>
    {
        public void Report(double value) => told(value);
    }
}
