using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics.Engine.Exact;

/// <summary>When sums that were taken relative to the score 0 are as good as sums relative to the best score.</summary>
/// <remarks>
/// A Gaussian's argument is known to a few units in the last place; where even the nearest key is many bandwidths away these units are no
/// longer small, and at last the weights underflow. A kernel of bounded support has an absolute error of a few units, which is large in a
/// sum of weights from the very edge of the support.
/// </remarks>
internal static class Trust
{
    /// <summary>The least sum of weights, relative to the largest sample weight, to be trusted.</summary>
    /// <param name="squares">Whether the squares of the weights are summed as well.</param>
    public static double LeastWeightSum<TKernel, T>(bool squares)
        where TKernel : IKernel
    {
        bool single = typeof(T) == typeof(float);
        return !KernelTraits<TKernel>.IsBounded
            ? (single ? 1.0 / (1 << 12) : (squares ? 1e-135 : 1e-270))
            : (single ? 1.0 / 4 : 1.0 / 1024);
    }
}
