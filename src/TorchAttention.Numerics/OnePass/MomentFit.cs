namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The leave-one-out error of one bandwidth and what belongs to it, from moments: in a cell of many rows a scalar product of the moments
/// with polynomials for g, g f and g f^2, where g = 1 / (1 - 1/S0)^2; in a cell of few rows one by one.
/// </summary>
internal sealed class MomentFit
{
    private const int K = MomentGrid.Terms;

    // So little weight of other rows says nothing of a row: its error is an estimate.
    private const double Lonely = 1e-10;

    // Beyond it the square of a derivative of g does not hold.
    private const double LargestOwnPart = 0.9999;

    private readonly MomentLevel _level;
    private readonly MomentSums _sums;
    private readonly FarSums _far;
    private readonly bool _isCertified;
    private readonly CellBasis _basis;

    /// <summary>Prepares a bandwidth.</summary>
    /// <param name="level">The moments, in cells that are not much wider than the bandwidth.</param>
    /// <param name="h">The bandwidth.</param>
    /// <param name="isCertified">Whether bounds and tr H'H are asked for.</param>
    public MomentFit(MomentLevel level, double h, bool isCertified)
    {
        _level = level;
        _isCertified = isCertified;
        _basis = isCertified ? CellBasis.Proving : CellBasis.Quick;
        _sums = new MomentSums(level, h, isCertified);
        _far = new FarSums(level, h);
    }

    /// <summary>The score of all rows.</summary>
    public MomentScore Score(int? threads, CancellationToken cancellationToken)
    {
        var scores = new MomentScore[_level.Count];
        Parallel.For(
            0,
            _level.Count,
            new ParallelOptions { MaxDegreeOfParallelism = threads ?? -1, CancellationToken = cancellationToken },
            () => new Scratch(_basis.Nodes),
            (i, _, scratch) =>
            {
                scores[i] = _level.Counts[i] >= CellStore.MostKept ? OfMany(i, scratch) : OfFew(i, scratch);
                return scratch;
            },
            _ => { });
        var sum = default(MomentScore);
        double size = 0;
        foreach (MomentScore score in scores)
        {
            sum += score;
            size += Math.Abs(score.LeaveOneOut);
        }

        sum.RoundingError += 4 * MomentSums.Rounding * Math.Log2(_level.Count + 2) * size;
        return sum;
    }

    private MomentScore OfMany(int cell, Scratch scratch)
    {
        var score = default(MomentScore);
        SumErrors errors = _sums.At(_level.Ids[cell], _level.Levels[cell], withOwn: true, scratch.Sums);
        for (int row = 0; row < MomentSums.RowCount; row++)
        {
            CellBasis.Interpolate(scratch.Sums.AsSpan(row * K, K), scratch.Polynomial);
            _basis.Evaluate(scratch.Polynomial, scratch.Values[row]);
        }

        (double[] s0, double[] sy, double[] s0ByLog, double[] syByLog) =
            (scratch.Values[0], scratch.Values[1], scratch.Values[2], scratch.Values[3]);
        double count = _level.Counts[cell];
        (double leastNode, double mostNode) = (s0.Min(), s0.Max());
        double between = _basis.Between(K - 1);
        double low = Math.Max(
            ((mostNode + leastNode) / 2) - (between * (mostNode - leastNode) / 2),
            (count * Math.Exp(-2 * _sums.HalfWidth * _sums.HalfWidth)) - errors.Weights);
        ReadOnlySpan<double> m = _level.M.AsSpan(cell * K, K);
        ReadOnlySpan<double> v = _level.V.AsSpan(cell * K, K);
        ReadOnlySpan<double> q = _level.Q.AsSpan(cell * K, K);
        int n = _basis.Nodes;
        (double[] g, double[] gf, double[] gff) = (scratch.G, scratch.GF, scratch.GFF);
        double largestF = 0;
        for (int i = 0; i < n; i++)
        {
            double f = sy[i] / s0[i];
            double others = s0[i] - 1;
            double ratio = s0[i] / others;
            g[i] = ratio * ratio;
            gf[i] = g[i] * f;
            gff[i] = gf[i] * f;
            largestF = Math.Max(largestF, Math.Abs(f));
        }

        score.LeaveOneOut = Product(scratch, g, q, 1, ref score) + Product(scratch, gf, v, -2, ref score)
            + Product(scratch, gff, m, 1, ref score);
        if (_isCertified)
        {
            Certify(cell, scratch, errors, low, largestF, ref score);
        }

        (double[] byLog, double[] fByLog, double[] ffByLog) = (scratch.GByLog, scratch.FByLog, scratch.FFByLog);
        for (int i = 0; i < n; i++)
        {
            double f = sy[i] / s0[i];
            double slope = (syByLog[i] - (f * s0ByLog[i])) / s0[i];
            double ofG = -2 * g[i] / (s0[i] - 1) * (s0ByLog[i] / s0[i]);
            byLog[i] = ofG;
            fByLog[i] = (g[i] * slope) + (f * ofG);
            ffByLog[i] = (f * f * ofG) + (2 * f * slope * g[i]);
        }

        var ignored = default(MomentScore);
        score.LeaveOneOutByLog = Product(scratch, byLog, q, 1, ref ignored) + Product(scratch, fByLog, v, -2, ref ignored)
            + Product(scratch, ffByLog, m, 1, ref ignored);
        (double[] first, double[] second, double[] third) = (scratch.GByLog, scratch.FByLog, scratch.FFByLog);
        for (int i = 0; i < n; i++)
        {
            double f = sy[i] / s0[i];
            (first[i], second[i], third[i]) = (f, f * f, 1 / s0[i]);
        }

        score.Residual = q[0] + Product(scratch, first, v, -2, ref ignored) + Product(scratch, second, m, 1, ref ignored);
        score.Trace = Product(scratch, third, m, 1, ref ignored);
        for (int i = 0; i < n; i++)
        {
            double f = sy[i] / s0[i];
            double slope = (syByLog[i] - (f * s0ByLog[i])) / s0[i];
            (first[i], second[i], third[i]) = (slope, f * slope, s0ByLog[i] / (s0[i] * s0[i]));
        }

        score.ResidualByLog = Product(scratch, first, v, -2, ref ignored) + Product(scratch, second, m, 2, ref ignored);
        score.TraceByLog = Product(scratch, third, m, -1, ref ignored);
        if (_isCertified)
        {
            for (int i = 0; i < n; i++)
            {
                first[i] = scratch.Values[MomentSums.SquaredWeights][i] / (s0[i] * s0[i]);
            }

            score.TraceOfSquare = Product(scratch, first, m, 1, ref ignored);
        }

        return score;
    }

    // factor sum_k c_k moments_k with the polynomial of a function, and what rounding does to it.
    private double Product(Scratch scratch, double[] function, ReadOnlySpan<double> moments, double factor, ref MomentScore score)
    {
        _basis.Fit(function, scratch.Polynomial);
        double sum = 0;
        double error = 0;
        for (int k = 0; k < K; k++)
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
    private void Certify(int cell, Scratch scratch, in SumErrors errors, double low, double largestF, ref MomentScore score)
    {
        double count = _level.Counts[cell];
        double squares = Math.Max(0, _level.Q[cell * K]);
        double least = low - errors.Weights;
        if (!(least > 1))
        {
            score.Uncertain = 1;
            return;
        }

        double others = low - 1;
        (double[] s0, double[] sy) = (scratch.Values[0], scratch.Values[1]);
        double truncation = Residual(scratch, scratch.G, 0) * squares / (others * others)
            + (2 * Residual(scratch, scratch.GF, 1) * Math.Sqrt(squares * count) / (others * others))
            + (Residual(scratch, scratch.GFF, 2) * count / (others * others));
        double own = 1 / least;
        double f = (errors.Products + (_basis.Between(K - 1) * largestF * errors.Weights)) / least;
        double ofOwn = 1 - Math.Min(own, LargestOwnPart);
        double g = 1 / (ofOwn * ofOwn);
        double change = ((1 - (1 / low)) / (1 - own)) is var ratio ? (ratio * ratio) - 1 : 0;
        double error = Math.Max(score.LeaveOneOut, 0) + truncation;
        score.Truncation = truncation;
        score.Propagation = (2 * f * Math.Sqrt(g * count * error)) + (g * count * f * f) + (change * error);

        // The sums of squares are rounded to a part of their unit.
        double unit = _level.ValueUnit;
        score.RoundingError += g * 8 * MomentSums.Rounding * count * ((unit * unit) + (2 * largestF * unit));

        // sup |F~ Den - Num|.
        double Residual(Scratch from, double[] function, int power)
        {
            _basis.Fit(function, from.Polynomial);
            _basis.Evaluate(from.Polynomial, from.Fitted);
            double size = 0;
            foreach (double coefficient in from.Polynomial)
            {
                size += Math.Abs(coefficient);
            }

            double largest = 0;
            for (int i = 0; i < _basis.Nodes; i++)
            {
                double den = (s0[i] - 1) * (s0[i] - 1);
                double num = power == 0 ? s0[i] * s0[i] : power == 1 ? s0[i] * sy[i] : sy[i] * sy[i];
                double residual = Math.Abs((from.Fitted[i] * den) - num) + (8 * MomentSums.Rounding * size * den);
                largest = Math.Max(largest, residual);
            }

            return _basis.Between(3 * (K - 1)) * largest;
        }
    }

    private MomentScore OfFew(int cell, Scratch scratch)
    {
        var score = default(MomentScore);
        (double X, double Y)[] rows = _level.Rows[cell];
        long id = _level.Ids[cell];
        double level = _level.Levels[cell];
        SumErrors errors = _sums.At(id, level, withOwn: false, scratch.Sums);
        for (int row = 0; row < MomentSums.RowCount; row++)
        {
            CellBasis.Interpolate(scratch.Sums.AsSpan(row * K, K), scratch.Polynomials[row]);
        }

        for (int i = 0; i < rows.Length; i++)
        {
            double t = _level.PlaceIn(id, rows[i].X);
            double s0 = Chebyshev.At(scratch.Polynomials[MomentSums.Weights], t);
            double sy = Chebyshev.At(scratch.Polynomials[MomentSums.Products], t);
            double s0ByLog = Chebyshev.At(scratch.Polynomials[MomentSums.WeightsByLog], t);
            double syByLog = Chebyshev.At(scratch.Polynomials[MomentSums.ProductsByLog], t);
            double squares = Chebyshev.At(scratch.Polynomials[MomentSums.SquaredWeights], t);
            double pairs = 0;
            double sizes = 0;
            for (int j = 0; j < rows.Length; j++)
            {
                if (j == i)
                {
                    continue;
                }

                double u = (rows[i].X - rows[j].X) / _sums.Bandwidth;
                double weight = Math.Exp(-0.5 * u * u);
                double value = rows[j].Y - level;
                s0 += weight;
                sy += weight * value;
                s0ByLog += weight * u * u;
                syByLog += weight * u * u * value;
                squares += weight * weight;
                pairs += weight;
                sizes += weight * Math.Abs(value);
            }

            double y = rows[i].Y - level;
            if (!(s0 > Lonely))
            {
                // Others are so far that their weights are told by their ratios alone.
                double alone = y + level - _far.Mean(rows[i].X, rows[i]);
                score.LeaveOneOut += alone * alone;
                score.Trace += 1;
                score.TraceOfSquare += 1;
                score.Lonely++;
                continue;
            }

            double f = sy / s0;
            double e = y - f;
            score.LeaveOneOut += e * e;
            score.LeaveOneOutByLog += -2 * e * (syByLog - (f * s0ByLog)) / s0;
            double all = s0 + 1;
            double residual = y - ((sy + y) / all);
            score.Residual += residual * residual;
            score.ResidualByLog += -2 * residual * (syByLog - ((sy + y) / all * s0ByLog)) / all;
            score.Trace += 1 / all;
            score.TraceByLog -= s0ByLog / (all * all);
            score.TraceOfSquare += (squares + 1) / (all * all);
            double d0 = errors.Weights + (8 * MomentSums.Rounding * pairs);
            double dy = errors.Products + (8 * MomentSums.Rounding * sizes);
            double de = ((dy + (Math.Abs(f) * d0)) / Math.Max(s0 - d0, double.Epsilon))
                + (4 * MomentSums.Rounding * (Math.Abs(f) + Math.Abs(y)));
            score.KeptRows += (2 * Math.Abs(e) * de) + (de * de) + (8 * MomentSums.Rounding * e * e);
        }

        return score;
    }

    /// <summary>What a thread works in.</summary>
    private sealed class Scratch(int nodes)
    {
        public readonly double[] Sums = new double[MomentSums.RowCount * K];
        public readonly double[] Polynomial = new double[K];
        public readonly double[][] Polynomials = [.. Enumerable.Range(0, MomentSums.RowCount).Select(_ => new double[K])];
        public readonly double[][] Values = [.. Enumerable.Range(0, MomentSums.RowCount).Select(_ => new double[nodes])];
        public readonly double[] G = new double[nodes];
        public readonly double[] GF = new double[nodes];
        public readonly double[] GFF = new double[nodes];
        public readonly double[] GByLog = new double[nodes];
        public readonly double[] FByLog = new double[nodes];
        public readonly double[] FFByLog = new double[nodes];
        public readonly double[] Fitted = new double[nodes];
    }
}
