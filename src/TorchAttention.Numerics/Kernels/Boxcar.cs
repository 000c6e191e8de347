using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Kernels;

/// <summary>The boxcar kernel, K(r) = 1 where r &lt; 1, else 0.</summary>
/// <remarks>Support: r below 1, the boundary left out. The book's text has r up to and including 1, its code r below 1, as here.</remarks>
public readonly struct Boxcar : IKernel
{
    /// <inheritdoc/>
    public static string Name => "boxcar";

    /// <inheritdoc/>
    public static double Support => 1;

    /// <inheritdoc/>
    public static bool HasJump => true;

    /// <inheritdoc/>
    public static ReadOnlySpan<double> Polynomial => [1];

    /// <inheritdoc/>
    public static double Score(double squaredDistance) => squaredDistance < 1 ? 0 : double.NegativeInfinity;

    /// <inheritdoc/>
    public static TLanes Weight<TLanes, T>(TLanes argument)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes one = TLanes.All(1);
        return TLanes.WhereLess(argument, one, one);
    }

    /// <inheritdoc/>
    public static TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged =>
        TLanes.All(0);
}
