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
    public static double Score(double squaredDistance) => squaredDistance < 1 ? 2 * double.LogP1(-squaredDistance) : double.NegativeInfinity;
}
