using System.Runtime.InteropServices;

namespace TorchAttention;

/// <summary>From tensors to arrays, and the book's shape check.</summary>
public static class TensorExtensions
{
    /// <summary>Copies all elements, in row-major order.</summary>
    /// <param name="tensor">A tensor of any shape, number type and device.</param>
    /// <returns>A new array of <c>numel</c> elements.</returns>
    public static double[] ToDoubles(this Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);

        // A few numbers are read sooner than libtorch makes a tensor of them.
        if (tensor.dtype == ScalarType.Float32 && tensor.device_type == DeviceType.CPU)
        {
            using var numbers = new Numbers<float>(tensor);
            return Array.ConvertAll(numbers.Span.ToArray(), number => (double)number);
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor onCpu = tensor.detach().to(ScalarType.Float64, CPU).contiguous();
        return MemoryMarshal.Cast<byte, double>(onCpu.bytes).ToArray();
    }

    /// <summary>Copies a matrix.</summary>
    /// <param name="tensor">A tensor of two dimensions (rows, columns).</param>
    /// <returns>A new array (rows, columns).</returns>
    /// <exception cref="ArgumentException">The tensor has another number of dimensions.</exception>
    public static double[,] ToMatrix(this Tensor tensor)
    {
        var matrix = new double[Guard.Matrix(tensor).shape[0], tensor.shape[1]];
        Buffer.BlockCopy(tensor.ToDoubles(), 0, matrix, 0, Buffer.ByteLength(matrix));
        return matrix;
    }

    /// <summary>The book's <c>check_shape</c>.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="shape">The shape it should have.</param>
    /// <exception cref="ArgumentException">It has another.</exception>
    public static void CheckShape(this Tensor tensor, params long[] shape)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (!tensor.shape.AsSpan().SequenceEqual(shape))
        {
            throw new ArgumentException($"Expected shape ({string.Join(", ", shape)}), got {Guard.Shape(tensor)}.", nameof(tensor));
        }
    }

    /// <summary>A copy that belongs to no graph and to no dispose scope: whoever keeps it disposes it.</summary>
    internal static Tensor CloneWithoutGraph(this Tensor tensor)
    {
        using Tensor withoutGraph = tensor.detach();
        return withoutGraph.clone().DetachFromDisposeScope();
    }
}
