using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics;

/// <content>Squared weights of other samples.</content>
public sealed partial class PoolingSums
{
    /// <summary>
    /// These sums, with the squared weights of others. Where s is the weight of a sample here and sqrt s there, squares are sum s K^2, and
    /// effective neighbours 1 / sum l^2 / s.
    /// </summary>
    /// <param name="roots">Sums about the same queries, of samples whose largest weight is 1.</param>
    internal PoolingSums WithSquaresOf(PoolingSums roots)
    {
        CheckFits(roots);
        QueryRows rows = NeutralAt(_queries);
        SumLayout layout = rows.Layout;
        var merge = new RowMerge(layout, argumentScale: 0, isRelative: false, _frame.InverseBandwidths);
        double[] others = new double[layout.Length];
        for (int query = 0; query < Count; query++)
        {
            rows.Take(query, _rows, query);
            roots._rows.RowOf(query).CopyTo(others);
            merge.Move(
                others, _queries.AsSpan(query * Features, Features), roots._rows.ReferenceOf(query), rows.ReferenceOf(query));
            double factor = Math.Exp(2 * (roots._rows.Offsets[query] - rows.Offsets[query]));
            Span<double> row = rows.RowOf(query);
            for (int i = 0; i < row.Length; i++)
            {
                row[i] = layout.IsOfSquares(i) ? others[i] * factor : row[i];
            }

            rows.SquaredErrors[query] = roots._rows.SquaredErrors[query] == 0 ? 0 : roots._rows.SquaredErrors[query] * factor;
        }

        return new PoolingSums(Kernel, rows, _frame, _queries, Method, _tolerance);
    }
}
