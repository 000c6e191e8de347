using System.Buffers;

namespace TorchAttention.Numerics.Tables;

/// <summary>
/// Text whose lines have a limit, since the parser would keep a line of any length in memory, and come as they are written.
/// </summary>
/// <remarks>
/// The parser asks again until its buffer is full or nothing comes, and only then gives a row; whoever writes the rows into a pipe may wait
/// for the first answer. So nothing comes once after each read that was short.
/// </remarks>
internal sealed class LimitedReader(TextReader inner, char delimiter) : TextReader
{
    // The parser's own limit is twice as much.
    private const int MostCharacters = 1 << 23;
    private const int MostFields = 1 << 20;

    private static readonly SearchValues<char> _breaks = SearchValues.Create("\r\n");

    private long _characters;
    private long _delimiters;
    private bool _isShort;

    /// <summary>Refuses a row that is too long.</summary>
    /// <exception cref="RowTooLongException">It is.</exception>
    public static void Check(long characters, long fields)
    {
        if (fields > MostFields)
        {
            throw new RowTooLongException($"a row of at most {MostFields} fields");
        }

        if (characters > MostCharacters)
        {
            throw new RowTooLongException($"a row of at most {MostCharacters} characters");
        }
    }

    public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    public override int Read(Span<char> buffer)
    {
        if (_isShort)
        {
            _isShort = false;
            return 0;
        }

        int read = inner.Read(buffer);
        ReadOnlySpan<char> text = buffer[..read];

        // After \r the parser looks for a \n on its own.
        _isShort = read > 0 && read < buffer.Length && text[^1] != '\r';

        // Lines that begin and end in here are no longer than what is in memory anyway.
        int first = text.IndexOfAny(_breaks);
        Add(first < 0 ? text : text[..first]);
        if (first >= 0)
        {
            (_characters, _delimiters) = (0, 0);
            Add(text[(text.LastIndexOfAny(_breaks) + 1)..]);
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

    private void Add(ReadOnlySpan<char> part)
    {
        _characters += part.Length;
        _delimiters += part.Count(delimiter);
        Check(_characters, _delimiters + 1);
    }

    public sealed class RowTooLongException(string expected) : Exception($"Expected {expected}, got more.")
    {
        public string Expected { get; } = expected;
    }
}
