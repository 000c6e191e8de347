using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>The sums of means and planes by the Gaussian.</summary>
/// <inheritdoc cref="GaussianCells{TLanes}" path="/remarks"/>
internal sealed unsafe class GaussianLine<TLanes>(LineKeys keys, double bandwidth, double tolerance, in SumLayout layout, Work work)
    : GaussianCells<TLanes>(keys, bandwidth, PrecisionFor(tolerance, layout), work), ILineSums
    where TLanes : struct, ILanes<TLanes, double>
{
    // The rounding and the truncation of one pair in a sum, relative to the weight 1.
    private const double PairError = 2e-15;
    private const double PlanePairError = 2e-14;

    // 16 terms know the second derivative to fewer digits.
    private const double GradientPairError = 2e-13;

    // The square of a position at the reach, which is what a key beyond it counts in the sums for planes and gradients: r^2 exp(-r^2 / 2)
    // falls from there on.
    private const double FarPositions = 200;
    private const double FarFourthPowers = FarPositions * FarPositions;

    private readonly SumLayout _layout = layout;
    private readonly double _scale = Gaussian.ArgumentScale / (bandwidth * bandwidth);

    /// <inheritdoc/>
    public double PlaneGradientError => 3;

    protected override int RowLength => _layout.Length;

    protected override int BufferLength => DirectRun<Gaussian, TLanes>.BufferLength;

    protected override void AddPairs(int firstKey, int endKey, double* queries, int count, double* rows, double* buffers)
    {
        double scale = _scale;
        for (int i = 0; i < count; i++)
        {
            DirectRun<Gaussian, TLanes>.Add(
                Keys, firstKey, endKey, _layout, queries + i, &scale, buffers, rows + ((long)i * _layout.Length));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void Evaluate(TLanes t, int count, double* rows, double* local)
    {
        if (_layout.HasPlanes || _layout.HasGradient)
        {
            EvaluateWithPositions(t, count, rows, local);
            return;
        }

        double* sums = stackalloc double[TLanes.Count];
        for (int c = 0; c <= Keys.Columns; c++)
        {
            double* coefficients = local + (c * Terms);
            TLanes sum = TLanes.All(coefficients[Terms - 1]);
            for (int k = Terms - 2; k >= 0; k--)
            {
                sum = TLanes.MultiplyAdd(sum, t, TLanes.All(coefficients[k]));
            }

            sum.Store(sums);
            int column = c == 0 ? SumLayout.WeightSum : SumLayout.Values + c - 1;
            for (int i = 0; i < count; i++)
            {
                rows[((long)i * _layout.Length) + column] += sums[i];
            }
        }
    }

    private static CellPrecision PrecisionFor(double tolerance, in SumLayout layout)
    {
        bool hasPlanes = layout.HasPlanes;
        return new CellPrecision(
            tolerance,
            Far: layout.PlaneGradient >= 0 ? FarFourthPowers : hasPlanes || layout.HasGradient ? FarPositions : 1,
            hasPlanes ? PlanePairError : layout.HasGradient ? GradientPairError : PairError,
            Terms: hasPlanes ? 24 : 16,
            TermsOfWide: 24,
            MayBeWide: !hasPlanes);
    }

    // A position p = u - t is a derivative: d/dt exp(-(t - u)^2 / 2) = (u - t) exp(-(t - u)^2 / 2), and p^2 is the second one and the
    // weight once more. For the gradient of planes two derivatives more: p^3 is the third one and 3 p, p^4 the fourth one, 6 p^2 less 3.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void EvaluateWithPositions(TLanes t, int count, double* rows, double* local)
    {
        SumLayout layout = _layout;
        double* sums = stackalloc double[5 * TLanes.Count];
        bool hasPlaneGradient = layout.PlaneGradient >= 0;
        for (int c = 0; c <= Keys.Columns; c++)
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
                    row[layout.QueryGradient + c] -= Gaussian.ArgumentScale / Bandwidth * sums[TLanes.Count + i];
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
