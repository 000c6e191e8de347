using System.Buffers.Binary;
using System.Security.Cryptography;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Storage;

/// <summary>Named tensors and some text in one file of the safetensors format, which Python's and other readers know.</summary>
/// <remarks>
/// The format: 8 bytes with the length of a header, little-endian; the header, a JSON object that names each tensor's number type, shape
/// and place; the tensors' bytes. Nothing in a file is ever run. Reading takes memory and time in proportion to the file's length, whatever
/// it says of itself; a tensor has at most 64 sides.
/// </remarks>
public sealed class SafeTensorsFile
{
    private const int LengthBytes = sizeof(ulong);
    private const int Alignment = 8;

    // What a pipe says that it will bring is believed as it comes.
    private const int Piece = 1 << 20;

    /// <summary>Creates the content of a file.</summary>
    /// <param name="tensors">The tensors by name.</param>
    /// <param name="metadata">Text by name.</param>
    /// <exception cref="ArgumentException">A tensor has the name that the format keeps for the texts.</exception>
    public SafeTensorsFile(IReadOnlyDictionary<string, SafeTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentNullException.ThrowIfNull(metadata);
        if (tensors.ContainsKey(SafeTensorsHeader.MetadataKey))
        {
            throw new ArgumentException(
                $"Expected tensors of other names than {SafeTensorsHeader.MetadataKey}, which is the name of the texts.", nameof(tensors));
        }

        Tensors = tensors;
        Metadata = metadata;
    }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, SafeTensor> Tensors { get; }

    /// <summary>Text by name.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="StorageException">It is missing, cannot be read, or is damaged or no such file.</exception>
    public static SafeTensorsFile Read(string path) => Open(path, (stream, known) => Read(stream, known, path));

    /// <summary>Reads the text alone, which stands at the beginning.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="StorageException">It is missing, cannot be read, or is damaged or no such file.</exception>
    internal static IReadOnlyDictionary<string, string> ReadMetadata(string path) =>
        Open(path, (stream, known) => ReadHeader(stream, known, path).Metadata);

    /// <summary>The SHA-256 of a file, in hexadecimal digits.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="StorageException">It is missing, or cannot be read.</exception>
    internal static string HashOf(string path) => Open(path, (stream, _) => Convert.ToHexStringLower(SHA256.HashData(stream)));

    private static T Open<T>(string path, Func<Stream, long?, T> read)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Directory.Exists(path))
        {
            throw new StorageException(StorageProblem.Directory, path) { Expected = "a file", Found = "a directory" };
        }

        try
        {
            using FileStream file = File.OpenRead(path);

            // A device that can be read says that it has no length.
            return read(file, file.CanSeek && file.Length > 0 ? file.Length : null);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new StorageException(StorageProblem.NoFile, path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new StorageException(StorageProblem.Unreadable, path, e) { Found = SystemReason.Describe(e) };
        }
    }

    /// <summary>Reads the bytes of a file.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="StorageException">They are damaged, or those of another file.</exception>
    public static unsafe SafeTensorsFile Read(ReadOnlySpan<byte> bytes, string name)
    {
        fixed (byte* first = bytes)
        {
            using Stream stream = bytes.IsEmpty ? Stream.Null : new UnmanagedMemoryStream(first, bytes.Length);
            return Read(stream, bytes.Length, name);
        }
    }

    // The first bytes say how long the header is, and that how long the rest is: nothing is taken for what is not there.
    private static SafeTensorsHeader ReadHeader(Stream stream, long? known, string name)
    {
        byte[] first = new byte[LengthBytes];
        int read = stream.ReadAtLeast(first, LengthBytes, throwOnEndOfStream: false);
        if (read < LengthBytes)
        {
            throw Wrong(name, "a safetensors file", $"{read} bytes");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(first);
        long most = Math.Min(SafeTensorsHeader.Longest, known - LengthBytes ?? long.MaxValue);
        if (length > (ulong)most)
        {
            throw Wrong(
                name,
                $"a safetensors file with a header of up to {most} bytes",
                $"the length {length}: the file is cut short, or of another kind");
        }

        var header = SafeTensorsHeader.Read(Bytes(stream, (int)length, known is not null), name);
        long data = known - LengthBytes - (long)length ?? header.DataLength;
        return data == header.DataLength ? header : throw Wrong(name, $"{header.DataLength} bytes of tensors", $"{data}");
    }

    private static SafeTensorsFile Read(Stream stream, long? known, string name)
    {
        SafeTensorsHeader header = ReadHeader(stream, known, name);
        var tensors = new Dictionary<string, SafeTensor>(header.Entries.Count);
        foreach (SafeTensorsHeader.Entry entry in header.Entries)
        {
            long size = entry.End - entry.Start;
            if (size > Array.MaxLength)
            {
                throw Wrong(name, $"tensors of up to {Array.MaxLength} bytes", $"one of {size}");
            }

            if (!tensors.TryAdd(entry.Name, new SafeTensor(entry.DataType, entry.Shape, Bytes(stream, (int)size, known is not null))))
            {
                throw header.Twice(entry.Name);
            }
        }

        return known is not null || stream.ReadByte() < 0
            ? new SafeTensorsFile(tensors, header.Metadata)
            : throw Wrong(name, $"{header.DataLength} bytes of tensors", "more");
    }

    private static StorageException Wrong(string name, string expected, string found) =>
        new(StorageProblem.NotSafeTensors, name) { Expected = expected, Found = found };

    private static byte[] Bytes(Stream stream, int count, bool areThere)
    {
        if (areThere || count <= Piece)
        {
            byte[] bytes = count == 0 ? [] : GC.AllocateUninitializedArray<byte>(count);
            stream.ReadExactly(bytes);
            return bytes;
        }

        using var grown = new MemoryStream();
        byte[] piece = new byte[Piece];
        while (grown.Length < count)
        {
            int part = (int)Math.Min(Piece, count - grown.Length);
            stream.ReadExactly(piece.AsSpan(0, part));
            grown.Write(piece, 0, part);
        }

        return grown.ToArray();
    }

    /// <summary>Writes the file whole or not at all.</summary>
    /// <param name="path">The file; replaced where it exists.</param>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Write(string path) => WholeFile.Write(path, Write);

    /// <summary>
    /// Writes the file's bytes: wide numbers before narrow ones, so that each tensor begins at a multiple of its number's size, and those
    /// of one size by name.
    /// </summary>
    /// <param name="stream">Where they go.</param>
    /// <exception cref="IOException">
    /// The stream cannot be written to, or the names and texts are more than the format has room for.
    /// </exception>
    public void Write(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        KeyValuePair<string, SafeTensor>[] tensors =
        [
            .. Tensors.OrderByDescending(
                pair => SafeTensorsHeader.SizeOf(pair.Value.DataType)).ThenBy(pair => pair.Key, StringComparer.Ordinal),
        ];
        using MemoryStream header = SafeTensorsHeader.Write(Metadata, tensors);
        while (header.Length % Alignment != 0)
        {
            header.WriteByte((byte)' ');
        }

        if (header.Length > SafeTensorsHeader.Longest)
        {
            throw new IOException($"expected names and texts of up to {SafeTensorsHeader.Longest} bytes, got {header.Length}");
        }

        Span<byte> length = stackalloc byte[LengthBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        header.WriteTo(stream);
        foreach ((_, SafeTensor tensor) in tensors)
        {
            stream.Write(tensor.Bytes);
        }
    }
}
