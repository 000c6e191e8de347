using System.Runtime.Intrinsics;

namespace TorchAttention.Numerics.Pooling;

/// <summary>How attention pooling is computed.</summary>
public sealed record PoolingOptions
{
    // How many times further than values the derivatives of planes may be off: each is some sums times each other, and leads a search.
    internal const double PlaneGradientTolerance = 100;

    /// <summary>The method; <see cref="PoolingMethod.Auto"/> by default.</summary>
    public PoolingMethod Method { get; init; }

    /// <summary>
    /// What is fitted around each query: 0, the weighted mean of the values (Nadaraya-Watson), or 1, a plane through them by weighted least
    /// squares (local linear regression). 0 by default.
    /// </summary>
    /// <remarks>
    /// Where the neighbours of a query leave a direction of the plane undetermined, as a single neighbour does, the plane is level in that
    /// direction.
    /// </remarks>
    public int Degree { get; init; }

    /// <summary>The answer for a query without neighbours; NaN by default.</summary>
    public NoNeighbourPolicy NoNeighbour { get; init; }

    /// <summary>
    /// How far the fast methods may be from the sum over all pairs, relative to the range of the values; 1e-10 by default. Each returns the
    /// bound that holds; <see cref="PoolingMethod.Exact"/> leaves nothing out. With degree 1 the derivatives by bandwidths may be 100 times
    /// as far off.
    /// </summary>
    public double Tolerance { get; init; } = 1e-10;

    /// <summary>
    /// The least sum of weights, in that of a key at its query, of several poolings that will be merged by their sums, this being one of
    /// them; 0 by default, where it stands alone. The fast methods then bound their errors beside the merged sum, and need not compute one
    /// by one what is far from these keys and nearer to others.
    /// </summary>
    public double MergedWeightSum { get; init; }

    /// <summary>The most threads at work; every processor by default. The numbers do not depend on it.</summary>
    public int? Threads { get; init; }

    /// <summary>The widest vectors to use, in bits: 512, 256 or 128; what the machine has by default.</summary>
    public int? VectorBits { get; init; }

    /// <summary>The bits of the vectors to use.</summary>
    internal int Bits => VectorBits ?? (Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128);
}
