using TorchAttention.Files;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Files;

public sealed class SheetTests : IDisposable
{
    private const string Header = "<c r=\"B2\" t=\"s\"><v>0</v></c><c r=\"C2\" t=\"s\"><v>1</v></c>";
    private const string Shared = "<si><t>x</t></si>"
        + "<si><r><t>no</t></r><r><rPr><b/></rPr><t>te &amp; &lt;y&gt;</t></r><rPh><t>z</t></rPh></si>"
        + "<si><t/></si><si/><si><t><![CDATA[a<b]]></t></si>";
    private readonly string _folder = Directory.CreateTempSubdirectory("torchattention-").FullName;

    private string Path => System.IO.Path.Combine(_folder, "book.xlsx");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Cells_StandWhereTheySay()
    {
        Written.Sheet(
            Path,
            [
                "<row r=\"2\">" + Header + "</row>", "<row r=\"4\" spans='2:3'/>", "<row r=\"5\"><c r=\"C5\"><v>2.5</v></c></row>",
                "<row r=\"6\"><c r=\"B6\"><f>A1*2</f><v>1E3</v></c><c r=\"C6\" t=\"b\"><v>1</v></c></row>",
                "<row><c r=\"B7\" t=\"str\"><f>\"a\"</f><v> 7 </v></c><c r=\"C7\" t=\"inlineStr\"><is><t>8</t></is></c></row>",
            ],
            Shared);
        Assert.Equal([2.5, 1, 8], TableFile.Read(Path, ["note & <y>"])[0].ToArray());
        TableException error = Assert.Throws<TableException>(() => TableFile.Read(Path, ["x"]));
        Assert.Equal($"{Path}, row 5, column 'x': expected a number, found nothing", error.Message);
        Assert.Equal([1000, 7], TableFile.Read(Path, ["x"], new CsvOptions { Missing = MissingValues.Drop })[0].ToArray());
    }

    [Theory]
    [InlineData("<c s=\"1\"><v>45351</v></c>", "2024-02-29")]
    [InlineData("<c s=\"1\"><v>45351.5</v></c>", "2024-02-29T12:00:00")]
    [InlineData("<c s=\"2\"><v>0.25</v></c>", "06:00:00")]
    [InlineData("<c s=\"3\"><v>1</v></c>", "1900-01-01")]
    [InlineData("<c s=\"3\"><v>61</v></c>", "1900-03-01")]
    [InlineData("<c s=\"5\"><v>61</v></c>", "1464:00")]
    [InlineData("<c s=\"5\"><v>0.0625</v></c>", "1:30")]
    [InlineData("<c s=\"5\"><v>-1.5</v></c>", "-36:00")]
    [InlineData("<c t=\"d\"><v>2024-02-29</v></c>", "2024-02-29")]
    [InlineData("<c t=\"e\"><v>#DIV/0!</v></c>", "#DIV/0!")]
    [InlineData("<c t=\"s\"><v>4</v></c>", "a<b")]
    [InlineData("<c s=\"4\"><v>12</v></c>", null)]
    [InlineData("<c s=\"0\"><v>12</v></c>", null)]
    [InlineData("<c s=\"99\"><v>12</v></c>", null)]
    [InlineData("<c s=\"6\"><v>12</v></c>", null)]
    public void Dates_AreNoNumbers(string cell, string? text)
    {
        const string styles = "<numFmts><numFmt numFmtId=\"164\" formatCode=\"[$-407]dd/mm/yyyy;@\"/><numFmt numFmtId=\"165\" "
            + "formatCode=\"0.00&quot; days&quot;\\d\"/><numFmt numFmtId=\"166\" formatCode=\"[h]:mm\"/><numFmt numFmtId='167' "
            + "formatCode='[Red]General'/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs><cellXfs><xf numFmtId=\"0\"/>"
            + "<xf numFmtId=\"14\"/><xf numFmtId=\"21\"/><xf numFmtId=\"164\"/><xf numFmtId=\"165\"/><xf numFmtId=\"166\"/>"
            + "<xf numFmtId=\"167\"/></cellXfs>";
        Written.Sheet(Path, [Written.Inline("x"), cell], Shared, styles);
        if (text is null)
        {
            Assert.Equal([12], TableFile.Read(Path, ["x"])[0].ToArray());
        }
        else
        {
            TableException error = Assert.Throws<TableException>(() => TableFile.Read(Path, ["x"]));
            Assert.Equal((TableProblem.NotANumber, text, 2), (error.Kind, error.Found, error.Row));
        }
    }

    [Fact]
    public void OldMacs_CountFrom1904()
    {
        Written.Sheet(
            Path, [Written.Inline("x"), "<c s=\"0\"><v>0</v></c>"], null, "<cellXfs><xf numFmtId=\"14\"/></cellXfs>",
            "<workbookPr date1904=\"1\"/>");
        Assert.Equal("1904-01-01", Assert.Throws<TableException>(() => TableFile.Read(Path, ["x"])).Found);
    }

    [Theory]
    [InlineData("<c t=\"e\"><v>#N/A</v></c>")]
    [InlineData("<c t=\"s\"><v>2</v></c>")]
    [InlineData("<c t=\"s\"><v>3</v></c>")]
    [InlineData("<c t=\"inlineStr\"><is><t>n/a</t></is></c>")]
    [InlineData("<c><v/></c>")]
    public void Gaps_AreMissingValues(string cell)
    {
        Written.Sheet(Path, [Written.Inline("x") + Written.Inline("y"), cell + "<c><v>1</v></c>"], Shared);
        Assert.Equal(TableProblem.Missing, Assert.Throws<TableException>(() => TableFile.Read(Path, ["x"])).Kind);
    }

    [Fact]
    public void WhatIsNoTable_IsSaid()
    {
        Written.Sheet(Path, []);
        Assert.Equal($"{Path}: expected a header row and data, found an empty sheet", Refusal());
        Written.Sheet(Path, ["<c><v>1</v></c><c><v>2</v></c>"]);
        Assert.Equal($"{Path}, row 1: expected a header row with the columns' names, found numbers ('1')", Refusal());
        Written.Sheet(Path, [Written.Inline("x")]);
        Assert.Equal($"{Path}: expected data below the header row, found none", Refusal());
        Written.Sheet(Path, [Written.Inline("x"), "<c r=\"A2\"><v>1</v></c><c r=\"AB2\"><v>5</v></c>"]);
        Assert.Equal($"{Path}, row 2: expected cells in the header's columns A to A alone, found '5' in column AB", Refusal());
        Written.Sheet(Path, [Written.Inline("x") + Written.Inline("x"), "<c><v>1</v></c>"]);
        Assert.Equal($"{Path}, row 1, column 'x': the header has this name more than once", Refusal());
        Written.Sheet(Path, [Written.Inline("x"), "<c r=\"XFE1\"><v>1</v></c>"]);
        Assert.Equal($"{Path}: expected an Excel workbook, found other or damaged content (a cell at XFE1)", Refusal());
        File.WriteAllBytes(Path, [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0, 0]);
        Assert.Contains("found one of the old kind (.xls) or with a password", Refusal(), StringComparison.Ordinal);

        string Refusal() => Assert.Throws<TableException>(() => TableFile.Read(Path, ["x"])).Message;
    }

    [Fact]
    public void LongSheets_AreReadABlockAtATime()
    {
        Written.Sheet(Path, [Written.Inline("x"), .. Enumerable.Range(0, 10_000).Select(i => $"<c><v>{i}</v></c>")]);
        Assert.Equal(Enumerable.Range(0, 10_000).Select(i => (double)i), TableFile.Read(Path, ["x"])[0].ToArray());
    }
}
