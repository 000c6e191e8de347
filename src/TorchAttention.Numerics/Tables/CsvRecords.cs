using nietras.SeparatedValues;

namespace TorchAttention.Numerics.Tables;

/// <summary>The records of separated text, their fields as text: rows counted, quotations joined, what is too long refused.</summary>
internal sealed class CsvRecords : IDisposable
{
    /// <summary>Stands for bytes that are no UTF-8, so that the row they are in is known; no text may contain it.</summary>
    public const char NoText = '\uffff';

    public const string TextOfBytes = "UTF-8 text";
    public const string OtherBytes = "other bytes";

    private const int LongestField = 1 << 20;

    private readonly string _name;
    private readonly LimitedReader _reader;
    private readonly SepReader _lines;
    private readonly QuotedRecord _quoted;
    private bool _isQuoted;

    /// <param name="reader">The text.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="delimiter">What stands between two fields.</param>
    public CsvRecords(TextReader reader, string name, char delimiter)
    {
        _name = name;
        _reader = new LimitedReader(reader, delimiter);
        _quoted = new QuotedRecord(delimiter);
        _lines = Sep.New(delimiter).Reader(reading => reading with
        {
            HasHeader = false,
            DisableColCountCheck = true,
            DisableQuotesParsing = true,
        }).From(_reader);
    }

    /// <summary>The record's row, as a spreadsheet counts; 0 before the first.</summary>
    public int Row { get; private set; }

    /// <summary>How many fields the record has.</summary>
    public int FieldCount => _isQuoted ? _quoted.Count : _lines.Current.ColCount;

    /// <summary>What a field says, without the blanks and the quotation marks around it.</summary>
    /// <exception cref="TableException">A quotation mark stands where none may.</exception>
    public ReadOnlySpan<char> Field(int place)
    {
        if (!_isQuoted)
        {
            return _lines.Current[place].Span.Trim();
        }

        ReadOnlySpan<char> field = _quoted.Read(place, out bool isStray);
        return isStray ? throw Wrong(TableProblem.StrayQuotation) : field;
    }

    /// <summary>Goes on to the next record; blank lines are passed over.</summary>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="TableException">It is no text, too long, or a quotation that is never closed.</exception>
    public bool Next()
    {
        ReadOnlySpan<char> line;
        do
        {
            if (!_lines.MoveNext())
            {
                return false;
            }

            Row++;
            line = _lines.Current.Span;
        }
        while (line.IsEmpty);

        _isQuoted = false;
        if (line.ContainsAny('"', NoText))
        {
            CheckText(line);
            _isQuoted = true;
            ReadQuoted(line);
        }

        return (line.Length <= LongestField && !_isQuoted) || AreFieldsShort() ? true
            : throw Wrong(TableProblem.TooLong, $"a field of at most {LongestField} characters", "more");
    }

    /// <summary>An error in this record.</summary>
    public TableException Wrong(
        TableProblem kind, string? expected = null, ReadOnlySpan<char> found = default, string? column = null) =>
        new(kind, _name) { Row = Row, Column = column, Expected = expected, Found = expected is null ? null : found.ToString() };

    public void Dispose()
    {
        _lines.Dispose();
        _reader.Dispose();
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
            if (!_lines.MoveNext())
            {
                throw Wrong(TableProblem.OpenQuotation);
            }

            ReadOnlySpan<char> next = _lines.Current.Span;
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

        SepReader.Row row = _lines.Current;
        for (int i = 0; i < row.ColCount; i++)
        {
            if (row[i].Span.Length > LongestField)
            {
                return false;
            }
        }

        return true;
    }
}
