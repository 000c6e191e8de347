namespace TorchAttention.Numerics.Engine;

/// <summary>Where answers go. What is left empty is not computed.</summary>
/// <typeparam name="T">float or double.</typeparam>
public readonly ref struct PoolingOutput<T>
    where T : unmanaged
{
    /// <summary>The pooled values (m, v): sum_i s_i K(q, k_i) v_i / sum_i s_i K(q, k_i).</summary>
    public required Span<T> Values { get; init; }

    /// <summary>log sum_i s_i K(q, k_i) (m); minus infinity without neighbours.</summary>
    public Span<T> LogWeightSum { get; init; }

    /// <summary>The effective number of neighbours (m): 1 / sum_i p_i^2 of the normalised weights p; 0 without neighbours.</summary>
    public Span<T> EffectiveNeighbours { get; init; }

    /// <summary>Whether the query has neighbours (m).</summary>
    public Span<bool> HasNeighbour { get; init; }

    /// <summary>The derivative of each pooled value with respect to each w_j = 1/h_j (m, v, d); 0 without neighbours.</summary>
    public Span<T> InverseBandwidthGradient { get; init; }

    /// <summary>The derivative of each pooled value with respect to each coordinate of its query (m, v, d); 0 without neighbours.</summary>
    public Span<T> QueryGradient { get; init; }
}
