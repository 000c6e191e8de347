using MathNet.Numerics.Distributions;
using MathNet.Numerics.LinearAlgebra;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Categories;

namespace TorchAttention.Tests.Regression;

/// <summary>Slopes by the numbers beside categories, and intervals that know the curve's bias.</summary>
public sealed class MixedSlopesTests
{
    private const int N = 60;
    private static readonly double[] _h = [0.4, 0.6];
    private static readonly Category?[] _columns = [null, new Category(["0", "1", "2"]), null];

    private readonly double[] _x = [.. Enumerable.Range(0, N).SelectMany(i => (double[])[i * 7 % 60 / 60.0, i % 3, i * 5 % 31 / 31.0])];
    private readonly double[] _y =
        [.. Enumerable.Range(0, N).Select(i => Math.Sin(i * 7 % 60 / 12.0) + (i % 3) + (0.3 * Math.Cos(i * i)))];

    // By dense algebra, of the curve and of what corrects it: the degree 2 at h for 0 and 1, 3 at 0.8 h for 2, of slopes the degree 3.
    [Theory]
    [InlineData(0, 2, 1.0, 1.0)]
    [InlineData(1, 2, 1.0, 1.0)]
    [InlineData(2, 3, 0.8, 0.8)]
    public void Intervals_AreThoseOfAllPairs(int degree, int corrected, double times, double timesOfSlopes)
    {
        double[] weights = [.. Enumerable.Range(0, N).Select(i => 1.0 + (i % 4))];
        var options = new KernelRegressionOptions { Degree = degree, Bandwidth = Bandwidth.Fixed(_h) };
        MixedRegression model = MixedRegression.Fit(_x, _y, _columns, options, [0.3], weights);
        double[] query = [0.37, 1, 0.52];
        var asked = new PredictionOptions { HasSlopes = true };
        double s = model.Diagnostics.ResidualStandardError[0];
        double t = StudentT.InvCDF(0, 1, model.Diagnostics.ResidualDegreesOfFreedom, 0.975);

        Predictions plain = model.Predict(query, asked);
        Predictions mean = model.Predict(query, asked with { Interval = IntervalKind.Mean });

        double[] l = Hat(query, 0, degree, 1, options.RidgeInUse);
        double[] c = Hat(query, 0, corrected, times, 0.02);
        Check(plain.Mean[0], plain.StandardError[0], plain.Upper[0], l, l);
        Check(mean.Mean[0], mean.StandardError[0], mean.Upper[0], l, c);
        for (int j = 0; j < 2; j++)
        {
            int column = 2 * j;
            double[] b = degree > 0 ? Hat(query, 1 + j, degree, 1, options.RidgeInUse) : OfMean(column);
            double[] ofCubic = Hat(query, 1 + j, 3, timesOfSlopes, 0.02);
            Check(plain.Slopes[column], plain.SlopeErrors[column], plain.SlopeUpper[column], b, b);
            Check(mean.Slopes[column], mean.SlopeErrors[column], mean.SlopeUpper[column], b, ofCubic);
        }

        Assert.True(double.IsNaN(plain.Slopes[1]));
        Assert.Empty(model.Predict(query, asked with { Interval = IntervalKind.NewObservation }).SlopeErrors);

        void Check(double value, double error, double upper, double[] own, double[] other)
        {
            double expected = own.Zip(_y, (a, b) => a * b).Sum();
            double squares = other.Select((part, i) => part * part * weights.Average() / weights[i]).Sum();
            double bias = other.Zip(_y, (a, b) => a * b).Sum() - expected;
            Assert.Equal(expected, value, 1e-7);
            Assert.Equal(Math.Sqrt((s * s * squares) + (bias * bias)), error, 1e-7);
            Assert.Equal(expected + (t * Math.Sqrt((s * s * squares) + (bias * bias))), upper, 1e-6);
        }

        // The derivatives of a mean's weights, by differences.
        double[] OfMean(int column)
        {
            const double Step = 1e-5;
            double[] Moved(double by) => Hat([.. query.Select((at, j) => j == column ? at + by : at)], 0, 0, 1, 0);
            return [.. Moved(Step).Zip(Moved(-Step), (after, before) => (after - before) / (2 * Step))];
        }

        // The weights of a coefficient, by the number itself.
        double[] Hat(double[] at, int coefficient, int of, double narrower, double ridge)
        {
            double U(int i, int j) => (_x[(3 * i) + (2 * j)] - at[2 * j]) / (narrower * _h[j]);
            (int A, int B)[] powers = [.. Enumerable.Range(0, of + 1).SelectMany(
                total => Enumerable.Range(0, total + 1).Select(second => (total - second, second)))];
            Matrix<double> z = Matrix<double>.Build.Dense(
                N, powers.Length, (i, k) => Math.Pow(U(i, 0), powers[k].A) * Math.Pow(U(i, 1), powers[k].B));
            Matrix<double> w = Matrix<double>.Build.Diagonal(N, N, i =>
                weights[i] / weights.Average() * Math.Exp(-((U(i, 0) * U(i, 0)) + (U(i, 1) * U(i, 1))) / 2)
                    * (_x[(3 * i) + 1] == at[1] ? 1 : 0.15 / 0.7));
            Matrix<double> matrix = z.Transpose() * w * z;
            for (int k = 1; k < powers.Length; k++)
            {
                matrix[k, k] += ridge;
            }

            double unit = coefficient == 0 ? 1 : narrower * _h[coefficient - 1];
            return [.. (matrix.Inverse().Row(coefficient) * z.Transpose() * w).Select(weight => weight / unit)];
        }
    }

    [Fact]
    public void WhatHasNoFormula_IsRefused()
    {
        MixedRegression model = MixedRegression.Fit(
            _x, _y, _columns,
            new KernelRegressionOptions { Kernel = SmoothingKernel.Epanechnikov, Bandwidth = Bandwidth.Fixed(_h) }, [0.3]);
        Assert.False(model.HasSlopes);
        Assert.Throws<ArgumentException>(() => model.Predict([0.4, 1, 0.5], new PredictionOptions { HasSlopes = true }));
        Assert.Throws<ArgumentException>(
            () => model.Predict([0.4, 1, 0.5], new PredictionOptions { Interval = IntervalKind.NewObservationQuantiles }));
    }

    // Two levels with curves of their own, bandwidth and lambda found by leave-one-out.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void TheMean_IsCoveredAsOftenAsItSays(int degree)
    {
        (double plain, double mean, int all) = (0, 0, 0);
        for (int draw = 0; draw < 12; draw++)
        {
            var random = new Random(draw);
            double[] x = [.. Enumerable.Range(0, 200).SelectMany(i => (double[])[random.NextDouble(), i % 2])];
            double[] y = [.. Enumerable.Range(0, 200).Select(i => Truth(x[2 * i], i % 2) + (0.3 * Normal.Sample(random, 0, 1)))];
            MixedRegression model = MixedRegression.Fit(
                x, y, [null, new Category(["a", "b"])], new KernelRegressionOptions { Degree = degree });
            double[] queries = [.. Enumerable.Range(0, 80).SelectMany(i => (double[])[0.05 + (0.9 * (i / 2) / 39), i % 2])];
            plain += Covered(model.Predict(queries));
            mean += Covered(model.Predict(queries, new PredictionOptions { Interval = IntervalKind.Mean }));
            all += 80;

            int Covered(Predictions at) => Enumerable.Range(0, 80).Count(i =>
                Truth(queries[2 * i], queries[(2 * i) + 1]) is var truth && truth > at.Lower[i] && truth < at.Upper[i]);
        }

        Assert.InRange(mean / all, 0.93, 0.995);
        Assert.InRange(plain / all, 0.7, (mean / all) - 0.02);

        static double Truth(double x, double level) => Math.Sin(7 * x) + (level * x);
    }
}
