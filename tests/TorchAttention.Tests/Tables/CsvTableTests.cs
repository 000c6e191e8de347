using System.Text;
using CsCheck;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Tables;

public sealed class CsvTableTests
{
    [Theory]
    [InlineData("x,y\n1,2\n3,4\n")]
    [InlineData("x,y\r\n1,2\r\n3,4")]
    [InlineData("\ufeffx,y\n1,2\n3,4\n")]
    [InlineData("\"x\",\"y\"\n\"1\",2\n 3 , 4 \n")]
    [InlineData("x,y\n\n1,2\n\n\n3,4\n\n")]
    [InlineData("note,x,y\n\"a, b\nc\",1,2\n\"say \"\"hi\"\"\",3,4\n")]
    [InlineData("y,x\n2,1\n4e0,3.0\n")]
    public void Text_IsReadAsRfc4180Says(string csv)
    {
        Table table = Read(csv);

        Assert.Equal([1, 3], table[0].ToArray());
        Assert.Equal([2, 4], table[1].ToArray());
        Assert.Equal((2, "test"), (table.RowCount, table.Name));
    }

    [Theory]
    [InlineData("", null, null, "empty file")]
    [InlineData("x,y\n", null, null, "found none")]
    [InlineData("a,y\n1,2\n", null, "x", "no column 'x'; its columns are 'a', 'y'")]
    [InlineData("x,y\n1,2\n\n3,oops\n", 4L, "y", "expected a number, found 'oops'")]
    [InlineData("x,y\n1,\n", 2L, "y", "found nothing")]
    [InlineData("x,y\n1,2\0\n", 2L, "y", "expected a number, found '2\\u0000'")]
    [InlineData("x,y\nnan,1\n", 2L, "x", "found 'nan', a missing value")]
    [InlineData("x,y\n1,1e999\n", 2L, "y", "expected a finite number, found '1e999'")]
    [InlineData("x,y\n1,2,3\n", 2L, null, "expected 2 fields as in the header, found 3")]
    [InlineData("x,y,x\n1,2,3\n", 1L, "x", "more than once")]
    [InlineData("x,y\n1,\"2\"3\n", 2L, null, "quotation mark")]
    [InlineData("x,y\n1,2\n3,4\"5\n", 3L, null, "quotation mark")]
    [InlineData("x,y,note\n1,2,\"two\nlines\"\n3,q,\n", 3L, "y", "found 'q'")]
    [InlineData("x,y,note\r\n1,2,\"a\r\n\r\nb\"\r\n\r\n3,4,\"\"\"\r\n\"\r\n5,,\r\n", 5L, "y", "found nothing")]
    [InlineData("\"x\",y,\"no\nte\"\n1,2\n", 2L, null, "expected 3 fields")]
    [InlineData("x,y,note\n1,2,\"a\nb\"\n3,4\"5,\n", 3L, null, "quotation mark")]
    [InlineData("\n\nx,y,x\n1,2,3\n", 3L, "x", "more than once")]
    [InlineData("x,\"a\nb\u001b\"\n1,2\n", null, "y", "its columns are 'x', 'a\\nb\\u001b'")]
    [InlineData("x,y,note\n1,2,a\n3,4,\"b\n5,6,c\n7,8,d\n", 3L, null, "a quotation is opened and never closed")]
    [InlineData("x,y,note\n1,2,a\n3,4,\"b", 3L, null, "a quotation is opened and never closed")]
    [InlineData("x,y,note\r\n1,2,a\r\n\r\n3,4,\"b\"\"\r\n5,6,c\r\n", 4L, null, "a quotation is opened and never closed")]
    [InlineData("x,y,\"note\n1,2,a\n", 1L, null, "a quotation is opened and never closed")]
    public void Problem_NamesRowAndColumn(string csv, long? row, string? column, string problem)
    {
        TableException refused = Assert.Throws<TableException>(() => Read(csv));

        Assert.Equal((row, column, "test"), (refused.Row, refused.Column, refused.Table));
        Assert.Contains(problem, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void ColumnOfSeveralLines_IsOneLineInTheMessage()
    {
        using var reader = new StringReader("x,\"a\tb\nc\"\n1,oops\n");
        Assert.Equal(
            @"f\nile, row 2, column 'a\tb\nc': expected a number, found 'oops'",
            Assert.Throws<TableException>(() => CsvTable.Read(reader, "f\nile", header => [.. header])).Message);
    }

    [Fact]
    public void UnchosenColumns_MayHoldAnything() => Assert.Equal([2], Read("x,name,y,name\n1,5\" pipe,2,NaN\n")[1].ToArray());

    [Fact]
    public void BytesThatAreNoText_AreRefusedAtTheirRow()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllBytes(path, [.. "x,y\n1,2\n3,"u8, 0xff, 0xfe, .. "\n"u8]);
        try
        {
            TableException refused = Assert.Throws<TableException>(() => CsvTable.Read(path, _ => ["x", "y"]));
            Assert.Equal($"{path}, row 3: expected UTF-8 text, found other bytes", refused.Message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void LongField_IsAnErrorAndNotAnAllocation()
    {
        TableException refused = Assert.Throws<TableException>(() => Read("x,y\n1," + new string('9', 2_000_000) + "\n"));
        Assert.Equal((TableProblem.TooLong, 2L), (refused.Kind, refused.Row));
        Assert.EndsWith("expected a field of at most 1048576 characters, found more", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LongText_IsCutInTheMessage()
    {
        TableException refused = Assert.Throws<TableException>(() => Read("x,y\n1," + new string('z', 1000) + "\n"));
        Assert.InRange(refused.Message.Length, 40, 120);
    }

    [Fact]
    public void RandomBytes_AreATableOrATableException()
    {
        // Mostly the bytes that mean something, so that headers and rows come about.
        Gen<byte> bytes = Gen.Frequency((8, Gen.Char["x,y\n\r\"1234.e-;\t "].Select(c => (byte)c)), (1, Gen.Byte));
        bytes.Array[0, 60].Sample(content =>
        {
            byte[] csv = [.. "x,y\n"u8, .. content];
            using var reader = new StreamReader(new MemoryStream(csv), new UTF8Encoding(false, throwOnInvalidBytes: true));
            try
            {
                Table table = CsvTable.Read(reader, "test", _ => ["x", "y"]);
                Assert.True(table.RowCount > 0);
            }
            catch (TableException e)
            {
                Assert.StartsWith("test", e.Message, StringComparison.Ordinal);
            }
        });
    }

    [Fact]
    public void Path_ThatCannotBeReadIsNamed()
    {
        Assert.Equal("/no/such.csv: no such file", Assert.Throws<TableException>(() => CsvTable.Read("/no/such.csv", _ => ["x"])).Message);
        Assert.Contains(
            "directory", Assert.Throws<TableException>(() => CsvTable.Read(Path.GetTempPath(), _ => ["x"])).Message,
            StringComparison.Ordinal);
    }

    private static Table Read(string csv)
    {
        using var reader = new StreamReader(new MemoryStream(Encoding.UTF8.GetBytes(csv)));
        return CsvTable.Read(reader, "test", _ => ["x", "y"]);
    }
}
