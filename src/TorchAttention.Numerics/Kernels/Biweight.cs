namespace TorchAttention.Numerics.Kernels;

/// <summary>The biweight kernel, K(r) = (1 - r^2)^2 where r &lt; 1, else 0.</summary>
/// <remarks>Support: r below 1. Also called quartic.</remarks>
public readonly struct Biweight : IPowerKernel<Biweight>
{
    /// <inheritdoc/>
    public static string Name => "biweight";

    /// <inheritdoc/>
    public static int P => 2;

    /// <inheritdoc/>
    public static int Q => 2;
}
