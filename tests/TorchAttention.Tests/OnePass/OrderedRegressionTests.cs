using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass;

/// <summary>Kernels that end, over rows in a file: a fit a stretch at a time is the fit in memory.</summary>
public sealed class OrderedRegressionTests : IDisposable
{
    private const int Stretch = 3000;

    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>All kernels that end.</summary>
    public static TheoryData<string> Kernels =>
        [.. SmoothingKernel.All.Where(kernel => double.IsFinite(kernel.Support)).Select(kernel => kernel.Name)];

    // More rows than a stretch has; some have no other in reach, and some keys are the same.
    [Theory]
    [MemberData(nameof(Kernels))]
    public void GivenBandwidth_HasTheNumbersOfMemory(string kernel)
    {
        (double[] x, double[] y) = Draw(20_000);
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Find(kernel)!, Bandwidth = 0.01 };
        var memory = KernelRegression.Fit(x, y, options);
        using OrderedRows rows = Ordered(x, y);
        var model = OrderedRegression.Fit(rows, null, options, Stretch);

        Same(memory.Diagnostics, model.Diagnostics);
        double[] queries = [.. Enumerable.Range(0, 300).Select(i => -0.01 + (i * 1.3 / 300))];
        Predictions expected = memory.Predict(queries);
        Predictions actual = model.Predict(queries, 0.95);
        Assert.Equal(expected.HasNeighbour, actual.HasNeighbour.Zip(actual.IsInGap, (has, gap) => has && !gap).Zip(
            actual.Mean, (has, mean) => has && !double.IsNaN(mean)));
        for (int i = 0; i < queries.Length; i++)
        {
            Assert.Equal(expected.Mean[i], actual.Mean[i], 1e-11);
            Assert.Equal(expected.Lower[i], actual.Lower[i], 1e-9);
        }
    }

    [Theory]
    [InlineData("biweight", 0, BandwidthRule.LeaveOneOut)]
    [LongData("tricube", 1, BandwidthRule.LeaveOneOut)]
    [LongData("epanechnikov", 0, BandwidthRule.GCV)]
    [LongData("triangular", 0, BandwidthRule.AICc)]
    public void Search_FindsWhatItFindsInMemory(string kernel, int degree, BandwidthRule rule)
    {
        (double[] x, double[] y) = Draw(degree == 0 ? 12_000 : 4_000);
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Degree = degree,
            Bandwidth = Bandwidth.By(rule),
        };
        var memory = KernelRegression.Fit(x, y, options);
        using OrderedRows rows = Ordered(x, y);
        var some = KernelRegression.Fit(x.AsSpan(0, 3_000), y.AsSpan(0, 3_000), options);
        var model = OrderedRegression.Fit(rows, some, options, Stretch);

        Assert.True(model.Search!.Score <= memory.Search!.Score + (1e-6 * Math.Abs(memory.Search.Score)));
        Same(KernelRegression.Fit(x, y, options with { Bandwidth = model.Bandwidth }).Diagnostics, model.Diagnostics);
    }

    // Of rows of weight 0 nothing is left.
    [Fact]
    public void ColumnsAndWeights_HaveTheNumbersOfMemory()
    {
        (double[] x, double[] y) = Draw(9_000);
        double[] both = [.. y.SelectMany((value, i) => new[] { value, 3 * Math.Cos(5 * x[i]) })];
        double[] weights = [.. x.Select((_, i) => i % 5 * 0.7)];
        int[] weighty = [.. Enumerable.Range(0, x.Length).Where(i => weights[i] > 0)];
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Biweight, Degree = 1, Bandwidth = 0.05 };
        var memory = KernelRegression.Fit(
            [.. weighty.Select(i => x[i])], [.. weighty.SelectMany(i => both.Skip(2 * i).Take(2))], 1, options,
            [.. weighty.Select(i => weights[i])]);
        using var rows = new OrderedRows(_folder, x, x.Length, columns: 2, hasWeights: true);
        rows.Add(x, both, weights);
        var model = OrderedRegression.Fit(rows, null, options, Stretch);

        Same(memory.Diagnostics, model.Diagnostics);
        double[] queries = [0.1, 0.32, 0.87];
        Assert.All(
            memory.Predict(queries).Mean.Zip(model.Predict(queries, 0.9).Mean), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
    }

    [Fact]
    public void Classes_HaveTheNumbersOfMemory()
    {
        (double[] x, double[] y) = Draw(6_000);
        string[] labels = [.. y.Select((value, i) => value > 1000.3 ? "up" : i % 3 == 0 ? "down" : "level")];
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Tricube, Bandwidth = 0.08 };
        var memory = KernelRegression.FitClasses(x, labels, 1, options);
        using var rows = new OrderedRows(_folder, x, x.Length);
        rows.AddClasses(x, labels);
        var model = OrderedRegression.Fit(rows, null, options, Stretch);

        Assert.Equal(memory.Classes, model.Classes);
        Same(memory.Diagnostics, model.Diagnostics);
        double loss = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double own = 0;
            double all = 0;
            for (int j = 0; j < x.Length; j++)
            {
                double u = (x[i] - x[j]) / 0.08;
                double weight = i == j || Math.Abs(u) >= 1 ? 0 : Math.Pow(1 - Math.Pow(Math.Abs(u), 3), 3);
                all += weight;
                own += labels[i] == labels[j] ? weight : 0;
            }

            loss -= Math.Log(Math.Max(Math.Pow(2, -52), all > 0 ? own / all : 0)) / x.Length;
        }

        Assert.Equal(loss, model.LeaveOneOutLogLoss, 1e-9 * loss);
    }

    // Its mean is off by some part of its standard error, and in gaps it says nothing, as in memory.
    [Theory]
    [InlineData("biweight", 1, 0.02)]
    [InlineData("epanechnikov", 0, 0.05)]
    [InlineData("boxcar", 0, 1.0)]
    public void CondensedCurve_PredictsAsMemoryDoes(string kernel, int degree, double partOfError)
    {
        (double[] x, double[] y) = Draw(20_000);
        x = [.. x.Select(at => at > 0.5 ? at + 1 : at)];
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Find(kernel)!, Degree = degree, Bandwidth = 0.03 };
        var memory = KernelRegression.Fit(x, y, options);
        using OrderedRows rows = Ordered(x, y);
        string path = Path.Combine(_folder, "curve.safetensors");
        OrderedRegression.Fit(rows, null, options, Stretch).Condense().Save(path);
        CondensedCurve curve = CondensedCurve.Load(path).Curve;

        Assert.False(curve.IsProved);
        double[] queries = [.. Enumerable.Range(0, 700).Select(i => 0.003 + (0.00311 * i))];
        Predictions expected = memory.Predict(queries, new PredictionOptions { Interval = IntervalKind.MeanWithoutBias });
        Predictions actual = curve.Predict(queries);
        Assert.Contains(false, expected.HasNeighbour);
        Assert.Equal(
            expected.HasNeighbour.Where((_, i) => !expected.IsOutside[i]), actual.HasNeighbour.Where((_, i) => !actual.IsOutside[i]));
        double[] off = [.. Enumerable.Range(0, queries.Length)
            .Where(i => actual.HasNeighbour[i] && expected.HasNeighbour[i] && expected.EffectiveNeighbours[i] > 20)
            .Select(i => Math.Abs(expected.Mean[i] - actual.Mean[i]) / expected.StandardError[i])];
        Assert.InRange(off.Length, 300, 700);
        Assert.InRange(off.Max(), 0, partOfError);
        Assert.InRange(off.Average(), 0, partOfError / 5);
    }

    [Fact]
    public void FilesAreGoneAfterwards_AndRowsInAnyOrderAreTheSame()
    {
        (double[] x, double[] y) = Draw(5_000);
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Biweight, Bandwidth = 0.05 };
        Diagnostics[] said = [.. Enumerable.Range(0, 2).Select(run =>
        {
            using OrderedRows rows = Ordered(run > 0 ? [.. x.Reverse()] : x, run > 0 ? [.. y.Reverse()] : y);
            return OrderedRegression.Fit(rows, null, options, Stretch).Diagnostics;
        })];

        Assert.Equal(said[0].LeaveOneOutError, said[1].LeaveOneOutError);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void TooManyRowsInReach_AreRefused()
    {
        double[] x = [.. Enumerable.Range(0, 30_000).Select(i => i / 1e4)];
        using OrderedRows rows = Ordered(x, x);
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Biweight, Bandwidth = 3 };
        RegressionDataException e = Assert.Throws<RegressionDataException>(() => OrderedRegression.Fit(rows, null, options, Stretch));
        Assert.Equal(RegressionProblem.TooMany, e.Kind);
    }

    private OrderedRows Ordered(double[] x, double[] y)
    {
        var rows = new OrderedRows(_folder, x.AsSpan(0, Math.Min(1000, x.Length)), 10_000_000);
        for (int first = 0; first < x.Length; first += 1000)
        {
            int count = Math.Min(1000, x.Length - first);
            rows.Add(x.AsSpan(first, count), y.AsSpan(first, count));
        }

        return rows;
    }

    private static void Same(Diagnostics expected, Diagnostics actual)
    {
        double[][] numbers = [.. ((Diagnostics[])[expected, actual]).Select(said => (double[])
        [
            said.LeaveOneOutError, said.EffectiveDegreesOfFreedom, said.ResidualDegreesOfFreedom, said.ResidualStandardError[0],
            said.RSquared[0], said.AICc, said.GCV,
        ])];
        Assert.All(numbers[0].Zip(numbers[1]), pair => Assert.Equal(pair.First, pair.Second, 1e-10 * Math.Abs(pair.First)));
    }

    private static (double[] X, double[] Y) Draw(int n)
    {
        var random = new Random(31);
        double[] x = [.. Enumerable.Range(0, n).Select(i =>
            i % 1000 == 0 ? 1 + (0.2 * random.NextDouble()) : i % 7 == 0 ? Math.Round(random.NextDouble(), 3) : random.NextDouble())];
        return (x, [.. x.Select(at => 1e3 + Math.Sin(7 * at) + random.NextDouble() - 0.5)]);
    }
}
