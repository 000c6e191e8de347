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
    public static double Score(double squaredDistance) => squaredDistance < 1 ? 3 * double.LogP1(-squaredDistance * Math.Sqrt(squaredDistance)) : double.NegativeInfinity;
}
