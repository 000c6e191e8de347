namespace TorchAttention.Numerics.Pooling;

/// <summary>What sums that are to be merged hold beside those for the values and the sum of weights.</summary>
[Flags]
public enum PoolingParts
{
    /// <summary>Nothing else.</summary>
    None = 0,

    /// <summary>For <see cref="PoolingOutput{T}.EffectiveNeighbours"/>.</summary>
    EffectiveNeighbours = 1,

    /// <summary>For the derivatives by bandwidths.</summary>
    BandwidthGradient = 2,

    /// <summary>For <see cref="PoolingOutput{T}.QueryGradient"/>, with degree 0.</summary>
    QueryGradient = 4,
}
