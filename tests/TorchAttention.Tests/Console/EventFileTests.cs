using System.Buffers.Binary;
using System.Text;

namespace TorchAttention.Tests.Console;

/// <summary>TensorBoard's event files as TensorBoard reads them: records with check sums, times in seconds since 1970.</summary>
public sealed class EventFileTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void EveryRecord_IsWholeAndSaysWhenItWas()
    {
        double before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        Assert.Equal(0, _console.Run("train", "--model", "region", "--tensorboard", "--no-plots", "--quiet", "--out", "run").ExitCode);
        Assert.Equal(0, _console.Run("train", "--resume", "run", "--epochs", "6", "--quiet").ExitCode);
        double after = DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1;

        string[] files = Directory.GetFiles(_console.PathOf("run/tensorboard"));
        Assert.Equal(2, files.Length);
        foreach (byte[][] records in files.Select(Records))
        {
            Assert.Contains("brain.Event:2", Encoding.Latin1.GetString(records[0]), StringComparison.Ordinal);
            string events = string.Concat(records.Select(Encoding.Latin1.GetString));
            Assert.All(
                ["loss/train_step", "loss/val", "grad_norm", "w_5", "lr"],
                name => Assert.Contains(name, events, StringComparison.Ordinal));
            double[] times = [.. records.Select(
                record => record[0] == 9 ? BinaryPrimitives.ReadDoubleLittleEndian(record.AsSpan(1))
                : throw new InvalidDataException("An event begins with its time."))];
            Assert.Equal(times.Order(), times);
            Assert.InRange(times[0], before, after);
            Assert.InRange(times[^1], before, after);
        }
    }

    private static byte[][] Records(string file)
    {
        List<byte[]> records = [];
        ReadOnlySpan<byte> rest = File.ReadAllBytes(file);
        while (!rest.IsEmpty)
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(rest);
            Assert.Equal(Sum(rest[..8]), BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]));
            Assert.Equal(Sum(rest.Slice(12, length)), BinaryPrimitives.ReadUInt32LittleEndian(rest[(12 + length)..]));
            records.Add(rest.Slice(12, length).ToArray());
            rest = rest[(length + 16)..];
        }

        return [.. records];
    }

    // CRC-32C bit by bit, masked as TensorFlow's record format says.
    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0x82f63b78);
            }
        }

        crc = ~crc;
        return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
    }
}
