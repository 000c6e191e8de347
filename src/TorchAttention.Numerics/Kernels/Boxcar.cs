namespace TorchAttention.Numerics.Kernels;

/// <summary>The boxcar kernel, K(r) = 1 where r &lt; 1, else 0.</summary>
/// <remarks>Support: r below 1, the boundary left out. The book's text has r up to and including 1, its code r below 1, as here.</remarks>
public readonly struct Boxcar : IPowerKernel<Boxcar>
{
    /// <inheritdoc/>
    public static string Name => "boxcar";

    /// <inheritdoc/>
    public static int P => 2;

    /// <inheritdoc/>
    public static int Q => 0;
}
