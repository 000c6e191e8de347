using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace TorchAttention.Numerics.Storage;

/// <summary>
/// The header of a safetensors file: texts, and what tensors there are and where. It is read in one pass, in time and memory that its own
/// length bounds.
/// </summary>
internal sealed class SafeTensorsHeader
{
    /// <summary>The longest that the format allows, in bytes.</summary>
    public const int Longest = 100_000_000;

    /// <summary>The name that the format keeps for the texts.</summary>
    public const string MetadataKey = "__metadata__";

    /// <summary>As many sides as libtorch has.</summary>
    public const int MostSides = 64;
    private const int DeepestNesting = 8;

    private static readonly Dictionary<string, int> _sizes = new()
    {
        ["F64"] = 8,
        ["F32"] = 4,
        ["F16"] = 2,
        ["BF16"] = 2,
        ["I64"] = 8,
        ["I32"] = 4,
        ["I16"] = 2,
        ["I8"] = 1,
        ["U64"] = 8,
        ["U32"] = 4,
        ["U16"] = 2,
        ["U8"] = 1,
        ["BOOL"] = 1,
    };

    private readonly string _file;
    private readonly Dictionary<string, string> _metadata = [];
    private readonly List<Entry> _entries = [];

    private SafeTensorsHeader(string file)
    {
        _file = file;
    }

    /// <summary>Text by name.</summary>
    public Dictionary<string, string> Metadata => _metadata;

    /// <summary>The tensors, in the order of their places.</summary>
    public IReadOnlyList<Entry> Entries => _entries;

    /// <summary>How many bytes of tensors follow the header.</summary>
    public long DataLength => _entries.Count == 0 ? 0 : _entries[^1].End;

    /// <summary>The bytes of a number of a type; null for none that is known.</summary>
    public static int? SizeOf(string dataType) => _sizes.TryGetValue(dataType, out int size) ? size : null;

    /// <summary>Reads a header.</summary>
    /// <param name="json">Its bytes.</param>
    /// <param name="file">The file, for messages.</param>
    /// <exception cref="StorageException">It is damaged.</exception>
    public static SafeTensorsHeader Read(ReadOnlySpan<byte> json, string file)
    {
        var header = new SafeTensorsHeader(file);
        if (json.IsEmpty || json[0] != '{')
        {
            throw header.Wrong("a header that begins with {", json.IsEmpty ? "an empty one" : $"the byte {json[0]}");
        }

        if (!Utf8.IsValid(json))
        {
            throw header.Wrong("a header of UTF-8 text", "other bytes");
        }

        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DeepestNesting });
            header.ReadAll(ref reader);
        }
        catch (JsonException e)
        {
            throw header.Wrong("a header of JSON", $"something else in line {e.LineNumber + 1} at byte {e.BytePositionInLine}", null, e);
        }
        catch (InvalidOperationException e)
        {
            // What every token is was asked before; this is half of a surrogate pair.
            throw header.Wrong("a header of text", "a character that is none", null, e);
        }

        header.CheckPlaces();
        return header;
    }

    /// <summary>The bytes of a header, without what fills it up.</summary>
    /// <param name="metadata">Text by name.</param>
    /// <param name="tensors">The tensors in the order of their places.</param>
    public static MemoryStream Write(IReadOnlyDictionary<string, string> metadata, IEnumerable<KeyValuePair<string, SafeTensor>> tensors)
    {
        var json = new MemoryStream();
        using var writer = new Utf8JsonWriter(json);
        writer.WriteStartObject();
        writer.WriteStartObject(MetadataKey);
        foreach ((string key, string value) in metadata)
        {
            writer.WriteString(key, value);
        }

        writer.WriteEndObject();
        long start = 0;
        foreach ((string name, SafeTensor tensor) in tensors)
        {
            writer.WriteStartObject(name);
            writer.WriteString("dtype", tensor.DataType);
            writer.WriteStartArray("shape");
            foreach (long side in tensor.Shape)
            {
                writer.WriteNumberValue(side);
            }

            writer.WriteEndArray();
            writer.WriteStartArray("data_offsets");
            writer.WriteNumberValue(start);
            start += tensor.Bytes.Length;
            writer.WriteNumberValue(start);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
        return json;
    }

    private void ReadAll(ref Utf8JsonReader reader)
    {
        bool hasMetadata = false;
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw Wrong("an object", Found(ref reader), name);
            }

            if (name != MetadataKey)
            {
                _entries.Add(ReadEntry(ref reader, name));
                continue;
            }

            if (hasMetadata)
            {
                throw Twice(name);
            }

            hasMetadata = true;
            ReadMetadata(ref reader);
        }

        // Only white space may follow.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            string text = reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw Wrong("text", Found(ref reader), name);
            if (!_metadata.TryAdd(name, text))
            {
                throw Twice(name);
            }
        }
    }

    private Entry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        string? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("dtype"u8))
            {
                reader.Read();
                type = type is null ? Type(ref reader, name) : throw Twice(name);
            }
            else if (reader.ValueTextEquals("shape"u8))
            {
                reader.Read();
                shape = shape is null ? Numbers(ref reader, MostSides, name) : throw Twice(name);
            }
            else if (reader.ValueTextEquals("data_offsets"u8))
            {
                reader.Read();
                offsets = offsets is null ? Numbers(ref reader, 2, name) : throw Twice(name);
            }
            else
            {
                reader.Skip();
            }
        }

        if (type is null || shape is null || offsets is not [long start, long end])
        {
            string found = type is null
                ? "no dtype"
                : shape is null
                ? "no shape"
                : offsets is null
                ? "no data_offsets"
                : $"{offsets.Length}";
            throw Wrong("dtype, shape and two data_offsets", found, name);
        }

        long length = 1;
        foreach (long side in shape.Append(_sizes[type]))
        {
            length = side == 0 || length <= long.MaxValue / side
                ? length * side
                : throw Wrong("a shape of fewer numbers", $"({string.Join(", ", shape)})", name);
        }

        return start <= end && end - start == length
            ? new Entry(name, type, shape, start, end)
            : throw Wrong($"{length} bytes", $"the place {start} to {end}", name);
    }

    private string Type(ref Utf8JsonReader reader, string name)
    {
        foreach (string known in _sizes.Keys)
        {
            if (reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(known))
            {
                return known;
            }
        }

        string found = reader.TokenType == JsonTokenType.String ? $"'{reader.GetString()}'" : Found(ref reader);
        throw Wrong("a number type such as F64", found, name);
    }

    private long[] Numbers(ref Utf8JsonReader reader, int most, string name)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Wrong("a list of whole numbers", Found(ref reader), name);
        }

        Span<long> numbers = stackalloc long[MostSides];
        int count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0)
            {
                throw Wrong("whole numbers of at least 0", Found(ref reader), name);
            }

            if (count == most)
            {
                throw Wrong($"at most {most} numbers in a list", "more", name);
            }

            numbers[count++] = number;
        }

        return count == 0 ? [] : numbers[..count].ToArray();
    }

    private static string Found(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.String => "a text",
        _ => Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(reader.ValueSpan.Length, 40)]),
    };

    // The format leaves no holes, and no byte to two tensors.
    private void CheckPlaces()
    {
        _entries.Sort((one, other) => one.Start != other.Start ? one.Start.CompareTo(other.Start) : one.End.CompareTo(other.End));
        long end = 0;
        foreach (Entry entry in _entries)
        {
            if (entry.Start != end)
            {
                throw Wrong($"tensors one after the other, the next from {end},", $"one from {entry.Start}", entry.Name);
            }

            end = entry.End;
        }
    }

    /// <summary>The error for a name that comes twice, which the format forbids and readers take for this or that.</summary>
    public StorageException Twice(string name) => Wrong("each name once", "one twice", name);

    private StorageException Wrong(string expected, string found, string? name = null, Exception? inner = null) =>
        new(StorageProblem.NotSafeTensors, _file, inner) { Name = name, Expected = expected, Found = found };

    /// <summary>A tensor's name, number type, shape and place in the bytes that follow the header.</summary>
    public readonly record struct Entry(string Name, string DataType, long[] Shape, long Start, long End);
}
