using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <content>Queries of a cell from its polynomial.</content>
internal sealed unsafe partial class GaussianLine<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Evaluate(long place, double* queries, int count, in SumLayout layout, double* rows, double* local)
    {
        double centre = _cells.CentreAt(place);
        double* sums = stackalloc double[TLanes.Count];
        double* few = stackalloc double[TLanes.Count];
        for (int first = 0; first < count; first += TLanes.Count)
        {
            int here = Math.Min(TLanes.Count, count - first);
            double* source = queries + first;
            if (here < TLanes.Count)
            {
                new Span<double>(few, TLanes.Count).Fill(centre);
                new ReadOnlySpan<double>(source, here).CopyTo(new Span<double>(few, here));
                source = few;
            }

            TLanes t = (TLanes.Load(source) - TLanes.All(centre)) / TLanes.All(_bandwidth);
            if (layout.HasPlanes || layout.HasGradient)
            {
                EvaluateWithPositions(t, here, layout, rows + ((long)first * layout.Length), local);
                continue;
            }

            for (int c = 0; c <= _keys.Columns; c++)
            {
                double* coefficients = local + (c * Terms);
                TLanes sum = TLanes.All(coefficients[Terms - 1]);
                for (int k = Terms - 2; k >= 0; k--)
                {
                    sum = TLanes.MultiplyAdd(sum, t, TLanes.All(coefficients[k]));
                }

                sum.Store(sums);
                int column = c == 0 ? SumLayout.WeightSum : SumLayout.Values + c - 1;
                for (int i = 0; i < here; i++)
                {
                    rows[((long)(first + i) * layout.Length) + column] += sums[i];
                }
            }
        }
    }

    // A position p = u - t is a derivative: d/dt exp(-(t - u)^2 / 2) = (u - t) exp(-(t - u)^2 / 2), and p^2 is the second one and the
    // weight once more. For the gradient of planes two derivatives more: p^3 is the third one and 3 p, p^4 the fourth one, 6 p^2 less 3.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void EvaluateWithPositions(TLanes t, int count, in SumLayout layout, double* rows, double* local)
    {
        double* sums = stackalloc double[5 * TLanes.Count];
        bool hasPlaneGradient = layout.PlaneGradient >= 0;
        for (int c = 0; c <= _keys.Columns; c++)
        {
            double* coefficients = local + (c * Terms);
            TLanes sum = TLanes.All(coefficients[Terms - 1]);
            TLanes first = TLanes.All(0);
            TLanes halfSecond = TLanes.All(0);
            TLanes sixthThird = TLanes.All(0);
            TLanes lastFourth = TLanes.All(0);
            for (int k = Terms - 2; k >= 0; k--)
            {
                if (hasPlaneGradient)
                {
                    lastFourth = TLanes.MultiplyAdd(lastFourth, t, sixthThird);
                    sixthThird = TLanes.MultiplyAdd(sixthThird, t, halfSecond);
                }

                halfSecond = TLanes.MultiplyAdd(halfSecond, t, first);
                first = TLanes.MultiplyAdd(first, t, sum);
                sum = TLanes.MultiplyAdd(sum, t, TLanes.All(coefficients[k]));
            }

            TLanes squares = halfSecond + halfSecond + sum;
            sum.Store(sums);
            first.Store(sums + TLanes.Count);
            squares.Store(sums + (2 * TLanes.Count));
            if (hasPlaneGradient)
            {
                TLanes.MultiplyAdd(TLanes.All(6), sixthThird, TLanes.All(3) * first).Store(sums + (3 * TLanes.Count));
                (TLanes.MultiplyAdd(TLanes.All(24), lastFourth, TLanes.All(6) * squares) - (TLanes.All(3) * sum))
                    .Store(sums + (4 * TLanes.Count));
            }

            for (int i = 0; i < count; i++)
            {
                double* row = rows + ((long)i * layout.Length);
                row[c == 0 ? SumLayout.WeightSum : SumLayout.Values + c - 1] += sums[i];
                if (layout.HasPlanes)
                {
                    row[layout.Planes + (c == 0 ? 0 : 1 + c)] += sums[TLanes.Count + i];
                    row[layout.Planes + 1] += c == 0 ? sums[(2 * TLanes.Count) + i] : 0;
                }

                // The Gaussian is its own slope.
                if (layout.BandwidthGradient >= 0)
                {
                    row[layout.BandwidthGradient + c] += Gaussian.ArgumentScale * sums[(2 * TLanes.Count) + i];
                }

                if (layout.QueryGradient >= 0)
                {
                    row[layout.QueryGradient + c] -= Gaussian.ArgumentScale / _bandwidth * sums[TLanes.Count + i];
                }

                if (hasPlaneGradient)
                {
                    row[layout.PlaneGradient + (c == 0 ? 0 : 1 + c)] += Gaussian.ArgumentScale * sums[(3 * TLanes.Count) + i];
                    row[layout.PlaneGradient + 1] += c == 0 ? Gaussian.ArgumentScale * sums[(4 * TLanes.Count) + i] : 0;
                }
            }
        }
    }
}
