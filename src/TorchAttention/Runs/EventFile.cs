using System.Buffers.Binary;
using System.Diagnostics;
using System.Numerics;
using System.Text;

namespace TorchAttention.Runs;

/// <summary>
/// A file of TensorBoard's events: records of a length, its check sum, an event and its check sum, little-endian; an event is a message of
/// protocol buffers.
/// </summary>
/// <remarks>
/// TorchSharp has a writer too. It opens and closes the file for every number, puts .NET's ticks where seconds belong, and hands libtorch
/// numbers that nothing keeps alive.
/// </remarks>
internal sealed class EventFile : IDisposable
{
    private const int Buckets = 30;

    // Numbers of fields with how their values are written: 8 bytes, a whole number, a text or message, 4 bytes.
    private const byte WallTime = (1 << 3) | 1;
    private const byte Step = 2 << 3;
    private const byte FileVersion = (3 << 3) | 2;
    private const byte Summary = (5 << 3) | 2;
    private const byte Value = (1 << 3) | 2;
    private const byte Tag = (1 << 3) | 2;
    private const byte SimpleValue = (2 << 3) | 5;
    private const byte Histogram = (5 << 3) | 2;
    private const byte BucketLimits = (6 << 3) | 2;
    private const byte BucketCounts = (7 << 3) | 2;

    private readonly FileStream _file;

    /// <summary>Begins a file in a folder.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public EventFile(string folder)
    {
        Directory.CreateDirectory(folder);

        // Two of one second and process have names of their own.
        string name = string.Create(
            CultureInfo.InvariantCulture,
            $"events.out.tfevents.{DateTimeOffset.UtcNow.ToUnixTimeSeconds()}.{Environment.MachineName}.{Environment.ProcessId}."
                + $"{Stopwatch.GetTimestamp()}");
        _file = new FileStream(Path.Combine(folder, name), FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        Write(Event(null, FileVersion, "brain.Event:2"u8));
    }

    /// <summary>Adds a number.</summary>
    /// <exception cref="IOException">It could not be written; the file is as it was.</exception>
    public void Add(string tag, int step, double value)
    {
        using var message = new MemoryStream();
        AddBytes(message, Tag, Encoding.UTF8.GetBytes(tag));
        message.WriteByte(SimpleValue);
        message.Write(BitConverter.GetBytes((float)value));
        Write(Event(step, Summary, Message(Value, message)));
    }

    /// <summary>Adds how numbers are spread: counts of 30 equal steps from the least to the largest.</summary>
    /// <exception cref="IOException">It could not be written; the file is as it was.</exception>
    public void Add(string tag, int step, double[] values)
    {
        double[] finite = [.. values.Where(double.IsFinite)];
        if (finite.Length == 0)
        {
            return;
        }

        (double least, double most) = (finite.Min(), finite.Max());
        double width = most > least ? (most - least) / Buckets : 1;
        double[] counts = new double[Buckets];
        foreach (double value in finite)
        {
            counts[Math.Clamp((int)((value - least) / width), 0, Buckets - 1)]++;
        }

        using var histogram = new MemoryStream();
        double[] facts = [least, most, finite.Length, finite.Sum(), finite.Sum(x => x * x)];
        for (int i = 0; i < facts.Length; i++)
        {
            histogram.WriteByte((byte)(((i + 1) << 3) | 1));
            histogram.Write(Bytes(facts[i]));
        }

        AddBytes(histogram, BucketLimits, [.. Enumerable.Range(1, Buckets).SelectMany(i => Bytes(least + (i * width)))]);
        AddBytes(histogram, BucketCounts, [.. counts.SelectMany(Bytes)]);
        using var message = new MemoryStream();
        AddBytes(message, Tag, Encoding.UTF8.GetBytes(tag));
        AddBytes(message, Histogram, histogram.ToArray());
        Write(Event(step, Summary, Message(Value, message)));
    }

    public void Dispose() => _file.Dispose();

    private static byte[] Event(int? step, byte field, ReadOnlySpan<byte> content)
    {
        using var message = new MemoryStream();
        message.WriteByte(WallTime);
        message.Write(Bytes(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0));
        if (step is int number)
        {
            message.WriteByte(Step);
            AddWhole(message, (uint)number);
        }

        AddBytes(message, field, content);
        return message.ToArray();
    }

    private static byte[] Message(byte field, MemoryStream content)
    {
        using var message = new MemoryStream();
        AddBytes(message, field, content.ToArray());
        return message.ToArray();
    }

    private static void AddBytes(MemoryStream message, byte field, ReadOnlySpan<byte> content)
    {
        message.WriteByte(field);
        AddWhole(message, (uint)content.Length);
        message.Write(content);
    }

    private static void AddWhole(MemoryStream message, uint number)
    {
        for (; number >= 0x80; number >>= 7)
        {
            message.WriteByte((byte)(number | 0x80));
        }

        message.WriteByte((byte)number);
    }

    private static byte[] Bytes(double number)
    {
        byte[] bytes = new byte[sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, number);
        return bytes;
    }

    private void Write(byte[] content)
    {
        byte[] record = new byte[sizeof(ulong) + sizeof(uint) + content.Length + sizeof(uint)];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(sizeof(ulong)), Sum(record.AsSpan(0, sizeof(ulong))));
        content.CopyTo(record, sizeof(ulong) + sizeof(uint));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(record.Length - sizeof(uint)), Sum(content));
        long length = _file.Length;
        try
        {
            _file.Write(record);
        }
        catch (IOException)
        {
            _file.SetLength(length);
            _file.Position = length;
            throw;
        }
    }

    // The format's check sum: CRC-32C, turned and moved so that a sum over sums differs from it.
    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return BitOperations.RotateRight(~crc, 15) + 0xa282ead8;
    }
}
