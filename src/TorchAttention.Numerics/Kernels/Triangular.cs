namespace TorchAttention.Numerics.Kernels;

/// <summary>The triangular kernel, K(r) = 1 - r where r &lt; 1, else 0.</summary>
/// <remarks>Support: r below 1. The book's "Epanechikov".</remarks>
public readonly struct Triangular : IPowerKernel<Triangular>
{
    /// <inheritdoc/>
    public static string Name => "triangular";

    /// <inheritdoc/>
    public static int P => 1;

    /// <inheritdoc/>
    public static int Q => 1;
}
