using System.Buffers;

namespace TorchAttention.Numerics.Tables;

/// <summary>Text whose rows have a limit: the parser would keep a row of any length in memory.</summary>
/// <remarks>
/// Rows end at line breaks outside quotation marks, so that blank lines, which the parser passes over without a word, are rows as well.
/// </remarks>
internal sealed class LimitedReader(TextReader inner, char delimiter, long mostCharacters, long mostFields) : TextReader
{
    private static readonly SearchValues<char> _breaks = SearchValues.Create("\r\n");
    private static readonly SearchValues<char> _breaksAndQuotes = SearchValues.Create("\r\n\"");

    private bool _isQuoted;
    private long _characters;
    private long _delimiters;

    public override int Read(char[] buffer, int index, int count)
    {
        int read = inner.Read(buffer, index, count);
        ReadOnlySpan<char> text = buffer.AsSpan(index, read);
        if (_isQuoted || text.Contains('"'))
        {
            CountQuoted(text);
        }
        else
        {
            // Rows that begin and end in here are no longer than what is in memory anyway.
            int first = text.IndexOfAny(_breaks);
            Add(first < 0 ? text : text[..first]);
            if (first >= 0)
            {
                Begin();
                Add(text[(text.LastIndexOfAny(_breaks) + 1)..]);
            }
        }

        return read;
    }

    public override int Read() => inner.Read();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private void CountQuoted(ReadOnlySpan<char> text)
    {
        int at;
        while ((at = text.IndexOfAny(_breaksAndQuotes)) >= 0)
        {
            Add(text[..at]);
            if (text[at] == '"')
            {
                _isQuoted = !_isQuoted;
            }
            else if (!_isQuoted)
            {
                Begin();
            }

            text = text[(at + 1)..];
        }

        Add(text);
    }

    private void Begin() => (_characters, _delimiters) = (0, 0);

    private void Add(ReadOnlySpan<char> part)
    {
        _characters += part.Length;
        _delimiters += _isQuoted ? 0 : part.Count(delimiter);
        if (_characters > mostCharacters)
        {
            throw new RowTooLongException($"a row of at most {mostCharacters} characters");
        }

        if (_delimiters >= mostFields)
        {
            throw new RowTooLongException($"a row of at most {mostFields} fields");
        }
    }

    public sealed class RowTooLongException(string expected) : Exception($"Expected {expected}, got more.")
    {
        public string Expected { get; } = expected;
    }
}
