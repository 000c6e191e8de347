namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The leave-one-out error of one bandwidth and what belongs to it, from moments: in a cell of many rows a scalar product of the moments
/// with polynomials for g, g f and g f^2, where g = 1 / (1 - H)^2 and H a row's own part; in a cell of few rows one by one.
/// </summary>
internal sealed class MomentFit
{
    // So little weight of other rows says nothing of a row: its error is an estimate.
    private const double Lonely = 1e-10;

    // Of a line from others so is it where their spread is known to less than this.
    private const double LeastKnown = 1e-3;

    // Of a row's own part anywhere in a cell.
    private const double LeastKnownOfOwn = 1e-6;

    // By how much the spread of the rows in reach may vary within a cell for polynomials to follow.
    private const double MostVaried = 1e4;

    // So little is left for others of a row somewhere in a cell, were there one: 1 / (1 - H)^2 is no polynomial then.
    private const double LeastLeft = 0.02;

    // With weights it is a sum of few powers, which holds no longer much earlier.
    private const double LeastLeftOfWeighted = 0.5;

    // A row's own part anywhere in a cell beside that at the nodes.
    private const double OwnMargin = 1.05;

    // Beyond it the square of a derivative of g does not hold.
    private const double LargestOwnPart = 0.9999;

    private readonly MomentLevel _level;
    private readonly MomentSums _sums;
    private readonly FarSums _far;
    private readonly int _degree;
    private readonly bool _isCertified;
    private readonly CellBasis _basis;
    private readonly int[] _rows;

    // The degree of the polynomials of which f and H are quotients.
    private readonly int _order;

    /// <summary>Prepares a bandwidth.</summary>
    /// <param name="level">The moments, in cells that are not much wider than the bandwidth.</param>
    /// <param name="h">The bandwidth.</param>
    /// <param name="degree">0 for means, 1 for lines.</param>
    /// <param name="isCertified">Whether bounds and tr H'H are asked for, or derivatives by log h.</param>
    public MomentFit(MomentLevel level, double h, int degree, bool isCertified)
    {
        _level = level;
        _degree = degree;
        _isCertified = isCertified;
        _basis = !isCertified ? CellBasis.Quick(level.K) : level.HasWeights ? CellBasis.OfPowers(level.K) : CellBasis.Proving(level.K);
        _rows = LocalSums.RowsOf(degree, isCertified);
        _order = (degree + 1) * (level.K - 1);
        _sums = new MomentSums(level, h, degree, isCertified);
        _far = new FarSums(level, h, degree);
    }

    private int K => _level.K;

    /// <summary>The score of all rows.</summary>
    public MomentScore Score(int? threads, CancellationToken cancellationToken)
    {
        var scores = new MomentScore[_level.Count];
        Parallel.For(
            0,
            _level.Count,
            new ParallelOptions { MaxDegreeOfParallelism = threads ?? -1, CancellationToken = cancellationToken },
            () => new Scratch(K, _basis.Nodes),
            (i, _, scratch) =>
            {
                scores[i] = (_level.HasLight(i) ? OfMany(i, scratch) : default)
                    + (_level.Rows[i].Length > 0 ? OfFew(i, scratch) : default);
                return scratch;
            },
            _ => { });
        var sum = default(MomentScore);
        double size = 0;
        foreach (ref readonly MomentScore score in scores.AsSpan())
        {
            sum += score;
            size += Math.Abs(score.LeaveOneOut);
        }

        sum.RoundingError += 4 * MomentSums.Rounding * Math.Log2(_level.Count + 2) * size;
        return sum;
    }

    // Where rows lie so that lines have no digits, only a mean is left; nothing is proved of it.
    private MomentScore OfMany(int cell, Scratch scratch)
    {
        MomentScore score = OfMany(cell, scratch, _degree);
        bool isSane = score.LeaveOneOut >= 0 && score.Residual >= 0 && score.Trace >= 0 && score.Trace <= _level.LightRows[cell * K];
        return isSane || _degree == 0 ? score : OfMany(cell, scratch, 0) with { Uncertain = 1 };
    }

    private MomentScore OfMany(int cell, Scratch scratch, int degree)
    {
        var score = default(MomentScore);
        SumErrors errors = _sums.At(_level.Ids[cell], _level.Levels[cell], withKept: true, scratch.Sums);
        foreach (int row in _rows)
        {
            _basis.Interpolate(scratch.Sums.AsSpan(row * K, K), scratch.Polynomial);
            _basis.Evaluate(scratch.Polynomial, scratch.Values[row]);
        }

        int nodes = _basis.Nodes;
        if (degree > 0)
        {
            (double least, double most, double mostOwn) = (double.PositiveInfinity, 0, 0);
            for (int i = 0; i < nodes; i++)
            {
                var sums = LocalSums.At(scratch.Values, i, degree);
                double d = sums.Denominator(degree);
                (least, most, mostOwn) = (Math.Min(least, d), Math.Max(most, d), Math.Max(mostOwn, sums.Own(degree) / d));
            }

            // Where all rows in reach lie nearly in one place, lines next to it are no polynomial, or one without digits at the rows.
            double ofD = errors.Of(degree, LocalSums.Largest(scratch.Values, 1)).D;
            if (!(most < MostVaried * least) || !(ofD * Math.Max(1, mostOwn) < LeastKnownOfOwn * least))
            {
                return new MomentScore { Trace = double.NaN };
            }
        }

        // The heaviest row that is not kept as one.
        double heaviest = _level.HasWeights ? _level.Weights[cell] / _level.MostKept : 1;
        bool hasPole = false;
        for (int i = 0; i < nodes; i++)
        {
            var sums = LocalSums.At(scratch.Values, i, _degree);
            (double d, double a, double b) = (sums.Denominator(degree), sums.Own(degree), sums.Numerator(degree));
            (double dByLog, double aByLog, double bByLog) = sums.ByLog(degree);
            double f = b / d;
            double own = a / d;
            hasPole |= !(1 - (OwnMargin * heaviest * own) > (_level.HasWeights ? LeastLeftOfWeighted : LeastLeft));
            double g = 1 / ((1 - own) * (1 - own));
            double fByLog = (bByLog - (f * dByLog)) / d;
            double ownByLog = (aByLog - (own * dByLog)) / d;
            double gByLog = 2 * g / (1 - own) * ownByLog;
            (scratch.F[i], scratch.FF[i], scratch.Own[i]) = (f, f * f, own);
            (scratch.FByLog[i], scratch.FFByLog[i], scratch.OwnByLog[i]) = (fByLog, f * fByLog, ownByLog);
            (scratch.G[i], scratch.GF[i], scratch.GFF[i]) = (g, g * f, g * f * f);
            scratch.GByLog[i] = gByLog;
            scratch.GFByLog[i] = (g * fByLog) + (f * gByLog);
            scratch.GFFByLog[i] = (f * f * gByLog) + (2 * f * fByLog * g);
            scratch.Squares[i] = _isCertified ? sums.Squares(degree) / (d * d) : 0;
            (scratch.D[i], scratch.A[i], scratch.B[i]) = (d, a, b);
        }

        MomentLevel.Tower light = _level.Light[0];
        ReadOnlySpan<double> m = light.M.AsSpan(cell * K, K);
        ReadOnlySpan<double> v = light.V.AsSpan(cell * K, K);
        ReadOnlySpan<double> q = light.Q.AsSpan(cell * K, K);
        var ignored = default(MomentScore);
        score.Residual = q[0] + Product(scratch, scratch.F, v, -2, ref ignored) + Product(scratch, scratch.FF, m, 1, ref ignored);
        score.Trace = Product(scratch, scratch.Own, m, 1, ref ignored);
        if (!_isCertified)
        {
            score.ResidualByLog = Product(scratch, scratch.FByLog, v, -2, ref ignored)
                + Product(scratch, scratch.FFByLog, m, 2, ref ignored);
            score.TraceByLog = Product(scratch, scratch.OwnByLog, m, 1, ref ignored);
        }

        score.TraceOfSquare = _isCertified ? Product(scratch, scratch.Squares, _level.LightRows.AsSpan(cell * K, K), 1, ref ignored) : 0;
        if (hasPole)
        {
            // Each row has its share of the cell's own parts: an estimate.
            double count = _level.LightRows[cell * K];
            double share = Math.Max(LeastLeft, 1 - (score.Trace / count));
            score.LeaveOneOut = score.Residual / (share * share);
            score.LeaveOneOutByLog = (score.ResidualByLog + (2 * score.Residual / share * (score.TraceByLog / count))) / (share * share);
            score.Uncertain = 1;
            return score;
        }

        if (_level.HasWeights)
        {
            OfWeights(cell, scratch, heaviest, errors, degree, ref score);
            return score;
        }

        score.LeaveOneOut = Product(scratch, scratch.G, q, 1, ref score) + Product(scratch, scratch.GF, v, -2, ref score)
            + Product(scratch, scratch.GFF, m, 1, ref score);
        if (!_isCertified)
        {
            score.LeaveOneOutByLog = Product(scratch, scratch.GByLog, q, 1, ref ignored)
                + Product(scratch, scratch.GFByLog, v, -2, ref ignored) + Product(scratch, scratch.GFFByLog, m, 1, ref ignored);
        }
        else if (degree == _degree)
        {
            Certify(cell, scratch, errors, ref score);
        }

        return score;
    }

    // 1 / (1 - H)^2 of a row's own part H = s A / D as a sum of powers of s, each with moments of its own.
    private void OfWeights(int cell, Scratch scratch, double heaviest, in SumErrors errors, int degree, ref MomentScore score)
    {
        var ignored = default(MomentScore);
        double most = OwnMargin * heaviest * scratch.Own.Max();
        double[] square = PowersOf(most, h => 1 / ((1 - h) * (1 - h)));
        double[] cube = PowersOf(most, h => 2 / ((1 - h) * (1 - h) * (1 - h)));
        (double[] f, double[] ff, double[] own) = (scratch.F, scratch.FF, scratch.Own);
        double[] power = scratch.A;
        double[] of = scratch.Others;
        Array.Fill(power, 1);
        for (int m = 0; m < MomentGrid.Towers; m++)
        {
            MomentLevel.Tower tower = _level.Light[m];
            ReadOnlySpan<double> masses = tower.M.AsSpan(cell * K, K);
            ReadOnlySpan<double> sums = tower.V.AsSpan(cell * K, K);
            ReadOnlySpan<double> squares = tower.Q.AsSpan(cell * K, K);
            score.LeaveOneOut += Product(scratch, power, squares, square[m], ref score)
                + Product(scratch, Times(power, f), sums, -2 * square[m], ref score)
                + Product(scratch, Times(power, ff), masses, square[m], ref score);
            score.LeaveOneOutByLog += Product(scratch, Times(power, scratch.FByLog), sums, -2 * square[m], ref ignored)
                + Product(scratch, Times(power, scratch.FFByLog), masses, 2 * square[m], ref ignored);
            if (m > 0)
            {
                // The derivative of H has a power of s more.
                for (int i = 0; i < own.Length; i++)
                {
                    scratch.Fitted[i] = power[i] / own[i] * scratch.OwnByLog[i];
                }

                score.LeaveOneOutByLog += Product(scratch, scratch.Fitted, squares, cube[m - 1], ref ignored)
                    + Product(scratch, Times(scratch.Fitted, f), sums, -2 * cube[m - 1], ref ignored)
                    + Product(scratch, Times(scratch.Fitted, ff), masses, cube[m - 1], ref ignored);
            }

            for (int i = 0; i < own.Length; i++)
            {
                power[i] *= own[i];
            }
        }

        if (_isCertified && degree == _degree)
        {
            CertifyWeighted(cell, scratch, heaviest, most, square, errors, ref score);
        }

        double[] Times(double[] a, double[] b)
        {
            for (int i = 0; i < of.Length; i++)
            {
                of[i] = a[i] * b[i];
            }

            return of;
        }
    }

    // The same proof with powers of quotients, and what the sum of powers leaves out: docs/certificates.md.
    private void CertifyWeighted(
        int cell, Scratch scratch, double heaviest, double most, double[] square, in SumErrors errors, ref MomentScore score)
    {
        (double[] d, double[] a, double[] b) = (scratch.D, scratch.A, scratch.B);
        double largestF = 0;
        for (int i = 0; i < d.Length; i++)
        {
            a[i] = scratch.Own[i] * d[i];
            largestF = Math.Max(largestF, Math.Abs(scratch.F[i]));
        }

        double between = _basis.Between(K - 1);
        (double ofD, double ofA, double ofB) = errors.Of(_degree, LocalSums.Largest(scratch.Values, between));
        double low = _basis.Least(d, _order);
        double own = low > ofD ? heaviest * OwnPart(scratch, low) : 1;
        double ofOwn = ((heaviest * ofA) + (own * ofD)) / (low - ofD);
        if (!(low - ofD > 0) || !(own <= most) || !(own + ofOwn < LargestOwnPart))
        {
            score.Uncertain = 1;
            return;
        }

        double truncation = 0;
        for (int m = 0; m < MomentGrid.Towers; m++)
        {
            MomentLevel.Tower tower = _level.Light[m];
            double mass = tower.M[cell * K];
            double squares = Math.Max(0, tower.Q[cell * K]);
            truncation += Math.Abs(square[m]) * ((Residual(m, 0) * squares) + (2 * Residual(m, 1) * Math.Sqrt(mass * squares))
                + (Residual(m, 2) * mass));
        }

        double weight = _level.Light[0].M[cell * K];
        int towers = MomentGrid.Towers;
        truncation += 2 * (towers + 1) * Math.Pow(most / 4, towers) / Math.Pow(1 - most, towers + 2) * Math.Max(0, score.Residual);
        double f = (ofB + (between * largestF * ofD)) / (low - ofD);
        double left = 1 - own - ofOwn;
        double g = 1 / (left * left);
        double change = (1 - own) / left is var ratio ? Math.Max(0, (ratio * ratio) - 1) : 0;
        double error = Math.Max(score.LeaveOneOut, 0) + truncation;
        score.Truncation = truncation;
        score.Propagation = (2 * f * Math.Sqrt(g * weight * error)) + (g * weight * f * f) + (change * error);

        // Powers of weights are rounded to parts of their unit's powers.
        double unit = _level.ValueUnit;
        double ofPowers = 0;
        for (int m = MomentGrid.Towers - 1; m >= 0; m--)
        {
            ofPowers = (ofPowers * _level.Units[cell] * own / heaviest) + Math.Abs(square[m]);
        }

        score.RoundingError += ofPowers * 8 * MomentSums.Rounding * _level.Counts[cell] * _level.Units[cell]
            * ((unit * unit) + (2 * largestF * unit) + (largestF * largestF));

        // sup |F~ - A^m B^k / D^(m + k)|, by the sizes beside the least D.
        double Residual(int m, int k)
        {
            for (int i = 0; i < d.Length; i++)
            {
                scratch.Others[i] = Math.Pow(scratch.Own[i], m) * Math.Pow(scratch.F[i], k);
            }

            double size = FitTo(scratch.Others, scratch);
            double largest = 0;
            for (int i = 0; i < d.Length; i++)
            {
                double den = Math.Pow(d[i] / low, m + k);
                double num = Math.Pow(a[i] / low, m) * Math.Pow(b[i] / low, k);
                double rounding = 8 * (m + k + 1) * MomentSums.Rounding * size * den;
                largest = Math.Max(largest, Math.Abs((scratch.Fitted[i] * den) - num) + rounding);
            }

            return _basis.Between(K - 1 + ((m + k) * _order)) * largest;
        }
    }

    // The polynomial through a function at Chebyshev's nodes from 0 to the most, by powers.
    private static double[] PowersOf(double most, Func<double, double> function)
    {
        const int Count = MomentGrid.Towers;
        double[] nodes = Chebyshev.Nodes(Count);
        double[] divided = new double[Count];
        for (int i = 0; i < Count; i++)
        {
            nodes[i] = (1 + nodes[i]) / 2;
            divided[i] = function(most * nodes[i]);
        }

        for (int order = 1; order < Count; order++)
        {
            for (int i = Count - 1; i >= order; i--)
            {
                divided[i] = (divided[i] - divided[i - 1]) / (nodes[i] - nodes[i - order]);
            }
        }

        // Newton's form by Horner's scheme.
        double[] powers = new double[Count];
        for (int i = Count - 1; i >= 0; i--)
        {
            for (int k = Count - 1; k > 0; k--)
            {
                powers[k] = powers[k - 1] - (nodes[i] * powers[k]);
            }

            powers[0] = divided[i] - (nodes[i] * powers[0]);
        }

        double unit = 1;
        for (int k = 0; k < Count; k++, unit *= most)
        {
            powers[k] /= unit;
        }

        return powers;
    }

    // factor sum_k c_k moments_k with the polynomial of a function, and what rounding does to it.
    private double Product(Scratch scratch, double[] function, ReadOnlySpan<double> moments, double factor, ref MomentScore score)
    {
        _basis.Fit(function, scratch.Polynomial);
        double sum = 0;
        double error = 0;
        for (int k = 0; k < moments.Length; k++)
        {
            double term = scratch.Polynomial[k] * moments[k];
            sum += term;
            error += Math.Abs(term) * _sums.TermErrors[k];
        }

        score.RoundingError += Math.Abs(factor) * error;
        return factor * sum;
    }

    // Each function is a quotient of polynomials, Num / Den; F~ Den - Num is one too, and known at so many nodes that it is known in
    // between.
    private void Certify(int cell, Scratch scratch, in SumErrors errors, ref MomentScore score)
    {
        double count = _level.Counts[cell];
        double squares = Math.Max(0, _level.All.Q[cell * K]);
        (double[] d, double[] a, double[] b, double[] others) = (scratch.D, scratch.A, scratch.B, scratch.Others);
        double largestF = 0;
        for (int i = 0; i < others.Length; i++)
        {
            others[i] = d[i] - a[i];
            largestF = Math.Max(largestF, Math.Abs(scratch.F[i]));
        }

        double between = _basis.Between(K - 1);
        (double ofD, double ofA, double ofB) = errors.Of(_degree, LocalSums.Largest(scratch.Values, between));
        double low = _basis.Least(d, _order);
        double lowOthers = _basis.Least(others, _order);
        if (_degree == 0)
        {
            // A cell's own rows weigh so much anywhere in it.
            double least = (count * Math.Exp(-2 * _sums.HalfWidth * _sums.HalfWidth)) - errors.S0;
            (low, lowOthers) = (Math.Max(low, least), Math.Max(lowOthers, least - 1));
        }

        if (!(lowOthers - ofD - ofA > 0) || !(low - ofD > 0))
        {
            score.Uncertain = 1;
            return;
        }

        double truncation = Residual(scratch.G, others, others, d, d) * squares / (lowOthers * lowOthers)
            + (2 * Residual(scratch.GF, others, others, d, b) * Math.Sqrt(squares * count) / (lowOthers * lowOthers))
            + (Residual(scratch.GFF, others, others, b, b) * count / (lowOthers * lowOthers));
        double f = (ofB + (between * largestF * ofD)) / (low - ofD);
        double own = OwnPart(scratch, low);
        double ofOwn = (ofA + (own * ofD)) / (low - ofD);
        double left = 1 - Math.Min(own + ofOwn, LargestOwnPart);
        double g = 1 / (left * left);
        double change = (1 - own) / left is var ratio ? Math.Max(0, (ratio * ratio) - 1) : 0;
        double error = Math.Max(score.LeaveOneOut, 0) + truncation;
        score.Uncertain = own + ofOwn < LargestOwnPart ? 0 : 1;
        score.Truncation = truncation;
        score.Propagation = (2 * f * Math.Sqrt(g * count * error)) + (g * count * f * f) + (change * error);

        // The sums of squares are rounded to a part of their unit.
        double unit = _level.ValueUnit;
        score.RoundingError += g * 8 * MomentSums.Rounding * count * ((unit * unit) + (2 * largestF * unit));

        // sup |F~ den1 den2 - num1 num2|.
        double Residual(double[] function, double[] den1, double[] den2, double[] num1, double[] num2)
        {
            double size = FitTo(function, scratch);
            double largest = 0;
            for (int i = 0; i < function.Length; i++)
            {
                double den = den1[i] * den2[i];
                double residual = Math.Abs((scratch.Fitted[i] * den) - (num1[i] * num2[i])) + (8 * MomentSums.Rounding * size * den);
                largest = Math.Max(largest, residual);
            }

            return _basis.Between(K - 1 + (2 * _order)) * largest;
        }
    }

    // The most that a row's own part H = A / D is anywhere.
    private double OwnPart(Scratch scratch, double low)
    {
        if (_degree == 0)
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

        return ((most + least) / 2) + (_basis.Between(K - 1) * (most - least) / 2) + (_basis.Between(K - 1 + _order) * residual / low);
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

    private MomentScore OfFew(int cell, Scratch scratch)
    {
        var score = default(MomentScore);
        KeptRow[] rows = _level.Rows[cell];
        long id = _level.Ids[cell];
        double level = _level.Levels[cell];
        SumErrors errors = _sums.At(id, level, withKept: false, scratch.Sums);
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
            if (!(sums.S0 > Lonely * s) || (_degree > 0 && !(LeastKnown * d > ofD)))
            {
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
            sums.R0 += s * s;
            score.TraceOfSquare += sums.Squares(_degree) / (all * all);
        }

        return score;
    }

    private static double Kept(double d, double ofD, double ofB, double f, double e, double y)
    {
        double de = ((ofB + (Math.Abs(f) * ofD)) / Math.Max(d - ofD, double.Epsilon))
            + (4 * MomentSums.Rounding * (Math.Abs(f) + Math.Abs(y)));
        return (2 * Math.Abs(e) * de) + (de * de) + (8 * MomentSums.Rounding * e * e);
    }

    /// <summary>What a thread works in.</summary>
    private sealed class Scratch(int terms, int nodes)
    {
        public readonly double[] Sums = new double[LocalSums.Rows * terms];
        public readonly double[] Polynomial = new double[terms];
        public readonly double[][] Polynomials = [.. Enumerable.Range(0, LocalSums.Rows).Select(_ => new double[terms])];
        public readonly double[][] Values = [.. Enumerable.Range(0, LocalSums.Rows).Select(_ => new double[nodes])];
        public readonly double[] F = new double[nodes], FF = new double[nodes], Own = new double[nodes];
        public readonly double[] FByLog = new double[nodes], FFByLog = new double[nodes], OwnByLog = new double[nodes];
        public readonly double[] G = new double[nodes], GF = new double[nodes], GFF = new double[nodes];
        public readonly double[] GByLog = new double[nodes], GFByLog = new double[nodes], GFFByLog = new double[nodes];
        public readonly double[] D = new double[nodes], A = new double[nodes], B = new double[nodes];
        public readonly double[] Others = new double[nodes], Squares = new double[nodes], Fitted = new double[nodes];
    }
}
