using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass;

/// <content>How a curve is condensed: docs/certificates.md.</content>
public sealed partial class CondensedCurve
{
    /// <summary>What is asked for cannot be proved by numbers of 53 bits below.</summary>
    internal const double LeastTolerance = 1e-14;

    // The curve goes on so many bandwidths beyond the examples: farther off too little is left of sum K^2 to prove anything.
    private const double Margin = 3;

    // Standard errors of six digits are as good as any, and float32 holds them.
    private const double NeighboursTolerance = 1e-6;
    private const double MostOfNeighbours = 1e-3;

    // The noise's variance is an estimate, and has terms to half a percent of it or a tenth of its own standard error.
    private const double PartOfNoise = 5e-3;
    private const double PartOfNoiseError = 0.1;

    // Between examples, where no row is as near as this, the curve is that of the nearer side.
    private const double SquareInGap = 9;

    // What a polynomial's value is off by, as a part of the sum of its terms' sizes: Clenshaw's recurrence over 16 terms; and the
    // rounding of the place in the piece, here and where it is asked, times k^2, the steepest that T_k is.
    private const double EvaluationError = 40 * MomentSums.Rounding;
    private const double PlaceError = 16 * MomentSums.Rounding;

    // A piece is as long as it can be but for this part.
    private const int PartOfLength = 16;

    /// <summary>Condenses a fit to moments.</summary>
    /// <param name="model">The fit.</param>
    /// <param name="tolerance">What a mean may be off by, as a part of the range of the means; 1e-10 by default.</param>
    /// <param name="diagnostics">How its rows were described; as the fit to moments does where null.</param>
    /// <param name="column">The column of values.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not between 1e-14 and 1.</exception>
    internal static CondensedCurve Create(MomentRegression model, double tolerance, Diagnostics? diagnostics = null, int column = 0)
    {
        CheckTolerance(tolerance);
        diagnostics ??= model.Diagnostics;
        var making = new Making(model, column, tolerance);
        return new CondensedCurve(making.Pieces(), model.LevelsOfPieces[column].Exponent, model.MeansY[column])
        {
            Bandwidth = model.Bandwidth,
            Count = model.Count,
            Diagnostics = diagnostics.Of(column),
            LeastX = model.LeastX,
            MostX = model.MostX,
            Tolerance = tolerance,
        };
    }

    private static void CheckTolerance(double tolerance)
    {
        if (!(tolerance is >= LeastTolerance and < 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(tolerance), tolerance, $"Expected a tolerance from {LeastTolerance} to below 1.");
        }
    }

    private static Piece Flat(long start, long cells, double mean)
    {
        double[] polynomial = new double[K];
        polynomial[0] = mean;
        return new Piece(start, cells, polynomial, new double[K], double.PositiveInfinity, double.PositiveInfinity, IsFar: true);
    }

    private sealed partial class Making
    {
        private readonly MomentLevel _level;
        private readonly MomentCurve _curve;
        private readonly double _origin;
        private readonly double _tolerance;
        private readonly long _margin;
        private readonly CellBasis _pieces = CellBasis.Proving(K);
        private readonly CellBasis _basis;
        private readonly int _degree;
        private readonly int _wide;
        private readonly double _meanWeight;

        // The degree of D and B, whose quotient the mean is.
        private readonly int _order;
        private readonly CellCache<Cell> _cells;
        private readonly double _scale;

        public Making(MomentRegression model, int column, double tolerance)
        {
            _level = model.LevelsOfPieces[column];
            _curve = new MomentCurve(_level, model.Bandwidth, model.Degree);
            _basis = model.Degree == 0 ? CellBasis.Proving(_level.K) : CellBasis.OfPowers(_level.K);
            _cells = new CellCache<Cell>(Make);
            _degree = model.Degree;
            _meanWeight = _level.MeanWeight;
            _order = (_degree + 1) * (_level.K - 1);
            _origin = model.MeansY[column];
            _tolerance = tolerance;
            _wide = WideTerms(tolerance);
            _margin = (long)Math.Ceiling(Margin * model.Bandwidth / _level.CellWidth);
            (double least, double most) = (double.PositiveInfinity, double.NegativeInfinity);
            foreach (long id in _level.Ids)
            {
                Cell cell = _cells.At(id);
                for (int i = 0; i < _basis.Nodes; i++)
                {
                    double mean = cell.Numerators[i] / cell.Denominators[i];
                    (least, most) = (Math.Min(least, mean), Math.Max(most, mean));
                }
            }

            // A curve that does not vary is as wide as its noise, or as its digits.
            double noise = model.Diagnostics.ResidualStandardError[column];
            double digits = Math.BitIncrement(Math.Abs(_origin)) - Math.Abs(_origin);
            _scale = Math.Max(most - least, Math.Max(double.IsNaN(noise) ? 0 : noise, digits));
        }

        public Piece[] Pieces()
        {
            var pieces = new List<Piece>();
            int index = 0;
            while (index < _level.Count)
            {
                long start = _level.Ids[index] - _margin;
                long end = _level.Ids[index] + _margin + 1;
                for (index++; index < _level.Count && _level.Ids[index] - _margin <= end; index++)
                {
                    end = _level.Ids[index] + _margin + 1;
                }

                if (pieces.Count > 0)
                {
                    AddGap(pieces, start);
                }

                AddPieces(pieces, start, end);
            }

            return [.. pieces];
        }

        // Each half of a wide gap is as its end.
        private void AddGap(List<Piece> pieces, long end)
        {
            long start = pieces[^1].Start + pieces[^1].Cells;
            long middle = start + ((end - start) / 2);
            double left = _curve.At(Math.ScaleB(start, _level.Exponent)).Mean - _origin;
            double right = _curve.At(Math.ScaleB(end, _level.Exponent)).Mean - _origin;
            if (middle > start)
            {
                pieces.Add(Flat(start, middle - start, left));
            }

            pieces.Add(Flat(middle, end - middle, right));
        }

        private void AddPieces(List<Piece> pieces, long start, long end)
        {
            long cells = 1;
            while (start < end)
            {
                Piece piece = Longest(start, end, cells);
                if (!double.IsFinite(piece.Bound))
                {
                    pieces.Add(Estimate(start));
                    (start, cells) = (start + 1, 1);
                    continue;
                }

                // A band of fewer digits is none.
                pieces.Add(piece.NeighboursBound <= MostOfNeighbours ? piece : piece with { Neighbours = new double[K] });
                cells = piece.Cells;
                start += cells;
            }
        }

        // As long as the proof holds, to a sixteenth of its length: pieces side by side are about equally long.
        private Piece Longest(long start, long end, long guess)
        {
            Piece? best = null;
            long most = end - start;
            (long least, long beyond) = (0, most + 1);
            for (long cells = Math.Min(guess, most); beyond - least > 1 + (least / PartOfLength);)
            {
                Piece piece = Over(start, cells);
                if (piece.Bound <= _tolerance * _scale && piece.NeighboursBound <= Math.Max(_tolerance, NeighboursTolerance))
                {
                    (best, least) = (piece, cells);
                }
                else if (cells == 1)
                {
                    return piece;
                }
                else
                {
                    beyond = cells;
                }

                cells = least == 0 ? cells / 2 : beyond > most ? Math.Min(2 * cells, most) : (least + beyond) / 2;
            }

            return best!;
        }

        // Where sums are too little to prove anything.
        private Piece Estimate(long cell)
        {
            double[] values = new double[K];
            double[] nodes = Chebyshev.Nodes(K);
            bool isFar = true;
            for (int i = 0; i < K; i++)
            {
                CurvePoint point = _curve.At(Math.ScaleB(cell + ((nodes[i] + 1) / 2), _level.Exponent));
                values[i] = point.Mean - _origin;
                isFar &= point.IsFar;
            }

            double[] mean = new double[K];
            _pieces.Interpolate(values, mean);
            Narrow(mean.AsSpan(_wide));
            return new Piece(cell, 1, mean, new double[K], double.PositiveInfinity, double.PositiveInfinity, isFar);
        }

        private Piece Over(long start, long cells)
        {
            double[] mean = new double[K];
            double[] neighbours = new double[K];
            int n = _pieces.Nodes;
            double[] values = new double[n];
            double[] counts = new double[n];
            double[] variances = new double[n];
            for (int i = 0; i < n; i++)
            {
                double place = (_pieces.Places[i] + 1) / 2 * cells;
                long cell = Math.Min((long)place, cells - 1);
                double t = (2 * (place - cell)) - 1;
                Cell at = _cells.At(start + cell);
                var sums = LocalSums.AtPlace(at.Polynomials, t, _degree);
                double d = sums.Denominator(_degree);
                values[i] = sums.Numerator(_degree) / d;
                counts[i] = d * d / sums.Squares(_degree) / _meanWeight;
                variances[i] = _curve.VarianceIn(at.Curve, t);
            }

            double[] noise = new double[K];
            _pieces.Fit(variances, noise);
            _pieces.Fit(values, mean);
            _pieces.Fit(counts, neighbours);
            Narrow(mean.AsSpan(_wide));
            Narrow(neighbours);
            Narrow(noise);

            double bound = 0;
            double ofNeighbours = 0;
            bool isFar = true;
            for (long cell = 0; cell < cells; cell++)
            {
                Cell at = _cells.At(start + cell);
                (double one, double other) = BoundIn(at, mean, neighbours, cell, cells);
                bound = Math.Max(bound, one);
                ofNeighbours = Math.Max(ofNeighbours, other);
                isFar &= at.IsFar;
            }

            return new Piece(start, cells, mean, neighbours, Above(bound), Above(ofNeighbours), isFar)
            {
                Noise = double.IsNaN(noise[0]) ? new double[K] : Rounded(noise, counts.Min()),
            };
        }

        private static double[] Rounded(double[] noise, double neighbours)
        {
            int terms = K;
            double most = noise[0] * Math.Max(PartOfNoise, PartOfNoiseError * Math.Sqrt(2 / neighbours));
            for (double rest = 0; terms > 1 && (rest += Math.Abs(noise[terms - 1])) <= most; terms--)
            {
            }

            Array.Clear(noise, terms, K - terms);
            return noise;
        }
    }
}
