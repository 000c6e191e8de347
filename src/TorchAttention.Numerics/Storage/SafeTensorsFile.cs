using System.Buffers.Binary;
using System.Text.Json;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Storage;

/// <summary>Named tensors and some text in one file of the safetensors format, which Python's and other readers know.</summary>
/// <remarks>
/// The format: 8 bytes with the length of a header, little-endian; the header, a JSON object that names each tensor's number type, shape and place; the tensors' bytes.
/// Nothing in a file is ever run. Reading takes no more memory than the file is long, whatever it says of itself.
/// </remarks>
public sealed class SafeTensorsFile
{
    private const int LengthBytes = sizeof(ulong);
    private const int Alignment = 8;
    private const long LongestHeader = 100_000_000;
    private const string MetadataKey = "__metadata__";

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

    /// <summary>Creates the content of a file.</summary>
    /// <param name="tensors">The tensors by name.</param>
    /// <param name="metadata">Text by name.</param>
    public SafeTensorsFile(IReadOnlyDictionary<string, SafeTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentNullException.ThrowIfNull(metadata);
        Tensors = tensors;
        Metadata = metadata;
    }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, SafeTensor> Tensors { get; }

    /// <summary>Text by name.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The bytes of a number of a type; null for none that is known.</summary>
    internal static int? SizeOf(string dataType) => _sizes.TryGetValue(dataType, out int size) ? size : null;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="StorageException">It is missing, cannot be read, or is damaged or no such file.</exception>
    public static SafeTensorsFile Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Directory.Exists(path))
        {
            throw new StorageException(path, "expected a file, found a directory");
        }

        byte[] bytes;
        try
        {
            using FileStream file = File.OpenRead(path);
            bytes = ReadAll(file, path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new StorageException(path, "no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException or OverflowException)
        {
            throw new StorageException(path, $"cannot be read ({e.Message.ReplaceLineEndings(" ").TrimEnd('.')})", e);
        }

        return Read(bytes, path);
    }

    // A file's first bytes say how long its header is: what is no such file need not be read to its end, which it may not have.
    private static byte[] ReadAll(FileStream file, string name)
    {
        byte[] first = new byte[LengthBytes];
        long known = file.CanSeek ? file.Length : long.MaxValue;
        int read = known < LengthBytes ? 0 : file.ReadAtLeast(first, LengthBytes, throwOnEndOfStream: false);
        if (read < LengthBytes)
        {
            throw new StorageException(name, $"expected a safetensors file, found {Math.Min(known, read)} bytes");
        }

        CheckHeader(BinaryPrimitives.ReadUInt64LittleEndian(first), known - LengthBytes, name);
        using var bytes = new MemoryStream(file.CanSeek ? checked((int)known) : 0);
        bytes.Write(first);
        file.CopyTo(bytes);
        return bytes.Capacity == bytes.Length ? bytes.GetBuffer() : bytes.ToArray();
    }

    private static void CheckHeader(ulong length, long most, string name)
    {
        if (length > (ulong)Math.Min(LongestHeader, most))
        {
            throw new StorageException(name, $"expected a safetensors file with a header of up to {Math.Min(LongestHeader, most)} bytes, found the length {length}: the file is cut short, or of another kind");
        }
    }

    /// <summary>Reads the bytes of a file.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="StorageException">They are damaged, or those of another file.</exception>
    public static SafeTensorsFile Read(ReadOnlySpan<byte> bytes, string name)
    {
        if (bytes.Length < LengthBytes)
        {
            throw new StorageException(name, $"expected a safetensors file, found {bytes.Length} bytes");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        CheckHeader(length, bytes.Length - LengthBytes, name);
        ReadOnlySpan<byte> header = bytes.Slice(LengthBytes, (int)length);
        ReadOnlySpan<byte> data = bytes[(LengthBytes + (int)length)..];
        try
        {
            // The reader takes the second of two equal names; the format forbids them.
            using var document = JsonDocument.Parse(header.ToArray(), new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 });
            return Read(document.RootElement, data, name);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or OverflowException or KeyNotFoundException)
        {
            throw new StorageException(name, $"expected a header of safetensors, found something else ({e.Message.ReplaceLineEndings(" ").TrimEnd('.')})", e);
        }
    }

    /// <summary>Writes the file whole or not at all.</summary>
    /// <param name="path">The file; replaced where it exists.</param>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Write(string path) => WholeFile.Write(path, Write);

    /// <summary>Writes the file's bytes.</summary>
    /// <param name="stream">Where they go.</param>
    public void Write(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        byte[] header = Header();
        Span<byte> length = stackalloc byte[LengthBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (SafeTensor tensor in Tensors.Values)
        {
            stream.Write(tensor.Bytes);
        }
    }

    private byte[] Header()
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteStartObject(MetadataKey);
            foreach ((string key, string value) in Metadata)
            {
                writer.WriteString(key, value);
            }

            writer.WriteEndObject();
            long start = 0;
            foreach ((string name, SafeTensor tensor) in Tensors)
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
        }

        // Tensors begin where their numbers are aligned.
        while (json.Length % Alignment != 0)
        {
            json.WriteByte((byte)' ');
        }

        return json.ToArray();
    }

    private static SafeTensorsFile Read(JsonElement root, ReadOnlySpan<byte> data, string name)
    {
        var metadata = new Dictionary<string, string>();
        var tensors = new Dictionary<string, SafeTensor>();
        var places = new List<(long Start, long End)>();
        foreach (JsonProperty property in root.EnumerateObject())
        {
            if (property.NameEquals(MetadataKey))
            {
                foreach (JsonProperty text in property.Value.EnumerateObject())
                {
                    metadata.Add(text.Name, text.Value.GetString() ?? throw new StorageException(name, $"expected text for '{PlainText.Of(text.Name)}' in the header, found null"));
                }

                continue;
            }

            (string dataType, long[] shape, long start, long end) = Describe(property.Value);
            long numbers = 1;
            foreach (long side in shape)
            {
                numbers = side >= 0 ? checked(numbers * side) : throw new StorageException(name, $"expected sides of at least 0 for '{PlainText.Of(property.Name)}', found {side}");
            }

            if (!_sizes.TryGetValue(dataType, out int size))
            {
                throw new StorageException(name, $"expected a number type such as F64 for '{PlainText.Of(property.Name)}', found '{PlainText.Of(dataType)}'");
            }

            if (start < 0 || end < start || end > data.Length || end - start != checked(numbers * size))
            {
                throw new StorageException(name, $"expected {numbers * size} bytes for '{PlainText.Of(property.Name)}', found the place {start} to {end} of {data.Length}");
            }

            places.Add((start, end));
            tensors.Add(property.Name, new SafeTensor(dataType, shape, data[(int)start..(int)end].ToArray()));
        }

        CheckWhole(places, data.Length, name);
        return new SafeTensorsFile(tensors, metadata);
    }

    private static (string DataType, long[] Shape, long Start, long End) Describe(JsonElement tensor)
    {
        JsonElement offsets = tensor.GetProperty("data_offsets");
        return offsets.GetArrayLength() == 2
            ? (tensor.GetProperty("dtype").GetString() ?? "", [.. tensor.GetProperty("shape").EnumerateArray().Select(side => side.GetInt64())], offsets[0].GetInt64(), offsets[1].GetInt64())
            : throw new FormatException("two offsets were expected");
    }

    // The format leaves no holes, and no byte to two tensors.
    private static void CheckWhole(List<(long Start, long End)> places, long length, string name)
    {
        long end = 0;
        foreach ((long from, long to) in places.Order())
        {
            if (from != end)
            {
                throw new StorageException(name, $"expected tensors one after the other, found one from {from} where the last ends at {end}");
            }

            end = to;
        }

        if (end != length)
        {
            throw new StorageException(name, $"expected {end} bytes of tensors, found {length}");
        }
    }
}
