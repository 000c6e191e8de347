namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The leave-one-out error of one bandwidth and what belongs to it, from moments: in a cell of many rows a scalar product of the moments
/// with polynomials for g, g f and g f^2, where g = 1 / (1 - H)^2 and H a row's own part; in a cell of few rows one by one.
/// </summary>
internal sealed partial class MomentFit
{
    // Of a row's own part anywhere in a cell.
    private const double LeastKnownOfOwn = 1e-6;

    // By how much the spread of the rows in reach may vary within a cell for polynomials to follow.
    private const double MostVaried = 1e4;

    // So little is left for others of a row somewhere in a cell, were there one: 1 / (1 - H)^2 is no polynomial then.
    internal const double LeastLeft = 0.02;

    // With weights it is a sum of few powers, which holds no longer much earlier.
    internal const double LeastLeftOfWeighted = 0.5;

    // A row's own part anywhere in a cell beside that at the nodes.
    internal const double OwnMargin = 1.05;

    private readonly MomentLevel _level;
    private readonly MomentSums _sums;
    private readonly FarSums _far;
    private readonly RowsAtHand _atHand;
    private readonly RowPairs _pairs;
    private readonly int _degree;
    private readonly bool _isCertified;
    private readonly CellBasis _basis;
    private readonly int[] _rows;

    /// <summary>Prepares a bandwidth.</summary>
    /// <param name="level">The moments, in cells that are not much wider than the bandwidth.</param>
    /// <param name="h">The bandwidth.</param>
    /// <param name="degree">0 for means, 1 for lines.</param>
    /// <param name="isCertified">Whether bounds and tr H'H are asked for, or derivatives by log h.</param>
    /// <param name="atHand">The rows that can be asked one by one; those that the cells keep where null.</param>
    public MomentFit(MomentLevel level, double h, int degree, bool isCertified, RowsAtHand? atHand = null)
    {
        _level = level;
        _degree = degree;
        _isCertified = isCertified;
        _basis = !isCertified ? CellBasis.Quick(level.K) : level.HasWeights ? CellBasis.OfPowers(level.K) : CellBasis.Proving(level.K);
        _rows = LocalSums.RowsOf(degree, isCertified);
        _sums = new MomentSums(level, h, degree, isCertified);
        _far = new FarSums(level, h, degree);
        _atHand = atHand ?? new RowsAtHand(level);
        _pairs = new RowPairs(_atHand, h, degree);
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
                scores[i] = Of(i, scratch);
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

    private MomentScore Of(int cell, Scratch scratch)
    {
        MomentScore many = _level.HasLight(cell) ? OfMany(cell, scratch) : default;
        if (many.Uncertain > 0)
        {
            if (_atHand.Of(_level, cell) is { } all)
            {
                return OfFew(cell, all, OwnRows.None, scratch);
            }

            AskFor(cell, scratch);
        }

        return many + (_level.Rows[cell].Length > 0 ? OfFew(cell, _level.Rows[cell], OwnRows.NotKept, scratch) : default);
    }

    // A cell's sums at all nodes, and what these make of the rows that are not kept.
    private MomentScore OfMany(int cell, Scratch scratch)
    {
        SumErrors errors = _sums.At(_level.Ids[cell], _level.Levels[cell], OwnRows.All, scratch.Sums);
        foreach (int row in _rows)
        {
            _basis.Interpolate(scratch.Sums.AsSpan(row * K, K), scratch.Polynomial);
            _basis.Evaluate(scratch.Polynomial, scratch.Values[row]);
        }

        if (_degree == 0)
        {
            return OfMany(cell, scratch, errors, 0);
        }

        scratch.AreLinesKnown = AreLinesKnown(errors, scratch);
        if (scratch.AreLinesKnown)
        {
            MomentScore score = OfMany(cell, scratch, errors, _degree);
            if (score.LeaveOneOut >= 0 && score.Residual >= 0 && score.Trace >= 0 && score.Trace <= _level.LightRows[cell * K])
            {
                return score;
            }
        }

        // Lines have no digits there: a mean is left, and nothing is proved of it.
        return OfMany(cell, scratch, errors, 0) with { Uncertain = 1 };
    }

    // Where all rows in reach lie nearly in one place, lines next to it are no polynomial, or one without digits at the rows.
    private bool AreLinesKnown(in SumErrors errors, Scratch scratch)
    {
        (double least, double most, double mostOwn) = (double.PositiveInfinity, 0, 0);
        for (int i = 0; i < _basis.Nodes; i++)
        {
            var sums = LocalSums.At(scratch.Values, i, _degree);
            double d = sums.Denominator(_degree);
            (least, most, mostOwn) = (Math.Min(least, d), Math.Max(most, d), Math.Max(mostOwn, sums.Own(_degree) / d));
        }

        double ofD = errors.Of(_degree, LocalSums.Largest(scratch.Values, 1)).D;
        return most < MostVaried * least && ofD * Math.Max(1, mostOwn) < LeastKnownOfOwn * least;
    }

    private MomentScore OfMany(int cell, Scratch scratch, in SumErrors errors, int degree)
    {
        // The heaviest row that is not kept as one.
        double heaviest = _level.HasWeights ? _level.Weights[cell] / _level.MostKept : 1;
        bool hasPole = SetFunctions(scratch, degree, heaviest);
        MomentLevel.Tower light = _level.Light[0];
        ReadOnlySpan<double> m = light.M.AsSpan(cell * K, K);
        ReadOnlySpan<double> v = light.V.AsSpan(cell * K, K);
        ReadOnlySpan<double> q = light.Q.AsSpan(cell * K, K);
        ReadOnlySpan<double> rows = _level.LightRows.AsSpan(cell * K, K);
        var score = default(MomentScore);
        var ignored = default(MomentScore);
        score.Residual = q[0] + Product(scratch, scratch.F, v, -2, ref ignored) + Product(scratch, scratch.FF, m, 1, ref ignored);
        score.Trace = Product(scratch, scratch.Own, m, 1, ref ignored);
        if (_isCertified)
        {
            score.TraceOfSquare = Product(scratch, scratch.Squares, m, 1, ref ignored);
        }
        else
        {
            score.ResidualByLog = Product(scratch, scratch.FByLog, v, -2, ref ignored)
                + Product(scratch, scratch.FFByLog, m, 2, ref ignored);
            score.TraceByLog = Product(scratch, scratch.OwnByLog, m, 1, ref ignored);
        }

        if (hasPole)
        {
            // Each row has its share of the cell's own parts: an estimate.
            double share = Math.Max(LeastLeft, 1 - (score.Trace / rows[0]));
            score.LeaveOneOut = score.Residual / (share * share);
            score.LeaveOneOutByLog = (score.ResidualByLog + (2 * score.Residual / share * (score.TraceByLog / rows[0]))) / (share * share);
            score.Uncertain = 1;
            return score;
        }

        if (_level.HasWeights)
        {
            AddWeighted(cell, scratch, errors, degree, heaviest, ref score);
            return score;
        }

        score.LeaveOneOut = Product(scratch, scratch.G, q, 1, ref score) + Product(scratch, scratch.GF, v, -2, ref score)
            + Product(scratch, scratch.GFF, m, 1, ref score);
        if (_isCertified)
        {
            Certify(cell, scratch, errors, degree, ref score);
        }
        else
        {
            score.LeaveOneOutByLog = Product(scratch, scratch.GByLog, q, 1, ref ignored)
                + Product(scratch, scratch.GFByLog, v, -2, ref ignored) + Product(scratch, scratch.GFFByLog, m, 1, ref ignored);
        }

        return score;
    }

    // The functions of the place that moments are multiplied with, at the nodes; whether 1 / (1 - H)^2 is no polynomial.
    private bool SetFunctions(Scratch scratch, int degree, double heaviest)
    {
        double left = _level.HasWeights ? LeastLeftOfWeighted : LeastLeft;
        bool hasPole = false;
        for (int i = 0; i < _basis.Nodes; i++)
        {
            var sums = LocalSums.At(scratch.Values, i, degree);
            (double d, double a, double b) = (sums.Denominator(degree), sums.Own(degree), sums.Numerator(degree));
            (double f, double own) = (b / d, a / d);
            double g = 1 / ((1 - own) * (1 - own));
            hasPole |= !(1 - (OwnMargin * heaviest * own) > left);
            (scratch.D[i], scratch.A[i], scratch.B[i]) = (d, a, b);
            (scratch.F[i], scratch.FF[i], scratch.Own[i]) = (f, f * f, own);
            (scratch.G[i], scratch.GF[i], scratch.GFF[i]) = (g, g * f, g * f * f);
            if (_isCertified)
            {
                scratch.Squares[i] = sums.Squares(degree) / (d * d);
                continue;
            }

            (double dByLog, double aByLog, double bByLog) = sums.ByLog(degree);
            double fByLog = (bByLog - (f * dByLog)) / d;
            double ownByLog = (aByLog - (own * dByLog)) / d;
            double gByLog = 2 * g / (1 - own) * ownByLog;
            (scratch.FByLog[i], scratch.FFByLog[i], scratch.OwnByLog[i]) = (fByLog, f * fByLog, ownByLog);
            scratch.GByLog[i] = gByLog;
            scratch.GFByLog[i] = (g * fByLog) + (f * gByLog);
            scratch.GFFByLog[i] = (f * f * gByLog) + (2 * f * fByLog * g);
        }

        return hasPole;
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
        public readonly double[] Power = new double[nodes];
        public readonly NearRows Near = new();

        /// <summary>Whether lines of the cell asked for last are polynomials.</summary>
        public bool AreLinesKnown;
    }
}
