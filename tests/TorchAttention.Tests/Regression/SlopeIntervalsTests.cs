using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Groups;

namespace TorchAttention.Tests.Regression;

/// <summary>Standard errors and intervals of slopes.</summary>
public sealed class SlopeIntervalsTests
{
    private const int N = 40;
    private static readonly PredictionOptions _plain = new() { HasSlopes = true };
    private static readonly PredictionOptions _mean = new() { HasSlopes = true, Interval = IntervalKind.Mean };

    // The weights of a slope are the slopes of fits to one value of 1 and else 0.
    [Theory]
    [InlineData(0, 1, false)]
    [InlineData(0, 2, true)]
    [InlineData(1, 1, false)]
    [InlineData(1, 2, true)]
    [InlineData(2, 2, false)]
    [InlineData(3, 1, true)]
    public void PlainErrors_AreThoseOfTheSlopesWeights(int degree, int features, bool isWeighted)
    {
        (double[] x, double[] y) = Samples.Of(N, features, seed: 4);
        double[] weights = isWeighted ? [.. Enumerable.Range(0, N).Select(i => 1.0 + (i % 3))] : [];
        var options = new KernelRegressionOptions { Degree = degree, Bandwidth = 0.6 };
        double[] queries = x[..(3 * features)];
        KernelRegression model = KernelRegression.Fit(x, y, features, options, weights);
        Predictions at = model.Predict(queries, _plain);
        double[] squares = Squares(x, features, options, weights, queries);
        double t = (at.Upper[0] - at.Mean[0]) / at.StandardError[0];
        for (int i = 0; i < squares.Length; i++)
        {
            double error = model.Diagnostics.ResidualStandardError[0] * Math.Sqrt(squares[i]);
            Assert.Equal(1, at.SlopeErrors[i] / error, 1e-7);
            Assert.Equal(at.Slopes[i] - (t * error), at.SlopeLower[i], 1e-6 * error);
            Assert.Equal(at.Slopes[i] + (t * error), at.SlopeUpper[i], 1e-6 * error);
        }
    }

    // sqrt(v sum c'^2 + (g' - f')^2) with the fit g that corrects, fitted for itself.
    [Theory]
    [InlineData(0, 1, 1.0)]
    [InlineData(1, 2, 1.0)]
    [InlineData(2, 1, 0.8)]
    [InlineData(3, 1, 0.6)]
    public void ErrorsOfTheMean_HaveTheBias(int degree, int features, double times)
    {
        (double[] x, double[] y) = Samples.Of(N, features, seed: 6);
        var options = new KernelRegressionOptions { Degree = degree, Bandwidth = 0.6 };
        var correcting = new KernelRegressionOptions { Degree = 3, Bandwidth = 0.6 * times, Ridge = 0.02 };
        double[] queries = x[..(3 * features)];
        Predictions at = KernelRegression.Fit(x, y, features, options).Predict(queries, _mean);
        double[] corrected = KernelRegression.Fit(x, y, features, correcting).Predict(queries, _plain).Slopes;
        double[] squares = Squares(x, features, correcting, [], queries);
        for (int i = 0; i < squares.Length; i++)
        {
            double noise = at.NoiseDeviation[i / features];
            double error = Math.Sqrt((noise * noise * squares[i]) + Math.Pow(corrected[i] - at.Slopes[i], 2));
            Assert.Equal(1, at.SlopeErrors[i] / error, 1e-6);
            Assert.Equal(at.Slopes[i] + (at.Quantile * error), at.SlopeUpper[i], 1e-5 * error);
            Assert.Equal(at.Slopes[i] - (at.Quantile * error), at.SlopeLower[i], 1e-5 * error);
        }
    }

    // Many examples and queries take the sums on the line, where few go pair by pair.
    [Fact]
    public void SumsOnTheLine_GiveWhatPairsGive()
    {
        (double[] x, double[] y) = Samples.Of(600, 1, seed: 8);
        double[] queries = x[..200];
        foreach (int degree in (int[])[0, 1, 2])
        {
            KernelRegression model = KernelRegression.Fit(
                x, y, new KernelRegressionOptions { Degree = degree, Bandwidth = Bandwidth.Fixed(0.3) });
            Predictions together = model.Predict(queries, _plain);
            Assert.All(Enumerable.Range(0, 5), i =>
                Assert.Equal(1, model.Predict([queries[i]], _plain).SlopeErrors[0] / together.SlopeErrors[i], 1e-8));
        }
    }

    [Fact]
    public void Groups_HaveThoseOfTheirCurves()
    {
        (double[] x, double[] y) = Samples.Of(N, 1, seed: 9);
        string[] groups = [.. Enumerable.Range(0, N).Select(i => i % 2 == 0 ? "a" : "b")];
        GroupedRegression model = GroupedRegression.Fit(
            groups, x, y, 1, new KernelRegressionOptions { Degree = 1, Bandwidth = 0.5 });
        Predictions at = model.Predict(["b", "a"], [0.2, 0.3], _mean);
        Assert.Equal(model["a"].Predict([0.3], _mean).SlopeUpper[0], at.SlopeUpper[1]);
        Assert.Equal(model["b"].Predict([0.2], _mean).SlopeLower[0], at.SlopeLower[0]);
    }

    [Fact]
    public void WhereThereAreNone_ItIsSaid()
    {
        (double[] x, double[] y) = Samples.Of(N, 4, seed: 3);
        KernelRegression four = KernelRegression.Fit(x, y, 4, new KernelRegressionOptions { Bandwidth = 2, Degree = 1 });
        Assert.False(four.HasSlopeErrors(_mean));
        Assert.True(four.HasSlopeErrors(_plain));
        Predictions at = four.Predict(x[..4], _mean);
        Assert.Equal((4, 0), (at.Slopes.Length, at.SlopeErrors.Length));
        KernelRegression mean = KernelRegression.Fit(
            [1, 2, 3, 4], [1, 3, 2, 4], new KernelRegressionOptions { Kernel = SmoothingKernel.Tricube, Bandwidth = 2 });
        Assert.False(mean.HasSlopeErrors(_plain));
        Assert.True(mean.HasSlopeErrors(_mean));
        Assert.False(mean.HasSlopeErrors(_mean with { Interval = IntervalKind.NewObservation }));
        Assert.False(mean.HasSlopeErrors(_mean with { HasSlopes = false }));
        Assert.True(double.IsNaN(mean.Predict([99], _mean).SlopeErrors[0]));
    }

    private static double[] Squares(
        double[] x, int features, KernelRegressionOptions options, double[] weights, double[] queries)
    {
        double[] squares = new double[queries.Length];
        double total = weights.Length == 0 ? N : weights.Sum();
        for (int k = 0; k < N; k++)
        {
            double[] one = new double[N];
            one[k] = 1;
            double[] slopes = KernelRegression.Fit(x, one, features, options, weights).Predict(queries, _plain).Slopes;
            for (int i = 0; i < slopes.Length; i++)
            {
                squares[i] += slopes[i] * slopes[i] / (weights.Length == 0 ? 1 : weights[k] * N / total);
            }
        }

        return squares;
    }
}
