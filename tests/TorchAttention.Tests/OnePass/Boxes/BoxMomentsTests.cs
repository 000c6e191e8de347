using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass.Boxes;

namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>Moments of several features are sums, bit for bit.</summary>
public sealed class BoxMomentsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Sums_AreTheSameBits_InAnyOrderAndSplit(int features)
    {
        BoxRows rows = BoxRows.Draw("clusters", 4000, features, 1);
        rows.Y[17] = 1e4;
        BoxGrid grid = BoxGrid.Choose(rows.X, rows.Y, features, rows.Count, [.. Enumerable.Repeat(features - 1.0, features)]);
        var whole = new BoxMoments(grid);
        whole.Add(rows.X, rows.Y);
        int[] order = [.. Enumerable.Range(0, rows.Count)];
        new Random(2).Shuffle(order);
        var parts = new BoxMoments[7];
        for (int part = 0; part < parts.Length; part++)
        {
            parts[part] = new BoxMoments(grid);
            int[] own = [.. order.Where(i => i % 7 == part)];
            parts[part].Add([.. own.SelectMany(i => rows.X[(i * features)..((i + 1) * features)])], [.. own.Select(i => rows.Y[i])]);
        }

        for (int part = 0; part < 6; part++)
        {
            parts[6].Merge(parts[part]);
        }

        BoxStore.Box[] expected = Boxes(whole);
        BoxStore.Box[] actual = Boxes(parts[6]);
        Assert.Contains(expected, box => box.Sums.Length > 0);
        Assert.Contains(expected, box => box.Rows.Length > 0);
        Assert.Equal(whole.Count, parts[6].Count);
        Assert.Equal(whole.Ranges, parts[6].Ranges);
        Assert.Equal(expected.Length, actual.Length);
        foreach ((BoxStore.Box one, BoxStore.Box other) in expected.Zip(actual))
        {
            Assert.Equal(one.Id, other.Id);
            Assert.Equal(one.Count, other.Count);
            Assert.Equal(one.Sums, other.Sums);
            Assert.Equal(one.RowsInOrder(), other.RowsInOrder());
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void File_HasTheSameBits(int features)
    {
        BoxRows rows = BoxRows.Draw("clusters", 3000, features, 4);
        BoxGrid grid = BoxGrid.Choose(rows.X, rows.Y, features, rows.Count, [.. Enumerable.Repeat(features - 1.0, features)]);
        var moments = new BoxMoments(grid);
        moments.Add(rows.X, rows.Y);
        string path = Path.Combine(_folder.FullName, "a.moments");
        moments.Save(path, new Dictionary<string, string> { ["x"] = "a,b" });
        (BoxMoments loaded, IReadOnlyDictionary<string, string> notes) = BoxMoments.Load(path);
        string again = Path.Combine(_folder.FullName, "b.moments");
        loaded.Save(again, notes);

        Assert.Equal("a,b", notes["x"]);
        Assert.Equal(moments.Count, loaded.Count);
        Assert.True(grid.Equals(loaded.Grid));
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(again));
    }

    [Fact]
    public void DamagedFiles_AreRefused()
    {
        BoxRows rows = BoxRows.Draw("clusters", 1500, 2, 4);
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, 2, rows.Count, [1, 1]));
        moments.Add(rows.X, rows.Y);
        string path = Path.Combine(_folder.FullName, "a.moments");
        moments.Save(path);
        Assert.InRange(DamagedBytes.Refused(path, 1, file => BoxMoments.Load(file)), 380, 400);
    }

    [Theory]
    [InlineData(2, 2, 0, false)]
    [InlineData(2, 1, 3, true)]
    [InlineData(3, 2, 0, true)]
    [InlineData(2, 0, 0, false)]
    [InlineData(2, 0, 2, true)]
    public void Files_AreTheSameBytes_InAnyOrderAndSplit(int features, int columns, int folds, bool hasWeights)
    {
        BoxRows rows = BoxRows.Draw("clusters", 3000, features, 21);
        double[] y = columns == 0 ? [] : rows.Columns(columns);
        string[]? labels = columns == 0 ? rows.Labels() : null;
        double[] weights = hasWeights ? MomentRows.Weights(rows.Count, 22) : [];
        if (hasWeights)
        {
            // Beyond the unit, and none.
            (weights[5], weights[6]) = (5e4, 0);
        }

        double[] widths = [.. Enumerable.Repeat(features - 1.0, features)];
        double[] pilot = hasWeights ? weights[10..400] : [];
        ReadOnlySpan<double> some = rows.X.AsSpan(10 * features, 390 * features);
        BoxGrid grid = labels is null
            ? BoxGrid.Choose(some, y.AsSpan(10 * columns, 390 * columns), features, 3000, widths, pilot, folds)
            : BoxGrid.ChooseClasses(some, labels[10..400], features, 3000, widths, pilot, folds);
        var whole = new BoxMoments(grid);
        AddTo(whole, [.. Enumerable.Range(0, rows.Count)]);
        int[] order = [.. Enumerable.Range(0, rows.Count)];
        new Random(23).Shuffle(order);
        var sum = new BoxMoments(grid);
        foreach (int[] many in order.Chunk(701))
        {
            var part = new BoxMoments(grid);
            foreach (int[] few in many.Chunk(53))
            {
                AddTo(part, few);
            }

            sum.Merge(part);
        }

        string path = Path.Combine(_folder.FullName, "a.moments");
        string other = Path.Combine(_folder.FullName, "b.moments");
        whole.Save(path);
        sum.Save(other);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(other));
        BoxMoments.Load(path).Moments.Save(other);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(other));
        Assert.Equal(hasWeights ? 2999 : 3000, whole.Count);
        Assert.Equal((labels ?? []).Distinct().Order(StringComparer.Ordinal), whole.Classes);
        Assert.InRange(DamagedBytes.Refused(path, 24, file => BoxMoments.Load(file)), 380, 400);

        void AddTo(BoxMoments moments, int[] own)
        {
            double[] x = [.. own.SelectMany(i => rows.X[(i * features)..((i + 1) * features)])];
            double[] of = hasWeights ? [.. own.Select(i => weights[i])] : [];
            if (labels is null)
            {
                moments.Add(x, [.. own.SelectMany(i => y[(i * columns)..((i + 1) * columns)])], of);
            }
            else
            {
                moments.AddClasses(x, [.. own.Select(i => labels[i])], of);
            }
        }
    }

    // In decimal arithmetic, which has twelve digits more.
    [Fact]
    public void Sums_AreThoseOfTheirFormula()
    {
        BoxRows rows = BoxRows.Draw("uniform", 900, 2, 3);
        BoxGrid grid = BoxGrid.Choose(rows.X, rows.Y, 2, rows.Count, [0.5, 1]);
        var moments = new BoxMoments(grid);
        moments.Add(rows.X, rows.Y);
        BoxStore.Box box = Boxes(moments).MaxBy(box => box.Count)!;
        int[] own = [.. Enumerable.Range(0, 900).Where(i => grid.BoxOf(rows.X.AsSpan(2 * i, 2)) == box.Id)];
        decimal unit = (decimal)grid.ValueUnitAt();
        for (int term = 0; term < grid.Terms.Count; term++)
        {
            (decimal m, decimal v, decimal q) = (0, 0, 0);
            foreach (int i in own)
            {
                decimal product = Polynomial(grid.Terms.Degrees[term][0], Place(rows.X[2 * i] / 0.5))
                    * Polynomial(grid.Terms.Degrees[term][1], Place(rows.X[(2 * i) + 1]));
                decimal y = ((decimal)rows.Y[i] - (decimal)grid.LevelAt(box.Id)) / unit;
                m += product;
                v += product * y;
                q += product * y * y;
            }

            Assert.Equal((double)m, Number(box.Sums[term]), 1e-11);
            Assert.Equal((double)v, Number(box.Sums[grid.Terms.Count + term]), 1e-11);
            Assert.Equal((double)q, Number(box.Sums[(2 * grid.Terms.Count) + term]), 1e-11);
        }

        static double Number(Int128 sum) => (double)sum * Math.ScaleB(1, -50);

        static decimal Place(double x) => (((decimal)x - Math.Floor((decimal)x)) * 2) - 1;

        static decimal Polynomial(int k, decimal t)
        {
            (decimal before, decimal now) = (1, t);
            for (int i = 0; i < k; i++)
            {
                (before, now) = (now, (2 * t * now) - before);
            }

            return before;
        }
    }

    [Fact]
    public void WrongRows_AreRefused()
    {
        BoxRows rows = BoxRows.Draw("uniform", 300, 2, 3);
        BoxGrid grid = BoxGrid.Choose(rows.X, rows.Y, 2, 300, [0.1, 0.1]);
        var moments = new BoxMoments(grid);

        Assert.Throws<ArgumentException>(() => moments.Add([1, 2, 3], [1]));
        Assert.Throws<ArgumentException>(() => moments.Add([1, double.NaN], [1]));
        Assert.Throws<ArgumentException>(() => moments.Add([1, 2], [double.PositiveInfinity]));
        Assert.Throws<ArgumentException>(() => moments.Add([1, 2], [1], [1]));
        Assert.Throws<ArgumentException>(() => moments.AddClasses([1, 2], ["a"]));
        Assert.Equal(0, moments.Count);
        Assert.Equal(0, Assert.Throws<RegressionDataException>(() => moments.Add([1e10, 2], [1])).Feature);
        BoxRows many = BoxRows.Draw("uniform", 9000, 3, 3);
        string message = Assert.Throws<RegressionDataException>(
            () => BoxGrid.Choose(many.X, many.Y, 3, 9000, [0.01, 0.01, 0.01])).Message;
        Assert.Contains("at most 4,096 boxes, of 39,168 bytes", message, StringComparison.Ordinal);
        Assert.Contains("a fit in memory", message, StringComparison.Ordinal);
        BoxGrid other = BoxGrid.Choose(rows.X, rows.Y, 2, 300, [0.2, 0.1]);
        Assert.Throws<ArgumentException>(() => moments.Merge(new BoxMoments(other)));
        Assert.Throws<ArgumentOutOfRangeException>(() => BoxGrid.Choose([1, 2, 3, 4], [1], 4, 1));
        Assert.Throws<ArgumentException>(() => BoxGrid.Choose(rows.X, rows.Y, 2, 300, [0.1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => BoxGrid.Choose(rows.X, rows.Y, 2, 300, [0.1, 0.1], folds: 1));
        var weighted = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, 2, 300, [0.1, 0.1], [.. rows.Y.Select(_ => 1.0)]));
        Assert.Throws<ArgumentException>(() => weighted.Add([1, 2], [1], [-1]));
        Assert.Throws<ArgumentException>(() => weighted.Add([1, 2], [1], [1, 1]));
        Assert.Throws<RegressionDataException>(() => weighted.Add([0.1, 0.2], [1], [1e12]));
        var classes = new BoxMoments(BoxGrid.ChooseClasses(rows.X, rows.Labels(), 2, 300, [0.1, 0.1]));
        Assert.Throws<ArgumentException>(() => classes.Add([1, 2], [1]));
        Assert.Throws<ArgumentException>(() => classes.AddClasses([1, 2, 3], ["a"]));
    }

    private static BoxStore.Box[] Boxes(BoxMoments moments) => [.. moments.Parts.Values.SelectMany(store => store.InOrder())];
}
