using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using TorchAttention.Files;
using TorchAttention.Numerics.Tables;
using Table = TorchAttention.Numerics.Tables.Table;

namespace TorchAttention.Tests.Files;

/// <summary>Each type that an Arrow file can have, as numbers and as text.</summary>
public sealed class ArrowTypesTests : IDisposable
{
    private static readonly CsvOptions _drop = new() { Missing = MissingValues.Drop };
    private static readonly DateTimeOffset _time = new(2024, 2, 29, 13, 30, 5, TimeSpan.Zero);
    private readonly string _folder = Directory.CreateTempSubdirectory("torchattention-").FullName;

    private string Path => System.IO.Path.Combine(_folder, "types.feather");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Numbers_AreReadOfEachType()
    {
        Check(new Int8Array.Builder().Append(-128).AppendNull().Build(), -128, "-128");
        Check(new UInt8Array.Builder().Append(255).AppendNull().Build(), 255, "255");
        Check(new Int16Array.Builder().Append(-5).AppendNull().Build(), -5, "-5");
        Check(new UInt16Array.Builder().Append(65535).AppendNull().Build(), 65535, "65535");
        Check(new Int32Array.Builder().Append(-7).AppendNull().Build(), -7, "-7");
        Check(new UInt32Array.Builder().Append(uint.MaxValue).AppendNull().Build(), uint.MaxValue, "4294967295");
        Check(new Int64Array.Builder().Append(9007199254740993).AppendNull().Build(), 9007199254740992, "9007199254740993");
        Check(new UInt64Array.Builder().Append(ulong.MaxValue).AppendNull().Build(), ulong.MaxValue, "18446744073709551615");
        Check(new HalfFloatArray.Builder().Append((Half)0.5).AppendNull().Build(), 0.5, "0.5");
        Check(new FloatArray.Builder().Append(0.1f).AppendNull().Build(), 0.1f, "0.1");
        Check(new DoubleArray.Builder().Append(0.1).AppendNull().Build(), 0.1, "0.1");
        Check(new BooleanArray.Builder().Append(true).AppendNull().Build(), 1, "true");
        Check(new Decimal128Array.Builder(new Decimal128Type(10, 2)).Append(12.34m).AppendNull().Build(), 12.34, "12.34");
        Check(new Decimal256Array.Builder(new Decimal256Type(50, 2)).Append(12.34m).AppendNull().Build(), 12.34, "12.34");
    }

    [Fact]
    public void TextAndDates_AreText()
    {
        Check(new StringArray.Builder().Append("1.5").AppendNull().Build(), 1.5, "1.5");
        Check(new StringArray.Builder().Append("one").AppendNull().Build(), null, "one");
        const string longer = "a text that is longer than a view";
        Check(new StringViewArray.Builder().Append(longer).AppendNull().Build(), null, longer);
        Check(new Date32Array.Builder().Append(_time).AppendNull().Build(), null, "2024-02-29");
        Check(new Date64Array.Builder().Append(_time).AppendNull().Build(), null, "2024-02-29");
        Check(new TimestampArray.Builder(TimeUnit.Millisecond).Append(_time).AppendNull().Build(), null, "2024-02-29T13:30:05");
        Check(new Time32Array.Builder(TimeUnit.Second).Append(3723).AppendNull().Build(), null, "01:02:03");
    }

    [Fact]
    public void Categories_AreWhatTheyStandFor()
    {
        Check(Dictionary(new StringArray.Builder().Append("b").Append("a").Build()), null, "a");
        Check(Dictionary(new DoubleArray.Builder().Append(2.5).Append(1.5).Build()), 1.5, "1.5");

        static DictionaryArray Dictionary(IArrowArray entries) => new(
            new DictionaryType(Int8Type.Default, entries.Data.DataType, ordered: false),
            new Int8Array.Builder().Append(1).AppendNull().Build(), entries);
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData(null, true)]
    [InlineData(CompressionCodecType.Lz4Frame, false)]
    [InlineData(CompressionCodecType.Zstd, true)]
    public void Batches_FollowEachOther(CompressionCodecType? codec, bool isStream)
    {
        Written.Arrow(Path, [("x", Written.Doubles([1, 2, 3]))], batches: 3, codec, isStream);
        Assert.Equal([1, 2, 3, 1, 2, 3, 1, 2, 3], TableFile.Read(Path, ["x"])["x"].ToArray());
        Assert.Equal([4, 4, 1], TableFile.Batches(Path, ["x"], rows: 4).Select(batch => batch.RowCount));

        Written.Arrow(Path, [("x", Written.Doubles([1, null]))], batches: 3, codec, isStream);
        TableException error = Assert.Throws<TableException>(() => TableFile.Read(Path, ["x"]));
        Assert.Equal((2, 3), (error.Row, error.Rows));
    }

    // The library would read what is none of the file's memory, which nobody can catch.
    [Theory]
    [InlineData(0x70000000)]
    [InlineData(-1)]
    [InlineData(1)]
    public void TextBeyondItsBuffer_IsDamage(int place)
    {
        Written.Arrow(Path, [("x", new StringArray.Builder().AppendRange(["aa", "bb", "cc"]).Build())]);
        byte[] bytes = File.ReadAllBytes(Path);
        byte[] places = [0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0];
        int at = bytes.AsSpan().IndexOf(places);
        BitConverter.TryWriteBytes(bytes.AsSpan(at + (2 * sizeof(int))), place);
        File.WriteAllBytes(Path, bytes);
        TableException error = Assert.Throws<TableException>(() => TableFile.Read(Path, ["x"]));
        Assert.Equal(TableProblem.Damaged, error.Kind);
        Assert.EndsWith("(a text beyond its buffer)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsNoTable_IsSaid()
    {
        var list = new ListArray.Builder(DoubleType.Default);
        list.Append();
        Written.Arrow(Path, [("x", Written.Doubles([1])), ("list", list.Build()), ("none", new NullArray(1)), ("x", Written.Doubles([2]))]);
        Assert.Equal($"{Path}, column 'list': expected a column of numbers or text, got one of the type list", Refusal("list"));
        Assert.Equal($"{Path}, row 1, column 'none': expected a number, found nothing", Refusal("none"));
        Assert.Equal($"{Path}, column 'x': the header has this name more than once", Refusal("x"));

        Written.Arrow(Path, [("x", Written.Doubles([]))]);
        Assert.Equal($"{Path}: expected rows of data, found none", Refusal("x"));
        File.WriteAllText(Path, "FEA1 and more than that");
        Assert.Equal($"{Path}: expected an Arrow file or the second version of Feather, found the first version of Feather", Refusal("x"));
    }

    private string Refusal(string column) => Assert.Throws<TableException>(() => TableFile.Read(Path, [column])).Message;

    // A value and a gap.
    private void Check(IArrowArray values, double? number, string text)
    {
        Written.Arrow(Path, [("x", values)]);
        using TableRows rows = TableFile.Open(Path, _drop);
        rows.Choose([]);
        rows.Keep(["x"]);
        List<string> kept = [];
        rows.Read([], int.MaxValue, null, [kept]);
        Assert.Equal([text, ""], kept);
        if (number is double expected)
        {
            Table table = TableFile.Read(Path, ["x"], _drop);
            Assert.Equal([expected], table[0].ToArray());
            Assert.Equal(1, table.DroppedRows);
        }
        else
        {
            TableException error = Assert.Throws<TableException>(() => TableFile.Read(Path, ["x"], _drop));
            Assert.Equal((TableProblem.NotANumber, text, 1), (error.Kind, error.Found, error.Row));
        }
    }
}
