using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics.Pooling;

/// <summary>What the methods ask of a kernel.</summary>
internal static class KernelTraits<TKernel>
    where TKernel : IKernel
{
    /// <summary>Whether no key beyond some distance has a weight.</summary>
    public static bool IsBounded => !double.IsInfinity(TKernel.Support);

    /// <summary>Whether weights relative to the nearest key's fall like exp(-(r^2 - r0^2) / 2).</summary>
    public static bool IsGaussian => typeof(TKernel) == typeof(Gaussian);

    /// <summary>Whether every key weighs the same, however far it is.</summary>
    public static bool IsConstant => TKernel.Score(double.PositiveInfinity) == 0;
}
