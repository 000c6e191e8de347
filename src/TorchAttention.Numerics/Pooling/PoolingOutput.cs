namespace TorchAttention.Numerics.Pooling;

/// <summary>Where answers go. What is left empty is not computed.</summary>
/// <typeparam name="T">float or double.</typeparam>
public readonly ref struct PoolingOutput<T>
    where T : unmanaged
{
    /// <summary>
    /// The pooled values (m, v): sum_i l_i v_i with l_i = s_i K(q, k_i) / sum_i s_i K(q, k_i); with degree 1 the height at q of the plane
    /// through the values.
    /// </summary>
    public required Span<T> Values { get; init; }

    /// <summary>log sum_i s_i K(q, k_i) (m); minus infinity without neighbours.</summary>
    public Span<T> LogWeightSum { get; init; }

    /// <summary>
    /// The effective number of neighbours (m): 1 / sum_i l_i^2 of the weights that the values are pooled with, so that errors of variance
    /// s^2 in the values give the output the variance s^2 / this; 0 without neighbours.
    /// </summary>
    public Span<T> EffectiveNeighbours { get; init; }

    /// <summary>
    /// The weight l that one more pair at the query itself would have beside the sums of the others (m), with a sample weight of 1: 1 /
    /// sum_i s_i K(q, k_i) with degree 0. Where the query is a key, its sample weight times this is the diagonal of the smoother's matrix,
    /// the key's leverage. 0 without neighbours.
    /// </summary>
    public Span<T> OwnWeight { get; init; }

    /// <summary>With degree 1 the slopes of the plane in each feature (m, v, d); 0 without neighbours.</summary>
    public Span<T> Slopes { get; init; }

    /// <summary>
    /// With degree 1, whether the neighbours leave the plane open in some direction, in which it is level (m); see
    /// <see cref="PoolingOptions.Degree"/>. False without neighbours.
    /// </summary>
    public Span<bool> IsLevel { get; init; }

    /// <summary>Whether the query has neighbours (m).</summary>
    public Span<bool> HasNeighbour { get; init; }

    /// <summary>The derivative of each pooled value with respect to each w_j = 1/h_j (m, v, d); 0 without neighbours.</summary>
    public Span<T> InverseBandwidthGradient { get; init; }

    /// <summary>The derivative of the log of the sum of weights with respect to each w_j = 1/h_j (m, d); 0 without neighbours.</summary>
    public Span<T> LogWeightSumGradient { get; init; }

    /// <summary>The derivative of <see cref="OwnWeight"/> with respect to each w_j = 1/h_j (m, d); 0 without neighbours.</summary>
    public Span<T> OwnWeightGradient { get; init; }

    /// <summary>
    /// The derivative of each pooled value with respect to each coordinate of its query (m, v, d), with degree 0; 0 without neighbours.
    /// </summary>
    public Span<T> QueryGradient { get; init; }
}
