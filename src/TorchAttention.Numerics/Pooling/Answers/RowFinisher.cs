using System.Numerics;
using System.Runtime.CompilerServices;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>The end of every method: a query's own pair is taken away, and what is good enough is written. One for each thread.</summary>
/// <param name="problem">The request.</param>
/// <param name="writer">Writes the answers.</param>
/// <param name="leastWeightSum">What weights must sum to (<see cref="Trust.LeastWeightSum"/>).</param>
internal sealed unsafe class RowFinisher<TKernel, T>(PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer, double leastWeightSum)
    : IDisposable
    where TKernel : IKernel
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly SumLayout _layout = writer.Layout;
    private int _recomputed;
    private double _errorBound;

    /// <summary>Writes a query's answers, if its sums are good for it; where not, they are to be computed with care.</summary>
    /// <param name="query">Which query.</param>
    /// <param name="row">Its sums.</param>
    /// <param name="own">The sums of the pair that it must not see; null where there is none.</param>
    /// <param name="errors">What the sums may be off by.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryFinish(int query, double* row, double* own, in RowErrors errors)
    {
        double bound = 0;
        if (writer.Rows is QueryRows rows)
        {
            rows.LeastWeightSum = leastWeightSum;
            if (rows.IsCareful || (own is not null && !Trust.TakeAway(own, row, _layout, errors)))
            {
                return false;
            }

            writer.TakeRow(query, row, errors);
            return true;
        }

        if ((own is null || Trust.TakeAway(own, row, _layout, errors))
            && Trust.IsGood(
                writer, _layout, query, row, leastWeightSum, errors, problem.MergedWeightSum, problem.Options.Tolerance, out bound))
        {
            _errorBound = Math.Max(_errorBound, bound);
            writer.Write(query, row, 0);
            return true;
        }

        _recomputed++;
        return false;
    }

    /// <summary>Takes note of how far an answer that was computed with care may be off.</summary>
    public void Bound(int query, double bound)
    {
        writer.Rows?.Bound(query, bound);
        _errorBound = Math.Max(_errorBound, bound);
    }

    /// <summary>Tells the writer what was done.</summary>
    public void Dispose() => writer.Report(_recomputed, _errorBound);
}
