using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace TorchAttention.Numerics.Storage;

/// <summary>A message of protocol buffers, written field by field: TensorBoard's events and ONNX models are such.</summary>
internal sealed class ProtobufMessage
{
    // How a field's value is written, which stands beside the field's number.
    private const int Whole = 0;
    private const int EightBytes = 1;
    private const int Bytes = 2;
    private const int FourBytes = 5;

    private readonly ArrayBufferWriter<byte> _content = new();

    /// <summary>What is written so far.</summary>
    public ReadOnlySpan<byte> Content => _content.WrittenSpan;

    /// <summary>Little-endian bytes of numbers.</summary>
    public static byte[] BytesOf(ReadOnlySpan<double> numbers)
    {
        byte[] bytes = new byte[sizeof(double) * numbers.Length];
        for (int i = 0; i < numbers.Length; i++)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(sizeof(double) * i), numbers[i]);
        }

        return bytes;
    }

    /// <summary>Adds a whole number that is not negative.</summary>
    public ProtobufMessage Add(int field, long number)
    {
        AddWhole(((ulong)field << 3) | Whole);
        AddWhole((ulong)number);
        return this;
    }

    /// <summary>Adds a number of 8 bytes.</summary>
    public ProtobufMessage Add(int field, double number)
    {
        AddWhole(((ulong)field << 3) | EightBytes);
        BinaryPrimitives.WriteDoubleLittleEndian(_content.GetSpan(sizeof(double)), number);
        _content.Advance(sizeof(double));
        return this;
    }

    /// <summary>Adds a number of 4 bytes.</summary>
    public ProtobufMessage Add(int field, float number)
    {
        AddWhole(((ulong)field << 3) | FourBytes);
        BinaryPrimitives.WriteSingleLittleEndian(_content.GetSpan(sizeof(float)), number);
        _content.Advance(sizeof(float));
        return this;
    }

    /// <summary>Adds bytes.</summary>
    public ProtobufMessage Add(int field, ReadOnlySpan<byte> bytes)
    {
        AddWhole(((ulong)field << 3) | Bytes);
        AddWhole((ulong)bytes.Length);
        _content.Write(bytes);
        return this;
    }

    /// <summary>Adds text.</summary>
    public ProtobufMessage Add(int field, string text) => Add(field, Encoding.UTF8.GetBytes(text));

    /// <summary>Adds a message.</summary>
    public ProtobufMessage Add(int field, ProtobufMessage message) => Add(field, message.Content);

    /// <summary>Adds numbers of 8 bytes, one after the other.</summary>
    public ProtobufMessage Add(int field, ReadOnlySpan<double> numbers) => Add(field, BytesOf(numbers));

    private void AddWhole(ulong number)
    {
        Span<byte> bytes = _content.GetSpan(10);
        int count = 0;
        for (; number >= 0x80; number >>= 7)
        {
            bytes[count++] = (byte)(number | 0x80);
        }

        bytes[count++] = (byte)number;
        _content.Advance(count);
    }
}
