using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Tests.Regression;

public sealed class MixedSearchTests
{
    private static readonly Category?[] _columns =
        [null, null, new Category(["0", "1", "2"]), new Category(["0", "1", "2", "3"])];

    // statsmodels 0.13.5, KernelReg(y, x, 'ccuu', 'lc', bw='cv_ls'), whose own search ends within some 1e-4 of these.
    [Fact]
    public void Widths_AreThoseOfStatsmodels()
    {
        (double[] x, double[] y) = Rows(150);

        MixedRegression model = MixedRegression.Fit(x, y, _columns, new KernelRegressionOptions { Degree = 0 });

        double[] found = [.. model.Bandwidths.Take(2), .. model.Lambdas.Skip(2)];
        double[] recorded = [0.06759609, 0.22731773, 0.06616194, 0.53311558];
        Assert.All(found.Zip(recorded), pair => Assert.Equal(1, pair.First / pair.Second, 1e-3));
        Assert.InRange(model.Diagnostics.LeaveOneOutError, 0.15, 0.15269899 * (1 + 1e-7));
    }

    // Where the sums of all combinations would take too much room, the pairs are summed again for each lambda.
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void WithoutRoomForSums_TheSameIsFound(int degree)
    {
        MixedData data = Data(90);
        var options = new KernelRegressionOptions { Degree = degree };

        (double[] kept, double[] keptLambdas) = new MixedSearch(data, options, null, CancellationToken.None).Find();
        (double[] again, double[] againLambdas) = new MixedSearch(data, options, null, CancellationToken.None) { MostKept = 0 }.Find();

        Assert.Equal(1, ErrorOf(kept, keptLambdas) / ErrorOf(again, againLambdas), 1e-6);

        double ErrorOf(double[] bandwidths, double[] lambdas) =>
            data.Fit(new MixedSettings(options, bandwidths, lambdas), CancellationToken.None).WithoutOwn
                .Zip(data.Numbers.Values, (one, other) => (one - other) * (one - other)).Average();
    }

    // The sums over combinations that are kept say the same as those that are merged by logarithms, far from all of its own too, where
    // another level counts next to nothing and stands at the query itself.
    [Theory]
    [InlineData(0, 0.3, 0.2)]
    [InlineData(1, 0.4, 0.2, "epanechnikov")]
    [InlineData(2, 0.6, 0.3, "tricube")]
    [InlineData(0, 1e-3, 1e-12)]
    [InlineData(0, 1e-3, 0)]
    [InlineData(1, 0.3, 0.2)]
    [InlineData(2, 1e-2, 1e-9)]
    [InlineData(3, 0.5, 0)]
    public void KeptSums_SayWhatMergedOnesSay(int degree, double h, double lambda, string kernel = "gaussian")
    {
        MixedData data = Data(90, isWeighted: h > 0.35);
        var options = new KernelRegressionOptions { Degree = degree, Kernel = SmoothingKernel.Find(kernel)! };
        double[] lambdas = [lambda, lambda / 2];
        var settings = new MixedSettings(options, [h, 2 * h], lambdas);

        double[] found = new MixedParts(data, settings, CancellationToken.None).Others(lambdas);

        MixedSums sums = data.SumsOf(data.LeavingOut(settings, hasSquares: false, CancellationToken.None), lambdas);
        double[] expected = [.. Enumerable.Range(0, found.Length).Select(i => sums.Fit(i).Mean)];
        Assert.Equal(expected, found, (one, other) => double.IsNaN(one) ? double.IsNaN(other) : Math.Abs(one - other) < 1e-9);
    }

    [Fact]
    public void ManyExamples_AreSearchedToTheLeastOfAll()
    {
        (double[] x, double[] y) = Rows(4100);
        Category?[] columns = [null, .. _columns[2..]];
        double[] fewer = [.. Enumerable.Range(0, 4100).SelectMany(i => new[] { x[4 * i], x[(4 * i) + 2], x[(4 * i) + 3] })];

        MixedRegression model = MixedRegression.Fit(fewer, y, columns, new KernelRegressionOptions { Degree = 0 });

        double least = model.Diagnostics.LeaveOneOutError;
        (double h, double[] lambdas) = (model.Bandwidths[0], [.. model.Lambdas.Skip(1)]);
        foreach (double factor in (double[])[0.97, 1.03])
        {
            Assert.True(Error(h * factor, lambdas) > least);
            Assert.True(Error(h, [lambdas[0] * factor, lambdas[1]]) > least);
            Assert.True(Error(h, [lambdas[0], lambdas[1] * factor]) > least);
        }

        double Error(double width, double[] at) => MixedRegression.Fit(
            fewer, y, columns, new KernelRegressionOptions { Degree = 0, Bandwidth = width }, at).Diagnostics.LeaveOneOutError;
    }

    // Of many rows some say which degree is the best, and one search goes on to all of them, as that of this degree alone does.
    [Fact]
    public void TheDegree_IsThatOfSome_AndTheFitOfAll()
    {
        (double[] x, double[] y) = Rows(4100);
        Category?[] columns = [null, _columns[2]];
        double[] fewer = [.. Enumerable.Range(0, 4100).SelectMany(i => new[] { x[4 * i], x[(4 * i) + 2] })];

        MixedRegression model = MixedRegression.Fit(fewer, y, columns, new KernelRegressionOptions { Degrees = [1, 2] });

        Assert.Equal(1025, model.DegreeTrialCount);
        int degree = model.DegreeTrials.MinBy(trial => trial.LeaveOneOutError).Degree;
        Assert.Equal(degree, model.Options.Degree);
        MixedRegression alone = MixedRegression.Fit(fewer, y, columns, new KernelRegressionOptions { Degree = degree, Ridge = 0.25 });
        Assert.Equal(0, alone.DegreeTrialCount);
        Assert.Equal(alone.Bandwidths[0], model.Bandwidths[0]);
        MixedRegression given = MixedRegression.Fit(
            fewer, y, columns, model.Options with { Bandwidth = model.Bandwidths[0] }, [model.Lambdas[1]]);
        Assert.Equal(given.Diagnostics.LeaveOneOutError, model.Diagnostics.LeaveOneOutError, 1e-12);
    }

    private static MixedData Data(int rows, bool isWeighted = false)
    {
        (double[] x, double[] y) = Rows(rows);
        var numbers = SmootherData.Create(
            [.. Enumerable.Range(0, 2 * rows).Select(i => x[(i / 2 * 4) + (i % 2)])], y,
            isWeighted ? [.. Enumerable.Range(0, rows).Select(i => 0.5 + (i % 3 / 2.0))] : [], 2, out int[]? order);
        int[] places = order ?? [.. Enumerable.Range(0, rows)];
        return new MixedData(
            numbers, [.. places.SelectMany(i => new[] { (int)x[(4 * i) + 2], (int)x[(4 * i) + 3] })],
            [.. _columns.OfType<Category>()]);
    }

    private static (double[] X, double[] Y) Rows(int count)
    {
        (double[] x, double[] y) = (new double[4 * count], new double[count]);
        for (int i = 0; i < count; i++)
        {
            double[] row = [i * 0.6180339887 % 1, i * 0.7548776662 % 1, i * 7 / 3 % 3, i * 5 / 4 % 4];
            row.CopyTo(x, 4 * i);
            double noise = (i * 0.5698402910 % 1) - 0.5;
            y[i] = (Math.Sin(6 * row[0]) * (row[2] == 1 ? 1.5 : 1)) + row[1] + (0.4 * row[2]) + (0.15 * row[3]) + (0.8 * noise);
        }

        return (x, y);
    }
}
