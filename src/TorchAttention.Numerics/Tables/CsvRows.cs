using System.Globalization;
using System.Text;
using csFastFloat;
using nietras.SeparatedValues;

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
    private const int LongestField = 1 << 20;
    private const string TextOfBytes = "UTF-8 text";
    private const string OtherBytes = "other bytes";

    // Stands for bytes that are no UTF-8, so that the row they are in is known; no text may contain it.
    private const char NoText = '\uffff';

    private const int LongestMissing = 4;
    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _missing = new HashSet<string>(
        StringComparer.OrdinalIgnoreCase) { "", "NA", "N/A", "NaN", "null", "-", ".", "?" }.GetAlternateLookup<ReadOnlySpan<char>>();

    private readonly string _name;
    private readonly CsvOptions _options;
    private readonly SepReader _rows;
    private readonly LimitedReader _reader;
    private readonly CultureInfo _culture;
    private readonly string[] _header;
    private readonly int _headerRow;
    private readonly QuotedRecord _quoted;
    private int _row;
    private bool _isQuoted;
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
        _culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        _culture.NumberFormat.NumberDecimalSeparator = options.DecimalComma ? "," : ".";
        _reader = new LimitedReader(reader, options.Delimiter);
        _quoted = new QuotedRecord(options.Delimiter);
        _rows = Sep.New(options.Delimiter).Reader(reading => reading with
        {
            HasHeader = false,
            DisableColCountCheck = true,
            DisableQuotesParsing = true,
            CultureInfo = _culture,
        }).From(_reader);
        if (!NextRecord())
        {
            throw new TableException(TableProblem.Empty, name) { Expected = "a header row and data", Found = "an empty file" };
        }

        _header = [.. Enumerable.Range(0, FieldCount).Select(Text)];
        _headerRow = _row;
        if (_header.Any(field => field.Contains('\0', StringComparison.Ordinal)))
        {
            throw Wrong(TableProblem.NotText, TextOfBytes, "NUL characters, as UTF-16 without a byte-order mark has them");
        }

        if (_header.All(field => double.TryParse(field, NumberStyles.Float, _culture, out _)))
        {
            throw Wrong(TableProblem.NoHeader, "a header row with the columns' names", $"numbers ('{_header[0]}')");
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
            while ((added < most || IsCounting) && NextRecord())
            {
                added += Add(values, labels, kept) ? 1 : 0;
            }

            return IsCounting ? throw Missing() : added;
        }
        catch (Exception e) when (e is not TableException)
        {
            throw Explained(e, _name, _row);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rows.Dispose();
        _reader.Dispose();
    }

    /// <summary>The error for a file whose rows have nothing to read.</summary>
    public TableException NoData() => DroppedRows > 0
        ? new TableException(TableProblem.Empty, _name) { Expected = "rows without missing numbers", Found = $"none among {DroppedRows}" }
        : new TableException(TableProblem.Empty, _name) { Expected = "data below the header row", Found = "none" };

    private static Encoding Utf8() =>
        Encoding.GetEncoding("utf-8", EncoderFallback.ExceptionFallback, new DecoderReplacementFallback($"{NoText}"));

    private static Exception Explained(Exception e, string name, long? row = null) => e switch
    {
        TableException => e,
        FileNotFoundException or DirectoryNotFoundException => new TableException(TableProblem.NoFile, name, e),

        // Text is decoded a block at a time, ahead of the parser: its row says nothing of where these bytes are.
        DecoderFallbackException => new TableException(TableProblem.NotText, name, e) { Expected = TextOfBytes, Found = OtherBytes },
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
        if (FieldCount != _header.Length)
        {
            string expected = $"{(_header.Length == 1 ? "1 field" : $"{_header.Length} fields")} as in the header";
            throw Wrong(TableProblem.Ragged, expected, $"{FieldCount}");
        }

        int missing = FirstMissing();
        bool isWhole = missing < 0 && !(_labelPlace >= 0 && Field(_labelPlace).IsEmpty);
        if (!isWhole)
        {
            if (_rowsWithMissing++ == 0)
            {
                int place = missing >= 0 ? _places[missing] : _labelPlace;
                (_firstMissingRow, _firstMissingColumn, _firstMissing) = (_row, _header[place], Text(place));
            }

            return false;
        }

        if (IsCounting)
        {
            return false;
        }

        for (int i = 0; i < _places.Length; i++)
        {
            values[i].Add(Number(Field(_places[i]), _columns[i]));
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

    private string Text(int place) => Field(place).ToString();

    private int FirstMissing()
    {
        for (int i = 0; i < _places.Length; i++)
        {
            ReadOnlySpan<char> field = Field(_places[i]);
            if (field.Length <= LongestMissing && _missing.Contains(field))
            {
                return i;
            }
        }

        return -1;
    }

    private int FieldCount => _isQuoted ? _quoted.Count : _rows.Current.ColCount;

    // What a field says, without the blanks and the quotation marks around it.
    private ReadOnlySpan<char> Field(int place)
    {
        if (!_isQuoted)
        {
            return _rows.Current[place].Span.Trim();
        }

        ReadOnlySpan<char> field = _quoted.Read(place, out bool isStray);
        return isStray ? throw Wrong(TableProblem.StrayQuotation) : field;
    }

    private TableException Missing() => new(TableProblem.Missing, _name)
    {
        Row = _firstMissingRow,
        Column = _firstMissingColumn,
        Expected = _places.Contains(Array.IndexOf(_header, _firstMissingColumn)) ? "a number" : "text",
        Found = _firstMissing,
        Rows = _rowsWithMissing,
    };

    private bool NextRecord()
    {
        ReadOnlySpan<char> record;
        do
        {
            if (!_rows.MoveNext())
            {
                return false;
            }

            _row++;
            record = _rows.Current.Span;
        }
        while (record.IsEmpty);

        _isQuoted = false;
        if (record.ContainsAny('"', NoText))
        {
            CheckText(record);
            _isQuoted = true;
            ReadQuoted(record);
        }

        return (record.Length <= LongestField && !_isQuoted) || AreFieldsShort() ? true
            : throw Wrong(TableProblem.TooLong, $"a field of at most {LongestField} characters", "more");
    }

    private void CheckText(ReadOnlySpan<char> text)
    {
        if (text.Contains(NoText))
        {
            throw Wrong(TableProblem.NotText, TextOfBytes, OtherBytes);
        }
    }

    private void ReadQuoted(ReadOnlySpan<char> line)
    {
        bool isWhole = _quoted.Begin(line);
        while (!isWhole)
        {
            if (!_rows.MoveNext())
            {
                throw Wrong(TableProblem.OpenQuotation);
            }

            ReadOnlySpan<char> next = _rows.Current.Span;
            CheckText(next);
            isWhole = _quoted.GoOn(next);
            LimitedReader.Check(_quoted.Length, _quoted.Count);
        }
    }

    private bool AreFieldsShort()
    {
        if (_isQuoted)
        {
            return !_quoted.HasFieldLongerThan(LongestField);
        }

        SepReader.Row row = _rows.Current;
        for (int i = 0; i < row.ColCount; i++)
        {
            if (row[i].Span.Length > LongestField)
            {
                return false;
            }
        }

        return true;
    }

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
        ReadOnlySpan<char> given = field;
        if (_options.Thousands is char mark && field.Contains(mark) && !TryUngroup(ref field, mark))
        {
            throw Wrong(TableProblem.NotANumber, $"a number in groups of three digits with '{mark}' between them", given, column);
        }

        // Four times as fast as .NET's, with the same bits; it stops where it understands no more, and knows other infinities.
        char point = _options.DecimalComma ? ',' : '.';
        bool isRead = FastDoubleParser.TryParseDouble(field, out int read, out double number, NumberStyles.Float, point)
            && read == field.Length && double.IsFinite(number);

        // .NET's parser overlooks trailing NULs, which a damaged file may well have.
        if (!isRead && (!double.TryParse(field, NumberStyles.Float, _culture, out number) || field.Contains('\0')))
        {
            throw Wrong(TableProblem.NotANumber, "a number", given, column);
        }

        if (number < 0 && column == _notNegative)
        {
            throw Wrong(TableProblem.Negative, "a number of at least 0", given, column);
        }

        return double.IsFinite(number) ? number : throw Wrong(TableProblem.NotFinite, "a finite number", given, column);
    }

    // 12.345,6 without its marks; false where one stands elsewhere.
    private bool TryUngroup(ref ReadOnlySpan<char> field, char mark)
    {
        int point = field.IndexOf(_options.DecimalComma ? ',' : '.');
        ReadOnlySpan<char> whole = (point < 0 ? field : field[..point]).TrimStart("+-");
        bool isGrouped = whole.IndexOf(mark) is >= 1 and <= 3 && whole.Count(mark) == field.Count(mark);
        for (int end = whole.Length; isGrouped && end > 0; end -= 4)
        {
            isGrouped = (end < 4 || whole[end - 4] == mark) && !whole[Math.Max(0, end - 3)..end].ContainsAnyExceptInRange('0', '9');
        }

        field = field.ToString().Replace(mark.ToString(), "", StringComparison.Ordinal);
        return isGrouped;
    }

    private TableException Wrong(TableProblem kind, string? expected = null, ReadOnlySpan<char> found = default, string? column = null) =>
        new(kind, _name) { Row = _row, Column = column, Expected = expected, Found = expected is null ? null : found.ToString() };
}
