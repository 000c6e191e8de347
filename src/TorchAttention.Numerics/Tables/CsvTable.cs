using System.Globalization;
using System.Text;
using CsvHelper;
using CsvHelper.Configuration;

namespace TorchAttention.Numerics.Tables;

/// <summary>Reads the columns one asks for from comma-separated text with a header row.</summary>
/// <remarks>
/// Text is UTF-8 (or UTF-16 with a byte-order mark); fields may be quoted as RFC 4180 says; numbers are written with a decimal point.
/// Blank lines are passed over. Every number must be finite: an empty field, text, NaN or an infinity is an error with its place.
/// </remarks>
public static class CsvTable
{
    private const int LongestField = 1 << 20;
    private const int LongestQuote = 40;

    // Stands for bytes that are no UTF-8, so that the row they are in is known; no text may contain it.
    private const char NoText = '\uffff';

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file; a pipe will do, since it is read once.</param>
    /// <param name="choose">Given the header's names, the columns to read, in the order wanted.</param>
    /// <returns>The chosen columns.</returns>
    /// <exception cref="TableException">The file is missing, unreadable, not such text, or a chosen field is not a finite number.</exception>
    public static Table Read(string path, Func<IReadOnlyList<string>, IReadOnlyList<string>> choose)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Directory.Exists(path))
        {
            throw new TableException(path, "expected a CSV file, found a directory");
        }

        try
        {
            var utf8 = Encoding.GetEncoding("utf-8", EncoderFallback.ExceptionFallback, new DecoderReplacementFallback($"{NoText}"));
            using var reader = new StreamReader(path, utf8);
            return Read(reader, path, choose);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TableException(path, "no such file", inner: e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new TableException(path, $"cannot be read ({OneLine(e.Message)})", inner: e);
        }
    }

    /// <summary>Reads from an open reader.</summary>
    /// <param name="reader">The text; left open.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="choose">Given the header's names, the columns to read, in the order wanted.</param>
    /// <returns>The chosen columns.</returns>
    /// <exception cref="TableException">The text is empty, ragged or ends inside a quotation, a column is missing or ambiguous, or a chosen field is not a finite number.</exception>
    public static Table Read(TextReader reader, string name, Func<IReadOnlyList<string>, IReadOnlyList<string>> choose)
    {
        ArgumentNullException.ThrowIfNull(choose);
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = ",",
            IgnoreBlankLines = true,
            TrimOptions = TrimOptions.Trim,
            MaxFieldSize = LongestField,
            BadDataFound = e => throw new TableException(name, "a quotation mark stands where none may", e.Context.Parser?.Row),
        };
        using var parser = new CsvParser(reader, configuration, leaveOpen: true);

        try
        {
            return Read(parser, name, choose);
        }
        catch (DecoderFallbackException e)
        {
            // Text is decoded a block at a time, ahead of the parser: its row says nothing of where these bytes are.
            throw new TableException(name, "expected UTF-8 text, found other bytes", inner: e);
        }
        catch (MaxFieldSizeException e)
        {
            throw new TableException(name, $"a field is longer than {LongestField} characters", parser.Row, inner: e);
        }
    }

    private static Table Read(CsvParser parser, string name, Func<IReadOnlyList<string>, IReadOnlyList<string>> choose)
    {
        if (!ReadRecord(parser, name))
        {
            throw new TableException(name, "expected a header row and data, found an empty file");
        }

        string[] header = parser.Record!;
        IReadOnlyList<string> columns = choose(header);
        int[] places = [.. columns.Select(column => Find(header, parser.Row, column, name))];
        var values = Array.ConvertAll(places, _ => new List<double>());
        while (ReadRecord(parser, name))
        {
            if (parser.Count != header.Length)
            {
                throw new TableException(name, $"expected {Fields(header.Length)} as in the header, found {parser.Count}", parser.Row);
            }

            for (int i = 0; i < places.Length; i++)
            {
                values[i].Add(Number(parser[places[i]], name, parser.Row, columns[i]));
            }
        }

        if (values.Length > 0 && values[0].Count == 0)
        {
            throw new TableException(name, "expected data below the header row, found none");
        }

        return new Table(name, columns, Array.ConvertAll(values, column => column.ToArray()));
    }

    // The parser takes a quotation that is still open at the end of the text for closed, with every row below it inside.
    private static bool ReadRecord(CsvParser parser, string name)
    {
        if (!parser.Read())
        {
            return false;
        }

        string record = parser.RawRecord;
        if (record.Contains(NoText, StringComparison.Ordinal))
        {
            throw new TableException(name, "expected UTF-8 text, found other bytes", parser.Row);
        }

        if (EndsInsideQuotation(record))
        {
            throw new TableException(name, "a quotation is opened and never closed", parser.Row);
        }

        return true;
    }

    private static bool EndsInsideQuotation(ReadOnlySpan<char> record)
    {
        if (record.Count('"') % 2 == 0)
        {
            return false;
        }

        // A quotation mark opens at the start of a field, and opens again right after one that seemed to close.
        bool inside = false;
        char before = ',';
        foreach (char c in record)
        {
            if (c == '"')
            {
                inside = !inside && (before is ',' or '"');
            }

            before = char.IsWhiteSpace(c) ? before : c;
        }

        return inside;
    }

    private static int Find(string[] header, int row, string column, string name)
    {
        int place = Array.IndexOf(header, column);
        if (place < 0)
        {
            throw new TableException(name, $"no column '{Shown(column)}'; {Describe(header)}");
        }

        return Array.IndexOf(header, column, place + 1) < 0
            ? place
            : throw new TableException(name, "the header has this name more than once", row, column);
    }

    /// <summary>The columns a header offers, for a message.</summary>
    /// <param name="header">The header's names.</param>
    /// <returns>A phrase such as "its columns are 'times', 'accel'".</returns>
    public static string Describe(IReadOnlyList<string> header)
    {
        ArgumentNullException.ThrowIfNull(header);
        if (header.Count == 1 && header[0].IndexOfAny([';', '\t']) >= 0)
        {
            return $"its only column is '{Shown(header[0])}': are the fields separated by something other than a comma?";
        }

        const int most = 12;
        string names = string.Join(", ", header.Take(most).Select(column => $"'{Shown(column)}'"));
        return (header.Count == 1 ? "its only column is " : "its columns are ") + names
            + (header.Count > most ? $" and {header.Count - most} more" : "");
    }

    private static double Number(string field, string name, long row, string column)
    {
        // .NET's parser overlooks trailing NULs, which a damaged file may well have.
        if (!double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) || field.Contains('\0', StringComparison.Ordinal))
        {
            throw new TableException(name, field.Length == 0 ? "expected a number, found nothing" : $"expected a number, found '{Shown(field)}'", row, column);
        }

        return double.IsFinite(number)
            ? number
            : throw new TableException(name, $"expected a finite number, found '{Shown(field)}'", row, column);
    }

    private static string Fields(int count) => count == 1 ? "1 field" : $"{count} fields";

    private static string Shown(string text) => PlainText.Of(text.Length > LongestQuote ? text[..LongestQuote] + "…" : text);

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}
