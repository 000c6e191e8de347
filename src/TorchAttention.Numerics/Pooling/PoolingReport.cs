namespace TorchAttention.Numerics.Pooling;

/// <summary>What was done, and how far to trust it.</summary>
public sealed record PoolingReport
{
    /// <summary>The method that computed the answer; never <see cref="PoolingMethod.Auto"/>.</summary>
    public required PoolingMethod Method { get; init; }

    /// <summary>Why this one.</summary>
    public required string Reason { get; init; }

    /// <summary>
    /// The largest distance of an output from the sum over all pairs, relative to the range of the values, beyond the rounding of the
    /// number type; 0 where nothing was left out.
    /// </summary>
    public required double ErrorBound { get; init; }

    /// <summary>
    /// How many queries the method could not vouch for and computed again, pair by pair in float64, from the nearest key outwards.
    /// </summary>
    public required int Recomputed { get; init; }

    /// <summary>The indices of the queries without neighbours, in order.</summary>
    public required IReadOnlyList<int> WithoutNeighbour { get; init; }
}
