using Parquet.Schema;
using TorchAttention.Files;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Files;

public sealed class TableFileTests : IDisposable
{
    private static readonly CsvOptions _drop = new() { Missing = MissingValues.Drop };
    private readonly string _folder = Directory.CreateTempSubdirectory("torchattention-").FullName;

    public static TheoryData<string> Endings => [".csv", .. TableFile.Endings];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Endings))]
    public void Columns_AreThoseOfTheFile(string ending)
    {
        string path = Write(ending, ("a", [1, 2, 3]), ("b", [0.1, -1e300, 5e-324]), ("note", [7, 8, 9]));
        Table table = TableFile.Read(path, ["b", "a"]);
        Assert.Equal([0.1, -1e300, 5e-324], table["b"].ToArray());
        Assert.Equal([1, 2, 3], table[1].ToArray());
        Assert.Equal((3, path, 0), (table.RowCount, table.Name, table.DroppedRows));
        Assert.Equal(["note"], TableFile.Read(path, header => [header[^1]]).Columns);
    }

    [Theory]
    [MemberData(nameof(Endings))]
    public void MissingNumbers_AreCountedOrLeftOut(string ending)
    {
        string path = Write(ending, ("a", [1, null, 3, null]), ("b", [null, 2, 3, 4]));
        int first = ending is ".csv" or ".xlsx" ? 2 : 1;
        TableException error = Assert.Throws<TableException>(() => TableFile.Read(path, ["a", "b"]));
        Assert.Equal((TableProblem.Missing, first, "b", 3), (error.Kind, error.Row, error.Column, error.Rows));

        Table table = TableFile.Read(path, ["a", "b"], _drop);
        Assert.Equal([3], table["a"].ToArray());
        Assert.Equal(3, table.DroppedRows);

        string gaps = Write(ending, ("a", [null, null]), ("b", [1, 2]));
        TableException empty = Assert.Throws<TableException>(() => TableFile.Read(gaps, ["a"], _drop));
        Assert.Contains("none among 2", empty.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Blocks_CanBeReadAlone()
    {
        string parquet = Path.Combine(_folder, "groups.parquet");
        double next = 0;
        Written.Parquet(
            parquet,
            [new DataField<double>("x")],
            (group, field) => group.WriteAsync<double>(field, new double[] { next++, next++, next++ }),
            groups: 4);
        string arrow = Path.Combine(_folder, "batches.arrow");
        Written.Arrow(arrow, [("x", Written.Doubles([6, 7, 8]))], batches: 3);
        foreach ((string path, int blocks) in new[] { (parquet, 4), (arrow, 3) })
        {
            using var rows = (ColumnRows)TableFile.Open(path);
            rows.Choose(["x"]);
            Assert.Equal(blocks, rows.Blocks);
            List<double> x = [];
            foreach (int block in new[] { 2, 0, 2 })
            {
                rows.Only(block);
                Assert.Equal((2, 1, 0), (rows.Read([x], 2), rows.Read([x], 2), rows.Read([x], 2)));
            }

            Assert.Equal(path == parquet ? [6, 7, 8, 0, 1, 2, 6, 7, 8] : [6, 7, 8, 6, 7, 8, 6, 7, 8], x);
        }

        Written.Arrow(arrow, [("x", Written.Doubles([6, 7, 8]))], batches: 3, isStream: true);
        foreach (string path in new[] { arrow, Write(".xlsx", ("x", [1, 2])) })
        {
            using var rows = (ColumnRows)TableFile.Open(path);
            Assert.Equal(0, rows.Blocks);
        }
    }

    [Theory]
    [MemberData(nameof(Endings))]
    public void Batches_AreTheWholeFile(string ending)
    {
        double?[] numbers = [.. Enumerable.Range(0, 1000).Select(i => i % 10 == 3 ? (double?)null : i / 7.0)];
        string path = Write(ending, ("x", numbers), ("y", [.. Enumerable.Range(0, numbers.Length).Select(i => (double?)i)]));
        Table whole = TableFile.Read(path, ["y", "x"], _drop);
        Table[] batches = [.. TableFile.Batches(path, ["y", "x"], _drop, rows: 99)];
        Assert.Equal(10, batches.Length);
        Assert.All(batches[..^1], batch => Assert.Equal(99, batch.RowCount));
        Assert.Equal(whole["x"].ToArray(), batches.SelectMany(batch => batch["x"].ToArray()).ToArray());
        Assert.Equal(whole[0].ToArray(), batches.SelectMany(batch => batch[0].ToArray()).ToArray());
        Assert.Equal((900, 100, 100), (whole.RowCount, whole.DroppedRows, batches.Sum(batch => batch.DroppedRows)));
        Assert.Throws<ArgumentOutOfRangeException>(() => TableFile.Batches(path, ["x"], rows: 0));
    }

    [Theory]
    [MemberData(nameof(Endings))]
    public void WhatCannotBeUsed_IsNamed(string ending)
    {
        bool hasRow = ending is ".csv" or ".xlsx";
        string path = Write(ending, ("times", [1, 2]), ("y", [-1, 2]));
        TableException missing = Assert.Throws<TableException>(() => TableFile.Read(path, ["tims"]));
        Assert.Equal(
            $"{path}: no column 'tims' (did you mean 'times'?); its columns are 'times', 'y'", missing.Message);

        using TableRows rows = TableFile.Open(path);
        rows.Choose(["y"], notNegative: "y");
        TableException negative = Assert.Throws<TableException>(() => rows.Read([[]], 9));
        Assert.Equal($"{path}, row {(hasRow ? 2 : 1)}, column 'y': expected a number of at least 0, found '-1'", negative.Message);

        Directory.CreateDirectory(PathOf($"folder{ending}"));
        Assert.Equal(TableProblem.Directory, Kind($"folder{ending}"));
        Assert.Equal(TableProblem.NoFile, Kind($"none{ending}"));
        File.WriteAllText(PathOf($"empty{ending}"), "");
        Assert.Equal(TableProblem.Empty, Kind($"empty{ending}"));
        TableProblem Kind(string file) => Assert.Throws<TableException>(() => TableFile.Read(PathOf(file), ["y"])).Kind;
    }

    [Theory]
    [InlineData(".parquet", "a Parquet file")]
    [InlineData(".arrow", "an Arrow file")]
    [InlineData(".feather", "an Arrow file")]
    [InlineData(".xlsx", "an Excel workbook")]
    public void WhatIsDamaged_IsSaidInOneLine(string ending, string format)
    {
        string path = Write(ending, ("x", [.. Enumerable.Range(0, 500).Select(i => (double?)i)]), ("y", new double?[500]));
        byte[] whole = File.ReadAllBytes(path);
        var random = new Random(1);
        int tries = LongTests.AreAskedFor ? 300 : 100;
        for (int i = 0; i < tries; i++)
        {
            byte[] damaged = i % 2 == 0 ? whole[..random.Next(1, whole.Length)] : [.. whole];
            for (int j = 0; i % 2 == 1 && j < 3; j++)
            {
                damaged[random.Next(whole.Length)] = (byte)random.Next(256);
            }

            File.WriteAllBytes(path, damaged);
            TableException? error = null;
            try
            {
                TableFile.Read(path, ["x", "y"], _drop);
            }
            catch (TableException e)
            {
                error = e;
                Assert.DoesNotContain('\n', e.Message);
            }

            Assert.False(i % 2 == 0 && error is null, $"Cut to {damaged.Length} of {whole.Length} bytes it was read.");
        }

        File.WriteAllText(path, "x,y\n1,2\n");
        TableException other = Assert.Throws<TableException>(() => TableFile.Read(path, ["x"]));
        Assert.Equal(TableProblem.Damaged, other.Kind);
        Assert.StartsWith($"{path}: expected {format}, found other or damaged content (", other.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Infinity_IsNoNumberToUse()
    {
        foreach (string ending in new[] { ".parquet", ".arrow" })
        {
            string path = Write(ending, ("x", [1, double.NegativeInfinity]));
            TableException error = Assert.Throws<TableException>(() => TableFile.Read(path, ["x"]));
            Assert.Equal($"{path}, row 2, column 'x': expected a finite number, found '-Infinity'", error.Message);
            Write(ending, ("x", [1, double.NaN]));
            TableException missing = Assert.Throws<TableException>(() => TableFile.Read(path, ["x"]));
            Assert.Equal($"{path}, row 2, column 'x': expected a number, found 'NaN', a missing value", missing.Message);
        }
    }

    private string PathOf(string file) => Path.Combine(_folder, file);

    private string Write(string ending, params (string, double?[])[] columns)
    {
        string path = PathOf($"data{ending}");
        Written.Write(path, columns);
        return path;
    }
}
