using TorchAttention.Data;
using TorchAttention.Numerics;

namespace TorchAttention.Tests.Data;

public sealed class TabularDataTests
{
    private static readonly double[] _x = [.. Enumerable.Range(0, 50).Select(i => 1000 + 7.0 * (i * 13 % 50))];
    private static readonly double[] _y = [.. _x.Select(x => -3 * x + 1)];

    [Fact]
    public void Split_HoldsOutTheFraction()
    {
        using var data = new TabularData(_x, _y, validationFraction: 0.2);
        Assert.Equal((40, 10), (data.XTrain.shape[0], data.XVal.shape[0]));

        using var least = new TabularData(_x[..3], _y[..3], validationFraction: 0.9);
        Assert.Equal((2, 1), (least.XTrain.shape[0], least.XVal.shape[0]));
    }

    [Fact]
    public void TrainingPart_IsStandardisedAndSorted()
    {
        using var data = new TabularData(_x, _y);
        double[] x = data.XTrain.ToDoubles();

        Assert.Equal(x.Order(), x);
        Assert.Equal(0, x.Average(), 1e-6);
        Assert.Equal(1, Math.Sqrt(x.Sum(value => value * value) / (x.Length - 1)), 1e-6);
    }

    [Fact]
    public void Scales_LeadBackToEveryRow()
    {
        using var data = new TabularData(_x, _y);
        IEnumerable<double> x = data.XTrain.ToDoubles().Concat(data.XVal.ToDoubles()).Select(data.XScale.Invert);
        IEnumerable<double> y = data.YTrain.ToDoubles().Concat(data.YVal.ToDoubles()).Select(data.YScale.Invert);

        Assert.Equal(_x.Order(), x.Select(value => Math.Round(value, 2)).Order());
        Assert.All(x.Zip(y), pair => Assert.Equal(-3 * pair.First + 1, pair.Second, 1e-3));
    }

    [Fact]
    public void Seed_DecidesTheSplit()
    {
        using var first = new TabularData(_x, _y, seed: 1);
        using var same = new TabularData(_x, _y, seed: 1);
        using var other = new TabularData(_x, _y, seed: 2);

        Assert.Equal(first.XVal.ToDoubles(), same.XVal.ToDoubles());
        Assert.NotEqual(first.XVal.ToDoubles(), other.XVal.ToDoubles());
    }

    [Fact]
    public void WrongArguments_AreRefusedWithTheirValues()
    {
        Assert.Contains(
            "got 2", Assert.Throws<ArgumentException>(() => new TabularData(_x[..2], _y[..2])).Message, StringComparison.Ordinal);
        Assert.Contains(
            "(50), got 49", Assert.Throws<ArgumentException>(() => new TabularData(_x, _y[..49])).Message, StringComparison.Ordinal);
        Assert.Contains(
            "got 1 everywhere", Assert.Throws<RegressionDataException>(() => new TabularData([1, 1, 1, 1], [1, 2, 3, 4])).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new TabularData(_x, _y, validationFraction: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TabularData(_x, _y, validationFraction: double.NaN));
    }

    [Fact]
    public void NumbersThatAreNotFinite_AreRefusedAtTheirRow()
    {
        ArgumentException refused = Assert.Throws<ArgumentException>("x", () => new TabularData([1, double.NaN, 3], [1, 2, 3]));
        Assert.Contains("got NaN in row 2", refused.Message, StringComparison.Ordinal);
        refused = Assert.Throws<ArgumentException>("y", () => new TabularData([1, 2, 3], [1, 2, double.PositiveInfinity]));
        Assert.Contains("got Infinity in row 3", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SeveralFeatures_AreRowsSortedByTheFirst()
    {
        double[] second = [.. _x.Select(x => Math.Cos(x) / 100)];
        using var data = new TabularData([_x, second], _y, seed: 3);
        using var alone = new TabularData(_x, _y, seed: 3);
        using var asList = new TabularData([_x], _y, seed: 3);

        Assert.Equal([40, 2], data.XTrain.shape);
        Assert.Equal([10, 2], data.XVal.shape);
        Assert.Equal([40], asList.XTrain.shape);
        Assert.Equal(alone.XTrain.ToDoubles(), asList.XTrain.ToDoubles());
        Assert.Equal(alone.XScale, data.XScale);
        Assert.Equal(2, data.XScales.Count);
        foreach ((Tensor both, Tensor first) in new[] { (data.XTrain, alone.XTrain), (data.XVal, alone.XVal) })
        {
            double[] rows = both.ToDoubles();
            Assert.Equal(first.ToDoubles(), rows.Where((_, i) => i % 2 == 0));
            for (int i = 0; i < rows.Length; i += 2)
            {
                double x = Math.Round(data.XScales[0].Invert(rows[i]), 2);
                Assert.Equal(Math.Cos(x) / 100, data.XScales[1].Invert(rows[i + 1]), 1e-8);
            }
        }
    }

    [Fact]
    public void BadColumn_IsNamed()
    {
        Refused("row 2 (from 1) in column 2 of 2", [[1, 2, 3], [1, double.NaN, 3]]);
        Refused("Expected values that vary in the 2 rows to train on in feature 1, got 7 everywhere.", [[1, 2, 3], [7, 7, 7], [1, 2, 3]]);
        Refused("Expected as many inputs in column 2 of 2 as in the first (3), got 2.", [[1, 2, 3], [1, 2]]);
        Refused("got null in column 1 of 2", [null!, [1, 2, 3]]);
        Refused("at least 1 column of inputs, got 0", []);
        Refused("as many targets as inputs (4), got 3", [[1, 2, 3, 4], [1, 2, 3, 5]]);

        static void Refused(string message, double[][] x) =>
            Assert.Contains(
                message, Assert.ThrowsAny<ArgumentException>(() => new TabularData(x, [1, 2, 3])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void HeldOutRowBeyondFloat32_IsRefused()
    {
        // The seeds differ in which row is held out; only the last is far from the other two.
        string?[] refusals = [.. Enumerable.Range(0, 20).Select(seed => RefusalOf([0, 1e-60, 1], (ulong)seed)).Distinct()];
        Assert.Equal(2, refusals.Length);
        Assert.Contains(null, refusals);
        Assert.StartsWith(
            "Expected rows of one scale, got 1 where the training part has a mean of 5E-61", refusals.Single(text => text is not null)!,
            StringComparison.Ordinal);
    }

    private static string? RefusalOf(double[] y, ulong seed)
    {
        try
        {
            new TabularData([1, 2, 3], y, seed: seed).Dispose();
            return null;
        }
        catch (ArgumentException e)
        {
            return e.Message;
        }
    }
}
