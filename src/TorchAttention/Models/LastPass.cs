namespace TorchAttention.Models;

/// <summary>The inputs of a pass that made no weights, in arrays of its own: batches are gone after their step, and w moves on.</summary>
/// <param name="queries">The numbers of the queries (m), or (m, d).</param>
/// <param name="shape">Their shape.</param>
/// <param name="like">A tensor of their number type, where they were.</param>
/// <param name="w">w (1), (d), or each key's own (n).</param>
/// <param name="indices">The places of the queries among the keys (m), int64, where own pairs are left out; null where none are.</param>
internal sealed class LastPass(byte[] queries, long[] shape, Tensor like, double[] w, byte[]? indices)
{
    private readonly ScalarType _type = like.dtype;
    private readonly Device _device = like.device;

    public LastPass(Tensor queries, double[] w, Tensor? indices)
        : this(Bytes(queries), queries.shape, queries, w, indices is null ? null : Bytes(indices))
    {
    }

    /// <summary>Whether own pairs are left out.</summary>
    public bool LeavesOneOut => indices is not null;

    /// <summary>The queries (m), or (m, d).</summary>
    public Tensor Queries() => Restored(queries, shape, _type);

    /// <summary>w (1), (d), or each key's own (n).</summary>
    public Tensor W() => tensor(w, _type, _device);

    /// <summary>The places of the queries among the keys (m).</summary>
    public Tensor Indices() => Restored(indices!, [shape[0]], ScalarType.Int64);

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
