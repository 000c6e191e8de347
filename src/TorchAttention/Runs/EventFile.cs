using System.Buffers.Binary;
using System.Diagnostics;
using System.Numerics;

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

    // Numbers of fields.
    private const int WallTime = 1;
    private const int Step = 2;
    private const int FileVersion = 3;
    private const int Summary = 5;
    private const int Value = 1;
    private const int Tag = 1;
    private const int SimpleValue = 2;
    private const int Histogram = 5;
    private const int BucketLimits = 6;
    private const int BucketCounts = 7;

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
        Write(Event(null).Add(FileVersion, "brain.Event:2"u8));
    }

    /// <summary>Adds a number.</summary>
    /// <exception cref="IOException">It could not be written; the file is as it was.</exception>
    public void Add(string tag, int step, double value) =>
        Write(tag, step, new ProtobufMessage().Add(Tag, tag).Add(SimpleValue, (float)value));

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

        var histogram = new ProtobufMessage();
        double[] facts = [least, most, finite.Length, finite.Sum(), finite.Sum(x => x * x)];
        for (int i = 0; i < facts.Length; i++)
        {
            histogram.Add(i + 1, facts[i]);
        }

        histogram.Add(BucketLimits, [.. Enumerable.Range(1, Buckets).Select(i => least + (i * width))]).Add(BucketCounts, counts);
        Write(tag, step, new ProtobufMessage().Add(Tag, tag).Add(Histogram, histogram));
    }

    public void Dispose() => _file.Dispose();

    private static ProtobufMessage Event(int? step)
    {
        ProtobufMessage message = new ProtobufMessage().Add(WallTime, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0);
        return step is int number ? message.Add(Step, (long)number) : message;
    }

    private void Write(string tag, int step, ProtobufMessage value) =>
        Write(Event(step).Add(Summary, new ProtobufMessage().Add(Value, value)));

    private void Write(ProtobufMessage message)
    {
        ReadOnlySpan<byte> content = message.Content;
        byte[] record = new byte[sizeof(ulong) + sizeof(uint) + content.Length + sizeof(uint)];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(sizeof(ulong)), Sum(record.AsSpan(0, sizeof(ulong))));
        content.CopyTo(record.AsSpan(sizeof(ulong) + sizeof(uint)));
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
