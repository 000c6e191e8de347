namespace TorchAttention.Numerics.Pooling;

/// <summary>
/// What a query is answered that no key has a weight for: a kernel of bounded support with no key in reach, or a lone key left out.
/// </summary>
public enum NoNeighbourPolicy
{
    /// <summary>NaN, and the query's flag.</summary>
    NaN,

    /// <summary>
    /// The value of the nearest key, the weighted average where several are equally near, and the query's flag; NaN where there is no key
    /// at all.
    /// </summary>
    Nearest,

    /// <summary>A <see cref="NoNeighbourException"/>.</summary>
    Error,
}
