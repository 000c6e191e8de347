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
    public static SafeTensor Create(ReadOnlySpan<double> numbers, params ReadOnlySpan<long> shape) => Create("F64", numbers, shape);

    /// <summary>Numbers of float32.</summary>
    /// <inheritdoc cref="Create(ReadOnlySpan{double}, ReadOnlySpan{long})"/>
    public static SafeTensor Create(ReadOnlySpan<float> numbers, params ReadOnlySpan<long> shape) => Create("F32", numbers, shape);

    /// <summary>Numbers of int64.</summary>
    /// <inheritdoc cref="Create(ReadOnlySpan{double}, ReadOnlySpan{long})"/>
    public static SafeTensor Create(ReadOnlySpan<long> numbers, params ReadOnlySpan<long> shape) => Create("I64", numbers, shape);

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

        Check(bytes.Length / size, shape);
        return new SafeTensor(dataType, shape.ToArray(), bytes.ToArray());
    }

    /// <summary>The numbers as float64.</summary>
    /// <exception cref="InvalidOperationException">They are of another type.</exception>
    public double[] ToDoubles() => To<double>("F64");

    /// <summary>The numbers as float32.</summary>
    /// <exception cref="InvalidOperationException">They are of another type.</exception>
    public float[] ToFloats() => To<float>("F32");

    /// <summary>The numbers as int64.</summary>
    /// <exception cref="InvalidOperationException">They are of another type.</exception>
    public long[] ToLongs() => To<long>("I64");

    /// <inheritdoc/>
    public override string ToString() =>
        $"{DataType} ({string.Join(", ", Shape.Select(length => length.ToString(CultureInfo.InvariantCulture)))})";

    private static void Check(int count, ReadOnlySpan<long> shape)
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
        if (product != count)
        {
            throw new ArgumentException($"Expected {count} numbers in the shape, got {text}.", nameof(shape));
        }
    }

    private static SafeTensor Create<T>(string dataType, ReadOnlySpan<T> numbers, ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        Check(numbers.Length, shape);
        byte[] bytes = MemoryMarshal.AsBytes(numbers).ToArray();
        Turn<T>(bytes);
        return new SafeTensor(dataType, shape.ToArray(), bytes);
    }

    // Between the file's order of bytes and the machine's.
    private static void Turn<T>(Span<byte> bytes)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        for (int i = 0; !BitConverter.IsLittleEndian && i < bytes.Length; i += size)
        {
            bytes.Slice(i, size).Reverse();
        }
    }

    private T[] To<T>(string dataType)
        where T : unmanaged
    {
        if (DataType != dataType)
        {
            throw new InvalidOperationException($"Expected numbers of type {dataType}, got {DataType}.");
        }

        T[] numbers = MemoryMarshal.Cast<byte, T>(_bytes).ToArray();
        Turn<T>(MemoryMarshal.AsBytes(numbers.AsSpan()));
        return numbers;
    }
}
