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
    public static double Score(double squaredDistance) => squaredDistance < 1 ? double.LogP1(-Math.Sqrt(squaredDistance)) : double.NegativeInfinity;
}
