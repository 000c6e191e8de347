namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// A row's leave-one-out fit from the other rows themselves, by weights relative to the largest: however far they are and however close
/// together, rounding is all that the answer is off by. docs/certificates.md.
/// </summary>
/// <remarks>
/// With l_j the part that row j has in the fit and r_j its residual from it, f changes by l_j r_j with log w_j. That gives the derivative
/// by log h, with which log w_j changes by v_j^2, and what the rounding of weights does.
/// </remarks>
/// <param name="rows">The rows.</param>
/// <param name="h">The bandwidth.</param>
/// <param name="degree">0 for means, 1 for lines.</param>
internal sealed class RowPairs(RowsAtHand rows, double h, int degree)
{
    // In u: an exponential; a sum with compensation and the products in it.
    private const double ExponentialError = 8;
    private const double SumError = 16;

    // What is left out, beside the size of all values.
    private const double Beyond = 1e-17;

    /// <summary>The fit at a row's key without it.</summary>
    /// <param name="row">The row.</param>
    /// <param name="near">What the thread gathers rows in.</param>
    /// <param name="fit">The fit.</param>
    /// <returns>False where rows that count are not at hand.</returns>
    public bool TryFit(KeptRow row, NearRows near, out RowFit fit)
    {
        bool isWhole = near.Gather(rows, row, h, degree);
        fit = isWhole ? Fit(row, near) : default;
        return isWhole;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private RowFit Fit(KeptRow row, NearRows near)
    {
        ReadOnlySpan<KeptRow> others = near.Rows;
        Span<double> along = near.Along;
        Span<double> weights = near.Weights;
        KeptRow top = near.Top;
        double toTop = (top.X - row.X) / h;

        // Weights beside the top row's: v_j^2 - v_top^2 without subtracting squares.
        double second = double.NegativeInfinity;
        for (int j = 0; j < others.Length; j++)
        {
            along[j] = (others[j].X - top.X) / h;
            weights[j] = -0.5 * along[j] * (((others[j].X - row.X) / h) + toTop);
            second = IsAtTop(along[j]) ? second : Math.Max(second, weights[j]);
        }

        // Rows at the top row's place, and all others: however little these weigh, they say the slope. A mean has one group.
        second = double.IsNegativeInfinity(second) ? 0 : second;
        (Group atTop, Group apart) = (default, default);
        for (int j = 0; j < others.Length; j++)
        {
            bool isAtTop = IsAtTop(along[j]);
            weights[j] = others[j].Weight * Math.Exp(weights[j] - (isAtTop ? 0 : second));
            ref Group group = ref isAtTop ? ref atTop : ref apart;
            group.Add(weights[j], along[j], others[j].Y - top.Y);
        }

        (double place, double value) = (apart.MeanPlace, apart.MeanValue);
        (Compensated spread, Compensated both) = (default, default);
        for (int j = 0; j < others.Length; j++)
        {
            if (!IsAtTop(along[j]))
            {
                spread.Add(weights[j] * (along[j] - place) * (along[j] - place));
                both.Add(weights[j] * (along[j] - place) * (others[j].Y - top.Y - value));
            }
        }

        double unit = Math.Exp(second);
        double apartWeight = unit * apart.Weight;
        double all = atTop.Weight + apartWeight;
        double share = atTop.Weight / all * apart.Weight;
        double lever = spread.Sum + (share * place * place);
        double slope = lever > 0 ? (both.Sum + (share * place * (value - atTop.MeanValue))) / lever : 0;
        double centre = apartWeight / all * place;
        double mean = atTop.MeanValue + (apartWeight / all * (value - atTop.MeanValue));
        double from = lever > 0 ? -toTop - centre : 0;
        double fit = mean + (slope * from);
        (Compensated byLog, Compensated squares, Compensated bound) = (default, default, default);
        (Compensated ownByLogAtTop, Compensated ownByLogApart) = (default, default);
        for (int j = 0; j < others.Length; j++)
        {
            bool isAtTop = IsAtTop(along[j]);
            double ofMean = weights[j] * (isAtTop ? 1 : unit) / all;
            double ofSlope = lever > 0 ? from * weights[j] / lever * (isAtTop ? -apart.Weight / all * place : along[j] - centre) : 0;
            double part = ofMean + ofSlope;
            double distance = (others[j].X - row.X) / h;
            double y = others[j].Y - top.Y;
            double fitted = mean + (slope * (along[j] - centre));
            byLog.Add(part * (y - fitted) * (distance - toTop) * (distance + toTop));
            squares.Add(part * part / others[j].Weight);
            double relative = weights[j] > 0 ? part / weights[j] * part * distance * distance : 0;
            (isAtTop ? ref ownByLogAtTop : ref ownByLogApart).Add(relative);
            double ofWeight = ExponentialError + (4 * Math.Abs(along[j]) * (Math.Abs(distance) + Math.Abs(toTop)));
            double ofSums = SumError * (Math.Abs(y) + Math.Abs(fitted) + Math.Abs(slope * along[j]));
            bound.Add((Math.Abs(ofMean) + Math.Abs(ofSlope)) * ((ofWeight * Math.Abs(y - fitted)) + ofSums));
        }

        double scale = Math.Exp(0.5 * toTop * toTop);
        double error = row.Y - top.Y - fit;

        // The row and one place beside it are a line through both.
        double lineOwn = lever > 0 ? from / lever * from / unit : degree > 0 && toTop != 0 ? double.PositiveInfinity : 0;
        return new RowFit(
            error,
            -byLog.Sum,
            (MomentSums.Rounding * (bound.Sum + (4 * (Math.Abs(row.Y - top.Y) + Math.Abs(fit)))))
                + (Beyond * (rows.Size + Math.Abs(error))),
            scale * ((1 / all) + lineOwn),
            -scale * (ownByLogAtTop.Sum + (ownByLogApart.Sum / unit)),
            squares.Sum);
    }

    private bool IsAtTop(double along) => degree == 0 || along == 0;

    /// <summary>Rows of which the mean place and the mean value are asked for.</summary>
    private struct Group
    {
        private Compensated _weights, _places, _values;

        public readonly double Weight => _weights.Sum;

        public readonly double MeanPlace => Weight > 0 ? _places.Sum / Weight : 0;

        public readonly double MeanValue => Weight > 0 ? _values.Sum / Weight : 0;

        public void Add(double weight, double place, double value)
        {
            _weights.Add(weight);
            _places.Add(weight * place);
            _values.Add(weight * value);
        }
    }
}
