using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Tests.Regression;

public sealed class JackknifePlusTests
{
    private static readonly PredictionOptions _asked = new() { Interval = IntervalKind.JackknifePlus, Level = 0.9 };

    // Against the definition: a model of all other examples for each.
    [Theory]
    [InlineData("gaussian", 0, 1, 0)]
    [InlineData("gaussian", 1, 1, 0)]
    [InlineData("gaussian", 2, 1, 0.25)]
    [InlineData("gaussian", 3, 1, 0)]
    [InlineData("epanechnikov", 1, 1, 0.25)]
    [InlineData("tricube", 2, 2, 0.25)]
    [InlineData("gaussian", 1, 2, 0)]
    public void Ends_AreThoseOfTheModelsWithoutEachExample(string kernel, int degree, int features, double ridge)
    {
        const int N = 50;
        (double[] x, double[] y) = Samples.Of(N, features, seed: 12);
        y = [.. y.Select(value => value + 1e6)];
        double[] weights = [.. Enumerable.Range(0, N).Select(i => ridge > 0 ? 1 : 0.5 + (i % 3))];
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Degree = degree,
            Ridge = degree == 0 ? null : ridge,
            Bandwidth = features == 1 ? 0.7 : 2.5,
        };
        double[] places = [0.3, 2.5, 4.7, 5.2];
        double[] queries = [.. places.SelectMany(place => Enumerable.Repeat(place, features))];
        double[][] lower = [.. places.Select(_ => new double[N])];
        double[][] upper = [.. places.Select(_ => new double[N])];
        for (int i = 0; i < N; i++)
        {
            int[] others = [.. Enumerable.Range(0, N).Where(k => k != i)];
            KernelRegression without = KernelRegression.Fit(
                [.. others.SelectMany(k => x.Skip(k * features).Take(features))], [.. others.Select(k => y[k])], features, options,
                [.. others.Select(k => weights[k])]);
            double residual = Math.Sqrt(weights[i] / weights.Average()) * Math.Abs(
                y[i] - without.Predict(x.AsSpan(i * features, features)).Mean[0]);
            double[] at = without.Predict(queries).Mean;
            for (int k = 0; k < places.Length; k++)
            {
                (lower[k][i], upper[k][i]) = (at[k] - residual, at[k] + residual);
            }
        }

        Predictions found = KernelRegression.Fit(x, y, features, options, weights).Predict(queries, _asked);

        // Of 51 the ceil(0.9 x 51)-th is the 46th, on the other side the 5th.
        for (int k = 0; k < places.Length; k++)
        {
            Assert.Equal(lower[k].Order().ElementAt(4), found.Lower[k], 1e-6);
            Assert.Equal(upper[k].Order().ElementAt(45), found.Upper[k], 1e-6);
        }
    }

    // 1,000 new observations of a curve with outliers: well above the guarantee of 0.8, and near the level.
    [Fact]
    public void NewObservations_AreCovered()
    {
        var random = new Random(3);
        (double[] x, double[] y) = Draw(200);
        (double[] newX, double[] newY) = Draw(1000);
        var options = new KernelRegressionOptions { Degree = 2, Bandwidth = 0.8 };
        Predictions at = KernelRegression.Fit(x, y, options).Predict(newX, _asked);
        double covered = newY.Where((value, i) => value >= at.Lower[i] && value <= at.Upper[i]).Count() / 1000.0;
        Assert.InRange(covered, 0.85, 0.95);

        (double[] X, double[] Y) Draw(int count)
        {
            double[] places = [.. Enumerable.Range(0, count).Select(_ => 6 * random.NextDouble())];
            return (places, [.. places.Select(place => Math.Sin(place) + ((random.NextDouble() - 0.5) / (random.NextDouble() + 0.05)))]);
        }
    }

    [Fact]
    public void FewExamples_HaveNoEnds_AndPeriodsAreRefused()
    {
        (double[] x, double[] y) = Samples.Of(8, 1, seed: 1);
        Predictions at = KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = 1 }).Predict([1.0], _asked);
        Assert.Equal((double.NegativeInfinity, double.PositiveInfinity), (at.Lower[0], at.Upper[0]));

        KernelRegression none = KernelRegression.Fit(
            [.. Enumerable.Range(0, 30).Select(i => i * 0.1)], [.. Enumerable.Range(0, 30).Select(i => i % 3.0)],
            new KernelRegressionOptions { Bandwidth = 1, Kernel = SmoothingKernel.Tricube });
        Assert.True(double.IsNaN(none.Predict([100.0], _asked).Lower[0]));

        KernelRegression hours = KernelRegression.Fit(x, y, 1, new KernelRegressionOptions { Bandwidth = 1, Periods = [24] });
        Assert.Contains(
            "got a period", Assert.Throws<ArgumentException>(() => hours.Predict([1.0], _asked)).Message, StringComparison.Ordinal);
    }
}
