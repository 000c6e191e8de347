namespace TorchAttention.Numerics.Pooling;

/// <summary>How far a kernel reaches in each feature: bandwidths h (d), or their inverses.</summary>
public sealed record PoolingWidths
{
    /// <summary>
    /// Bandwidths h (d), in the units of each feature; positive and finite. Either these or <see cref="InverseBandwidths"/>.
    /// </summary>
    public IReadOnlyList<double> Bandwidths { get; init; } = [];

    /// <summary>
    /// w = 1/h (d); finite, of either sign. Where w is 0 the feature does not count. Either these or <see cref="Bandwidths"/>.
    /// </summary>
    public IReadOnlyList<double> InverseBandwidths { get; init; } = [];
}
