using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Attention;

/// <summary>0 where |q - k| is at most 1, else minus infinity: the mean of the keys in reach. It has no slope.</summary>
public readonly struct BoxcarScore : IScore
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Add<TLanes, T>(TLanes sum, TLanes query, TLanes key, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => GaussianScore.Add<TLanes, T>(sum, query, key, weight);

    /// <inheritdoc/>
    public static TLanes QuerySlope<TLanes, T>(TLanes query, TLanes key)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.All(0);

    /// <inheritdoc/>
    public static TLanes KeySlope<TLanes, T>(TLanes query, TLanes key)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.All(0);

    /// <inheritdoc/>
    public static TLanes Finish<TLanes, T>(TLanes sum)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.WhereLess(TLanes.All(1), sum, TLanes.All(double.NegativeInfinity));

    /// <inheritdoc/>
    public static TLanes FinishSlope<TLanes, T>(TLanes sum)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.All(0);
}
