using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Answers;

/// <content>Planes.</content>
internal sealed unsafe partial class AnswerWriter<TKernel, T>
{
    // The part of a squared distance that a variance must be, so that the rounding of the distance leaves it its digits.
    private const double LeastPart = 1e-4;
    private const double LeastPartOfSingle = 0.1;

    // The squared bandwidths that a variance must be, where a key may stand at the very end of a kernel's support: its weight is rounding.
    private const double LeastVariance = 1e-7;
    private const double LeastVarianceOfSingle = 1e-4;
    private const double BeforeTheEnd = 0.999;

    // What a variance must weigh, so that the squares of its weights are numbers.
    private const double LeastWeight = 1e-140;
    private const double LeastWeightOfSingle = 1e-12;

    /// <summary>What planes ask of all keys at once.</summary>
    public PlaneKeys Planes => _frame.Planes;

    /// <summary>Whether a query's sums about itself determine a plane to too few digits, or not at all.</summary>
    /// <param name="query">Which query.</param>
    /// <param name="row">Its sums.</param>
    /// <param name="weight">What a variance must weigh at least, so that keys left out of the sums cannot change it.</param>
    public bool IsDoubtful(int query, double* row, double weight)
    {
        bool isSingle = typeof(T) == typeof(float);
        double part = isSingle ? LeastPartOfSingle : LeastPart;
        double variance = !KernelTraits<TKernel>.IsBounded ? 0 : isSingle ? LeastVarianceOfSingle : LeastVariance;
        weight = Math.Max(weight, isSingle ? LeastWeightOfSingle : LeastWeight);
        return IsDoubtful(row, part, variance, weight, isCertain: false)
            && !(KernelTraits<TKernel>.IsBounded && AreKeysBeforeTheEnd(query) && !IsDoubtful(row, part, 0, weight, isCertain: false));
    }

    /// <summary>The same of sums in float64 about the nearest key, without the keys at the very end of the support.</summary>
    /// <inheritdoc cref="IsDoubtful(int, double*, double)" path="/param"/>
    public bool IsDoubtful(double* row, double weight) =>
        IsDoubtful(row, LeastPart, 0, Math.Max(weight, LeastWeight), isCertain: KernelTraits<TKernel>.IsBounded);

    private bool IsDoubtful(double* row, double part, double variance, double weight, bool isCertain)
    {
        double* memory = stackalloc double[PlaneFit.MemoryFor(_frame.Features)];
        bool areOpen = Planes.AreOpen;
        bool isDoubtful = new PlaneFit(Layout, row, Planes, memory).IsDoubtful(part, variance, weight, isCertain);
        return isDoubtful && !areOpen && Planes.LookForOpen()
            ? new PlaneFit(Layout, row, Planes, memory).IsDoubtful(part, variance, weight, isCertain)
            : isDoubtful;
    }

    private bool AreKeysBeforeTheEnd(int query)
    {
        Span<double> place = stackalloc double[_frame.Features];
        for (int j = 0; j < place.Length; j++)
        {
            place[j] = double.CreateTruncating(_queries[((long)query * place.Length) + j]);
        }

        return Planes.AreWithin(place, BeforeTheEnd);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WritePlane(int query, double* row, double offset, double* reference)
    {
        int features = _frame.Features;
        SumLayout layout = Layout;
        double* memory = stackalloc double[PlaneFit.MemoryFor(features)];
        var fit = new PlaneFit(layout, row, Planes, memory);
        if (reference is not null)
        {
            for (int j = 0; j < features; j++)
            {
                double difference = double.CreateTruncating(_queries[((long)query * features) + j]) - reference[j];
                fit.Position[j] = difference * Math.Abs(_frame.InverseBandwidths[j]);
            }
        }

        fit.Solve();
        WritePlane(query, fit, offset, reference);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WritePlane<TPlane>(int query, TPlane fit, double offset, double* reference)
        where TPlane : IPlane, allows ref struct
    {
        int features = _frame.Features;
        int columns = _frame.Columns;
        Set(IsLevel, query, fit.IsLevel);
        for (int c = 0; c < columns; c++)
        {
            Values[((long)query * columns) + c] = T.CreateTruncating(
                _frame.Centres[c] + (_frame.HalfRanges[c] * fit.Height(c)));
        }

        if (OwnWeight is not null)
        {
            OwnWeight[query] = T.CreateTruncating(fit.OwnWeight * OwnWeightOf(1, offset));
        }

        if (EffectiveNeighbours is not null)
        {
            EffectiveNeighbours[query] = T.CreateTruncating(1 / fit.SquaredWeights());
        }

        for (int j = 0; OwnWeightGradient is not null && j < features; j++)
        {
            // Relative to the nearest key's weight; that this changes as well comes on top.
            double square = NearestSquare(query, reference, j);
            double gradient = -(fit.OwnWeightChange(j) / TKernel.ArgumentScale) + (fit.OwnWeight * square);
            OwnWeightGradient[((long)query * features) + j] = T.CreateTruncating(PerInverseBandwidth(gradient, j) * OwnWeightOf(1, offset));
        }

        for (int c = 0; (Slopes is not null || InverseBandwidthGradient is not null) && c < columns; c++)
        {
            fit.SolveSlopes(c);
            for (int j = 0; j < features; j++)
            {
                long at = ((((long)query * columns) + c) * features) + j;
                if (Slopes is not null)
                {
                    Slopes[at] = T.CreateTruncating(
                        fit.Slope(j) * _frame.HalfRanges[c] * Math.Abs(_frame.InverseBandwidths[j]));
                }

                if (InverseBandwidthGradient is not null)
                {
                    InverseBandwidthGradient[at] =
                        T.CreateTruncating(
                            PerInverseBandwidth(-fit.HeightChange(j, c) / TKernel.ArgumentScale, j) * _frame.HalfRanges[c]);
                }
            }
        }
    }
}
