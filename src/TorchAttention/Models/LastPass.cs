namespace TorchAttention.Models;

/// <summary>The inputs of a pass that made no weights, in arrays of its own: batches are gone after their step, and w moves on.</summary>
/// <param name="queries">Queries (m).</param>
/// <param name="w">w.</param>
/// <param name="indices">The places of the queries among the keys, where their own pairs are left out.</param>
internal sealed class LastPass(Tensor queries, double w, Tensor? indices)
{
    private readonly double[] _queries = queries.ToDoubles();
    private readonly ScalarType _type = queries.dtype;
    private readonly Device _device = queries.device;
    private readonly long[]? _indices = indices is null ? null : [.. indices.ToDoubles().Select(index => (long)index)];

    /// <summary>The queries (m).</summary>
    public Tensor Queries() => tensor(_queries, _type, _device);

    /// <summary>w (1).</summary>
    public Tensor W() => tensor([w], _type, _device);

    /// <summary>The places of the queries among the keys (m).</summary>
    public Tensor Indices() => tensor(_indices ?? [], ScalarType.Int64, _device);
}
