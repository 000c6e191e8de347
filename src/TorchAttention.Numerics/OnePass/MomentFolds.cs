using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The error of folds from moments: sum_i s_i (y_i - f(x_i))^2 with f fitted to all folds but the row's own, whose sums are those of all
/// less the fold's, to the bit. An estimate: it has no certificate.
/// </summary>
internal sealed class MomentFolds
{
    // Where sums are known to less than this, weights by their ratios say more.
    private const double LeastKnown = 1e-6;

    private readonly (MomentLevels Own, MomentLevels Others)[] _folds;
    private readonly int _degree;

    /// <summary>Prepares the folds.</summary>
    /// <param name="moments">The moments, of a grid with folds.</param>
    /// <param name="near">The rows that count.</param>
    /// <param name="degree">0 for means, 1 for lines.</param>
    public MomentFolds(Moments moments, MomentLevels near, int degree)
    {
        _degree = degree;
        _folds = [.. moments.Stores().Select(part => part.Part.Fold).Distinct().Select(fold => (
            near.Create(moments, part => part.Fold == fold), near.Create(moments, part => part.Fold != fold)))
            .Where(fold => fold.Item1.Rows > 0)];
    }

    /// <summary>Refuses folds that moments have not.</summary>
    public static void Check(int known, Bandwidth asked)
    {
        if (asked.Folds != known || asked.Seed != 0)
        {
            throw new ArgumentException(
                $"Expected {known} folds of the seed 0, as the moments' grid has them, got {asked.Folds} of {asked.Seed}.",
                nameof(asked));
        }
    }

    /// <summary>What is wrong where no fold can be predicted from others.</summary>
    public static RegressionDataException AllInOne() =>
        new(RegressionProblem.NoBandwidth, "rows in two folds at least", "all in one");

    /// <summary>Whether each fold can be predicted from others.</summary>
    public bool ArePredicted => _folds.All(fold => fold.Others.Rows > 0);

    /// <summary>The sum of the squares, and its derivative by log h.</summary>
    public (double Squares, double ByLog) At(double h, int? threads, CancellationToken cancellationToken)
    {
        (double squares, double byLog) = (0, 0);
        foreach ((MomentLevels own, MomentLevels others) in _folds)
        {
            foreach ((MomentLevel held, MomentLevel level) in own.For(h).Zip(others.For(h)))
            {
                var fold = new Fold(held, level, h, _degree);
                var scores = new (double Squares, double ByLog)[held.Count];
                var options = new ParallelOptions { MaxDegreeOfParallelism = threads ?? -1, CancellationToken = cancellationToken };
                Parallel.For(0, held.Count, options, i => scores[i] = fold.At(i));
                foreach ((double square, double slope) in scores)
                {
                    (squares, byLog) = (squares + square, byLog + slope);
                }
            }
        }

        return (squares, byLog);
    }

    /// <summary>One column of a fold.</summary>
    private sealed class Fold(MomentLevel held, MomentLevel others, double h, int degree)
    {
        private readonly MomentSums _sums = new(others, h, degree, isCertified: true);
        private readonly FarSums _far = new(others, h, degree);
        private readonly CellBasis _basis = CellBasis.Quick(held.K);
        private readonly int[] _rows = LocalSums.RowsOf(degree, hasSquares: false);

        private int K => held.K;

        public (double Squares, double ByLog) At(int cell)
        {
            double[] nodes = new double[LocalSums.Rows * K];
            SumErrors errors = _sums.At(held.Ids[cell], held.Levels[cell], OwnRows.All, nodes);
            double[][] polynomials = [.. Enumerable.Range(0, LocalSums.Rows).Select(_ => new double[K])];
            foreach (int row in _rows)
            {
                _basis.Interpolate(nodes.AsSpan(row * K, K), polynomials[row]);
            }

            (double squares, double byLog) = held.HasLight(cell) ? OfMany(cell, polynomials, errors) : default;
            foreach (KeptRow row in held.Rows[cell])
            {
                (double f, double slope) = Curve(cell, held.PlaceIn(held.Ids[cell], row.X), polynomials, errors);
                double e = row.Y - held.Levels[cell] - f;
                squares += row.Weight * e * e;
                byLog -= 2 * row.Weight * e * slope;
            }

            return (squares, byLog);
        }

        private (double Squares, double ByLog) OfMany(int cell, double[][] polynomials, in SumErrors errors)
        {
            int n = _basis.Nodes;
            var (f, ff, slopes, both) = (new double[n], new double[n], new double[n], new double[n]);
            for (int i = 0; i < n; i++)
            {
                (f[i], slopes[i]) = Curve(cell, _basis.Places[i], polynomials, errors);
                (ff[i], both[i]) = (f[i] * f[i], f[i] * slopes[i]);
            }

            MomentLevel.Tower light = held.Light[0];
            return (
                light.Q[cell * K] - (2 * Product(f, light.V, cell)) + Product(ff, light.M, cell),
                2 * (Product(both, light.M, cell) - Product(slopes, light.V, cell)));
        }

        private double Product(double[] function, double[] moments, int cell)
        {
            double[] polynomial = new double[K];
            _basis.Fit(function, polynomial);
            double sum = 0;
            for (int k = 0; k < K; k++)
            {
                sum += polynomial[k] * moments[(cell * K) + k];
            }

            return sum;
        }

        // The curve of the others above the cell's level, and its derivative by log h.
        private (double F, double ByLog) Curve(int cell, double t, double[][] polynomials, in SumErrors errors)
        {
            var sums = LocalSums.AtPlace(polynomials, t, degree);
            double d = sums.Denominator(degree);
            if (!(d * LeastKnown > errors.Of(degree, sums.Sizes()).D))
            {
                double x = Math.ScaleB(held.Ids[cell] + ((t + 1) / 2), held.Exponent);
                return (_far.At(x) - held.Levels[cell], 0);
            }

            double f = sums.Numerator(degree) / d;
            (double dByLog, _, double bByLog) = sums.ByLog(degree);
            return (f, (bByLog - (f * dByLog)) / d);
        }
    }
}
