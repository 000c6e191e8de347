using System.Security.Cryptography;
using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass;

/// <summary>Moments add up to the same bits, say what rows say, and refuse what they cannot hold.</summary>
public sealed class MomentsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(1, 300, 1, false)]
    [InlineData(2, 5_000, 1, false)]
    [InlineData(3, 400_000, 1, false)]
    [InlineData(1, 300, 1, true)]
    [InlineData(2, 20_000, 1, true)]
    [InlineData(4, 5_000, 3, false)]
    [InlineData(5, 5_000, 2, true)]
    public void OrderAndSplit_ChangeNoBit(int seed, int n, int columns, bool hasWeights)
    {
        (double[] x, double[] y) = MomentRows.Draw(n, seed);
        y = columns == 1 ? y : MomentRows.Columns(x, columns, seed);
        double[] weights = hasWeights ? MomentRows.Weights(n, seed) : [];
        MomentGrid grid = MomentGrid.Choose(x, y, n, weights: weights);
        y[^(1 + (n / 2))] = 1e5;
        if (hasWeights)
        {
            weights[n / 3] *= 100;
        }

        var whole = new Moments(grid);
        whole.Add(x, y, weights);

        int[] order = [.. Enumerable.Range(0, n)];
        new Random(seed).Shuffle(order);
        Moments[] parts = [new(grid), new(grid), new(grid)];
        for (int part = 0; part < parts.Length; part++)
        {
            int[] rows = [.. order.Where((_, place) => place * parts.Length / n == part)];
            parts[part].Add(
                [.. rows.Select(i => x[i])],
                [.. rows.SelectMany(i => y[(i * columns)..((i + 1) * columns)])],
                hasWeights ? [.. rows.Select(i => weights[i])] : default);
        }

        parts[2].Merge(parts[0]);
        parts[2].Merge(parts[1]);

        Assert.Equal(Bytes(whole), Bytes(parts[2]));
        MomentRegression one = MomentRegression.Fit(whole);
        MomentRegression other = MomentRegression.Fit(parts[2], new MomentOptions { Threads = 1 });
        Assert.Equal(one.Bandwidth, other.Bandwidth);
        Assert.Equal(one.Certificate, other.Certificate);
    }

    [Theory]
    [InlineData(true, 0, false)]
    [InlineData(true, 0, true)]
    [InlineData(true, 4, false)]
    [InlineData(false, 5, false)]
    [InlineData(false, 2, true)]
    public void OrderAndSplitOfClassesAndFolds_ChangeNoBit(bool hasClasses, int folds, bool hasWeights)
    {
        const int n = 3000;
        const double cell = 0.03;
        (double[] x, string[] labels) = MomentRows.Classes(n, 16);
        labels[n / 2] = "late";
        double[] y = MomentRows.Columns(x, 2, 16);
        double[] weights = hasWeights ? MomentRows.Weights(n, 16) : [];
        MomentGrid grid = hasClasses ? MomentGrid.ChooseClasses(x, labels, n, cell, weights, folds)
            : MomentGrid.Choose(x, y, n, cell, 0, weights, folds);
        Moments whole = Sum([.. Enumerable.Range(0, n)]);
        int[] order = [.. Enumerable.Range(0, n)];
        new Random(16).Shuffle(order);
        Moments part = Sum(order[..1000]);
        part.Merge(Sum(order[1000..]));

        Assert.Equal(Bytes(whole), Bytes(part));
        Moments back = Moments.Load(SavedAs(whole)).Moments;
        Assert.Equal(Bytes(whole), Bytes(back));
        Assert.Equal(whole.Cells, back.Cells);
        Assert.Equal(hasClasses ? ["late", "one", "rare", "two, too"] : [], back.Classes);
        var options = new MomentOptions { Bandwidth = folds > 0 ? Bandwidth.KFold(folds) : Bandwidth.LeaveOneOut };
        MomentRegression one = MomentRegression.Fit(whole, options);
        MomentRegression other = MomentRegression.Fit(back, options with { Threads = 1 });
        Assert.Equal((one.Bandwidth, one.LeaveOneOutLogLoss), (other.Bandwidth, other.LeaveOneOutLogLoss));
        Assert.Equal(one.Certificate, other.Certificate);
        Moments Sum(int[] rows)
        {
            var moments = new Moments(grid);
            double[] shares = hasWeights ? [.. rows.Select(i => weights[i])] : [];
            double[] keys = [.. rows.Select(i => x[i])];
            if (hasClasses)
            {
                moments.AddClasses(keys, [.. rows.Select(i => labels[i])], shares);
            }
            else
            {
                moments.Add(keys, [.. rows.SelectMany(i => y[(2 * i)..((2 * i) + 2)])], shares);
            }

            return moments;
        }
    }

    // Of rows that no library of mathematics had a hand in.
    [Theory]
    [InlineData(1, false, "742b8ca6c67a7fa3")]
    [InlineData(2, false, "9e8367851fa80133")]
    [InlineData(2, true, "0e223d8d2be14300")]
    public void Bits_AreThoseOfAnyProcessor(int columns, bool hasWeights, string hash)
    {
        const int n = 3000;
        double[] x = [.. Enumerable.Range(0, n).Select(i => i * 7919 % 10007 / 10007.0)];
        double[] y = [.. Enumerable.Range(0, n * columns).Select(i => (i * 31 % 1009 / 1009.0) + (i % 500 == 0 ? 90 : 0))];
        double[] weights = hasWeights ? [.. Enumerable.Range(0, n).Select(i => 1 + (i % 13))] : [];
        var moments = new Moments(MomentGrid.Choose(x, y, n, 0.02, 1, weights));
        moments.Add(x, y, weights);

        Assert.Equal(hash, Convert.ToHexStringLower(SHA256.HashData(Bytes(moments)))[..16]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void SavedMoments_AreTheSameBitForBit(int columns)
    {
        (double[] x, _) = MomentRows.Draw(2000, 4);
        double[] y = MomentRows.Columns(x, columns, 4);
        var moments = new Moments(MomentGrid.Choose(x, y, 2000));
        moments.Add(x, y);
        string path = Path.Combine(_folder.FullName, "a.moments");
        moments.Save(path, new Dictionary<string, string> { ["x"] = "times" });

        (Moments back, IReadOnlyDictionary<string, string> notes) = Moments.Load(path);

        Assert.Equal("times", notes["x"]);
        Assert.Equal(Bytes(moments), Bytes(back));
        Assert.Equal(2000, back.Count);
        Assert.Equal(x.Min(), back.LeastX);
        back.Add([0.5], y[..columns]);
        Assert.Equal(2001, back.Count);
    }

    [Fact]
    public void MoreRowsThanAnIntegerCounts_AreCounted()
    {
        (double[] x, double[] y) = MomentRows.Draw(1000, 8);
        var moments = new Moments(MomentGrid.Choose(x, y, 1000));
        moments.Add(x, y);
        var sum = new Moments(moments.Grid);
        for (int i = 0; i < 24; i++)
        {
            sum.Merge(moments);
            moments.Merge(sum);
        }

        MomentRegression model = MomentRegression.Fit(sum);

        Assert.True(sum.Count > int.MaxValue, $"{sum.Count}");
        Assert.Equal(sum.Count, model.Count);
        Assert.True(double.IsFinite(model.Diagnostics.LeaveOneOutError));
    }

    [Fact]
    public void ValuesWithoutNoise_DoNotMakeACellOfEachRow()
    {
        double[] x = [.. Enumerable.Range(0, 200_000).Select(i => i / 2e5)];
        var grid = MomentGrid.Choose(x, [.. x.Select(at => Math.Sin(7 * at))], 10_000_000);
        var moments = new Moments(grid);
        moments.Add(x, [.. x.Select(at => Math.Sin(7 * at))]);

        Assert.InRange(moments.Cells, 1000, 40_000);
    }

    [Fact]
    public void WrongInput_IsRefused()
    {
        (double[] x, double[] y) = MomentRows.Draw(500, 10);
        var moments = new Moments(MomentGrid.Choose(x, y, 500, 0.01));
        moments.Add(x, y);

        Assert.StartsWith("Expected finite keys, got NaN at row 1.", Refused(() => moments.Add([0.5, double.NaN], [1, 2])).Message);
        Assert.StartsWith(
            "Expected finite values, got Infinity at row 0.", Refused(() => moments.Add([0.5], [double.PositiveInfinity])).Message);
        Assert.StartsWith("keys below ", Assert.Throws<RegressionDataException>(() => moments.Add([1e300], [1])).Expected);
        Assert.StartsWith("values within ", Assert.Throws<RegressionDataException>(() => moments.Add([0.5], [1e200])).Expected);
        Assert.StartsWith("Expected as many values as keys, 1, got 2.", Refused(() => moments.Add([0.5], [1, 2])).Message);
        var two = new Moments(MomentGrid.Choose(x, MomentRows.Columns(x, 2, 10), 500, 0.01));
        Assert.StartsWith("Expected 2 values for each of 1 keys, got 1 in all.", Refused(() => two.Add([0.5], [1])).Message);
        Assert.StartsWith("Expected moments of the same grid", Refused(() => moments.Merge(two)).Message);
        var classes = new Moments(MomentGrid.ChooseClasses([0, 1, 2], ["a", "b", "a"], 3, 0.1));
        Assert.StartsWith("Expected classes, as the grid", Refused(() => classes.Add([0.5], [1])).Message);
        Assert.StartsWith("Expected values, as the grid", Refused(() => moments.AddClasses([0.5], ["a"])).Message);
        Assert.StartsWith("Expected as many classes as keys, 1, got 2.", Refused(() => classes.AddClasses([0.5], ["a", "b"])).Message);
        Assert.StartsWith("Expected no weights", Refused(() => moments.Add([0.5], [1], [1])).Message);
        var weighted = new Moments(MomentGrid.Choose(x, y, 500, 0.01, 0, MomentRows.Weights(500, 10)));
        Assert.StartsWith("Expected finite weights from 0, got -1 at row 0.", Refused(() => weighted.Add([0.5], [1], [-1])).Message);
        Assert.StartsWith("Expected as many weights as keys, 1, got 2.", Refused(() => weighted.Add([0.5], [1], [1, 2])).Message);
        Assert.StartsWith("weights about", Assert.Throws<RegressionDataException>(() => weighted.Add([0.5], [1], [1e30])).Expected);
        Assert.StartsWith("Expected moments of the same grid", Refused(() => moments.Merge(weighted)).Message);
        Assert.Equal(0, weighted.Count);
        Assert.StartsWith(
            "Expected moments of the same grid", Refused(() => moments.Merge(new Moments(MomentGrid.Choose(x, y, 500, 0.1)))).Message);
        Assert.StartsWith(
            "Expected the rule", Refused(() => MomentRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.Scott })).Message);
        Assert.Equal(500, moments.Count);

        // What was refused leaves no cell behind.
        int cells = moments.Cells;
        Assert.Throws<RegressionDataException>(() => moments.Add([77], [1e200]));
        Assert.Equal(cells, moments.Cells);
        Assert.Equal(moments.Count, Moments.Load(SavedAs(moments)).Moments.Count);
        Assert.InRange(MomentRegression.Fit(moments).Condense().Pieces, 1, 500);
        Assert.Throws<RegressionDataException>(() => MomentRegression.Fit(new Moments(moments.Grid)));
        var same = new Moments(moments.Grid);
        same.Add([0.5, 0.5, 0.5], [1, 2, 3]);
        Assert.Throws<RegressionDataException>(() => MomentRegression.Fit(same));
        Assert.StartsWith(
            "a bandwidth from",
            Assert.Throws<RegressionDataException>(() => MomentRegression.Fit(moments, new MomentOptions { Bandwidth = 1e300 })).Expected);
        Assert.Equal(2, MomentRegression.Fit(same, new MomentOptions { Bandwidth = 0.1 }).Predict([0.5]).Mean[0], 1e-12);
    }

    // Any byte of a file that changes is found, or changes the numbers and nothing else: no other error, and no memory beyond the file's.
    [Fact]
    public void DamagedFiles_AreRefusedInOneLine()
    {
        (double[] x, double[] y) = MomentRows.Draw(300, 11);
        string path = Path.Combine(_folder.FullName, "a.moments");
        double[] several = MomentRows.Columns(x, 2, 11);
        foreach ((double[] values, double[] weights) in ((double[], double[])[])[
            (y, []), (y, MomentRows.Weights(300, 11)), (several, [])])
        {
            var moments = new Moments(MomentGrid.Choose(x, values, 300, 0.1, 0, weights));
            moments.Add(x, values, weights);
            moments.Save(path);

            Assert.InRange(DamagedBytes.Refused(path, 1, file => Moments.Load(file)), 380, 400);
        }

        string[] labels = [.. x.Select(at => at < 0.5 ? "a" : "b")];
        var classes = new Moments(MomentGrid.ChooseClasses(x, labels, 300, 0.1, folds: 2));
        classes.AddClasses(x, labels);
        classes.Save(path);

        Assert.InRange(DamagedBytes.Refused(path, 1, file => Moments.Load(file)), 380, 400);
    }

    private static ArgumentException Refused(Action action) => Assert.ThrowsAny<ArgumentException>(action);

    private byte[] Bytes(Moments moments) => File.ReadAllBytes(SavedAs(moments));

    private string SavedAs(Moments moments)
    {
        string path = Path.Combine(_folder.FullName, Path.GetRandomFileName());
        moments.Save(path);
        return path;
    }
}
