namespace TorchAttention.Numerics.OnePass;

/// <content>What the leave-one-out error of a cell is off by at most: docs/certificates.md.</content>
internal sealed partial class MomentFit
{
    // Beyond it the square of a derivative of g does not hold.
    private const double LargestOwnPart = 0.9999;

    // Each function is a quotient of polynomials, Num / Den; F~ Den - Num is one too, and known at so many nodes that it is known in
    // between.
    private void Certify(int cell, Scratch scratch, in SumErrors errors, int degree, ref MomentScore score)
    {
        double count = _level.Counts[cell];
        double squares = Math.Max(0, _level.All.Q[cell * K]);
        CellBounds bounds = BoundsOf(scratch, errors, degree);
        (double[] d, double[] b, double[] others) = (scratch.D, scratch.B, scratch.Others);
        for (int i = 0; i < others.Length; i++)
        {
            others[i] = d[i] - scratch.A[i];
        }

        double low = bounds.Low;
        double lowOthers = _basis.Least(others, OrderOf(degree));
        if (degree == 0)
        {
            // A cell's own rows weigh so much anywhere in it.
            double least = (count * Math.Exp(-2 * _sums.HalfWidth * _sums.HalfWidth)) - errors.S0;
            (low, lowOthers) = (Math.Max(low, least), Math.Max(lowOthers, least - 1));
        }

        if (!(lowOthers - bounds.OfD - bounds.OfA > 0) || !(low - bounds.OfD > 0))
        {
            score.Uncertain = 1;
            return;
        }

        double truncation = Residual(scratch.G, d, d) * squares / (lowOthers * lowOthers)
            + (2 * Residual(scratch.GF, d, b) * Math.Sqrt(squares * count) / (lowOthers * lowOthers))
            + (Residual(scratch.GFF, b, b) * count / (lowOthers * lowOthers));
        double own = OwnPart(scratch, degree, low);
        double g = Propagate(bounds with { Low = low }, own, 1, count, truncation, ref score);

        // The sums of squares are rounded to a part of their unit.
        double unit = _level.ValueUnit;
        score.RoundingError += g * 8 * MomentSums.Rounding * count * ((unit * unit) + (2 * bounds.LargestF * unit));

        // sup |F~ (D - A)^2 - num1 num2|.
        double Residual(double[] function, double[] num1, double[] num2)
        {
            double size = FitTo(function, scratch);
            double largest = 0;
            for (int i = 0; i < function.Length; i++)
            {
                double den = others[i] * others[i];
                double residual = Math.Abs((scratch.Fitted[i] * den) - (num1[i] * num2[i])) + (8 * MomentSums.Rounding * size * den);
                largest = Math.Max(largest, residual);
            }

            return _basis.Between(K - 1 + (2 * OrderOf(degree))) * largest;
        }
    }

    // The same with powers of quotients, and what the sum of powers leaves out.
    private void CertifyWeighted(
        int cell,
        Scratch scratch,
        in SumErrors errors,
        int degree,
        double heaviest,
        double most,
        double[] square,
        ref MomentScore score)
    {
        CellBounds bounds = BoundsOf(scratch, errors, degree);
        double low = bounds.Low;
        double own = low > bounds.OfD ? heaviest * OwnPart(scratch, degree, low) : double.PositiveInfinity;
        if (!(own <= most))
        {
            score.Uncertain = 1;
            return;
        }

        const int towers = MomentGrid.Towers;
        double truncation = 2 * (towers + 1) * Math.Pow(most / 4, towers) / Math.Pow(1 - most, towers + 2) * Math.Max(0, score.Residual);
        for (int m = 0; m < towers; m++)
        {
            MomentLevel.Tower tower = _level.Light[m];
            double mass = tower.M[cell * K];
            double squares = Math.Max(0, tower.Q[cell * K]);
            truncation += Math.Abs(square[m]) * ((Residual(m, 0) * squares) + (2 * Residual(m, 1) * Math.Sqrt(mass * squares))
                + (Residual(m, 2) * mass));
        }

        _ = Propagate(bounds, own, heaviest, _level.Light[0].M[cell * K], truncation, ref score);

        // Powers of weights are rounded to parts of their unit's powers.
        double unit = _level.ValueUnit;
        double ofPowers = 0;
        for (int m = towers - 1; m >= 0; m--)
        {
            ofPowers = (ofPowers * _level.Units[cell] * own / heaviest) + Math.Abs(square[m]);
        }

        score.RoundingError += ofPowers * 8 * MomentSums.Rounding * _level.Counts[cell] * _level.Units[cell]
            * ((unit * unit) + (2 * bounds.LargestF * unit) + (bounds.LargestF * bounds.LargestF));

        // sup |F~ - A^m B^k / D^(m + k)|, by the sizes beside the least D.
        double Residual(int m, int k)
        {
            (double[] d, double[] function) = (scratch.D, scratch.Others);
            for (int i = 0; i < d.Length; i++)
            {
                function[i] = Math.Pow(scratch.Own[i], m) * Math.Pow(scratch.F[i], k);
            }

            double size = FitTo(function, scratch);
            double largest = 0;
            for (int i = 0; i < d.Length; i++)
            {
                double den = Math.Pow(d[i] / low, m + k);
                double num = Math.Pow(scratch.A[i] / low, m) * Math.Pow(scratch.B[i] / low, k);
                double rounding = 8 * (m + k + 1) * MomentSums.Rounding * size * den;
                largest = Math.Max(largest, Math.Abs((scratch.Fitted[i] * den) - num) + rounding);
            }

            return _basis.Between(K - 1 + ((m + k) * OrderOf(degree))) * largest;
        }
    }

    // What sums that are off do to the curve and from there to the error; 1 / (1 - H)^2 at most.
    private double Propagate(
        in CellBounds bounds, double own, double heaviest, double weight, double truncation, ref MomentScore score)
    {
        double known = bounds.Low - bounds.OfD;
        double f = (bounds.OfB + (_basis.Between(K - 1) * bounds.LargestF * bounds.OfD)) / known;
        double mostOwn = own + (((heaviest * bounds.OfA) + (own * bounds.OfD)) / known);
        double left = 1 - Math.Min(mostOwn, LargestOwnPart);
        double g = 1 / (left * left);
        double ratio = (1 - own) / left;
        double error = Math.Max(score.LeaveOneOut, 0) + truncation;
        score.Uncertain = mostOwn < LargestOwnPart ? 0 : 1;
        score.Truncation = truncation;
        score.Propagation = (2 * f * Math.Sqrt(g * weight * error)) + (g * weight * f * f) + (Math.Max(0, (ratio * ratio) - 1) * error);
        return g;
    }

    private CellBounds BoundsOf(Scratch scratch, in SumErrors errors, int degree)
    {
        (double ofD, double ofA, double ofB) = errors.Of(degree, LocalSums.Largest(scratch.Values, _basis.Between(K - 1)));
        return new CellBounds(_basis.Least(scratch.D, OrderOf(degree)), scratch.F.Max(Math.Abs), ofD, ofA, ofB);
    }

    // The degree of the polynomials D, A and B, of which f and H are quotients.
    private int OrderOf(int degree) => (degree + 1) * (K - 1);

    // The most that a row's own part H = A / D is anywhere.
    private double OwnPart(Scratch scratch, int degree, double low)
    {
        if (degree == 0)
        {
            return 1 / low;
        }

        double size = FitTo(scratch.Own, scratch);
        double residual = 0;
        (double least, double most) = (double.PositiveInfinity, 0);
        for (int i = 0; i < scratch.Fitted.Length; i++)
        {
            double off = Math.Abs((scratch.Fitted[i] * scratch.D[i]) - scratch.A[i]) + (8 * MomentSums.Rounding * size * scratch.D[i]);
            residual = Math.Max(residual, off);
            (least, most) = (Math.Min(least, scratch.Fitted[i]), Math.Max(most, scratch.Fitted[i]));
        }

        return ((most + least) / 2) + (_basis.Between(K - 1) * (most - least) / 2)
            + (_basis.Between(K - 1 + OrderOf(degree)) * residual / low);
    }

    private double FitTo(double[] function, Scratch scratch)
    {
        _basis.Fit(function, scratch.Polynomial);
        _basis.Evaluate(scratch.Polynomial, scratch.Fitted);
        double size = 0;
        foreach (double coefficient in scratch.Polynomial)
        {
            size += Math.Abs(coefficient);
        }

        return size;
    }

    /// <summary>What holds anywhere in a cell.</summary>
    /// <param name="Low">The least D.</param>
    /// <param name="LargestF">The largest size of f.</param>
    /// <param name="OfD">What D is off by at most.</param>
    /// <param name="OfA">That of A.</param>
    /// <param name="OfB">That of B.</param>
    private readonly record struct CellBounds(double Low, double LargestF, double OfD, double OfA, double OfB);
}
