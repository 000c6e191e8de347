using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Loops;

/// <summary>Counts the pairs that stand so near to where a kernel jumps that rounding could put them on the wrong side.</summary>
/// <typeparam name="T">float or double.</typeparam>
internal static class Boundary<T>
    where T : unmanaged
{
    /// <summary>1 where the argument is within a few units in the last place of 1, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Near<TLanes>(TLanes argument)
        where TLanes : struct, ILanes<TLanes, T>
    {
        TLanes one = TLanes.All(1);
        TLanes away = argument - one;
        return TLanes.WhereLess(away * away, TLanes.All(typeof(T) == typeof(float) ? 1e-12 : 1e-29), one);
    }
}
