using TorchAttention.Benchmarks.Suite;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Regression;

public sealed class CurveSuiteTests
{
    // Golden/curve_sets.csv has for the repetition 0 of each set what numpy drew by the same rules: n, the sums, and both ends in order.
    [Fact]
    public void Draws_AreThoseOfTheStudy()
    {
        string[] columns = ["set", "n", "sum_x", "sum_y", "x_min", "y_at_x_min", "x_max", "y_at_x_max"];
        Table sums = CsvTable.Read(Path.Combine(AppContext.BaseDirectory, "Golden", "curve_sets.csv"), columns);
        Assert.Equal(CurveSet.Sets, sums.RowCount);
        for (int i = 0; i < CurveSet.Sets; i++)
        {
            var set = new CurveSet((int)sums["set"][i]);
            CurveDraw draw = set.Draw(0);
            int[] order = [.. Enumerable.Range(0, set.Count).OrderBy(row => draw.X[row])];
            double[] found = [set.Number, draw.X.Length, draw.X.Sum(), draw.Y.Sum(),
                draw.X[order[0]], draw.Y[order[0]], draw.X[order[^1]], draw.Y[order[^1]]];
            Assert.All(
                columns.Zip(found),
                pair => Assert.Equal(sums[pair.First][i], pair.Second, 1e-9 * Math.Max(1, Math.Abs(pair.Second))));
        }
    }

    // A short form of the table in docs/fitting.md: six sets, three repetitions.
    [Fact]
    public void DegreeTwoWithARidge_IsNearerToTheTruthThanTheMean()
    {
        LongTests.SkipUnlessAskedFor();
        double[][] ratios = [.. ((int[])[1, 8, 10, 24, 42, 44]).Select(number => CurveSuite.Measure(new CurveSet(number), 3))];
        double Of(string rule)
        {
            int index = CurveSuite.Rules.Index().Single(entry => entry.Item.Name == rule).Index;
            return Math.Exp(ratios.Average(set => Math.Log(set[index])));
        }

        Assert.InRange(Of("degree 2, ridge") / Of("degree 0"), 0.6, 0.9);
        Assert.InRange(Of("degree 2, ridge"), 0.7, 1.15);
        Assert.InRange(Of("auto: 1 or 2, ridge"), 0.7, 1.15);
        Assert.InRange(Of("degree 1, ridge") / Of("degree 1"), 0.5, 1);
        Assert.All(ratios, set => Assert.All(set[2..], ratio => Assert.InRange(ratio, 0.5, 1.6)));
    }
}
