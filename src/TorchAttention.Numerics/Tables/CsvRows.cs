using System.Text;

namespace TorchAttention.Numerics.Tables;

/// <summary>
/// Reads the columns one asks for from separated text with a header row, some rows at a time: memory does not grow with the file.
/// </summary>
/// <remarks>
/// Text is UTF-8 (or UTF-16 with a byte-order mark); fields may be quoted as RFC 4180 says. Blank lines are passed over. Every number must
/// be finite: text, or a number that float64 cannot hold, is an error with its place.
/// </remarks>
public sealed class CsvRows : IDisposable
{
    private const int LongestMissing = 4;
    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _missing = new HashSet<string>(
        StringComparer.OrdinalIgnoreCase) { "", "NA", "N/A", "NaN", "null", "-", ".", "?" }.GetAlternateLookup<ReadOnlySpan<char>>();

    private readonly string _name;
    private readonly CsvOptions _options;
    private readonly CsvRecords _records;
    private readonly CsvNumbers _numbers;
    private readonly string[] _header;
    private readonly int _headerRow;
    private string[] _columns = [];
    private int[] _places = [];
    private string? _notNegative;
    private int _labelPlace = -1;
    private int[] _keptPlaces = [];
    private long _firstMissingRow;
    private string? _firstMissingColumn;
    private string _firstMissing = "";
    private long _rowsWithMissing;

    private CsvRows(TextReader reader, string name, CsvOptions options)
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

        _name = name;
        _options = options;
        _numbers = new CsvNumbers(options);
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

        if (_header.All(field => _numbers.TryRead(field, out _)))
        {
            throw _records.Wrong(TableProblem.NoHeader, "a header row with the columns' names", $"numbers ('{_header[0]}')");
        }
    }

    /// <summary>The header's names.</summary>
    public IReadOnlyList<string> Header => _header;

    /// <summary>How many rows were left out because a number was missing.</summary>
    public long DroppedRows => _options.Missing == MissingValues.Drop ? _rowsWithMissing : 0;

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

    /// <summary>Names the columns to read as numbers, and one to read as text.</summary>
    /// <param name="columns">Names of the header, in the order wanted.</param>
    /// <param name="label">The column of text; null for none.</param>
    /// <param name="notNegative">The column of numbers, one of weights say, that are at least 0; null for none.</param>
    /// <exception cref="TableException">The header does not have one of them, or has it more than once.</exception>
    public void Choose(IReadOnlyList<string> columns, string? label = null, string? notNegative = null)
    {
        ArgumentNullException.ThrowIfNull(columns);
        _columns = [.. columns];
        _places = Array.ConvertAll(_columns, Find);
        _labelPlace = label is null ? -1 : Find(label);
        _notNegative = notNegative;
    }

    /// <summary>Names columns whose text is kept beside the numbers, without the blanks around it.</summary>
    /// <param name="columns">Names of the header, in the order wanted.</param>
    /// <exception cref="TableException">The header does not have one of them, or has it more than once.</exception>
    public void Keep(IReadOnlyList<string> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        _keptPlaces = [.. columns.Select(Find)];
    }

    /// <summary>Reads the next rows.</summary>
    /// <param name="values">A list for each chosen column, which the numbers are added to.</param>
    /// <param name="most">The most rows to read.</param>
    /// <param name="labels">A list that the text of the chosen column is added to; null where none was chosen.</param>
    /// <param name="kept">A list for each column that is kept, which its text is added to; none where null.</param>
    /// <returns>How many rows were added; 0 at the end.</returns>
    /// <exception cref="TableException">A row is ragged, a quotation is not closed, or a chosen field is not a finite number.</exception>
    public int Read(IReadOnlyList<List<double>> values, int most, List<string>? labels = null, IReadOnlyList<List<string>>? kept = null)
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
            throw Explained(e, _name, _records.Row);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _records.Dispose();
    }

    /// <summary>The error for a file whose rows have nothing to read.</summary>
    public TableException NoData() => DroppedRows > 0
        ? new TableException(TableProblem.Empty, _name) { Expected = "rows without missing numbers", Found = $"none among {DroppedRows}" }
        : new TableException(TableProblem.Empty, _name) { Expected = "data below the header row", Found = "none" };

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

    // A first missing number is an error; all that follow are counted before it is one.
    private bool IsCounting => _options.Missing == MissingValues.Error && _rowsWithMissing > 0;

    private bool Add(IReadOnlyList<List<double>> values, List<string>? labels, IReadOnlyList<List<string>>? kept)
    {
        int fields = _records.FieldCount;
        if (fields != _header.Length)
        {
            string expected = $"{(_header.Length == 1 ? "1 field" : $"{_header.Length} fields")} as in the header";
            throw _records.Wrong(TableProblem.Ragged, expected, $"{fields}");
        }

        int missing = FirstMissing();
        bool isWhole = missing < 0 && !(_labelPlace >= 0 && _records.Field(_labelPlace).IsEmpty);
        if (!isWhole)
        {
            if (_rowsWithMissing++ == 0)
            {
                int place = missing >= 0 ? _places[missing] : _labelPlace;
                (_firstMissingRow, _firstMissingColumn, _firstMissing) = (_records.Row, _header[place], Text(place));
            }

            return false;
        }

        if (IsCounting)
        {
            return false;
        }

        for (int i = 0; i < _places.Length; i++)
        {
            values[i].Add(Number(_records.Field(_places[i]), _columns[i]));
        }

        if (_labelPlace >= 0)
        {
            labels?.Add(Text(_labelPlace));
        }

        for (int i = 0; kept is not null && i < _keptPlaces.Length; i++)
        {
            kept[i].Add(Text(_keptPlaces[i]));
        }

        return true;
    }

    private string Text(int place) => _records.Field(place).ToString();

    private int FirstMissing()
    {
        for (int i = 0; i < _places.Length; i++)
        {
            ReadOnlySpan<char> field = _records.Field(_places[i]);
            if (field.Length <= LongestMissing && _missing.Contains(field))
            {
                return i;
            }
        }

        return -1;
    }

    private TableException Missing() => new(TableProblem.Missing, _name)
    {
        Row = _firstMissingRow,
        Column = _firstMissingColumn,
        Expected = _places.Contains(Array.IndexOf(_header, _firstMissingColumn)) ? "a number" : "text",
        Found = _firstMissing,
        Rows = _rowsWithMissing,
    };

    private int Find(string column)
    {
        int place = Array.IndexOf(_header, column);
        if (place < 0)
        {
            throw new TableException(TableProblem.NoColumn, _name)
            {
                Column = column,
                Found = CsvTable.Describe(_header, _options.Delimiter),
                Hint = PlainText.DidYouMean(column, _header),
            };
        }

        return Array.IndexOf(_header, column, place + 1) < 0 ? place : throw new TableException(TableProblem.ColumnTwice, _name)
        {
            Row = _headerRow,
            Column = column,
        };
    }

    private double Number(ReadOnlySpan<char> field, string column)
    {
        if (!_numbers.TryRead(field, out double number))
        {
            throw _records.Wrong(TableProblem.NotANumber, _numbers.Expected(field), field, column);
        }

        if (number < 0 && column == _notNegative)
        {
            throw _records.Wrong(TableProblem.Negative, "a number of at least 0", field, column);
        }

        return double.IsFinite(number) ? number : throw _records.Wrong(TableProblem.NotFinite, "a finite number", field, column);
    }
}
