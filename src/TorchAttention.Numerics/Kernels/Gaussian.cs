using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Kernels;

/// <summary>The gaussian kernel, K(r) = exp(-r^2 / 2).</summary>
/// <remarks>Support: everywhere. The chapter's kernel; h is the standard deviation of the bell.</remarks>
public readonly struct Gaussian : IKernel
{
    /// <inheritdoc/>
    public static string Name => "gaussian";

    /// <inheritdoc/>
    public static double Support => double.PositiveInfinity;

    /// <inheritdoc/>
    public static double ArgumentScale => -0.5 / 0.69314718055994530942;

    /// <inheritdoc/>
    public static (double Roughness, double SecondMoment)? Moments => (1 / (2 * Math.Sqrt(Math.PI)), 1);

    /// <inheritdoc/>
    public static double Score(double squaredDistance) => -squaredDistance / 2;

    /// <inheritdoc/>
    public static TLanes Weight<TLanes, T>(TLanes argument)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged =>
        TLanes.Exp2(argument);

    /// <inheritdoc/>
    public static TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged =>
        weight;
}
