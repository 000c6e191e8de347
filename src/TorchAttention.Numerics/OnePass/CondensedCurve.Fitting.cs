using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass;

/// <content>Pieces of a curve that is known at places alone: compared with it between their nodes, and not proved.</content>
public sealed partial class CondensedCurve
{
    // The widest pieces have so many cells, of a 32nd to a 64th of the bandwidth each.
    private const int WidestPiece = 32;
    private const int CellsOfBandwidth = 32;

    // Of the standard error of the mean: a mean that is off by less is as good.
    private const double PartOfError = 1e-2;

    // Of the effective number of examples: a standard error is off by half of it.
    private const double MostOffNeighbours = 0.1;

    private static readonly double[] _compared = [-0.98, -0.83, -0.58, -0.31, 0.04, 0.27, 0.53, 0.78, 0.97];

    /// <summary>Condenses a fit with a kernel that ends: a curve for each column of values.</summary>
    /// <param name="model">The fit.</param>
    /// <param name="tolerance">What a mean may be off by in any case, as a part of the range of the means.</param>
    internal static CondensedCurve[] Create(OrderedRegression model, double tolerance)
    {
        CheckTolerance(tolerance);
        var fitting = new Fitting(model, tolerance);
        Piece[][] pieces = fitting.Pieces();
        return [.. pieces.Select((own, c) => new CondensedCurve(own, fitting.Exponent, fitting.Origins[c])
        {
            Bandwidth = model.Bandwidth,
            Count = model.Count,
            Diagnostics = model.Diagnostics.Of(c),
            LeastX = model.LeastX,
            MostX = model.MostX,
            Tolerance = tolerance,
            IsProved = false,
        })];
    }

    private sealed class Fitting
    {
        private readonly OrderedRegression _model;
        private readonly double _tolerance;
        private readonly int _wide;
        private readonly double[] _nodes = Chebyshev.Nodes(K);
        private readonly double[] _places;
        private readonly int[] _order;
        private readonly CellBasis _basis = CellBasis.Proving(K);
        private double[] _scales = [];

        public Fitting(OrderedRegression model, double tolerance)
        {
            (_model, _tolerance, _wide) = (model, tolerance, WideTerms(tolerance));
            Exponent = Math.Clamp(
                Math.ILogB(model.Bandwidth / CellsOfBandwidth), MomentGrid.LeastExponent, MomentGrid.MostExponent);
            double[] all = [.. _nodes, .. _compared];
            _order = [.. Enumerable.Range(0, all.Length).OrderBy(i => all[i])];
            _places = [.. all.Order()];
        }

        public int Exponent { get; }

        /// <summary>What the means of each column are counted from (v).</summary>
        public double[] Origins { get; private set; } = [];

        public Piece[][] Pieces()
        {
            long first = (long)Math.Floor(Math.ScaleB(_model.LeastX, -Exponent));
            long end = (long)Math.Floor(Math.ScaleB(_model.MostX, -Exponent)) + 1;
            var open = new List<(long Start, long Cells)>();
            for (long start = first; start < end;)
            {
                long next = Math.Min(end, (FloorOf(start) + 1) * WidestPiece);
                open.Add((start, next - start));
                start = next;
            }

            var done = new List<Piece[]>();
            while (open.Count > 0)
            {
                var halves = new List<(long Start, long Cells)>();
                foreach ((Piece[] piece, bool isGood) in open.Zip(Fitted(open)).Select(pair => pair.Second))
                {
                    if (isGood || piece[0].Cells == 1)
                    {
                        done.Add(piece);
                        continue;
                    }

                    long half = piece[0].Cells / 2;
                    halves.AddRange([(piece[0].Start, half), (piece[0].Start + half, piece[0].Cells - half)]);
                }

                open = halves;
            }

            Piece[][] inOrder = [.. done.OrderBy(piece => piece[0].Start)];
            return [.. Enumerable.Range(0, _model.Columns).Select(c => WithGaps([.. inOrder.Select(piece => piece[c])]))];
        }

        private static long FloorOf(long cell) => (long)Math.Floor(cell / (double)WidestPiece);

        // All pieces of a depth at once: their places ascend.
        private IEnumerable<(Piece[] Pieces, bool IsGood)> Fitted(List<(long Start, long Cells)> open)
        {
            int each = _places.Length;
            int columns = _model.Columns;
            double[] places = [.. open.SelectMany(piece => _places.Select(
                t => Math.ScaleB(piece.Start + (piece.Cells * (1 + t) / 2), Exponent)))];
            CurvePoint[] points = _model.At(places);
            if (Origins.Length == 0)
            {
                SetScales(points);
            }

            return open.Select((piece, i) => Fitted(piece.Start, piece.Cells, points.AsSpan(i * each * columns, each * columns)));
        }

        private void SetScales(CurvePoint[] points)
        {
            Origins = new double[_model.Columns];
            _scales = new double[_model.Columns];
            for (int c = 0; c < Origins.Length; c++)
            {
                double[] means = [.. points.Where((point, i) => i % Origins.Length == c && !point.IsFar).Select(point => point.Mean)];
                Origins[c] = means.Length > 0 ? means.Average() : 0;
                _scales[c] = means.Length > 0 ? Math.Max(means.Max() - means.Min(), 1e-15 * Math.Abs(Origins[c])) : 0;
            }
        }

        private (Piece[] Pieces, bool IsGood) Fitted(long start, long cells, ReadOnlySpan<CurvePoint> points)
        {
            int columns = _model.Columns;
            double[] values = new double[_places.Length];
            double[] counts = new double[_places.Length];
            double[] neighbours = new double[K];
            bool isFar = false;
            for (int i = 0; i < values.Length; i++)
            {
                counts[_order[i]] = points[i * columns].EffectiveNeighbours;
                isFar |= points[i * columns].IsFar;
            }

            if (isFar)
            {
                return ([.. Enumerable.Range(0, columns).Select(_ => Flat(start, cells, 0))], false);
            }

            double off = Interpolate(counts, neighbours, 0);
            double ofNeighbours = off / counts.Min();
            bool isGood = ofNeighbours <= PartOfError;
            for (int k = 0; k < K; k++)
            {
                neighbours[k] = ofNeighbours <= MostOffNeighbours ? neighbours[k] : 0;
            }

            var pieces = new Piece[columns];
            for (int c = 0; c < columns; c++)
            {
                for (int i = 0; i < values.Length; i++)
                {
                    values[_order[i]] = points[(i * columns) + c].Mean - Origins[c];
                }

                double[] mean = new double[K];
                double bound = Interpolate(values, mean, _wide);
                double error = _model.Diagnostics.ResidualStandardError[c] / Math.Sqrt(counts.Max());
                isGood &= bound <= Math.Max(_tolerance * _scales[c], double.IsNaN(error) ? 0 : PartOfError * error);
                pieces[c] = new Piece(start, cells, mean, neighbours, Above(bound), Above(ofNeighbours), IsFar: false);
            }

            return (pieces, isGood);
        }

        // The polynomial through the nodes, and how far off it is at the other places.
        private double Interpolate(double[] values, double[] polynomial, int wide)
        {
            _basis.Interpolate(values.AsSpan(0, K), polynomial);
            Narrow(polynomial.AsSpan(wide));
            double off = 0;
            for (int i = 0; i < _compared.Length; i++)
            {
                off = Math.Max(off, Math.Abs(Chebyshev.At(polynomial, _compared[i]) - values[K + i]));
            }

            return off;
        }

        // Where no row is in reach, each half of a gap is as its end.
        private static Piece[] WithGaps(Piece[] pieces)
        {
            var all = new List<Piece>();
            for (int i = 0, end; i < pieces.Length; i = end)
            {
                for (end = i + 1; end < pieces.Length && pieces[i].IsFar && pieces[end].IsFar; end++)
                {
                }

                if (!pieces[i].IsFar)
                {
                    all.Add(pieces[i]);
                    continue;
                }

                long start = pieces[i].Start;
                long cells = pieces[end - 1].Start + pieces[end - 1].Cells - start;
                double? left = i > 0 ? Chebyshev.At(pieces[i - 1].Mean, 1) : null;
                double? right = end < pieces.Length ? Chebyshev.At(pieces[end].Mean, -1) : null;
                if (cells / 2 > 0)
                {
                    all.Add(Flat(start, cells / 2, left ?? right ?? 0));
                }

                all.Add(Flat(start + (cells / 2), cells - (cells / 2), right ?? left ?? 0));
            }

            return [.. all];
        }
    }
}
