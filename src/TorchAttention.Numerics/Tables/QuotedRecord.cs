namespace TorchAttention.Numerics.Tables;

/// <summary>One record of separated text with quotation marks in it, line by line: RFC 4180's quotations go on over line breaks.</summary>
/// <remarks>
/// A mark opens a quotation only where a field begins: <c>5" pipe</c> is a field as it stands, which only whoever reads it need mind.
/// </remarks>
internal sealed class QuotedRecord(char delimiter)
{
    private readonly List<Field> _fields = [];
    private char[] _text = new char[1 << 10];
    private int _length;
    private int _at;
    private int _quotation = -1;

    /// <summary>How many fields there are so far.</summary>
    public int Count => _fields.Count;

    /// <summary>How many characters there are so far.</summary>
    public int Length => _length;

    /// <summary>Begins a record with its first line.</summary>
    /// <returns>Whether the record ends with it.</returns>
    public bool Begin(ReadOnlySpan<char> line)
    {
        (_length, _at, _quotation) = (0, 0, -1);
        _fields.Clear();
        return Append(line);
    }

    /// <summary>Goes on with the next line of a quotation that is open.</summary>
    /// <returns>Whether the record ends with it.</returns>
    public bool GoOn(ReadOnlySpan<char> line)
    {
        Add("\n");
        return Append(line);
    }

    /// <summary>A field without the blanks around it, and without its quotation marks where they stand as they may.</summary>
    /// <param name="place">Its place in the record.</param>
    /// <param name="isStray">Whether a quotation mark stands where none may.</param>
    public ReadOnlySpan<char> Read(int place, out bool isStray)
    {
        Field field = _fields[place];
        ReadOnlySpan<char> text = _text.AsSpan(field.Start, field.End - field.Start);
        isStray = field.IsStray || (!field.IsQuoted && text.Contains('"'));
        return !field.IsQuoted ? text.Trim()
            : text.Contains('"') ? text.ToString().Replace("\"\"", "\"", StringComparison.Ordinal)
            : text;
    }

    /// <summary>Whether a field is longer than a limit.</summary>
    public bool HasFieldLongerThan(int limit) => _fields.Exists(field => field.End - field.Start > limit);

    private bool Append(ReadOnlySpan<char> line)
    {
        Add(line);
        while (_quotation < 0 ? !EndsPlainField() : ClosesQuotation())
        {
        }

        return _quotation < 0;
    }

    private void Add(ReadOnlySpan<char> text)
    {
        if (_length + text.Length > _text.Length)
        {
            Array.Resize(ref _text, Math.Max(_text.Length * 2, _length + text.Length));
        }

        text.CopyTo(_text.AsSpan(_length));
        _length += text.Length;
    }

    // Whether the field that begins here ends the record; it may turn out to be a quotation.
    private bool EndsPlainField()
    {
        ReadOnlySpan<char> rest = _text.AsSpan(_at, _length - _at);
        int end = rest.IndexOf(delimiter);
        ReadOnlySpan<char> field = end < 0 ? rest : rest[..end];
        int blanks = field.Length - field.TrimStart().Length;
        if (field[blanks..] is ['"', ..])
        {
            _quotation = _at + blanks + 1;
            _at = _quotation;
            return false;
        }

        _fields.Add(new Field(_at, _at + field.Length, false, false));
        _at += field.Length + 1;
        return end < 0;
    }

    // Whether there is more to look at: the quotation's end was found, and another field after it.
    private bool ClosesQuotation()
    {
        while (true)
        {
            int mark = _text.AsSpan(_at, _length - _at).IndexOf('"');
            if (mark < 0)
            {
                _at = _length;
                return false;
            }

            int end = _at + mark;
            if (end + 1 < _length && _text[end + 1] == '"')
            {
                _at = end + 2;
                continue;
            }

            ReadOnlySpan<char> rest = _text.AsSpan(end + 1, _length - end - 1);
            int next = rest.IndexOf(delimiter);
            ReadOnlySpan<char> after = next < 0 ? rest : rest[..next];
            _fields.Add(new Field(_quotation, end, true, !after.IsWhiteSpace()));
            _quotation = -1;
            _at = end + after.Length + 2;
            return next >= 0;
        }
    }

    private readonly record struct Field(int Start, int End, bool IsQuoted, bool IsStray);
}
