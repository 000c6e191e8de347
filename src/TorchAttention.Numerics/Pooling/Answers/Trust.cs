using System.Numerics;
using System.Runtime.CompilerServices;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>When sums that were taken relative to the score 0 are as good as sums relative to the best score.</summary>
/// <remarks>
/// A Gaussian's argument is known to a few units in the last place; where even the nearest key is many bandwidths away these units are no
/// longer small, and at last the weights underflow. A kernel of bounded support has an absolute error of a few units, which is large in a
/// sum of weights from the very edge of the support.
/// </remarks>
internal static unsafe class Trust
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

    /// <summary>Takes a query's own pair away from its sums.</summary>
    /// <param name="own">The sums of the pair.</param>
    /// <param name="row">The query's.</param>
    /// <param name="length">How many there are.</param>
    /// <returns>False where too little is left of the sum of weights for its digits to be good.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool TakeAway(double* own, double* row, int length)
    {
        for (int i = 0; i < length; i++)
        {
            row[i] -= own[i];
        }

        return row[SumLayout.WeightSum] > own[SumLayout.WeightSum] / 2;
    }

    /// <summary>Whether sums over pairs have the digits that answers need.</summary>
    /// <param name="writer">The writer of the answers.</param>
    /// <param name="layout">Where its sums stand.</param>
    /// <param name="query">Which query.</param>
    /// <param name="row">Its sums.</param>
    /// <param name="leastWeightSum">What they must weigh.</param>
    /// <param name="elsewhere">What a variance must weigh, so that keys left out cannot change a plane.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool IsGood<TKernel, T>(
        AnswerWriter<TKernel, T> writer, in SumLayout layout, int query, double* row, double leastWeightSum, double elsewhere)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        bool isGood = row[SumLayout.WeightSum] >= leastWeightSum && row[SumLayout.Boundary] == 0;
        for (int i = SumLayout.Values; i < layout.Length; i++)
        {
            isGood &= double.IsFinite(row[i]);
        }

        return isGood && !(layout.HasPlanes && writer.IsDoubtful(query, row, elsewhere));
    }
}
