using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Kernels;

/// <summary>The tricube kernel, K(r) = (1 - r^3)^3 where r &lt; 1, else 0.</summary>
/// <remarks>Support: r below 1. The kernel of loess.</remarks>
public readonly struct Tricube : IKernel
{
    /// <inheritdoc/>
    public static string Name => "tricube";

    /// <inheritdoc/>
    public static double Support => 1;

    /// <inheritdoc/>
    public static ReadOnlySpan<double> Polynomial => [1, 0, 0, -3, 0, 0, 3, 0, 0, -1];

    /// <inheritdoc/>
    public static double Score(double squaredDistance) => squaredDistance < 1 ? 3 * double.LogP1(-squaredDistance * Math.Sqrt(squaredDistance)) : double.NegativeInfinity;

    /// <inheritdoc/>
    public static TLanes Weight<TLanes, T>(TLanes argument)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes one = TLanes.All(1);
        TLanes inside = one - argument * TLanes.Sqrt(argument);
        return TLanes.WhereLess(argument, one, inside * inside * inside);
    }

    /// <inheritdoc/>
    public static TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes one = TLanes.All(1);
        TLanes r = TLanes.Sqrt(argument);
        TLanes inside = one - argument * r;
        return TLanes.WhereLess(argument, one, TLanes.All(9) * r * (inside * inside));
    }
}
