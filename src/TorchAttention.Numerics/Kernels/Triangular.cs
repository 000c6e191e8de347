using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Kernels;

/// <summary>The triangular kernel, K(r) = 1 - r where r &lt; 1, else 0.</summary>
/// <remarks>Support: r below 1. The book's "Epanechikov".</remarks>
public readonly struct Triangular : IKernel
{
    /// <inheritdoc/>
    public static string Name => "triangular";

    /// <inheritdoc/>
    public static double Support => 1;

    /// <inheritdoc/>
    public static ReadOnlySpan<double> Polynomial => [1, -1];

    /// <inheritdoc/>
    public static double Score(double squaredDistance) => squaredDistance < 1 ? double.LogP1(-Math.Sqrt(squaredDistance)) : double.NegativeInfinity;

    /// <inheritdoc/>
    public static TLanes Weight<TLanes, T>(TLanes argument)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes one = TLanes.All(1);
        return TLanes.WhereLess(argument, one, one - TLanes.Sqrt(argument));
    }

    /// <inheritdoc/>
    public static TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        // At the query itself the slope is infinite and its u is 0; the floor keeps their product 0.
        TLanes one = TLanes.All(1);
        return TLanes.WhereLess(argument, one, one / TLanes.Sqrt(TLanes.Max(argument, TLanes.All(1e-30))));
    }
}
