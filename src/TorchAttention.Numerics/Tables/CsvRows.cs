using System.Text;

namespace TorchAttention.Numerics.Tables;

/// <summary>
/// Reads the columns one asks for from separated text with a header row, some rows at a time: memory does not grow with the file.
/// </summary>
/// <remarks>
/// Text is UTF-8 (or UTF-16 with a byte-order mark); fields may be quoted as RFC 4180 says. Blank lines are passed over. Every number must
/// be finite: text, or a number that float64 cannot hold, is an error with its place.
/// </remarks>
public sealed class CsvRows : TableRows
{
    private readonly CsvOptions _options;
    private readonly CsvRecords _records;
    private readonly string[] _header;
    private readonly int _headerRow;

    private CsvRows(TextReader reader, string name, CsvOptions options)
        : base(name, options)
    {
        if (options.DecimalComma && options.Delimiter == ',')
        {
            throw new TableException(TableProblem.CommaTwice, name);
        }

        if (options.Thousands == (options.DecimalComma ? ',' : '.'))
        {
            throw new TableException(TableProblem.Unusable, name)
            {
                Expected = "another mark between thousands than the decimal mark",
                Found = options.Thousands.ToString(),
            };
        }

        _options = options;
        _records = new CsvRecords(reader, name, options.Delimiter);
        if (!_records.Next())
        {
            throw new TableException(TableProblem.Empty, name) { Expected = "a header row and data", Found = "an empty file" };
        }

        _header = [.. Enumerable.Range(0, _records.FieldCount).Select(Text)];
        _headerRow = _records.Row;
        if (_header.Any(field => field.Contains('\0', StringComparison.Ordinal)))
        {
            throw _records.Wrong(
                TableProblem.NotText, CsvRecords.TextOfBytes, "NUL characters, as UTF-16 without a byte-order mark has them");
        }

        if (_header.All(field => IsNumber(field)))
        {
            throw _records.Wrong(TableProblem.NoHeader, "a header row with the columns' names", $"numbers ('{_header[0]}')");
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Header => _header;

    private protected override string DataPlace => "data below the header row";

    private protected override int? HeaderRow => _headerRow;

    private protected override string Described => CsvTable.Describe(_header, _options.Delimiter);

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file; a pipe will do, since it is read once.</param>
    /// <param name="options">The defaults where null.</param>
    /// <exception cref="TableException">The file is missing, unreadable or no such text.</exception>
    public static CsvRows Open(string path, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Directory.Exists(path))
        {
            throw new TableException(TableProblem.Directory, path) { Expected = "a CSV file", Found = "a directory" };
        }

        StreamReader? reader = null;
        try
        {
            reader = new StreamReader(path, Utf8(), detectEncodingFromByteOrderMarks: true, bufferSize: 1 << 16);
            return new CsvRows(reader, path, options ?? new CsvOptions());
        }
        catch (Exception e)
        {
            reader?.Dispose();
            throw Explained(e, path);
        }
    }

    /// <summary>Reads from a stream, standard input say.</summary>
    /// <param name="stream">The text's bytes.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="options">The defaults where null.</param>
    /// <exception cref="TableException">It is no such text.</exception>
    public static CsvRows Open(Stream stream, string name, CsvOptions? options = null) =>
        Open(new StreamReader(stream, Utf8(), true, 1 << 16), name, options);

    /// <summary>Reads from an open reader.</summary>
    /// <param name="reader">The text.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="options">The defaults where null.</param>
    /// <exception cref="TableException">It is no such text.</exception>
    public static CsvRows Open(TextReader reader, string name, CsvOptions? options = null)
    {
        try
        {
            return new CsvRows(reader, name, options ?? new CsvOptions());
        }
        catch (Exception e) when (e is not TableException)
        {
            throw Explained(e, name);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="TableException">A row is ragged, a quotation is not closed, or a chosen field is not a finite number.</exception>
    public override int Read(
        IReadOnlyList<List<double>> values, int most, List<string>? labels = null, IReadOnlyList<List<string>>? kept = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        try
        {
            int added = 0;
            while ((added < most || IsCounting) && _records.Next())
            {
                added += Add(values, labels, kept) ? 1 : 0;
            }

            return IsCounting ? throw Missing() : added;
        }
        catch (Exception e) when (e is not TableException)
        {
            throw Explained(e, Name, _records.Row);
        }
    }

    private protected override void Close() => _records.Dispose();

    private static Encoding Utf8() =>
        Encoding.GetEncoding("utf-8", EncoderFallback.ExceptionFallback, new DecoderReplacementFallback($"{CsvRecords.NoText}"));

    private static Exception Explained(Exception e, string name, long? row = null) => e switch
    {
        TableException => e,
        FileNotFoundException or DirectoryNotFoundException => new TableException(TableProblem.NoFile, name, e),

        // Text is decoded a block at a time, ahead of the parser: its row says nothing of where these bytes are.
        DecoderFallbackException => new TableException(TableProblem.NotText, name, e)
        {
            Expected = CsvRecords.TextOfBytes,
            Found = CsvRecords.OtherBytes,
        },
        LimitedReader.RowTooLongException tooLong => new TableException(TableProblem.TooLong, name, e)
        {
            Row = row,
            Expected = tooLong.Expected,
            Found = "more",
        },
        IOException or UnauthorizedAccessException or ArgumentException => new TableException(TableProblem.Unreadable, name, e)
        {
            Found = SystemReason.Describe(e),
        },
        _ => e,
    };

    private bool Add(IReadOnlyList<List<double>> values, List<string>? labels, IReadOnlyList<List<string>>? kept)
    {
        int fields = _records.FieldCount;
        if (fields != _header.Length)
        {
            string expected = $"{(_header.Length == 1 ? "1 field" : $"{_header.Length} fields")} as in the header";
            throw _records.Wrong(TableProblem.Ragged, expected, $"{fields}");
        }

        int missing = FirstMissing();
        bool isWhole = missing < 0 && !(LabelPlace >= 0 && _records.Field(LabelPlace).IsEmpty);
        if (!isWhole)
        {
            int place = missing >= 0 ? Places[missing] : LabelPlace;
            Miss(_records.Row, place, Text(place));
            return false;
        }

        if (IsCounting)
        {
            return false;
        }

        for (int i = 0; i < Places.Length; i++)
        {
            values[i].Add(Number(_records.Field(Places[i]), i));
        }

        if (LabelPlace >= 0)
        {
            string label = Text(LabelPlace);
            labels?.Add(RefusedLabel(label) is not string expected ? label
                : throw _records.Wrong(TableProblem.UnknownName, expected, label, _header[LabelPlace]));
        }

        for (int i = 0; kept is not null && i < KeptPlaces.Length; i++)
        {
            kept[i].Add(Text(KeptPlaces[i]));
        }

        return true;
    }

    private string Text(int place) => _records.Field(place).ToString();

    private int FirstMissing()
    {
        for (int i = 0; i < Places.Length; i++)
        {
            ReadOnlySpan<char> field = _records.Field(Places[i]);
            if (IsMissing(field) && !MayMissIn(i))
            {
                return i;
            }
        }

        return -1;
    }

    private double Number(ReadOnlySpan<char> field, int i)
    {
        string column = Columns[i];
        if (IsMissing(field) && MayMissIn(i))
        {
            return MissingIn(i, _records.Row);
        }

        if (TryRead(i, field, out double number) is string expected)
        {
            throw _records.Wrong(TableProblem.NotANumber, expected, field, column);
        }

        if (IsCategory(i))
        {
            return RefusedLevel(i, number) is not string level ? number
                : throw _records.Wrong(TableProblem.UnknownName, level, field, column);
        }

        if (Refused(number, column) is string wanted)
        {
            throw _records.Wrong(TableProblem.Negative, wanted, field, column);
        }

        return double.IsFinite(number) ? number
            : throw _records.Wrong(TableProblem.NotFinite, "a finite number", field, column);
    }
}
