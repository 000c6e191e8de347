namespace TorchAttention.Numerics.Pooling;

/// <summary>What is pooled: queries (m, d), keys (n, d), values (n, v), row by row, and bandwidths (d).</summary>
/// <remarks>
/// The number of bandwidths says how many features d there are; from it follow m and n, and from n the number of columns v.
/// </remarks>
/// <typeparam name="T">float or double.</typeparam>
public readonly ref struct PoolingInput<T>
    where T : unmanaged
{
    /// <summary>Queries (m, d).</summary>
    public required ReadOnlySpan<T> Queries { get; init; }

    /// <summary>Keys (n, d).</summary>
    public required ReadOnlySpan<T> Keys { get; init; }

    /// <summary>Values (n, v).</summary>
    public required ReadOnlySpan<T> Values { get; init; }

    /// <summary>
    /// Bandwidths h (d), in the units of each feature; positive and finite. Either these or <see cref="InverseBandwidths"/>.
    /// </summary>
    public ReadOnlySpan<double> Bandwidths { get; init; }

    /// <summary>
    /// w = 1/h (d); finite, of either sign. Where w is 0 the feature does not count. Either these or <see cref="Bandwidths"/>.
    /// </summary>
    public ReadOnlySpan<double> InverseBandwidths { get; init; }

    /// <summary>A weight for each key and its value (n), not negative; where there are none, each counts the same.</summary>
    public ReadOnlySpan<T> SampleWeights { get; init; }

    /// <summary>The index of the key that each query must not see (m), -1 for none: leave-one-out. Where empty, each sees all.</summary>
    public ReadOnlySpan<int> LeftOut { get; init; }
}
