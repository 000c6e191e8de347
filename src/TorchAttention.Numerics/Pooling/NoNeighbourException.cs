namespace TorchAttention.Numerics.Pooling;

/// <summary>Some queries have no key in reach, and the policy is <see cref="NoNeighbourPolicy.Error"/>.</summary>
public sealed class NoNeighbourException : InvalidOperationException
{
    internal NoNeighbourException(int[] queries)
        : base($"{queries.Length} {(queries.Length == 1 ? "query has" : "queries have")} no key within reach of the kernel; the first "
            + $"is query {queries[0]}. "
            + "Use a larger bandwidth, a kernel without bounded support, or another policy.")
    {
        Queries = queries;
    }

    /// <summary>The indices of these queries, in order.</summary>
    public IReadOnlyList<int> Queries { get; }
}
