namespace TorchAttention.Numerics.Kernels;

/// <summary>The constant kernel, K(r) = 1.</summary>
/// <remarks>Support: everywhere. Every key weighs the same: average pooling.</remarks>
public readonly struct Constant : IKernel
{
    /// <inheritdoc/>
    public static string Name => "constant";

    /// <inheritdoc/>
    public static double Support => double.PositiveInfinity;

    /// <inheritdoc/>
    public static double Score(double squaredDistance) => 0;
}
