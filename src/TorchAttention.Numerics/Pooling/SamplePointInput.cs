namespace TorchAttention.Numerics.Pooling;

/// <summary>
/// What is pooled where each key has its own bandwidth: queries (m), keys (n), values (n) of one feature and one column, and w = 1/h (n).
/// </summary>
public readonly ref struct SamplePointInput
{
    /// <summary>Queries (m); finite.</summary>
    public required ReadOnlySpan<double> Queries { get; init; }

    /// <summary>Keys (n); finite.</summary>
    public required ReadOnlySpan<double> Keys { get; init; }

    /// <summary>Values (n); finite.</summary>
    public required ReadOnlySpan<double> Values { get; init; }

    /// <summary>w = 1/h of each key (n), in 1/units of the keys; finite, of either sign. A key whose w is 0 weighs 1 everywhere.</summary>
    public required ReadOnlySpan<double> InverseBandwidths { get; init; }

    /// <summary>The index of the key that each query must not see (m), -1 for none: leave-one-out. Where empty, each sees all.</summary>
    public ReadOnlySpan<int> LeftOut { get; init; }
}
