using System.Text;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Tables;

/// <summary>What is wrong with a table stands in fields, as it is in the file; the message is made of them.</summary>
public sealed class TableExceptionTests
{
    [Theory]
    [InlineData("", TableProblem.Empty, null, null, "a header row and data", "an empty file")]
    [InlineData("x,y\n", TableProblem.Empty, null, null, "data below the header row", "none")]
    [InlineData("1,2\n3,4\n", TableProblem.NoHeader, 1L, null, "a header row with the columns' names", "numbers ('1')")]
    [InlineData("x,y\n1,2\n3,\ufffe\uffff\n", TableProblem.NotText, 3L, null, "UTF-8 text", "other bytes")]
    [InlineData("x,y\n1,2\"\n", TableProblem.StrayQuotation, 2L, null, null, null)]
    [InlineData("x,y\n1,\"2\n", TableProblem.OpenQuotation, 2L, null, null, null)]
    [InlineData("x,y\n\n1,2,3\n", TableProblem.Ragged, 3L, null, "2 fields as in the header", "3")]
    [InlineData("x,z\n1,2\n", TableProblem.NoColumn, null, "y", null, "its columns are 'x', 'z'")]
    [InlineData("x,y,y\n1,2,3\n", TableProblem.ColumnTwice, 1L, "y", null, null)]
    [InlineData("x,y\n1,missing.csv\n", TableProblem.NotANumber, 2L, "y", "a number", "missing.csv")]
    [InlineData("x,y\n1,found nothing\u001b\n", TableProblem.NotANumber, 2L, "y", "a number", "found nothing\u001b")]
    [InlineData("x,y\n1,1e999\n", TableProblem.NotFinite, 2L, "y", "a finite number", "1e999")]
    [InlineData("x,y\n-3,1\n", TableProblem.Negative, 2L, "x", "a number of at least 0", "-3")]
    [InlineData("x,y\n1,n/a\n", TableProblem.Missing, 2L, "y", "a number", "n/a")]
    [InlineData("x,y\n1,\n", TableProblem.Missing, 2L, "y", "a number", "")]
    public void Text_IsRefusedInFields(string csv, TableProblem kind, long? row, string? column, string? expected, string? found)
    {
        TableException refused = Assert.Throws<TableException>(() =>
        {
            using CsvRows rows = CsvRows.Open(new StringReader(csv), "missing.csv");
            rows.Choose(["x", "y"], notNegative: "x");
            _ = rows.Read([[], []], int.MaxValue) == 0 ? throw rows.NoData() : 0;
        });

        Assert.Equal(
            (kind, "missing.csv", row, column, expected, found),
            (refused.Kind, refused.Table, refused.Row, refused.Column, refused.Expected, refused.Found));
    }

    [Fact]
    public void File_IsRefusedInFields()
    {
        string folder = Directory.CreateTempSubdirectory("tables-").FullName;
        try
        {
            TableException none = Assert.Throws<TableException>(() => CsvRows.Open(Path.Combine(folder, "a\u001b.csv")));
            Assert.Equal((TableProblem.NoFile, Path.Combine(folder, "a\u001b.csv"), null), (none.Kind, none.Table, none.Found));
            Assert.Equal(
                $@"{folder}/a\u001b.csv: no such file",
                none.Message.Replace('\\', '/').Replace("/u001b", @"\u001b", StringComparison.Ordinal));
            Assert.Equal(TableProblem.Directory, Assert.Throws<TableException>(() => CsvRows.Open(folder)).Kind);
            TableException unreadable = Assert.Throws<TableException>(() => CsvRows.Open(new Failing(), "pipe"));
            Assert.Equal((TableProblem.Unreadable, "pipe: cannot be read (the cable is cut)"), (unreadable.Kind, unreadable.Message));
            TableException bytes = Assert.Throws<TableException>(
                () => CsvRows.Open(new MemoryStream([0, (byte)'x', 0, (byte)'\n']), "utf16"));
            Assert.Equal((TableProblem.NotText, 1L), (bytes.Kind, bytes.Row));
            Assert.Equal(
                TableProblem.CommaTwice,
                Assert.Throws<TableException>(() => CsvRows.Open(new StringReader("x"), "t", new CsvOptions { DecimalComma = true })).Kind);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void MissingNumbers_AreCounted()
    {
        using CsvRows rows = CsvRows.Open(new StringReader("x\n1\nNA\n2\n-\n?\n"), "t");
        rows.Choose(["x"]);
        TableException refused = Assert.Throws<TableException>(() => rows.Read([[]], 2));
        Assert.Equal((TableProblem.Missing, 3L, 3L, "NA"), (refused.Kind, refused.Row, refused.Rows, refused.Found));
        Assert.Equal("t, row 3, column 'x': expected a number, found 'NA', a missing value; 3 rows miss one", refused.Message);
    }

    [Fact]
    public void LongAndOddText_IsShortAndPlainInTheMessageAlone()
    {
        string field = new StringBuilder().Insert(0, "\u001b[31m\u202e\n", 500_000).ToString();
        foreach (TableProblem kind in Enum.GetValues<TableProblem>())
        {
            var refused = new TableException(kind, field) { Row = 2, Column = field, Expected = "a number", Found = field };
            Assert.InRange(refused.Message.Length, 20, 6_000);
            Assert.DoesNotContain(refused.Message, c => char.IsControl(c) || c == '\u202e');
            Assert.Equal((field, field, field), (refused.Table, refused.Column, refused.Found));
        }
    }

    private sealed class Failing : TextReader
    {
        public override int Read(char[] buffer, int index, int count) => throw new IOException("the cable is cut");
    }
}
