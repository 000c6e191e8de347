using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Attention;

/// <summary>-|q - k|^2 / 2: Nadaraya-Watson kernel regression with the Gaussian, of features in bandwidths.</summary>
public readonly struct GaussianScore : IScore
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Add<TLanes, T>(TLanes sum, TLanes query, TLanes key, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes u = query - key;
        return TLanes.MultiplyAdd(u, u, sum);
    }

    /// <inheritdoc/>
    public static TLanes QuerySlope<TLanes, T>(TLanes query, TLanes key)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.All(2) * (query - key);

    /// <inheritdoc/>
    public static TLanes KeySlope<TLanes, T>(TLanes query, TLanes key)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.All(2) * (key - query);

    /// <inheritdoc/>
    public static TLanes Finish<TLanes, T>(TLanes sum)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.All(-0.5) * sum;

    /// <inheritdoc/>
    public static TLanes FinishSlope<TLanes, T>(TLanes sum)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.All(-0.5);
}
