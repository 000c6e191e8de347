using System.Buffers.Binary;
using System.Numerics;

namespace TorchAttention.Runs;

/// <summary>
/// TensorBoard's event files: records of a length, its check sum, an event and its check sum, little-endian; an event's first field is the
/// time, in seconds since 1970.
/// </summary>
internal static class EventFile
{
    private const int LengthBytes = sizeof(ulong);
    private const int SumBytes = sizeof(uint);
    private const int EventStart = LengthBytes + SumBytes;
    private const int LongestEvent = 1 << 10;
    private const byte TimeField = 0x09;

    // 5138, in seconds: what is later was counted from the year 1 and in ticks.
    private const double LatestTime = 1e11;

    /// <summary>
    /// Puts a time into a file's first record, which gives the version, where TorchSharp has put .NET's ticks; TensorBoard counts all times
    /// of a run from there.
    /// </summary>
    public static void SetStart(string file, double seconds)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite);
        byte[] record = new byte[EventStart + LongestEvent + SumBytes];
        int read = stream.ReadAtLeast(record, record.Length, throwOnEndOfStream: false);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(record);
        if (read < EventStart || length is < 1 + sizeof(double) or > LongestEvent || read < EventStart + (int)length + SumBytes)
        {
            return;
        }

        Span<byte> first = record.AsSpan(EventStart, (int)length);
        if (first[0] == TimeField && BinaryPrimitives.ReadDoubleLittleEndian(first[1..]) > LatestTime)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(first[1..], seconds);
            BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(EventStart + (int)length), Sum(first));
            stream.Position = EventStart;
            stream.Write(record, EventStart, (int)length + SumBytes);
        }
    }

    /// <summary>The format's check sum: CRC-32C, turned and moved so that a sum over sums differs from it.</summary>
    public static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return BitOperations.RotateRight(~crc, 15) + 0xa282ead8;
    }
}
