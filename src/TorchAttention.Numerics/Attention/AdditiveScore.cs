using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Attention;

/// <summary>w . tanh(q + k), of queries and keys that are projected to the same hidden length; w learns: additive attention.</summary>
public readonly struct AdditiveScore : IScore
{
    // 2 log2(e)
    private const double TwiceLog2E = 2.8853900817779268147;

    /// <inheritdoc/>
    public static bool HasWeights => true;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Add<TLanes, T>(TLanes sum, TLanes query, TLanes key, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.MultiplyAdd(weight, Tanh<TLanes, T>(query + key), sum);

    /// <inheritdoc/>
    public static TLanes QuerySlope<TLanes, T>(TLanes query, TLanes key)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes tanh = Tanh<TLanes, T>(query + key);
        return TLanes.All(1) - (tanh * tanh);
    }

    /// <inheritdoc/>
    public static TLanes KeySlope<TLanes, T>(TLanes query, TLanes key)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => QuerySlope<TLanes, T>(query, key);

    private static TLanes Tanh<TLanes, T>(TLanes x)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes zero = TLanes.All(0);
        TLanes power = TLanes.Exp2(TLanes.Max(x, zero - x) * TLanes.All(-TwiceLog2E));
        TLanes size = (TLanes.All(1) - power) / (TLanes.All(1) + power);
        return size - TLanes.WhereLess(x, zero, size + size);
    }
}
