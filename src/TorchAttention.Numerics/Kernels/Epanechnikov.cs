using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Kernels;

/// <summary>The epanechnikov kernel, K(r) = 1 - r^2 where r &lt; 1, else 0.</summary>
/// <remarks>Support: r below 1. V. A. Epanechnikov (1969). What the book calls by this name is the <see cref="Triangular"/> kernel.</remarks>
public readonly struct Epanechnikov : IKernel
{
    /// <inheritdoc/>
    public static string Name => "epanechnikov";

    /// <inheritdoc/>
    public static double Support => 1;

    /// <inheritdoc/>
    public static ReadOnlySpan<double> Polynomial => [1, 0, -1];

    /// <inheritdoc/>
    public static double Score(double squaredDistance) => squaredDistance < 1 ? double.LogP1(-squaredDistance) : double.NegativeInfinity;

    /// <inheritdoc/>
    public static TLanes Weight<TLanes, T>(TLanes argument)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes one = TLanes.All(1);
        return TLanes.WhereLess(argument, one, one - argument);
    }

    /// <inheritdoc/>
    public static TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged =>
        TLanes.WhereLess(argument, TLanes.All(1), TLanes.All(2));
}
