using System.Globalization;
using System.IO.Compression;
using System.Security;
using Apache.Arrow;
using Apache.Arrow.Compression;
using Apache.Arrow.Ipc;
using Parquet;
using Parquet.Schema;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Files;

/// <summary>Tables of numbers with gaps, as files of each format.</summary>
internal static class Written
{
    /// <summary>Writes columns in the format that the file's ending names; null is a gap.</summary>
    public static void Write(string path, params (string Name, double?[] Values)[] columns)
    {
        switch (Path.GetExtension(path))
        {
            case ".parquet":
                Parquet(path, [.. columns.Select(column => new DataField<double?>(column.Name))], (group, field) =>
                    group.WriteAsync<double>(field, columns.Single(one => one.Name == field.Name).Values.AsMemory()));
                break;
            case ".xlsx":
                IEnumerable<string> names = columns.Select(column => Inline(column.Name));
                IEnumerable<string> rows = Enumerable.Range(0, columns[0].Values.Length).Select(i => string.Concat(columns.Select(
                    column => column.Values[i] is double value ? $"<c><v>{Text(value)}</v></c>" : "<c/>")));
                Sheet(path, [string.Concat(names), .. rows]);
                break;
            case ".csv":
                IEnumerable<string> lines = Enumerable.Range(0, columns[0].Values.Length).Select(i => string.Join(
                    ',', columns.Select(column => column.Values[i]?.ToString(CultureInfo.InvariantCulture))));
                File.WriteAllLines(path, lines.Prepend(string.Join(',', columns.Select(column => column.Name))));
                break;
            default:
                Arrow(path, [.. columns.Select(column => (column.Name, Doubles(column.Values)))]);
                break;
        }
    }

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Writes the rows of a CSV file of numbers.</summary>
    public static void Copy(string csv, string path)
    {
        string[][] rows = [.. File.ReadLines(csv).Select(line => line.Split(','))];
        Write(path, [.. rows[0].Select((name, j) => (name, rows[1..].Select(
            row => row[j].Length == 0 ? (double?)null : double.Parse(row[j], CultureInfo.InvariantCulture)).ToArray()))]);
    }

    /// <summary>A built-in data set's file in the repository.</summary>
    public static string BuiltIn(string name) => Path.Combine(
        Directory.EnumerateFiles(Path.Combine(ConsoleProcess.Repository, "src"), $"{name}.csv", SearchOption.AllDirectories)
            .First(file => !file.Contains("obj", StringComparison.Ordinal)));

    /// <summary>Writes row groups, each of the rows that are given.</summary>
    public static void Parquet(
        string path, DataField[] fields, Func<ParquetRowGroupWriter, DataField, Task> write, int groups = 1)
    {
        using FileStream stream = File.Create(path);
        ParquetWriter writer = ParquetWriter.CreateAsync(new ParquetSchema([.. fields]), stream).GetAwaiter().GetResult();
        for (int g = 0; g < groups; g++)
        {
            using ParquetRowGroupWriter group = writer.CreateRowGroup();
            foreach (DataField field in fields)
            {
                write(group, field).GetAwaiter().GetResult();
            }
        }

        writer.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    public static IArrowArray Doubles(double?[] values)
    {
        var builder = new DoubleArray.Builder();
        foreach (double? value in values)
        {
            _ = value is double number ? builder.Append(number) : builder.AppendNull();
        }

        return builder.Build();
    }

    /// <summary>Writes record batches that are all alike.</summary>
    public static void Arrow(
        string path, (string Name, IArrowArray Values)[] columns, int batches = 1, CompressionCodecType? codec = null,
        bool isStream = false) =>
        Arrow(
            path, [.. columns.Select(column => column.Name)], Enumerable.Repeat(columns.Select(column => column.Values).ToArray(), batches),
            codec, isStream);

    /// <summary>Writes record batches of numbers.</summary>
    public static void Arrow(string path, string[] names, double[][][] batches) => Arrow(
        path, names, batches.Select(columns => columns.Select(column => Doubles([.. column.Select(value => (double?)value)])).ToArray()),
        null, isStream: false);

    private static void Arrow(
        string path, string[] names, IEnumerable<IArrowArray[]> batches, CompressionCodecType? codec, bool isStream)
    {
        IArrowArray[] first = batches.First();
        var schema = new Schema(
            names.Select((name, j) => new Apache.Arrow.Field(name, first[j].Data.DataType, nullable: true)), metadata: null);
        var options = new IpcOptions { CompressionCodec = codec, CompressionCodecFactory = new CompressionCodecFactory() };
        using FileStream stream = File.Create(path);
        using ArrowStreamWriter writer = isStream ? new ArrowStreamWriter(stream, schema, leaveOpen: true, options)
            : new ArrowFileWriter(stream, schema, leaveOpen: true, options);
        foreach (IArrowArray[] columns in batches)
        {
            writer.WriteRecordBatch(new RecordBatch(schema, columns, columns[0].Length));
        }

        writer.WriteEnd();
    }

    public static string Inline(string text) => $"<c t=\"inlineStr\"><is><t>{SecurityElement.Escape(text)}</t></is></c>";

    /// <summary>Writes a workbook of one sheet, each row given as the XML of its cells.</summary>
    public static void Sheet(
        string path, IEnumerable<string> rows, string? shared = null, string? styles = null, string book = "<workbookPr/>")
    {
        const string main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        const string of = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        const string package = "http://schemas.openxmlformats.org/package/2006/relationships";
        using FileStream stream = File.Create(path);
        using var archive = new ZipArchive(stream, ZipArchiveMode.Create);
        Part("_rels/.rels", $"<Relationships xmlns=\"{package}\">{Relation("r1", "officeDocument", "xl/workbook.xml")}</Relationships>");
        Part("xl/workbook.xml", $"<workbook xmlns=\"{main}\" xmlns:r=\"{of}\">{book}<sheets><sheet name=\"old\" sheetId=\"1\" "
            + "state=\"hidden\" r:id=\"r0\"/><sheet name=\"data\" sheetId=\"2\" r:id=\"r1\"/></sheets></workbook>");
        Part("xl/_rels/workbook.xml.rels", $"<Relationships xmlns=\"{package}\">{Relation("r0", "worksheet", "worksheets/sheet0.xml")}"
            + Relation("r1", "worksheet", "/xl/worksheets/sheet1.xml")
            + (shared is null ? "" : Relation("r2", "sharedStrings", "sharedStrings.xml"))
            + (styles is null ? "" : Relation("r3", "styles", "styles.xml")) + "</Relationships>");
        Part("xl/worksheets/sheet1.xml", $"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<worksheet xmlns=\"{main}\"><sheetData>"
            + string.Concat(rows.Select(row => row.StartsWith("<row", StringComparison.Ordinal) ? row : $"<row>{row}</row>"))
            + "</sheetData><!-- <row> --></worksheet>\n");
        if (shared is not null)
        {
            Part("xl/sharedStrings.xml", $"<sst xmlns=\"{main}\">{shared}</sst>");
        }

        if (styles is not null)
        {
            Part("xl/styles.xml", $"<styleSheet xmlns=\"{main}\">{styles}</styleSheet>");
        }

        void Part(string name, string text)
        {
            using var writer = new StreamWriter(archive.CreateEntry(name).Open());
            writer.Write(text);
        }

        static string Relation(string id, string purpose, string target) =>
            $"<Relationship Id=\"{id}\" Type=\"{of}/{purpose}\" Target=\"{target}\"/>";
    }
}
