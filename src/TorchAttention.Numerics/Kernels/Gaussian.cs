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
    public static double Score(double squaredDistance) => -squaredDistance / 2;
}
