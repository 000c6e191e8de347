using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using CsCheck;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.Storage;

public sealed class SafeTensorsFileTests : IDisposable
{
    private static readonly string[] _types = ["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"];

    private readonly string _folder = Directory.CreateTempSubdirectory("storage").FullName;

    private string Path => System.IO.Path.Combine(_folder, "model.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ShapesThatDoNotFit_AreRefused()
    {
        double[] numbers = new double[6];
        Assert.Equal([2, 3], SafeTensor.Create(numbers, 2, 3).Shape);
        Assert.Equal([0, long.MaxValue, long.MaxValue], SafeTensor.Create(numbers[..0], 0, long.MaxValue, long.MaxValue).Shape);
        Assert.Equal([long.MaxValue, long.MaxValue, 0], SafeTensor.Create(numbers[..0], long.MaxValue, long.MaxValue, 0).Shape);

        Refused("Expected 6 numbers in the shape, got 7.", () => SafeTensor.Create(numbers, 7));
        Refused(
            $"Expected 6 numbers in the shape, got {long.MaxValue} x {long.MaxValue}.",
            () => SafeTensor.Create(numbers, long.MaxValue, long.MaxValue));
        Refused("Expected no negative side in the shape, got -2 x -3.", () => SafeTensor.Create(numbers, -2, -3));
        Refused("Expected at most 64 sides in the shape, got 65.", () => SafeTensor.Create(numbers, [6, .. Enumerable.Repeat(1L, 64)]));
        Refused("Expected whole numbers of 4 bytes, got 7 bytes.", () => SafeTensor.OfBytes("F32", new byte[7], 1));

        static void Refused(string message, Action make) =>
            Assert.StartsWith(message, Assert.Throws<ArgumentException>(make).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_ComeBackBitForBit()
    {
        double[] doubles = [0.1, -0.0, double.NaN, double.Epsilon, double.NegativeInfinity, 1e300];
        float[] floats = [0.1f, -0f, float.NaN, float.Epsilon];
        var file = new SafeTensorsFile(
            new Dictionary<string,
            SafeTensor>
            {
                ["keys"] = SafeTensor.Create(doubles, 3, 2),
                ["w"] = SafeTensor.Create(floats, 4),
                ["none"] = SafeTensor.Create(Array.Empty<double>(), 0, 5)
            },
            new Dictionary<string, string> { ["note"] = "größer\n\"1\"" });
        file.Write(Path);
        SafeTensorsFile read = SafeTensorsFile.Read(Path);

        Assert.Equal(
            doubles.Select(BitConverter.DoubleToInt64Bits), read.Tensors["keys"].ToDoubles().Select(BitConverter.DoubleToInt64Bits));
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
    [InlineData("12345678", """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "tensors one after the other")]
    [InlineData("12345678", """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", "expected at most 2 numbers in a list for 'x', found more")]
    [InlineData("12345678", """{"x":{"dtype":3,"shape":"a","data_offsets":[0,8]}}""", "expected a number type such as F64 for 'x', found 3")]
    [InlineData("", """{"__metadata__":{"a":null}}""", "found null")]
    public void DamagedFile_IsSaidInOneLine(string data, string header, string message)
    {
        StorageException error = Assert.Throws<StorageException>(() =>
            header == "{}x" ? SafeTensorsFile.Read(Bytes("{}", [1]), "m.st")
            : SafeTensorsFile.Read(Bytes(header, Encoding.ASCII.GetBytes(data)), "m.st"));
        Assert.StartsWith("m.st: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData(" {}", "a header that begins with {, found the byte 32")]
    [InlineData("\n{}", "a header that begins with {, found the byte 10")]
    [InlineData("\ufeff{}", "a header that begins with {, found the byte 239")]
    [InlineData("", "a header that begins with {, found an empty one")]
    [InlineData("{} x", "a header of JSON, found something else in line 1 at byte 3")]
    [InlineData("{}{}", "a header of JSON, found something else in line 1 at byte 2")]
    [InlineData("{\"a\":1,}", "an object for 'a', found 1")]
    [InlineData("{\"__metadata__\":{},\"__metadata__\":{}}", "each name once for '__metadata__', found one twice")]
    [InlineData("{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}}", "each name once for 'a', found one twice")]
    [InlineData("{\"__metadata__\":{\"a\":{}}}", "text for 'a', found an object")]
    [InlineData("{\"__metadata__\":null}", "an object for '__metadata__', found null")]
    [InlineData("{\"__metadata__\":{\"a\":\"\\ud800\"}}", "a header of text, found a character that is none")]
    [InlineData(
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
        "each name once for 'x', found one twice")]
    [InlineData(
        "{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[0,0]}}", "each name once for 'x', found one twice")]
    [InlineData("{\"x\":{\"dtype\":\"F32\",\"shape\":[0.0],\"data_offsets\":[0,0]}}", "whole numbers of at least 0 for 'x', found 0.0")]
    [InlineData(
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[\"0\"],\"data_offsets\":[0,0]}}", "whole numbers of at least 0 for 'x', found a text")]
    [InlineData(
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,0]}}",
        "whole numbers of at least 0 for 'x', found 99999999999999999999")]
    [InlineData("{\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,0]}}", "0 bytes for 'x', found the place 4 to 0")]
    [InlineData(
        "{\"\\u001b[31m\":{\"dtype\":\"F3\\u0032\\u001b\",\"shape\":[0],\"data_offsets\":[0,0]}}",
        @"a number type such as F64 for '\u001b[31m', found 'F32\u001b'")]
    [InlineData(
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}",
        "a header of JSON, found something else in line 1 at byte 40")]
    public void HeaderThatTheFormatForbids_IsRefused(string header, string problem) =>
        Assert.Equal(
            $"m.st: expected {problem}", Assert.Throws<StorageException>(() => SafeTensorsFile.Read(Bytes(header, []), "m.st")).Message);

    [Fact]
    public void HeaderOfOtherBytes_IsRefused()
    {
        byte[] bytes = Bytes("{\"?\":{}}", []);
        bytes[Array.IndexOf(bytes, (byte)'?')] = 0xff;
        Assert.Equal(
            "m.st: expected a header of UTF-8 text, found other bytes",
            Assert.Throws<StorageException>(() => SafeTensorsFile.Read(bytes, "m.st")).Message);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{}       ")]
    [InlineData("{\"__metadata__\":{}}\n\t ")]
    [InlineData("{ \"x\" : { \"shape\" : [ ] , \"more\" : [ { } ] , \"data_offsets\" : [ 0 , 1 ] , \"dtype\" : \"U8\" } }", 1)]
    [InlineData("{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"e\":{\"dtype\":\"F64\",\"shape\":[9223372036854775807,0],\"data_offsets\":[1,1]}}", 2)]
    public void HeaderThatTheFormatAllows_IsRead(string header, int data = 0)
    {
        SafeTensorsFile read = SafeTensorsFile.Read(Bytes(header, [.. Enumerable.Range(7, data).Select(i => (byte)i)]), "m.st");
        Assert.Equal(data, read.Tensors.Values.Sum(tensor => tensor.Bytes.Length));
        Assert.True(data < 2 || read.Tensors["b"].Bytes[0] == 8);
    }

    [Fact]
    public void EveryTensor_BeginsAtAMultipleOfItsNumbersSize() =>
        Gen.Select(Gen.Int[0, _types.Length - 1].Select(i => _types[i]), Gen.Int[0, 7], Gen.String[1, 5])
        .List[0, 12].Sample(parts =>
        {
            Dictionary<string, SafeTensor> tensors = [];
            foreach ((string type, int count, string name) in parts)
            {
                tensors[new string([.. name.Where(c => !char.IsSurrogate(c))])] = SafeTensor.OfBytes(
                    type, new byte[count * SafeTensorsHeader.SizeOf(type)!.Value], count);
            }

            using var written = new MemoryStream();
            new SafeTensorsFile(tensors, new Dictionary<string, string> { ["a"] = "ü" }).Write(written);
            byte[] bytes = written.ToArray();
            int header = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            Assert.Equal(0, header % 8);
            IReadOnlyList<SafeTensorsHeader.Entry> entries = SafeTensorsHeader.Read(bytes.AsSpan(8, header), "x").Entries;
            Assert.All(entries, entry => Assert.Equal(0, entry.Start % SafeTensorsHeader.SizeOf(entry.DataType)!.Value));
            Assert.Equal(
                tensors.OrderByDescending(pair => SafeTensorsHeader.SizeOf(pair.Value.DataType))
                    .ThenBy(pair => pair.Key, StringComparer.Ordinal).Where(pair => pair.Value.Bytes.Length > 0).Select(pair => pair.Key),
                entries.Where(entry => entry.End > entry.Start).Select(entry => entry.Name));
            Assert.Equal(tensors.Keys.Order(), SafeTensorsFile.Read(bytes, "x").Tensors.Keys.Order());
        });

    [Fact]
    public void FilesOfEarlierVersions_AreRead()
    {
        // They were written in the order of their names, with narrow numbers before wide ones.
        byte[] bytes = Bytes(
            """{"__metadata__":{},"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"F64","shape":[1],"data_offsets":[3,11]}}  """,
            [1, 2, 3, .. BitConverter.GetBytes(0.1)]);
        Assert.Equal([0.1], SafeTensorsFile.Read(bytes, "x").Tensors["b"].ToDoubles());
    }

    [Fact]
    public void Header_TakesMemoryInProportionToItsLength()
    {
        string ones = string.Join(',', Enumerable.Repeat('1', 1_000_000));
        Within(1 << 20, $"{{{Entry("x", "F32", ones)}}}", "at most 64 numbers in a list for 'x', found more");
        Within(
            1 << 20, string.Concat(Enumerable.Repeat("{\"a\":", 100_000)), "a header of JSON, found something else in line 1 at byte 40");

        string odd = Repeated(@"\u001b", 100_000);
        Within(
            4 << 20, $"{{{Entry(odd, odd, "0")}}}",
            $"a number type such as F64 for '{Repeated(@"\u001b", 40)}…', found '{Repeated(@"\u001b", 199)}…");

        byte[] empties = Bytes($"{{{string.Join(',', Enumerable.Range(0, 50_000).Select(i => Entry($"t{i}", "F32", "0")))}}}", []);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(50_000, SafeTensorsFile.Read(empties, "x").Tensors.Count);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 12L * empties.Length);

        static string Repeated(string text, int times) => string.Concat(Enumerable.Repeat(text, times));

        static string Entry(string name, string type, string shape) =>
            $"\"{name}\":{{\"dtype\":\"{type}\",\"shape\":[{shape}],\"data_offsets\":[0,0]}}";

        static void Within(long most, string header, string problem)
        {
            byte[] bytes = Bytes(header, []);
            long before = GC.GetAllocatedBytesForCurrentThread();
            StorageException refused = Assert.Throws<StorageException>(() => SafeTensorsFile.Read(bytes, "x"));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, most + bytes.Length);
            Assert.StartsWith($"x: expected {problem}", refused.Message, StringComparison.Ordinal);
            Assert.InRange(refused.Message.Length, 0, 2000);
        }
    }

    [Fact]
    public async Task Pipe_IsReadToItsEndAndNoFurther()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The pipe is made by mkfifo(1).");
        string pipe = System.IO.Path.Combine(_folder, "pipe");
        await Process.Start("mkfifo", [pipe])!.WaitForExitAsync(TestContext.Current.CancellationToken);
        double[] numbers = [.. Enumerable.Range(0, 300_000).Select(i => (double)i)];
        using var whole = new MemoryStream();
        new SafeTensorsFile(
            new Dictionary<string, SafeTensor> { ["x"] = SafeTensor.Create(numbers, numbers.Length) }, new Dictionary<string,
            string>()).Write(whole);

        Assert.Equal(numbers, Through(whole.ToArray()).Tensors["x"].ToDoubles());
        Assert.Equal(
            "expected 2400000 bytes of tensors, found more",
            Assert.Throws<StorageException>(() => Through([.. whole.ToArray(), 0])).Problem);
        Assert.Equal(StorageProblem.Unreadable, Assert.Throws<StorageException>(() => Through(whole.ToArray()[..^1])).Kind);

        SafeTensorsFile Through(byte[] bytes)
        {
            Task written = Task.Run(() => File.WriteAllBytes(pipe, bytes), TestContext.Current.CancellationToken);
            try
            {
                return SafeTensorsFile.Read(pipe);
            }
            finally
            {
                written.ContinueWith(_ => { }, TaskScheduler.Default).Wait(TestContext.Current.CancellationToken);
            }
        }
    }

    [Fact]
    public void MoreThanTheFormatHolds_IsNotWritten()
    {
        var none = new Dictionary<string, SafeTensor>();
        var texts = new Dictionary<string, string> { ["a"] = new('x', SafeTensorsHeader.Longest) };
        Assert.Throws<IOException>(() => new SafeTensorsFile(none, texts).Write(Path));
        Assert.Empty(Directory.GetFiles(_folder));
        Assert.Throws<ArgumentException>(
            () => new SafeTensorsFile(
            new Dictionary<string, SafeTensor> { ["__metadata__"] = SafeTensor.Create([1.0], 1) }, new Dictionary<string, string>()));
    }

    [Fact]
    public void MissingFileDirectoryAndLyingLength_AreSaidWithoutMuchMemory()
    {
        Assert.Contains(
            "no such file", Assert.Throws<StorageException>(() => SafeTensorsFile.Read(Path)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "found a directory", Assert.Throws<StorageException>(() => SafeTensorsFile.Read(_folder)).Message, StringComparison.Ordinal);
        byte[] lie = new byte[64];
        BinaryPrimitives.WriteUInt64LittleEndian(lie, 99_000_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(
            "cut short", Assert.Throws<StorageException>(() => SafeTensorsFile.Read(lie, "x")).Message, StringComparison.Ordinal);
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
