using System.Text;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Tables;

public sealed class CsvRowsTests
{
    [Theory]
    [InlineData("a;b\n1,5;2\n-3e2;,25\n", ';', true)]
    [InlineData("a\tb\n1.5\t2\n-3e2\t.25\n", '\t', false)]
    [InlineData("a|b\r\n\"1.5\"|2\r\n\r\n-3e2|0.25", '|', false)]
    public void OtherDelimitersAndDecimalCommas_AreOptions(string text, char delimiter, bool decimalComma)
    {
        Table table = CsvTable.Read(
            new StringReader(text), "test", header => header, new CsvOptions { Delimiter = delimiter, DecimalComma = decimalComma });
        Assert.Equal([1.5, -300], table[0].ToArray());
        Assert.Equal([2, 0.25], table[1].ToArray());
    }

    [Theory]
    [InlineData('.', true, "1.234,5", 1234.5)]
    [InlineData('.', true, "-12.345.678", -12345678.0)]
    [InlineData('.', true, "999,25", 999.25)]
    [InlineData(',', false, "+1,234.5e2", 123450.0)]
    [InlineData('\u00a0', true, "1\u00a0234", 1234.0)]
    [InlineData('.', true, "1.23", null)]
    [InlineData('.', true, "1234.567", null)]
    [InlineData('.', true, ".123", null)]
    [InlineData('.', true, "1..234", null)]
    [InlineData('.', true, "1.2e.345", null)]
    [InlineData(',', false, "1.234,567", null)]
    public void Thousands_AreGroupsOfThree(char mark, bool decimalComma, string field, double? expected)
    {
        var options = new CsvOptions { Delimiter = ';', DecimalComma = decimalComma, Thousands = mark };
        if (expected is double number)
        {
            Assert.Equal([number], Read($"a;b\n{field};1\n", options)[0].ToArray());
            return;
        }

        Assert.Equal(
            $"test, row 2, column 'a': expected a number in groups of three digits with '{mark}' between them, found '{field}'",
            Assert.Throws<TableException>(() => Read($"a;b\n{field};1\n", options)).Message);
    }

    [Fact]
    public void ThousandsLikeTheDecimalMark_AreRefused() => Assert.Equal(
        "test: expected another mark between thousands than the decimal mark, got .",
        Assert.Throws<TableException>(() => Read("a;b\n1;2\n", new CsvOptions { Delimiter = ';', Thousands = '.' })).Message);

    [Fact]
    public void DecimalCommaBesideCommas_IsRefused()
    {
        TableException error = Assert.Throws<TableException>(() => Read("a,b\n1,2\n", new CsvOptions { DecimalComma = true }));
        Assert.Equal("test: numbers with a decimal comma need another delimiter than the comma", error.Message);
    }

    [Fact]
    public void MissingNumbers_AreCountedOrDropped()
    {
        const string Text = "a,b,c\n1,2,x\n,3,x\n4,NA,x\n5,n/a,x\n6,7,\n";
        TableException error = Assert.Throws<TableException>(() => Read(Text, new CsvOptions()));
        Assert.Equal("test, row 3, column 'a': expected a number, found nothing; 3 rows miss one", error.Message);

        Table table = Read(Text, new CsvOptions { Missing = MissingValues.Drop });
        Assert.Equal(3, table.DroppedRows);
        Assert.Equal([1, 6], table[0].ToArray());
        Assert.Equal([2, 7], table[1].ToArray());
        Assert.Contains(
            "none among 1", Assert.Throws<TableException>(() => Read("a,b\n,1\n", new CsvOptions { Missing = MissingValues.Drop })).Message,
            StringComparison.Ordinal);

        static Table Read(string text, CsvOptions options) => CsvTable.Read(new StringReader(text), "test", _ => ["a", "b"], options);
    }

    [Fact]
    public void Chunks_AreTheWhole()
    {
        string text = "a,b\n" + string.Concat(Enumerable.Range(0, 1001).Select(i => $"{i},{-i}\n"));
        using CsvRows rows = CsvRows.Open(new StringReader(text), "test");
        rows.Choose(["b"]);
        var numbers = new List<double>();
        var counts = new List<int>();
        int count;
        do
        {
            count = rows.Read([numbers], 400);
            counts.Add(count);
        }
        while (count > 0);

        Assert.Equal([400, 400, 201, 0], counts);
        Assert.Equal(Enumerable.Range(0, 1001).Select(i => (double)-i), numbers);
    }

    [Fact]
    public void Labels_AreText()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "x,class\n1,a\n2,\"b, c\"\n");
            (Table table, IReadOnlyList<string> labels) = CsvTable.ReadWithLabels(path, _ => (["x"], "class"));
            Assert.Equal([1, 2], table[0].ToArray());
            Assert.Equal(["a", "b, c"], labels);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void RowWithoutEnd_IsRefusedBeforeItFillsTheMemory()
    {
        using var fields = new Endless("1,");
        long before = GC.GetAllocatedBytesForCurrentThread();
        TableException error = Assert.Throws<TableException>(() => CsvRows.Open(fields, "test"));
        Assert.Equal("test: expected a row of at most 1048576 fields, found more", error.Message);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 300L << 20);

        using var lines = new Endless("\"\n,,,\n\",");
        error = Assert.Throws<TableException>(() => CsvRows.Open(lines, "test"));
        Assert.Equal("test: expected a row of at most 8388608 characters, found more", error.Message);

        using var characters = new Endless($"{new string('1', 1000)},");
        error = Assert.Throws<TableException>(() => CsvRows.Open(characters, "test"));
        Assert.Equal("test: expected a row of at most 8388608 characters, found more", error.Message);
    }

    [Fact]
    public void MarksInTheMiddleOfAField_StandForThemselvesWhereNobodyReadsIt()
    {
        const string Text = "size,name,y\n1,5\" pipe,2\n2,\"a\"\"b,\r\nc\" ,3\n 3 , \"\" , \"4\"\n\"5\"x,6,7\n";
        Table table = CsvTable.Read(new StringReader(Text), "test", _ => ["y"]);
        Assert.Equal([2, 3, 4, 7], table[0].ToArray());
        using CsvRows rows = CsvRows.Open(new StringReader(Text.Replace("5\" pipe", "6", StringComparison.Ordinal)), "test");
        rows.Choose(["size"], "name");
        List<string> names = [];
        Assert.Equal(2, rows.Read([[]], 2, names));
        Assert.Equal(["6", "a\"b,\nc"], names);
        Assert.Equal(
            "test, row 5: a quotation mark stands where none may",
            Assert.Throws<TableException>(() => CsvTable.Read(new StringReader(Text), "test", _ => ["size"])).Message);
    }

    [Fact]
    public void Rows_AreGivenAsTheyAreWritten()
    {
        using var written = new LineByLine(["a,b\n", "1,2\r\n", "3,\"4\"\n", "\"5\n", "\",6\n", "7", ",8"]);
        using CsvRows rows = CsvRows.Open(written, "test");
        rows.Choose(["b"]);
        List<double> numbers = [];
        foreach (int lines in new[] { 2, 3, 5, 7 })
        {
            written.Upto = lines;
            Assert.Equal(1, rows.Read([numbers], 1));
        }

        Assert.Equal([2, 4, 6, 8], numbers);
        Assert.Equal(0, rows.Read([numbers], 1));
    }

    [Fact]
    public void BlankLines_ArePassedOverHoweverManyThereAre()
    {
        int lines = LongTests.AreAskedFor ? 70_000_000 : 10_000_000;
        using var text = new Repeated("a,b\n1,2\n", "\n", lines, "3,4\n");
        long before = GC.GetAllocatedBytesForCurrentThread();
        Table table = CsvTable.Read(text, "test", header => header);
        Assert.Equal([1, 3], table[0].ToArray());
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1.5 * lines);
    }

    [Fact]
    public void LongRowsAfterOneAnother_AreRowsEach()
    {
        string row = string.Join(',', Enumerable.Repeat("1", 700_000));
        string header = string.Join(',', Enumerable.Range(0, 700_000).Select(i => $"\"c{i}\""));
        Table table = CsvTable.Read(new StringReader($"{header}\n{row}\r\n{row}\n{row}\n"), "test", _ => ["c7"]);
        Assert.Equal(3, table.RowCount);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Utf16WithoutAMark_IsSaid(bool bigEndian)
    {
        using var bytes = new MemoryStream(new UnicodeEncoding(bigEndian, byteOrderMark: false).GetBytes("x,y\n1,2\n"));
        Assert.Equal(
            "test, row 1: expected UTF-8 text, found NUL characters, as UTF-16 without a byte-order mark has them",
            Assert.Throws<TableException>(() => CsvRows.Open(bytes, "test")).Message);
    }

    [Fact]
    public void MillionColumns_AreReadInTime()
    {
        var text = new StringBuilder();
        text.AppendJoin(',', Enumerable.Range(0, 1_000_000).Select(i => $"c{i}")).Append('\n');
        text.AppendJoin(',', Enumerable.Range(0, 1_000_000)).Append('\n');
        Table table = CsvTable.Read(new StringReader(text.ToString()), "test", _ => ["c7", "c999999"]);
        Assert.Equal((7, 999999), (table[0][0], table[1][0]));
        string message = Assert.Throws<TableException>(
            () => CsvTable.Read(new StringReader(text.ToString()), "test", _ => ["none"])).Message;
        Assert.EndsWith("and 999988 more", message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyBytes_AreReadOrRefused()
    {
        var random = new Random(1);
        byte[] valid = Encoding.UTF8.GetBytes("a,b\r\n1,2\r\n\"3\",4e5\n-0.5,\"6\"\n");
        string alphabet = "\",;\r\n\t 0123456789.eE+-abc\0\ufeffäNA";
        int refused = 0;
        for (int i = 0; i < 5000; i++)
        {
            byte[] bytes = (i % 3) switch
            {
                0 => [.. Enumerable.Range(0, random.Next(200)).Select(_ => (byte)random.Next(256))],
                1 =>
                    Encoding.UTF8.GetBytes(
                        new string([.. Enumerable.Range(0, random.Next(200)).Select(_ => alphabet[random.Next(alphabet.Length)])])),
                _ => [.. valid.Select(b => random.Next(20) == 0 ? (byte)random.Next(256) : b)],
            };
            try
            {
                using CsvRows rows = CsvRows.Open(new MemoryStream(bytes), "test", new CsvOptions { Missing = (MissingValues)(i % 2) });
                rows.Choose([rows.Header[^1]]);
                var numbers = new List<double>();
                rows.Read([numbers], int.MaxValue);
                Assert.All(numbers, number => Assert.True(double.IsFinite(number)));
            }
            catch (TableException e)
            {
                Assert.DoesNotContain('\n', e.Message);
                refused++;
            }
        }

        Assert.InRange(refused, 1000, 4999);
    }

    private static Table Read(string text, CsvOptions options) => CsvTable.Read(new StringReader(text), "test", header => header, options);

    // Lines of which some are not written yet; a parser that asks for them too early waits for ever.
    private sealed class LineByLine(string[] lines) : TextReader
    {
        private int _next;

        public int Upto { get; set; } = 1;

        public override int Read(char[] buffer, int index, int count)
        {
            if (_next == lines.Length)
            {
                return 0;
            }

            Assert.True(_next < Upto, "asked for a line that is not written yet");
            string line = lines[_next++];
            line.CopyTo(0, buffer, index, line.Length);
            return line.Length;
        }
    }

    private sealed class Endless(string part) : TextReader
    {
        private int _at;

        public override int Read(char[] buffer, int index, int count)
        {
            for (int i = 0; i < count; i++)
            {
                buffer[index + i] = part[_at++ % part.Length];
            }

            return count;
        }
    }

    private sealed class Repeated(string before, string part, int times, string after) : TextReader
    {
        private string _rest = before;
        private int _times = times;
        private bool _isLast;

        public override int Read(char[] buffer, int index, int count)
        {
            int read = 0;
            while (read < count)
            {
                if (_rest.Length == 0)
                {
                    if (_isLast)
                    {
                        break;
                    }

                    _isLast = _times-- == 0;
                    _rest = _isLast ? after : part;
                }

                int taken = Math.Min(count - read, _rest.Length);
                _rest.CopyTo(0, buffer, index + read, taken);
                _rest = taken == _rest.Length ? "" : _rest[taken..];
                read += taken;
            }

            return read;
        }
    }
}
