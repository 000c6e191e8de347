using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Tests.Regression;

public sealed unsafe class PolynomialCellsTests
{
    [Theory]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public void Sums_AreOffByLessThanTheySay(int degree, bool hasGradient)
    {
        var random = new Random(degree);
        double[] x = [.. Enumerable.Range(0, 3000).Select(i => (i % 10 == 0 ? 6 : 1) * random.NextDouble())];
        double[] y = [.. x.Select(_ => (2 * random.NextDouble()) - 1)];
        using var samples = new Samples<double>(x, y);
        var layout = new PolynomialLayout(1, 1, degree, hasSquares: false, hasGradient, isOwnSlope: true);
        double worst = 0;
        foreach (double h in new[] { 0.0131, 0.05, 0.31, 0.0624 })
        {
            using var cells = new PolynomialCells<Lanes256<double>>(samples.Line, h, layout, new Work(1, null, CancellationToken.None));
            double[] queries = [.. Enumerable.Range(0, 60).Select(i => (i * 0.107) - 0.1)];
            double[] rows = new double[queries.Length * layout.Length];
            double[] errors = new double[queries.Length];
            fixed (double* places = queries, sums = rows, bounds = errors)
            {
                cells.Sum(places, queries.Length, sums, bounds);
            }

            for (int q = 0; q < queries.Length; q++)
            {
                for (int k = 0; k < layout.WeightTerms; k++)
                {
                    Check(k, k, _ => 1);
                }

                for (int k = 0; k < layout.ValueTerms; k++)
                {
                    Check(layout.Values + k, k, i => (y[i] - samples.Centres[0]) / samples.HalfRanges[0]);
                }

                void Check(int at, int power, Func<int, double> factor)
                {
                    double expected = 0;
                    double size = 0;
                    for (int i = 0; i < x.Length; i++)
                    {
                        double u = (x[i] - queries[q]) / h;
                        double term = Math.Abs(u) > 12 ? 0 : Math.Exp(-u * u / 2) * Math.Pow(u, power) * factor(i);
                        expected += term;
                        size += Math.Abs(term);
                    }

                    double error = Math.Abs(expected - rows[(q * layout.Length) + at]);
                    Assert.InRange(error, 0, errors[q] + (1e-14 * size));
                    worst = Math.Max(worst, errors[q] > 1e-12 ? error / errors[q] : 0);
                }
            }
        }

        // What is said is not far from what is: some sum uses a hundredth of it.
        Assert.InRange(worst, 0.001, 0.5);
    }

    // Single queries are answered pair by pair, many by cells or windows.
    [Theory]
    [InlineData("gaussian", 1, false)]
    [InlineData("gaussian", 2, true)]
    [InlineData("gaussian", 3, false)]
    [InlineData("epanechnikov", 2, true)]
    [InlineData("tricube", 3, false)]
    [InlineData("triangular", 2, false)]
    [InlineData("boxcar", 1, true)]
    [InlineData("biweight", 3, false)]
    public void ManyQueries_AreToldWhatPairsSay(string kernel, int degree, bool isWeighted)
    {
        var random = new Random(degree);
        double[] x = [.. Enumerable.Range(0, 900).Select(i => (i % 10 == 0 ? 9 : 1) * random.NextDouble()), 12, 30];
        double[] y = [.. Enumerable.Range(0, 2 * x.Length).Select(i => Math.Sin(5 * x[i / 2]) + random.NextDouble())];
        double[] weights = isWeighted ? [.. x.Select(_ => 0.2 + random.NextDouble())] : [];
        using var samples = new Samples<double>(x, y, 1, weights);
        int[] leftOut = [.. Enumerable.Range(0, x.Length).Select(i => i % 3 == 0 ? -1 : i % 7 == 0 ? (i + 1) % x.Length : i)];
        foreach (double h in kernel == "gaussian" ? [0.04, 0.3] : (double[])[0.19, 0.71])
        {
            using var polynomials = new LocalPolynomials(SmoothingKernel.Find(kernel)!, samples, [h], degree, 0.25, 1, isLasting: true);
            Answers together = At(polynomials, x, leftOut);
            Answers plain = At(polynomials, x, []);
            for (int i = 0; i < x.Length; i += 11)
            {
                Close(At(polynomials, [x[i]], [leftOut[i]]), together, i);
                Close(At(polynomials, [x[i]], []), plain, i);
            }
        }

        void Close(Answers one, Answers all, int i)
        {
            for (int c = 0; c < 2; c++)
            {
                Assert.Equal(one.Values[c], all.Values[(2 * i) + c], 1e-9);
                Assert.Equal(one.Slopes[c], all.Slopes[(2 * i) + c], 1e-7 * (1 + Math.Abs(one.Slopes[c])));
                Assert.Equal(one.ByW[c], all.ByW[(2 * i) + c], 1e-8);
            }

            Assert.Equal(one.Effective[0], all.Effective[i], 1e-8 * one.Effective[0]);
            Assert.Equal(one.Own[0], all.Own[i], 1e-9);
            Assert.Equal(one.OwnByW[0], all.OwnByW[i], 1e-8);
        }
    }

    private static Answers At(LocalPolynomials polynomials, double[] queries, int[] leftOut)
    {
        int m = queries.Length;
        var answers = new Answers(new double[2 * m], new double[2 * m], new double[2 * m], new double[m], new double[m], new double[m]);
        polynomials.At<double>(
            queries,
            new PoolingOutput<double>
            {
                Values = answers.Values,
                Slopes = answers.Slopes,
                InverseBandwidthGradient = answers.ByW,
                EffectiveNeighbours = answers.Effective,
                OwnWeight = answers.Own,
                OwnWeightGradient = answers.OwnByW,
            },
            NoNeighbourPolicy.NaN,
            leftOut);
        return answers;
    }

    private sealed record Answers(double[] Values, double[] Slopes, double[] ByW, double[] Effective, double[] Own, double[] OwnByW);
}
