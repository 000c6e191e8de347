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
    [InlineData("a,y\n1,2\n", null, null, "no column 'x'; its columns are 'a', 'y'")]
    [InlineData("x,y\n1,2\n\n3,oops\n", 4L, "y", "expected a number, found 'oops'")]
    [InlineData("x,y\n1,\n", 2L, "y", "found nothing")]
    [InlineData("x,y\n1,2\0\n", 2L, "y", "expected a number, found '2\ufffd'")]
    [InlineData("x,y\nnan,1\n", 2L, "x", "expected a finite number, found 'nan'")]
    [InlineData("x,y\n1,1e999\n", 2L, "y", "expected a finite number, found '1e999'")]
    [InlineData("x,y\n1,2,3\n", 2L, null, "expected 2 fields as in the header, found 3")]
    [InlineData("x,y,x\n1,2,3\n", 1L, "x", "more than once")]
    [InlineData("x,y\n1,\"2\"3\n", 2L, null, "quotation mark")]
    public void Problem_NamesRowAndColumn(string csv, long? row, string? column, string problem)
    {
        TableException refused = Assert.Throws<TableException>(() => Read(csv));

        Assert.Equal((row, column, "test"), (refused.Row, refused.Column, refused.Table));
        Assert.Contains(problem, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void LongField_IsAnErrorAndNotAnAllocation()
    {
        TableException refused = Assert.Throws<TableException>(() => Read("x,y\n1," + new string('9', 2_000_000) + "\n"));
        Assert.Contains("longer than", refused.Message, StringComparison.Ordinal);
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
        Assert.Contains("directory", Assert.Throws<TableException>(() => CsvTable.Read(Path.GetTempPath(), _ => ["x"])).Message, StringComparison.Ordinal);
    }

    private static Table Read(string csv)
    {
        using var reader = new StreamReader(new MemoryStream(Encoding.UTF8.GetBytes(csv)));
        return CsvTable.Read(reader, "test", _ => ["x", "y"]);
    }
}
