using System.Globalization;
using System.Net;
using System.Text;

namespace TorchAttention.Files;

/// <summary>What <see cref="Markup.Read"/> has come to.</summary>
internal enum MarkupKind
{
    /// <summary>The beginning of an element, or the whole of an empty one.</summary>
    Element,

    /// <summary>The end of an element that is not empty.</summary>
    End,

    /// <summary>Text between two tags.</summary>
    Text,
}

/// <summary>
/// The elements of an XML document one after another, by their names without the namespaces: as much XML as the parts of a workbook have.
/// </summary>
/// <remarks>The framework's reader would be 4 MB of a native program, four tenths of all the rest.</remarks>
/// <param name="stream">The document, which is closed with this; UTF-8, or UTF-16 with a byte-order mark.</param>
internal sealed class Markup(Stream stream) : IDisposable
{
    // A text of a cell has at most 32,767 letters.
    private const int LongestPart = 1 << 22;

    private readonly StreamReader _reader = new(stream, Encoding.UTF8);
    private char[] _buffer = new char[1 << 14];
    private int _at;
    private int _end;
    private (int Start, int Length) _part;
    private bool _isRaw;
    private bool _isInside;

    public MarkupKind Kind { get; private set; }

    /// <summary>The name of the element that began or ended last.</summary>
    public string Name { get; private set; } = "";

    /// <summary>Whether an element has nothing in it, and no end to come.</summary>
    public bool IsEmpty { get; private set; }

    /// <summary>How many elements are open.</summary>
    public int Depth { get; private set; }

    /// <summary>Goes on.</summary>
    /// <returns>Whether there is something more.</returns>
    /// <exception cref="InvalidDataException">The document ends within an element, or is no such document.</exception>
    public bool Read()
    {
        while (true)
        {
            if (_at == _end && !Fill())
            {
                return Depth == 0 ? false : throw new InvalidDataException("a part ends too early");
            }

            if (_buffer[_at] != '<')
            {
                int end = Find("<", 0);
                _part = (_at, end);
                _at += end;
                (Kind, _isRaw) = (MarkupKind.Text, false);
                return true;
            }

            if (Starts("<!--"))
            {
                _at += Find("-->", 4) + 3;
            }
            else if (Starts("<?"))
            {
                _at += Find("?>", 2) + 2;
            }
            else if (Starts("<![CDATA["))
            {
                int end = Find("]]>", 9);
                _part = (_at + 9, end - 9);
                _at += end + 3;
                (Kind, _isRaw) = (MarkupKind.Text, true);
                return true;
            }
            else if (Starts("<!"))
            {
                throw new InvalidDataException("a part with a document type");
            }
            else
            {
                ReadTag();
                return true;
            }
        }
    }

    /// <summary>An attribute of the element that has just begun, by its name without its namespace; null where it has none.</summary>
    /// <param name="name">The name.</param>
    /// <param name="isQualified">Whether only one of another namespace than the element's is meant.</param>
    public string? Attribute(string name, bool isQualified = false)
    {
        ReadOnlySpan<char> rest = _buffer.AsSpan(_part.Start, _part.Length);
        while (rest.IndexOf('=') is int equals and > 0)
        {
            ReadOnlySpan<char> full = rest[..equals].Trim();
            full = full[(full.LastIndexOfAny(" \t\r\n") + 1)..];
            rest = rest[(equals + 1)..].TrimStart();
            int end = rest.Length < 2 ? -1 : rest[1..].IndexOf(rest[0]);
            if (end < 0)
            {
                return null;
            }

            int colon = full.IndexOf(':');
            if (full[(colon + 1)..].SequenceEqual(name) && (colon >= 0 || !isQualified))
            {
                return WebUtility.HtmlDecode(rest[1..(end + 1)].ToString());
            }

            rest = rest[(end + 2)..];
        }

        return null;
    }

    /// <summary>An attribute that is a whole number; null where it has none.</summary>
    /// <param name="name">The name.</param>
    public int? Number(string name) =>
        Attribute(name) is string text ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : null;

    /// <summary>Reads to the end of the element that has just begun.</summary>
    /// <param name="only">The elements whose text is meant; all where null.</param>
    /// <param name="except">Elements that are passed over with all that is in them.</param>
    /// <returns>The text.</returns>
    public string Content(string? only = null, string? except = null)
    {
        if (IsEmpty)
        {
            return "";
        }

        string text = "";
        int depth = Depth;
        int passed = int.MaxValue;
        while (Read() && Depth >= depth)
        {
            if (Kind == MarkupKind.Element && !IsEmpty && Name == except && passed == int.MaxValue)
            {
                passed = Depth;
            }
            else if (Depth < passed)
            {
                passed = int.MaxValue;
                text += Kind == MarkupKind.Text && (only is null || (_isInside && Name == only)) ? Text() : "";
            }
        }

        return text;
    }

    public void Dispose() => _reader.Dispose();

    private string Text()
    {
        string text = new(_buffer, _part.Start, _part.Length);
        return _isRaw ? text : WebUtility.HtmlDecode(text);
    }

    private void ReadTag()
    {
        // A '>' may stand within the quotation marks of an attribute.
        int end = Find(">", 1);
        while (_buffer.AsSpan(_at, end).Count('"') % 2 == 1)
        {
            end = Find(">", end + 1);
        }

        ReadOnlySpan<char> tag = _buffer.AsSpan(_at + 1, end - 1);
        bool isEnd = tag is ['/', ..];
        IsEmpty = tag is [.., '/'];
        ReadOnlySpan<char> name = tag[(isEnd ? 1 : 0)..(IsEmpty ? ^1 : ^0)];
        int length = name.IndexOfAny(" \t\r\n");
        _part = (_at + 1 + (length < 0 ? tag.Length : length), length < 0 ? 0 : name.Length - length);
        name = length < 0 ? name : name[..length];
        name = name[(name.IndexOf(':') + 1)..];
        Name = name.SequenceEqual(Name) ? Name : name.ToString();
        Kind = isEnd ? MarkupKind.End : MarkupKind.Element;
        Depth += isEnd ? -1 : IsEmpty ? 0 : 1;
        _isInside = !isEnd && !IsEmpty;
        _at += end + 1;
    }

    private bool Starts(string mark)
    {
        while (_end - _at < mark.Length && Fill())
        {
        }

        return _buffer.AsSpan(_at, _end - _at).StartsWith(mark);
    }

    // How far from here a mark is. Text after the last element ends with the document.
    private int Find(string mark, int from)
    {
        while (true)
        {
            int length = _end - _at;
            int found = length < from ? -1 : _buffer.AsSpan(_at + from, length - from).IndexOf(mark);
            if (found >= 0)
            {
                return from + found;
            }

            from = Math.Max(from, length - mark.Length + 1);
            if (!Fill())
            {
                return Depth == 0 && mark == "<" ? length : throw new InvalidDataException("a part ends too early");
            }
        }
    }

    private bool Fill()
    {
        if (_at > 0)
        {
            _buffer.AsSpan(_at.._end).CopyTo(_buffer);
            (_at, _end) = (0, _end - _at);
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(
                ref _buffer, _end < LongestPart ? 2 * _end : throw new InvalidDataException($"a part of more than {LongestPart} letters"));
        }

        int read = _reader.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        return read > 0;
    }
}
