namespace TorchAttention.Numerics.Kernels;

/// <summary>The epanechnikov kernel, K(r) = 1 - r^2 where r &lt; 1, else 0.</summary>
/// <remarks>
/// Support: r below 1. V. A. Epanechnikov (1969). What the book calls by this name is the <see cref="Triangular"/> kernel.
/// </remarks>
public readonly struct Epanechnikov : IPowerKernel<Epanechnikov>
{
    /// <inheritdoc/>
    public static string Name => "epanechnikov";

    /// <inheritdoc/>
    public static int P => 2;

    /// <inheritdoc/>
    public static int Q => 1;
}
