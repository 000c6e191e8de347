namespace TorchAttention.Models;

/// <summary>The inputs of a pass that made no weights, in arrays of its own: batches are gone after their step, and w moves on.</summary>
/// <param name="queries">Queries (m), or (m, d).</param>
/// <param name="w">w (1), (d), or each key's own (n).</param>
/// <param name="indices">The places of the queries among the keys, where their own pairs are left out.</param>
internal sealed class LastPass(Tensor queries, double[] w, Tensor? indices)
{
    private readonly byte[] _queries = Bytes(queries);
    private readonly long[] _shape = queries.shape;
    private readonly ScalarType _type = queries.dtype;
    private readonly Device _device = queries.device;
    private readonly byte[] _indices = indices is null ? [] : Bytes(indices);

    /// <summary>The queries (m), or (m, d).</summary>
    public Tensor Queries() => Restored(_queries, _shape, _type);

    /// <summary>w (1), (d), or each key's own (n).</summary>
    public Tensor W() => tensor(w, _type, _device);

    /// <summary>The places of the queries among the keys (m).</summary>
    public Tensor Indices() => Restored(_indices, [_shape[0]], ScalarType.Int64);

    private static byte[] Bytes(Tensor tensor)
    {
        using Tensor? copy = tensor.device_type == DeviceType.CPU ? null : tensor.cpu();
        using var numbers = new Numbers<byte>(copy ?? tensor);
        return numbers.Span.ToArray();
    }

    private Tensor Restored(byte[] bytes, long[] shape, ScalarType type)
    {
        Tensor restored = empty(shape, type);
        using (var numbers = new Numbers<byte>(restored))
        {
            bytes.CopyTo(numbers.Span);
        }

        return restored.to(_device);
    }
}
