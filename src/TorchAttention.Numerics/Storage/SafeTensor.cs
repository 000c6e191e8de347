using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.Storage;

/// <summary>Numbers with a shape, as a file of tensors holds them: little-endian, row by row.</summary>
public sealed class SafeTensor
{
    private readonly byte[] _bytes;

    internal SafeTensor(string dataType, IReadOnlyList<long> shape, byte[] bytes)
    {
        DataType = dataType;
        Shape = shape;
        _bytes = bytes;
    }

    /// <summary>The format's name of the number type: F64, F32, I64 and others.</summary>
    public string DataType { get; }

    /// <summary>The shape.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The bytes of the numbers, little-endian, row by row.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Numbers of float64.</summary>
    /// <param name="numbers">The numbers, row by row.</param>
    /// <param name="shape">The shape, whose product is their number.</param>
    /// <exception cref="ArgumentException">The shape is one of another number of numbers.</exception>
    public static SafeTensor Create(ReadOnlySpan<double> numbers, params ReadOnlySpan<long> shape)
    {
        byte[] bytes = new byte[Checked(numbers.Length, shape) * sizeof(double)];
        if (BitConverter.IsLittleEndian)
        {
            MemoryMarshal.AsBytes(numbers).CopyTo(bytes);
        }
        else
        {
            for (int i = 0; i < numbers.Length; i++)
            {
                BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(i * sizeof(double)), numbers[i]);
            }
        }

        return new SafeTensor("F64", shape.ToArray(), bytes);
    }

    /// <summary>Numbers of float32.</summary>
    /// <inheritdoc cref="Create(ReadOnlySpan{double}, ReadOnlySpan{long})"/>
    public static SafeTensor Create(ReadOnlySpan<float> numbers, params ReadOnlySpan<long> shape)
    {
        byte[] bytes = new byte[Checked(numbers.Length, shape) * sizeof(float)];
        if (BitConverter.IsLittleEndian)
        {
            MemoryMarshal.AsBytes(numbers).CopyTo(bytes);
        }
        else
        {
            for (int i = 0; i < numbers.Length; i++)
            {
                BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), numbers[i]);
            }
        }

        return new SafeTensor("F32", shape.ToArray(), bytes);
    }

    /// <summary>Numbers of int64.</summary>
    /// <inheritdoc cref="Create(ReadOnlySpan{double}, ReadOnlySpan{long})"/>
    public static SafeTensor Create(ReadOnlySpan<long> numbers, params ReadOnlySpan<long> shape)
    {
        byte[] bytes = new byte[Checked(numbers.Length, shape) * sizeof(long)];
        for (int i = 0; i < numbers.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), numbers[i]);
        }

        return new SafeTensor("I64", shape.ToArray(), bytes);
    }

    /// <summary>Numbers of any type that the format knows.</summary>
    /// <param name="dataType">The format's name of the type.</param>
    /// <param name="bytes">The numbers, little-endian, row by row.</param>
    /// <param name="shape">The shape.</param>
    /// <exception cref="ArgumentException">There is no such type, or the shape is one of another number of bytes.</exception>
    public static SafeTensor OfBytes(string dataType, ReadOnlySpan<byte> bytes, params ReadOnlySpan<long> shape)
    {
        int size = SafeTensorsHeader.SizeOf(dataType)
            ?? throw new ArgumentException($"Expected a number type such as F64, got '{dataType}'.", nameof(dataType));
        if (bytes.Length % size != 0)
        {
            throw new ArgumentException($"Expected whole numbers of {size} bytes, got {bytes.Length} bytes.", nameof(bytes));
        }

        Checked(bytes.Length / size, shape);
        return new SafeTensor(dataType, shape.ToArray(), bytes.ToArray());
    }

    /// <summary>The numbers as float64.</summary>
    /// <exception cref="InvalidOperationException">They are of another type.</exception>
    public double[] ToDoubles()
    {
        double[] numbers = new double[Count("F64", sizeof(double))];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = BinaryPrimitives.ReadDoubleLittleEndian(_bytes.AsSpan(i * sizeof(double)));
        }

        return numbers;
    }

    /// <summary>The numbers as float32.</summary>
    /// <exception cref="InvalidOperationException">They are of another type.</exception>
    public float[] ToFloats()
    {
        float[] numbers = new float[Count("F32", sizeof(float))];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = BinaryPrimitives.ReadSingleLittleEndian(_bytes.AsSpan(i * sizeof(float)));
        }

        return numbers;
    }

    /// <summary>The numbers as int64.</summary>
    /// <exception cref="InvalidOperationException">They are of another type.</exception>
    public long[] ToLongs()
    {
        long[] numbers = new long[Count("I64", sizeof(long))];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = BinaryPrimitives.ReadInt64LittleEndian(_bytes.AsSpan(i * sizeof(long)));
        }

        return numbers;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{DataType} ({string.Join(", ", Shape.Select(length => length.ToString(CultureInfo.InvariantCulture)))})";

    private static int Checked(int count, ReadOnlySpan<long> shape)
    {
        string text = string.Join(" x ", shape[..Math.Min(shape.Length, SafeTensorsHeader.MostSides)].ToArray());
        if (shape.Length > SafeTensorsHeader.MostSides)
        {
            throw new ArgumentException(
                $"Expected at most {SafeTensorsHeader.MostSides} sides in the shape, got {shape.Length}.", nameof(shape));
        }

        Int128 product = 1;
        foreach (long length in shape)
        {
            // A side beyond the numbers there are fits only beside one of 0.
            product = length < 0 ? throw new ArgumentException($"Expected no negative side in the shape, got {text}.", nameof(shape))
                : product > count ? product : product * length;
        }

        product = shape.Contains(0) ? 0 : product;
        return product == count ? count : throw new ArgumentException($"Expected {count} numbers in the shape, got {text}.", nameof(shape));
    }

    private int Count(string dataType, int size) => DataType == dataType
        ? _bytes.Length / size
        : throw new InvalidOperationException($"Expected numbers of type {dataType}, got {DataType}.");
}
