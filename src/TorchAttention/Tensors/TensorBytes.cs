namespace TorchAttention;

/// <summary>Between tensors of any device and their bytes, row by row.</summary>
internal static class TensorBytes
{
    private static readonly Dictionary<ScalarType, string> _names = new()
    {
        [ScalarType.Float64] = "F64",
        [ScalarType.Float32] = "F32",
        [ScalarType.Float16] = "F16",
        [ScalarType.BFloat16] = "BF16",
        [ScalarType.Int64] = "I64",
        [ScalarType.Int32] = "I32",
        [ScalarType.Int16] = "I16",
        [ScalarType.Int8] = "I8",
        [ScalarType.Byte] = "U8",
        [ScalarType.Bool] = "BOOL",
    };

    /// <summary>The safetensors format's name of a tensor's number type.</summary>
    /// <exception cref="NotSupportedException">It has none.</exception>
    public static string TypeName(Tensor tensor) =>
        _names.TryGetValue(tensor.dtype, out string? name)
            ? name
            : throw new NotSupportedException($"Expected numbers of a type that files of tensors know, got {tensor.dtype}.");

    /// <summary>A copy of the bytes.</summary>
    public static byte[] ToArray(Tensor tensor) => Read(tensor, bytes => bytes.ToArray());

    /// <summary>A copy of the tensor, for a file.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="last">An earlier copy, taken again where nothing has changed: keys and values are large, and never do.</param>
    public static SafeTensor Stored(Tensor tensor, SafeTensor? last = null)
    {
        string type = TypeName(tensor);
        long[] shape = tensor.shape;
        return Read(
            tensor, bytes => last is not null && last.DataType == type && last.Shape.SequenceEqual(shape) && last.Bytes.SequenceEqual(bytes)
            ? last
            : SafeTensor.OfBytes(type, bytes, shape));
    }

    /// <summary>Overwrites a tensor's numbers, as many as the bytes are of.</summary>
    public static void CopyTo(Tensor tensor, ReadOnlySpan<byte> bytes)
    {
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor here = empty(tensor.shape, tensor.dtype);
        using (var numbers = new Numbers<byte>(here))
        {
            bytes.CopyTo(numbers.Span);
        }

        tensor.copy_(here);
    }

    private static T Read<T>(Tensor tensor, Func<ReadOnlySpan<byte>, T> read)
    {
        using Tensor plain = tensor.detach();
        using Tensor? here = plain.device_type == DeviceType.CPU ? null : plain.cpu();
        using var bytes = new Numbers<byte>(here ?? plain);
        return read(bytes.Span);
    }
}
