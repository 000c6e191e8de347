using System.Buffers.Binary;
using System.Text;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.Storage;

public sealed class SafeTensorsFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("storage").FullName;

    private string Path => System.IO.Path.Combine(_folder, "model.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Numbers_ComeBackBitForBit()
    {
        double[] doubles = [0.1, -0.0, double.NaN, double.Epsilon, double.NegativeInfinity, 1e300];
        float[] floats = [0.1f, -0f, float.NaN, float.Epsilon];
        var file = new SafeTensorsFile(
            new Dictionary<string, SafeTensor> { ["keys"] = SafeTensor.Of(doubles, 3, 2), ["w"] = SafeTensor.Of(floats, 4), ["none"] = SafeTensor.Of(Array.Empty<double>(), 0, 5) },
            new Dictionary<string, string> { ["note"] = "größer\n\"1\"" });
        file.Write(Path);
        SafeTensorsFile read = SafeTensorsFile.Read(Path);

        Assert.Equal(doubles.Select(BitConverter.DoubleToInt64Bits), read.Tensors["keys"].ToDoubles().Select(BitConverter.DoubleToInt64Bits));
        Assert.Equal(floats.Select(BitConverter.SingleToInt32Bits), read.Tensors["w"].ToFloats().Select(BitConverter.SingleToInt32Bits));
        Assert.Equal([0, 5], read.Tensors["none"].Shape);
        Assert.Equal("größer\n\"1\"", read.Metadata["note"]);
        Assert.Throws<InvalidOperationException>(() => read.Tensors["w"].ToDoubles());
    }

    [Fact]
    public void Bytes_AreThoseOfTheFormat()
    {
        byte[] data = [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0];
        const string Header = """{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}""";
        SafeTensorsFile read = SafeTensorsFile.Read(Bytes(Header, data), "x");
        Assert.Equal([1f, -2f], read.Tensors["x"].ToFloats());
        Assert.Equal("b", read.Metadata["a"]);

        using var written = new MemoryStream();
        read.Write(written);
        string padded = Header + new string(' ', (8 - (Header.Length % 8)) % 8);
        Assert.Equal(Bytes(padded, data), written.ToArray());
    }

    [Theory]
    [InlineData("", "{}x", "expected 0 bytes of tensors, found 1")]
    [InlineData("", "{", "expected a header of JSON, found something else in line 1 at byte 1")]
    [InlineData("", "[]", "expected a header that begins with {, found the byte 91")]
    [InlineData("", """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "expected 8 bytes of tensors, found 0")]
    [InlineData("12345678", """{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "expected 12 bytes for 'x'")]
    [InlineData("12345678", """{"x":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", "found 'F31'")]
    [InlineData("12345678", """{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "found -2")]
    [InlineData("12345678", """{"x":{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,8]}}""", "expected a shape of fewer numbers for 'x', found (9223372036854775807, 9)")]
    [InlineData("12345678", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "one after the other")]
    [InlineData("12345678", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "one after the other")]
    [InlineData("12345678", """{"x":{"dtype":"F32","shape":[2]}}""", "expected dtype, shape and two data_offsets for 'x', found no data_offsets")]
    [InlineData("12345678", """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "expected each name once for 'x', found it twice")]
    [InlineData("12345678", """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", "expected at most 2 numbers in a list for 'x', found more")]
    [InlineData("12345678", """{"x":{"dtype":3,"shape":"a","data_offsets":[0,8]}}""", "expected a number type such as F64 for 'x', found '3'")]
    [InlineData("", """{"__metadata__":{"a":null}}""", "found null")]
    public void DamagedFile_IsSaidInOneLine(string data, string header, string message)
    {
        StorageException error = Assert.Throws<StorageException>(() =>
            header == "{}x" ? SafeTensorsFile.Read(Bytes("{}", [1]), "m.st") : SafeTensorsFile.Read(Bytes(header, Encoding.ASCII.GetBytes(data)), "m.st"));
        Assert.StartsWith("m.st: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void MissingFileDirectoryAndLyingLength_AreSaidWithoutMuchMemory()
    {
        Assert.Contains("no such file", Assert.Throws<StorageException>(() => SafeTensorsFile.Read(Path)).Message, StringComparison.Ordinal);
        Assert.Contains("found a directory", Assert.Throws<StorageException>(() => SafeTensorsFile.Read(_folder)).Message, StringComparison.Ordinal);
        byte[] lie = new byte[64];
        BinaryPrimitives.WriteUInt64LittleEndian(lie, 99_000_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("cut short", Assert.Throws<StorageException>(() => SafeTensorsFile.Read(lie, "x")).Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
    }

    [Fact]
    public void AnyBytes_AreReadOrRefused()
    {
        var random = new Random(1);
        byte[] whole = Bytes(
            """{"__metadata__":{"format":"x"},"keys":{"dtype":"F64","shape":[2,1],"data_offsets":[0,16]},"w":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}""", new byte[24]);
        int refused = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = [.. whole];
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                int at = random.Next(bytes.Length);
                bytes = random.Next(4) switch
                {
                    0 => bytes[..at],
                    1 => [.. bytes[..at], (byte)random.Next(256), .. bytes[at..]],
                    2 => [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(9))..]],
                    _ => [.. bytes[..at], (byte)random.Next(256), .. bytes[(at + 1)..]],
                };
                if (bytes.Length == 0)
                {
                    break;
                }
            }

            try
            {
                SafeTensorsFile.Read(bytes, "x");
            }
            catch (StorageException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 10_000, 19_999);
    }

    private static byte[] Bytes(string header, byte[] data)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)text.Length);
        return [.. length, .. text, .. data];
    }
}
