namespace TorchAttention.Numerics.Pooling;

/// <summary>Where the answers of a pooling with a bandwidth for each key go. What is left empty is not computed.</summary>
public readonly ref struct SamplePointOutput
{
    /// <summary>The pooled values (m): sum_i K(|(q - k_i) w_i|) v_i / sum_i K(|(q - k_i) w_i|).</summary>
    public required Span<double> Values { get; init; }

    /// <summary>log sum_i K(|(q - k_i) w_i|) (m); minus infinity without neighbours.</summary>
    public Span<double> LogWeightSum { get; init; }

    /// <summary>The derivative of each pooled value with respect to its query (m); 0 without neighbours.</summary>
    public Span<double> QueryGradient { get; init; }
}
