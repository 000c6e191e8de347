using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass;

/// <summary>The error of folds from moments is that of the same folds, computed pair by pair.</summary>
public sealed class MomentFoldsTests
{
    [Theory]
    [InlineData(300, 10, 0, 1, false)]
    [InlineData(1_500, 5, 0, 1, false)]
    [InlineData(700, 2, 1, 1, false)]
    [InlineData(600, 3, 0, 2, true)]
    [InlineData(500, 4, 1, 1, true)]
    public void Score_IsThatOfTheFoldsInPairs(int n, int folds, int degree, int columns, bool hasWeights)
    {
        (double[] x, _) = MomentRows.Draw(n, 31);
        double[] y = MomentRows.Columns(x, columns, 31);
        double[] weights = hasWeights ? MomentRows.Weights(n, 31) : [];
        var moments = new Moments(MomentGrid.Choose(x, y, n, null, degree, weights, folds));
        moments.Add(x, y, weights);
        MomentLevels near = MomentLevels.Create(moments).Near;
        var criterion = new MomentFolds(moments, near, degree);
        foreach (double h in (double[])[0.02, 0.1])
        {
            (double squares, double slope) = criterion.At(h, null, CancellationToken.None);
            const double Step = 1e-4;
            double above = criterion.At(h * Math.Exp(Step), 1, CancellationToken.None).Squares;
            double below = criterion.At(h * Math.Exp(-Step), 1, CancellationToken.None).Squares;

            double expected = Squares(x, y, weights, h, folds, degree);
            Assert.Equal(expected, squares, 1e-10 * expected);
            Assert.Equal((above - below) / (2 * Step), slope, 1e-6 * expected);
        }
    }

    [Fact]
    public void Fit_TakesTheLeastErrorOfFolds()
    {
        const int n = 1500;
        const int folds = 10;
        (double[] x, double[] y) = MomentRows.Draw(n, 32);
        var moments = new Moments(MomentGrid.Choose(x, y, n, folds: folds));
        moments.Add(x, y);
        var model = MomentRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.KFold(folds) });

        double best = Squares(x, y, [], model.Bandwidth, folds, 0);
        Assert.Equal(best / n, model.Search!.Score, 1e-11);
        Assert.True(best <= Squares(x, y, [], 1.1 * model.Bandwidth, folds, 0));
        Assert.True(best <= Squares(x, y, [], 0.9 * model.Bandwidth, folds, 0));

        // Folds are a part of moments: what else they say is the same as without.
        var plain = new Moments(MomentGrid.Choose(x, y, n, moments.Grid.CellWidth));
        plain.Add(x, y);
        var options = new MomentOptions { Bandwidth = model.Bandwidth };
        Assert.Equal(MomentRegression.Fit(plain, options).Diagnostics.LeaveOneOutError, model.Diagnostics.LeaveOneOutError);
        Assert.Equal(MomentRegression.Fit(plain, options).Certificate, model.Certificate);
    }

    [Fact]
    public void Folds_AreAboutEvenAndThoseOfTheNumbersAlone()
    {
        (double[] x, double[] y) = MomentRows.Draw(10_000, 33);
        int[] counts = new int[10];
        for (int i = 0; i < x.Length; i++)
        {
            counts[Moments.FoldOf(x[i], [y[i]], 1, "", 10)]++;
        }

        Assert.All(counts, count => Assert.InRange(count, 880, 1120));
        Assert.Equal(Moments.FoldOf(0.0, [1], 1, "", 7), Moments.FoldOf(-0.0, [1], 1, "", 7));
        Assert.Equal([0, 5, 6], [
            Moments.FoldOf(1, [2], 1, "", 10), Moments.FoldOf(1, [2, 3], 1, "", 10), Moments.FoldOf(1, [], 2, "a class", 10)]);
    }

    [Fact]
    public void WrongFolds_AreRefused()
    {
        (double[] x, double[] y) = MomentRows.Draw(200, 34);
        Assert.Throws<ArgumentOutOfRangeException>(() => MomentGrid.Choose(x, y, 200, folds: 1));
        var plain = new Moments(MomentGrid.Choose(x, y, 200));
        plain.Add(x, y);
        Refused("Expected 0 folds of the seed 0, as the moments' grid has them, got 10 of 0.", plain, Bandwidth.KFold());
        var three = new Moments(MomentGrid.Choose(x, y, 200, folds: 3));
        three.Add(x, y);
        Refused("Expected 3 folds of the seed 0, as the moments' grid has them, got 3 of 1.", three, Bandwidth.KFold(3, 1));
        var one = new Moments(three.Grid);
        one.Add([.. x[..2].Select(_ => x[0])], [y[0], y[0]]);
        Assert.Throws<RegressionDataException>(() => MomentRegression.Fit(one, new MomentOptions { Bandwidth = Bandwidth.KFold(3) }));

        static void Refused(string message, Moments moments, Bandwidth bandwidth) => Assert.StartsWith(
            message,
            Assert.Throws<ArgumentException>(() => MomentRegression.Fit(moments, new MomentOptions { Bandwidth = bandwidth })).Message);
    }

    private static double Squares(double[] x, double[] y, double[] weights, double h, int folds, int degree)
    {
        int n = x.Length;
        int columns = y.Length / n;
        double weight(int i) => weights.Length == 0 ? 1 : weights[i];
        int[] fold = [.. Enumerable.Range(0, n).Select(
            i => Moments.FoldOf(x[i], y.AsSpan(i * columns, columns), weight(i), "", folds))];
        double sum = 0;
        for (int i = 0; i < n; i++)
        {
            for (int c = 0; c < columns; c++)
            {
                double level = y[c];
                (double s0, double s1, double s2, double t0, double t1) = (0, 0, 0, 0, 0);
                for (int j = 0; j < n; j++)
                {
                    if (fold[j] != fold[i])
                    {
                        double v = (x[i] - x[j]) / h;
                        double k = weight(j) * Math.Exp(-0.5 * v * v);
                        double value = y[(j * columns) + c] - level;
                        (s0, s1, s2, t0, t1) = (s0 + k, s1 + (k * v), s2 + (k * v * v), t0 + (k * value), t1 + (k * v * value));
                    }
                }

                double f = degree == 0 ? t0 / s0 : ((s2 * t0) - (s1 * t1)) / ((s0 * s2) - (s1 * s1));
                sum += weight(i) * Math.Pow(y[(i * columns) + c] - level - f, 2);
            }
        }

        return sum;
    }
}
