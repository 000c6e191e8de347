namespace TorchAttention.Numerics.Kernels;

/// <summary>The tricube kernel, K(r) = (1 - r^3)^3 where r &lt; 1, else 0.</summary>
/// <remarks>Support: r below 1. The kernel of loess.</remarks>
public readonly struct Tricube : IPowerKernel<Tricube>
{
    /// <inheritdoc/>
    public static string Name => "tricube";

    /// <inheritdoc/>
    public static int P => 3;

    /// <inheritdoc/>
    public static int Q => 3;
}
