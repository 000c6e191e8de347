using System.Text.Json;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Files;

/// <summary>
/// Rows as objects of JSON, read as they come: a list of them, <c>{"rows": [...]}</c>, one alone, or one after the other. The first one's
/// names are the columns; what another has beside them is passed over, and what it lacks is missing.
/// </summary>
internal sealed partial class JsonSource : TableSource
{
    private const int MostRows = 1 << 13;
    private const int MostBytes = 1 << 24;
    private const int LeastBytes = 1 << 8;
    private const int ManyBytes = 1 << 16;
    private const int FewRows = 4;
    private const string Wrapper = "rows";
    private const string Shape = "JSON, a list of objects with the columns' names";

    private readonly Stream _stream;
    private readonly List<byte[]> _names = [];
    private readonly List<string> _header = [];
    private readonly List<double[]> _values = [];
    private readonly List<string?[]?> _texts = [];
    private byte[] _buffer;
    private int _at;
    private int _end;
    private bool _isFinal;
    private JsonReaderState _state = new(new JsonReaderOptions { AllowMultipleValues = true });
    private bool _isList;
    private bool _isWrapped;
    private bool _hasBegun;
    private bool _hasEnded;
    private long _before;
    private int _count;
    private int _capacity = FewRows;

    private JsonSource(Stream stream, string name)
        : base(name)
    {
        // Of a short text no more than it takes.
        _buffer = new byte[stream.CanSeek ? Math.Clamp((int)Math.Min(stream.Length + 1, ManyBytes), LeastBytes, ManyBytes) : ManyBytes];
        _stream = stream;
        Fill();
        Open();
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Header => _header;

    /// <inheritdoc/>
    public override int Count => _count;

    /// <summary>Rows of a stream.</summary>
    /// <param name="stream">The text's bytes, UTF-8.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="options">What becomes of missing numbers.</param>
    /// <exception cref="TableException">It is no such text, or has no rows.</exception>
    public static TableRows Open(Stream stream, string name, CsvOptions options) => new ColumnRows(new JsonSource(stream, name), options);

    /// <inheritdoc/>
    public override bool Next()
    {
        // The first one is there since the names were read.
        (_before, _count) = _hasBegun ? (_before + _count, 0) : (0, 1);
        _hasBegun = true;
        while (_count < MostRows && ReadRow())
        {
            _count++;
        }

        return _count > 0;
    }

    /// <inheritdoc/>
    public override long RowAt(int row) => _before + row + 1;

    /// <inheritdoc/>
    public override Fields Numbers(int place) => new(_values[place][.._count], _texts[place]?[.._count]);

    /// <inheritdoc/>
    public override string?[] Texts(int place)
    {
        var texts = new string?[_count];
        for (int i = 0; i < _count; i++)
        {
            double number = _values[place][i];
            texts[i] = _texts[place]?[i]
                ?? (double.IsNaN(number) ? null : number.ToString("R", System.Globalization.CultureInfo.InvariantCulture));
        }

        return texts;
    }

    /// <inheritdoc/>
    public override void Dispose() => _stream.Dispose();

    private void Grow()
    {
        _capacity = Math.Min(8 * _capacity, MostRows);
        for (int place = 0; place < _values.Count; place++)
        {
            double[] values = _values[place];
            Array.Resize(ref values, _capacity);
            _values[place] = values;
            string?[]? texts = _texts[place];
            if (texts is not null)
            {
                Array.Resize(ref texts, _capacity);
                _texts[place] = texts;
            }
        }
    }

    private Utf8JsonReader Reader() => new(_buffer.AsSpan(_at, _end - _at), _isFinal, _state);

    private void Advance(Utf8JsonReader reader)
    {
        _at += (int)reader.BytesConsumed;
        _state = reader.CurrentState;
    }

    private void Fill()
    {
        if (_at > 0)
        {
            _buffer.AsSpan(_at, _end - _at).CopyTo(_buffer);
            (_at, _end) = (0, _end - _at);
        }

        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= MostBytes)
            {
                throw Wrong(_before + _count + 1, $"rows of up to {MostBytes} bytes", "more");
            }

            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }

        int read = _stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _isFinal = read == 0;
    }

    private TableException NotJson(long row, JsonException e) => new(TableProblem.Unusable, Name, e)
    {
        Row = row,
        Expected = Shape,
        Found = $"other text at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}",
    };

    private TableException Wrong(long? row, string expected, string found) =>
        new(TableProblem.Unusable, Name) { Row = row, Expected = expected, Found = found };

    private static string Kind(JsonTokenType type) => type switch
    {
        JsonTokenType.StartArray => "a list",
        JsonTokenType.StartObject => "an object",
        JsonTokenType.String => "a text",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "true or false",
    };
}
