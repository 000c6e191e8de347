using Parquet;
using Parquet.Schema;
using TorchAttention.Files;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Files;

/// <summary>Each type that a Parquet file can have, as numbers and as text.</summary>
public sealed class ParquetTypesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("torchattention-").FullName;

    private string Path => System.IO.Path.Combine(_folder, "types.parquet");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Numbers_AreReadOfEachType()
    {
        Check<sbyte>([-128, 127], [-128, 127], "-128");
        Check<byte>([0, 255], [0, 255], "0");
        Check<short>([-5, 5], [-5, 5], "-5");
        Check<ushort>([1, 65535], [1, 65535], "1");
        Check<int>([int.MinValue, 3], [int.MinValue, 3], "-2147483648");
        Check<uint>([uint.MaxValue, 3], [uint.MaxValue, 3], "4294967295");
        Check<long>([9007199254740993, 3], [9007199254740992, 3], "9007199254740993");
        Check<ulong>([ulong.MaxValue, 3], [ulong.MaxValue, 3], "18446744073709551615");
        Check<float>([0.1f, 3], [0.1f, 3], "0.1");
        Check<double>([0.1, 3], [0.1, 3], "0.1");
        Check<bool>([true, false], [1, 0], "true");
        Check<decimal>([0.1m, 79228.125m], [0.1, 79228.125], "0.100");
    }

    [Fact]
    public void Dates_AreText()
    {
        Check<DateTime>([new DateTime(2024, 2, 29, 0, 0, 0, DateTimeKind.Utc), default], null, "2024-02-29");
        Check<DateTime>([new DateTime(2024, 2, 29, 13, 30, 5, DateTimeKind.Utc), default], null, "2024-02-29T13:30:05");
        Check<DateOnly>([new DateOnly(2024, 2, 29), default], null, "2024-02-29");
        Check<Guid>([new Guid(1, 2, 3, new byte[8]), default], null, "00000001-0002-0003-0000-000000000000");
    }

    [Fact]
    public void Text_IsReadAsCsvIs()
    {
        var field = new DataField<string>("x");
        Written.Parquet(Path, [field], (group, _) => group.WriteAsync(field, ["1.5", " 2 ", "NA", null!, "", "1e3"]));
        Table table = TableFile.Read(Path, ["x"], new CsvOptions { Missing = MissingValues.Drop });
        Assert.Equal([1.5, 2, 1000], table["x"].ToArray());
        Assert.Equal(3, table.DroppedRows);
        Assert.Contains("row 3, column 'x': expected a number, found 'NA'", Refusal().Message, StringComparison.Ordinal);

        Written.Parquet(Path, [field], (group, _) => group.WriteAsync(field, ["1.234,5", "2024-01-01"]));
        var german = new CsvOptions { Delimiter = ';', DecimalComma = true, Thousands = '.' };
        TableException date = Assert.Throws<TableException>(() => TableFile.Read(Path, ["x"], german));
        Assert.Equal((TableProblem.NotANumber, 2, "2024-01-01"), (date.Kind, date.Row, date.Found));
    }

    [Fact]
    public async Task Lists_AreRefusedWhereOneAsksForThem()
    {
        DataField field = new DataField<double>("x");
        var schema = new ParquetSchema(field, new DataField<int[]>("list"));
        int[] items = [1, 2, 3], levels = [0, 1, 0];
        await using (FileStream stream = File.Create(Path))
        {
            await using ParquetWriter writer = await ParquetWriter.CreateAsync(schema, stream);
            using ParquetRowGroupWriter group = writer.CreateRowGroup();
            await group.WriteAsync<double>(field, new double[] { 1, 2 });
            await group.WriteAsync<int>(schema.DataFields[1], items, levels);
        }

        Assert.Equal([1, 2], TableFile.Read(Path, ["x"])[0].ToArray());
        TableException error = Assert.Throws<TableException>(() => TableFile.Read(Path, ["list"]));
        Assert.Equal($"{Path}, column 'list': expected a column of numbers or text, got one of lists or structures", error.Message);
    }

    // What a row group holds has no trace of the one before it, which was longer or had other gaps.
    [Fact]
    public void Gaps_AreThoseOfTheirRowGroup()
    {
        DataField[] fields = [new DataField<double?>("x"), new DataField<int?>("k")];
        double?[][] x = [[1, 2, 3, 4, 5], [null, 6, null], [7, 8], [null, null, null, 9]];
        int next = 0;
        Written.Parquet(
            Path, fields,
            (group, field) => field.Name == "x"
                ? group.WriteAsync<double>(field, x[next].AsMemory())
                : group.WriteAsync<int>(field, Array.ConvertAll(x[next++], value => (int?)value).AsMemory()),
            groups: x.Length);
        string[] columns = ["x", "k"];
        Table table = TableFile.Read(Path, columns, new CsvOptions { Missing = MissingValues.Drop });

        Assert.All(columns, column => Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9], table[column].ToArray()));
        Assert.Equal(5, table.DroppedRows);
        Assert.Equal(6, Assert.Throws<TableException>(() => TableFile.Read(Path, columns)).Row);
    }

    [Fact]
    public void RowGroups_FollowEachOther()
    {
        DataField field = new DataField<double?>("x");
        int groups = 0;
        Written.Parquet(
            Path, [field], (group, _) => group.WriteAsync<double>(field, Enumerable.Repeat((double?)groups++, 500).ToArray()), groups: 5);
        Table[] batches = [.. TableFile.Batches(Path, ["x"], rows: 800)];
        Assert.Equal([800, 800, 800, 100], batches.Select(batch => batch.RowCount));
        Assert.Equal(Enumerable.Range(0, 2500).Select(i => (double)(i / 500)), batches.SelectMany(batch => batch["x"].ToArray()));

        groups = 0;
        Written.Parquet(
            Path, [field], (group, _) => group.WriteAsync<double>(field, new double?[] { 1, groups++ == 1 ? null : 2 }), groups: 3);
        Assert.Equal((4, 1), (Refusal().Row, Refusal().Rows));
    }

    [Fact]
    public void NoRows_AreSaid()
    {
        DataField field = new DataField<double>("x");
        Written.Parquet(Path, [field], (_, _) => Task.CompletedTask, groups: 0);
        Assert.Equal($"{Path}: expected rows of data, found none", Refusal().Message);
        Written.Parquet(Path, [field], (group, _) => group.WriteAsync<double>(field, Array.Empty<double>()));
        Assert.Equal(TableProblem.Empty, Refusal().Kind);
        Assert.Equal(TableProblem.Empty, Assert.Throws<TableException>(() => TableFile.Batches(Path, ["x"]).Count()).Kind);
    }

    private TableException Refusal() => Assert.Throws<TableException>(() => TableFile.Read(Path, ["x"]));

    private void Check<T>(T[] values, double[]? numbers, string text)
        where T : struct
    {
        foreach (bool hasGap in new[] { false, true })
        {
            DataField field = typeof(T) == typeof(decimal) ? new DecimalDataField("x", 18, 3, isNullable: hasGap)
                : new DataField("x", typeof(T), isNullable: hasGap);
            Written.Parquet(Path, [field], (group, _) => hasGap
                ? group.WriteAsync<T>(field, (T?[])[null, .. values.Select(value => (T?)value)])
                : group.WriteAsync<T>(field, values));
            using TableRows rows = TableFile.Open(Path, new CsvOptions { Missing = MissingValues.Drop });
            rows.Choose([]);
            rows.Keep(["x"]);
            List<string> kept = [];
            rows.Read([], int.MaxValue, null, [kept]);
            Assert.Equal(hasGap ? ["", text] : [text], kept[..(hasGap ? 2 : 1)]);
            if (numbers is null)
            {
                TableException error = Assert.Throws<TableException>(
                    () => TableFile.Read(Path, ["x"], new CsvOptions { Missing = MissingValues.Drop }));
                Assert.Equal((TableProblem.NotANumber, text, hasGap ? 2 : 1), (error.Kind, error.Found, error.Row));
            }
            else
            {
                Table table = TableFile.Read(Path, ["x"], new CsvOptions { Missing = MissingValues.Drop });
                Assert.Equal(numbers, table[0].ToArray());
                Assert.Equal(hasGap ? 1 : 0, table.DroppedRows);
            }
        }
    }
}
