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
    // The number of neighbours is a measure, not an answer: eight digits of it are enough.
    private const double SquaresTolerance = 100;

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
    /// <param name="layout">Where sums stand.</param>
    /// <param name="errors">What the query's may be off by.</param>
    /// <returns>False where too little is left of the sum of weights for its digits to be good.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool TakeAway(double* own, double* row, in SumLayout layout, in RowErrors errors)
    {
        for (int i = 0; i < layout.Length; i++)
        {
            row[i] -= own[i];
        }

        return row[SumLayout.WeightSum] > own[SumLayout.WeightSum] / 2
            && !(errors.SquaredWeightSum > 0 && row[SumLayout.SquaredWeightSum] <= own[SumLayout.SquaredWeightSum] / 2);
    }

    /// <summary>Whether sums have the digits that answers need.</summary>
    /// <param name="writer">The writer of the answers.</param>
    /// <param name="layout">Where its sums stand.</param>
    /// <param name="query">Which query.</param>
    /// <param name="row">Its sums.</param>
    /// <param name="leastWeightSum">What they must weigh.</param>
    /// <param name="errors">What they may be off by.</param>
    /// <param name="mergedWeightSum">What they will weigh at least once they are merged with others.</param>
    /// <param name="tolerance">How far values may be off.</param>
    /// <param name="bound">How far they may be.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool IsGood<TKernel, T>(
        AnswerWriter<TKernel, T> writer, in SumLayout layout, int query, double* row, double leastWeightSum, in RowErrors errors,
        double mergedWeightSum, double tolerance, out double bound)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        bound = 0;
        bool isGood = row[SumLayout.WeightSum] >= leastWeightSum && row[SumLayout.Boundary] == 0;
        for (int i = SumLayout.Values; i < layout.Length; i++)
        {
            isGood &= double.IsFinite(row[i]);
        }

        if (!isGood || (layout.HasPlanes && writer.IsDoubtful(query, row, errors.Elsewhere / tolerance)))
        {
            return false;
        }

        if (errors.WeightSum > 0)
        {
            double beside = Math.Max(row[SumLayout.WeightSum], mergedWeightSum);
            double growth = errors.AreInAllSums ? Growth(writer, layout, row) : 1;
            bound = 2 * growth * errors.WeightSum / beside;
            if (errors.PlaneGradientFactor > 0)
            {
                double error = errors.PlaneGradientFactor * PlaneFit.ChangeGrowth(layout, row, TKernel.ArgumentScale) * errors.WeightSum
                    / beside;
                bound = Math.Max(bound, 2 * error / PoolingOptions.PlaneGradientTolerance);
            }

            isGood = bound <= tolerance
                && !(2 * growth * errors.SquaredWeightSum / row[SumLayout.SquaredWeightSum] > SquaresTolerance * tolerance);
        }

        return isGood;
    }

    // How much further than a mean a plane may be off, or a derivative, in bandwidths: by the mean u^2 of the keys, or their mean u,
    // whatever errors the mean itself has.
    private static double Growth<TKernel, T>(AnswerWriter<TKernel, T> writer, in SumLayout layout, double* row)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (layout.HasPlanes)
        {
            return PlaneFit.Growth(layout, row);
        }

        double unit = 1 / (Math.Abs(TKernel.ArgumentScale) * row[SumLayout.WeightSum]);
        double byBandwidth = layout.BandwidthGradient < 0 ? 0 : Math.Abs(row[layout.BandwidthGradient]) * unit;
        double byQuery = layout.QueryGradient < 0 ? 0 : Math.Abs(row[layout.QueryGradient] / writer.FirstInverseBandwidth) * unit;
        return 1 + Math.Max(byBandwidth, byQuery);
    }
}
