using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Kernels;

/// <summary>The biweight kernel, K(r) = (1 - r^2)^2 where r &lt; 1, else 0.</summary>
/// <remarks>Support: r below 1. Also called quartic.</remarks>
public readonly struct Biweight : IKernel
{
    /// <inheritdoc/>
    public static string Name => "biweight";

    /// <inheritdoc/>
    public static double Support => 1;

    /// <inheritdoc/>
    public static ReadOnlySpan<double> Polynomial => [1, 0, -2, 0, 1];

    /// <inheritdoc/>
    public static double Score(double squaredDistance) => squaredDistance < 1 ? 2 * double.LogP1(-squaredDistance) : double.NegativeInfinity;

    /// <inheritdoc/>
    public static TLanes Weight<TLanes, T>(TLanes argument)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes one = TLanes.All(1);
        TLanes inside = one - argument;
        return TLanes.WhereLess(argument, one, inside * inside);
    }

    /// <inheritdoc/>
    public static TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes one = TLanes.All(1);
        return TLanes.WhereLess(argument, one, TLanes.All(4) * (one - argument));
    }
}
