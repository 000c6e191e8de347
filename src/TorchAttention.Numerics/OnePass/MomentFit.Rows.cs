namespace TorchAttention.Numerics.OnePass;

/// <content>Rows that are kept as rows, one by one.</content>
internal sealed partial class MomentFit
{
    // So little weight of other rows says nothing of a row: its error is an estimate.
    internal const double Lonely = 1e-10;

    // Of a line from others so is it where their spread is known to less than this.
    private const double LeastKnown = 1e-3;

    // What sums are known to that others are not asked for one by one, in a bound.
    private const double WellKnown = 1e9;

    // Rows that are a large part of their cell, or all rows of one.
    private MomentScore OfFew(int cell, KeptRow[] rows, OwnRows inSums, Scratch scratch)
    {
        var score = default(MomentScore);
        long id = _level.Ids[cell];
        double level = _level.Levels[cell];
        SumErrors errors = _sums.At(id, level, inSums, scratch.Sums);
        foreach (int row in _rows)
        {
            _basis.Interpolate(scratch.Sums.AsSpan(row * K, K), scratch.Polynomials[row]);
        }

        for (int i = 0; i < rows.Length; i++)
        {
            var sums = LocalSums.AtPlace(scratch.Polynomials, _level.PlaceIn(id, rows[i].X), _degree);
            SumErrors off = errors;
            for (int j = 0; j < rows.Length; j++)
            {
                if (j != i)
                {
                    double distance = (rows[i].X - rows[j].X) / _sums.Bandwidth;
                    double value = rows[j].Y - level;
                    double rounding = 8 * MomentSums.Rounding * sums.Add(distance, value, rows[j].Weight);
                    for (int power = 0; power < LocalSums.Certified(_degree); power++)
                    {
                        off.Add(power, rounding, rounding * Math.Abs(value), 0);
                        rounding *= Math.Abs(distance);
                    }
                }
            }

            double y = rows[i].Y - level;
            double s = rows[i].Weight;
            (double d, double a, double b) = (sums.Denominator(_degree), sums.Own(_degree), sums.Numerator(_degree));
            (double ofD, _, double ofB) = off.Of(_degree, sums.Sizes());
            bool isLonely = !(sums.S0 > Lonely * s) || (_degree > 0 && !(LeastKnown * d > ofD));
            if ((isLonely || (_isCertified && !(d > WellKnown * ofD))) && _pairs.TryFit(rows[i], scratch.Near, out RowFit fromRows))
            {
                AddFromRows(s, fromRows, ref score);
                score.Settled++;
                continue;
            }

            if (isLonely)
            {
                AskFor(scratch.Near);

                // Others are so far that their weights are told by their ratios alone.
                double alone = y + level - _far.At(rows[i].X, rows[i]);
                double withOwn = Math.Max(0, d) + (s * a);
                double part = !(sums.S0 > Lonely * s) ? 1 : LeastKnown * withOwn > ofD ? s * a / withOwn : s / (sums.S0 + s);
                score.LeaveOneOut += s * alone * alone;
                score.Residual += s * alone * alone * (1 - part) * (1 - part);
                score.Trace += part;
                score.TraceOfSquare += part;
                score.Lonely++;
                continue;
            }

            double f = b / d;
            double e = y - f;
            (double dByLog, double aByLog, double bByLog) = sums.ByLog(_degree);
            score.LeaveOneOut += s * e * e;
            score.LeaveOneOutByLog += -2 * s * e * (bByLog - (f * dByLog)) / d;
            score.KeptRows += s * Kept(d, ofD, ofB, f, e, y);

            // With the row itself: D + s A, B + s A y.
            (a, aByLog) = (s * a, s * aByLog);
            double all = d + a;
            double fit = (b + (a * y)) / all;
            double own = a / all;
            double residual = y - fit;
            score.Residual += s * residual * residual;
            score.ResidualByLog += -2 * s * residual * (bByLog + (aByLog * y) - (fit * (dByLog + aByLog))) / all;
            score.Trace += own;
            score.TraceByLog += (aByLog - (own * (dByLog + aByLog))) / all;
            sums.R0 += s;
            score.TraceOfSquare += s * sums.Squares(_degree) / (all * all);
        }

        score.Settled = inSums == OwnRows.None ? rows.Length - score.Lonely : score.Settled;
        return score;
    }

    // With the row itself e becomes (1 - H) e.
    private static void AddFromRows(double s, in RowFit fit, ref MomentScore score)
    {
        double left = 1 / (1 + (s * fit.Own));
        double own = 1 - left;
        double ownByLog = s * fit.OwnByLog * left * left;
        ownByLog = double.IsFinite(ownByLog) ? ownByLog : 0;
        score.LeaveOneOut += s * fit.Error * fit.Error;
        score.LeaveOneOutByLog += 2 * s * fit.Error * fit.ErrorByLog;
        score.KeptRows += s * ((((2 * Math.Abs(fit.Error)) + fit.Bound) * fit.Bound) + (8 * MomentSums.Rounding * fit.Error * fit.Error));
        score.Residual += s * left * fit.Error * left * fit.Error;
        score.ResidualByLog += 2 * s * left * fit.Error * ((left * fit.ErrorByLog) - (ownByLog * fit.Error));
        score.Trace += own;
        score.TraceByLog += ownByLog;
        score.TraceOfSquare += (own * own) + (s * left * left * fit.Squares);
    }

    private static double Kept(double d, double ofD, double ofB, double f, double e, double y)
    {
        double de = ((ofB + (Math.Abs(f) * ofD)) / Math.Max(d - ofD, double.Epsilon))
            + (4 * MomentSums.Rounding * (Math.Abs(f) + Math.Abs(y)));
        return (2 * Math.Abs(e) * de) + (de * de) + (8 * MomentSums.Rounding * e * e);
    }
}
