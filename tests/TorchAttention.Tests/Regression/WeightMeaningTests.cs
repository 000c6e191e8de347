using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Regression.Groups;

namespace TorchAttention.Tests.Regression;

public sealed class WeightMeaningTests
{
    private const int N = 60;

    private static readonly Random _random = new(5);
    private static readonly double[] _x = [.. Enumerable.Range(0, N).Select(_ => 10 * _random.NextDouble())];
    private static readonly double[] _y = [.. _x.Select(x => Math.Sin(x) + (0.3 * Normal(_random)))];
    private static readonly double[] _counts = [.. Enumerable.Range(0, N).Select(i => (double)(i % 4))];
    private static readonly int[] _copies = [.. Enumerable.Range(0, N).SelectMany(i => Enumerable.Repeat(i, i % 4))];
    private static readonly double[] _repeatedX = [.. _copies.Select(i => _x[i])];
    private static readonly double[] _repeatedY = [.. _copies.Select(i => _y[i])];

    [Theory]
    [InlineData(0, "loo")]
    [InlineData(1, "loo")]
    [InlineData(2, "loo")]
    [InlineData(2, "kfold")]
    [InlineData(1, "aicc")]
    public void Frequencies_AreRowsThatAreRepeated(int degree, string rule)
    {
        BandwidthRule by = BandwidthRules.All.Single(one => BandwidthRules.NameOf(one) == rule);
        var options = new KernelRegressionOptions
        {
            Degree = degree,
            Bandwidth = Bandwidth.By(by),
            WeightsAre = WeightMeaning.Frequencies,
        };
        KernelRegression counted = KernelRegression.Fit(_x, _y, 1, options, _counts);
        KernelRegression repeated = KernelRegression.Fit(_repeatedX, _repeatedY, 1, options);
        Close(repeated.Bandwidths, counted.Bandwidths);
        Assert.Equal(_copies.Length, counted.Count);
        Close(Numbers(repeated.Diagnostics), Numbers(counted.Diagnostics));
        foreach (IntervalKind kind in Enum.GetValues<IntervalKind>())
        {
            var asked = new PredictionOptions { Interval = kind };
            Predictions there = counted.Predict([0.5, 3, 9.9], asked);
            Predictions expected = repeated.Predict([0.5, 3, 9.9], asked);
            Close(expected.Lower, there.Lower);
            Close(expected.Upper, there.Upper);
            Close(expected.EffectiveNeighbours, there.EffectiveNeighbours);
        }

        Close(counted.Predict(_x).Mean, counted.Fitted);
    }

    [Fact]
    public void Frequencies_OfGroupsCategoriesAndEvaluations_AreRowsThatAreRepeated()
    {
        var options = new KernelRegressionOptions { WeightsAre = WeightMeaning.Frequencies };
        string[] groups = [.. Enumerable.Range(0, N).Select(i => i % 3 == 0 ? "a" : "b")];
        string[] repeatedGroups = [.. _copies.Select(i => groups[i])];
        foreach (GroupBandwidths bandwidths in Enum.GetValues<GroupBandwidths>())
        {
            var counted = GroupedRegression.Fit(groups, _x, _y, 1, options, bandwidths, _counts);
            var repeated = GroupedRegression.Fit(repeatedGroups, _repeatedX, _repeatedY, 1, options, bandwidths);
            Close(repeated.Predict(["a", "b"], [2.0, 5]).Mean, counted.Predict(["a", "b"], [2.0, 5]).Mean);
        }

        double[] mixed = [.. _x.SelectMany((x, i) => new[] { x, i % 3 == 0 ? 0 : 1 })];
        Category?[] columns = [null, new Category(["a", "b"])];
        var asked = new PredictionOptions { Interval = IntervalKind.NewObservation };
        double[] counts = [.. _counts.Select(count => count + 1)];
        int[] copies = [.. Enumerable.Range(0, N).SelectMany(i => Enumerable.Repeat(i, (int)counts[i]))];
        MixedRegression ofCounts = MixedRegression.Fit(mixed, _y, columns, options, weights: counts);
        MixedRegression ofRows = MixedRegression.Fit(
            [.. copies.SelectMany(i => new[] { _x[i], i % 3 == 0 ? 0 : 1 })], [.. copies.Select(i => _y[i])], columns, options);
        Close(ofRows.Predict([2.0, 0, 5, 1], asked).Upper, ofCounts.Predict([2.0, 0, 5, 1], asked).Upper);
        Assert.Equal(N, ofCounts.Fitted.Count);

        Assert.Equal(
            Evaluation.CrossValidate(_repeatedX, _repeatedY, 1, options).RootMeanSquaredError,
            Evaluation.CrossValidate(_x, _y, 1, options, weights: _counts).RootMeanSquaredError, 1e-10);
    }

    // A mean of two measurements says what the two say: f is the same, and so is what it is known to.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Precisions_OfMeans_SayWhatTheirPartsSay(int degree)
    {
        double[] places = [.. Enumerable.Range(0, 40).Select(i => (i * 0.25) + (0.1 * Math.Sin(i)))];
        double[] parts = [.. places.SelectMany(x => new[] { x, x })];
        double[] values = [.. parts.Select((x, i) => Math.Sin(x) + (0.3 * Math.Cos(7 * i)))];
        int cut = 30;
        double[] merged = [.. places.Take(cut), .. places.Skip(cut).SelectMany(x => new[] { x, x })];
        double[] means =
            [.. Enumerable.Range(0, cut).Select(i => (values[2 * i] + values[(2 * i) + 1]) / 2), .. values.Skip(2 * cut)];
        double[] weights = [.. merged.Select((_, i) => i < cut ? 2.0 : 1)];
        var options = new KernelRegressionOptions { Degree = degree, Ridge = 0, Bandwidth = 0.8 };
        Predictions two = KernelRegression.Fit(parts, values, 1, options).Predict([1.1, 7.3, 9.9]);
        Predictions one = KernelRegression.Fit(merged, means, 1, options, weights).Predict([1.1, 7.3, 9.9]);
        Close(two.Mean, one.Mean);
        Close(two.EffectiveNeighbours, [.. one.EffectiveNeighbours.Select(count => count * weights.Average())]);
    }

    // sum_j l_j^2 / s_j by the formula, with s of mean 1, on enough rows for the sums of cells.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Precisions_Neighbours_AreThoseOfTheFormula(int degree)
    {
        const int count = 300;
        double[] x = [.. Enumerable.Range(0, count).Select(i => i / 30.0)];
        double[] y = [.. x.Select(Math.Cos)];
        double[] weights = [.. Enumerable.Range(0, count).Select(i => 0.2 + (i % 7))];
        double mean = weights.Average();
        KernelRegression model = KernelRegression.Fit(x, y, 1, new() { Degree = degree, Bandwidth = 0.5 }, weights);
        double[] queries = [.. Enumerable.Range(0, 100).Select(i => i / 10.1)];
        Predictions there = model.Predict(queries);
        for (int q = 0; q < queries.Length; q++)
        {
            double[] k = [.. x.Select((place, i) => weights[i] / mean * Math.Exp(-Math.Pow((place - queries[q]) / 0.5, 2) / 2))];
            double s1 = k.Select((one, i) => one * (x[i] - queries[q])).Sum();
            double s2 = k.Select((one, i) => one * Math.Pow(x[i] - queries[q], 2)).Sum();
            double[] l = degree == 0 ? k : [.. k.Select((one, i) => one * (s2 - (s1 * (x[i] - queries[q]))))];
            double sum = l.Sum();
            double squares = l.Select((one, i) => one / sum * one / sum / (weights[i] / mean)).Sum();
            Assert.Equal(1, there.EffectiveNeighbours[q] * squares, 1e-9);
        }
    }

    // Noise of the deviation 0.3 / sqrt(w): a new row of the mean weight is within 1.96 such deviations.
    [Fact]
    public void Precisions_NewObservation_IsOfTheMeanWeight()
    {
        const int count = 2000;
        var random = new Random(1);
        double[] weights = [.. Enumerable.Range(0, count).Select(i => i % 2 == 0 ? 0.1 : 10)];
        double[] x = [.. Enumerable.Range(0, count).Select(_ => 10 * random.NextDouble())];
        double[] y = [.. x.Select((place, i) => Math.Sin(place) + (0.3 / Math.Sqrt(weights[i]) * Normal(random)))];
        var options = new KernelRegressionOptions { Degree = 1, Bandwidth = 0.3 };
        double expected = 1.96 * 0.3 / Math.Sqrt(weights.Average());
        foreach (IntervalKind kind in (IntervalKind[])
            [IntervalKind.NewObservation, IntervalKind.NewObservationQuantiles, IntervalKind.JackknifePlus])
        {
            Predictions there = KernelRegression.Fit(x, y, 1, options, weights)
                .Predict([2.5, 5, 7.5], new PredictionOptions { Interval = kind });
            double width = there.Upper.Zip(there.Lower, (upper, lower) => (upper - lower) / 2).Average();
            Assert.InRange(width / expected, 0.9, 1.1);
        }
    }

    [Fact]
    public void Meaning_IsKeptInFiles()
    {
        string folder = Directory.CreateTempSubdirectory("weights").FullName;
        string path = Path.Combine(folder, "m.safetensors");
        var options = new KernelRegressionOptions { WeightsAre = WeightMeaning.Frequencies, Bandwidth = 1 };
        KernelRegression model = KernelRegression.Fit(_x, _y, 1, options, _counts);
        model.Save(path);
        KernelRegression again = KernelRegression.Load(path).Model;
        Assert.Equal(WeightMeaning.Frequencies, again.Options.WeightsAre);
        Assert.Equal(model.Predict([1.0, 4]).Lower, again.Predict([1.0, 4]).Lower);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Frequencies_OfParts_AreRefused() =>
        Assert.StartsWith(
            "Expected whole numbers as frequencies, got 2.5 for example 1.",
            Assert.Throws<ArgumentException>(() => KernelRegression.Fit(
                [1, 2, 3], [1, 2, 3], 1, new() { WeightsAre = WeightMeaning.Frequencies, Bandwidth = 1 }, [1, 2.5, 1])).Message,
            StringComparison.Ordinal);

    private static double[] Numbers(Diagnostics said) =>
    [
        said.EffectiveDegreesOfFreedom, said.ResidualDegreesOfFreedom, said.LeaveOneOutError, said.AICc, said.GCV,
        .. said.ResidualStandardError, .. said.RSquared,
    ];

    private static void Close(IReadOnlyList<double> expected, IReadOnlyList<double> found)
    {
        Assert.Equal(expected.Count, found.Count);
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-10 * Math.Max(1, Math.Abs(pair.First))));
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
