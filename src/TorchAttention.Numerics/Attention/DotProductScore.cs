using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Attention;

/// <summary>q.k, by 1 / sqrt(features) unless another scale is given: scaled dot-product attention.</summary>
public readonly struct DotProductScore : IScore
{
    /// <inheritdoc/>
    public static double UsualScale(int features) => 1 / Math.Sqrt(features);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Add<TLanes, T>(TLanes sum, TLanes query, TLanes key, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.MultiplyAdd(query, key, sum);

    /// <inheritdoc/>
    public static TLanes QuerySlope<TLanes, T>(TLanes query, TLanes key)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => key;

    /// <inheritdoc/>
    public static TLanes KeySlope<TLanes, T>(TLanes query, TLanes key)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => query;
}
