using TorchAttention.Numerics.Regression;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// A fitted surface of two or three features as pieces of polynomials: it predicts as the fit that it was made of does, without rows or
/// moments. Its pieces were compared with the fit at places between their nodes; no bound is proved.
/// </summary>
public sealed partial class CondensedSurface : IPredictor
{
    /// <summary>The least tolerance, near what a fit itself is known to.</summary>
    public const double LeastTolerance = 1e-12;

    private const int K = BoxTerms.K;

    private readonly BoxTerms _terms;
    private readonly (double Least, double Most)[] _ranges;
    private readonly double[] _bandwidths;

    // Of the widest pieces; the others are halves of them again and again.
    private readonly double[] _widths;
    private readonly double[] _origins;
    private readonly Piece[] _pieces;
    private readonly Dictionary<PieceId, int> _places;
    private readonly int _deepest;

    private CondensedSurface(
        Piece[] pieces,
        double[] widths,
        double[] origins,
        (double Least, double Most)[] ranges,
        double[] bandwidths,
        IReadOnlyList<string> classes)
    {
        (_pieces, _widths, _origins, _ranges, _bandwidths, Classes) = (pieces, widths, origins, ranges, bandwidths, classes);
        _terms = BoxTerms.Of(widths.Length);
        _places = pieces.Index().ToDictionary(pair => pair.Item.Id, pair => pair.Index);
        _deepest = pieces.Max(piece => piece.Id.Depth);
    }

    /// <summary>The bandwidths (d).</summary>
    public IReadOnlyList<double> Bandwidths => _bandwidths;

    /// <summary>n, the number of rows that were fitted.</summary>
    public required long Count { get; init; }

    /// <summary>What a mean was allowed to be off by, as a part of the range of the means.</summary>
    public required double Tolerance { get; init; }

    /// <summary>The most that a mean was off by at the places that were compared, far from no row.</summary>
    public double LargestError => _pieces.Where(piece => !piece.IsFar).Select(piece => piece.Errors.Max()).DefaultIfEmpty(0).Max();

    /// <summary>The number of pieces.</summary>
    public int Pieces => _pieces.Length;

    /// <inheritdoc/>
    public int Features => _widths.Length;

    /// <inheritdoc/>
    public int Columns => _origins.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; }

    /// <inheritdoc/>
    public required Diagnostics Diagnostics { get; init; }

    /// <summary>Predicts.</summary>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="options">The defaults where null; bands are pointwise, and there are no slopes.</param>
    /// <param name="progress">Not told anything.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>
    /// The predictions (m). More than some bandwidths away from all rows a query is answered as the nearest place that is not.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// Queries of other features, a number that is not finite, an option out of its range or that a surface does not answer.
    /// </exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public Predictions Predict(
        ReadOnlySpan<double> queries,
        PredictionOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new PredictionOptions();
        double[] places = CurvePredictions.Checked(queries, Features, options);
        var points = new CurvePoint[Columns];
        return CurvePredictions.Create(places, _ranges, PointOf, Diagnostics, options, cancellationToken);

        // The columns of a query come one after the other.
        CurvePoint PointOf(int i, int c)
        {
            if (c == 0)
            {
                Set(points, places.AsSpan(i * Features, Features));
            }

            return points[c];
        }
    }

    /// <summary>The pieces, and what they are off by.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Pieces} pieces for {Count} rows, h = {string.Join(" ", Bandwidths)}, off by {LargestError:g3}");

    private void Set(CurvePoint[] points, ReadOnlySpan<double> x)
    {
        Span<double> place = stackalloc double[x.Length];
        x.CopyTo(place);
        int at = Find(place);
        bool isFar = at < 0;
        if (isFar)
        {
            at = Nearest(place);
        }

        Piece piece = _pieces[at];
        double[][] polynomials = new double[x.Length][];
        for (int j = 0; j < x.Length; j++)
        {
            double width = _widths[j] * Math.ScaleB(1, -piece.Id.Depth);
            polynomials[j] = BoxBasis.Polynomials((2 * ((place[j] / width) - piece.Id.PlaceOf(j))) - 1);
        }

        Span<double> terms = stackalloc double[_terms.Count];
        double neighbours = 0;
        for (int term = 0; term < terms.Length; term++)
        {
            terms[term] = _terms.Product(polynomials, term);
            neighbours += terms[term] * piece.LogNeighbours[term];
        }

        isFar |= piece.IsFar;
        for (int c = 0; c < points.Length; c++)
        {
            double mean = 0;
            for (int term = 0; term < terms.Length; term++)
            {
                mean += terms[term] * piece.Means[c][term];
            }

            points[c] = new CurvePoint(
                _origins[c] + mean, isFar ? double.NaN : Math.Exp(neighbours), double.NaN, double.PositiveInfinity, isFar);
        }
    }

    // The piece that a place lies in; -1 for none.
    private int Find(ReadOnlySpan<double> place)
    {
        for (int depth = 0; depth <= _deepest; depth++)
        {
            if (PieceId.Of(place, _widths, depth) is { } id && _places.TryGetValue(id, out int at))
            {
                return at;
            }
        }

        return -1;
    }

    // The piece nearest to a place, in bandwidths, and the place within it that is nearest.
    private int Nearest(Span<double> place)
    {
        (int nearest, double least) = (0, double.PositiveInfinity);
        for (int i = 0; i < _pieces.Length; i++)
        {
            double square = 0;
            for (int j = 0; j < place.Length; j++)
            {
                double apart = (place[j] - Clamped(_pieces[i].Id, place[j], j)) / _bandwidths[j];
                square += apart * apart;
            }

            (nearest, least) = square < least ? (i, square) : (nearest, least);
        }

        for (int j = 0; j < place.Length; j++)
        {
            place[j] = Clamped(_pieces[nearest].Id, place[j], j);
        }

        return nearest;
    }

    private double Clamped(PieceId id, double x, int feature)
    {
        double width = _widths[feature] * Math.ScaleB(1, -id.Depth);
        return Math.Clamp(x, width * id.PlaceOf(feature), width * (id.PlaceOf(feature) + 1));
    }

    /// <summary>A polynomial of a box.</summary>
    /// <param name="Id">The box.</param>
    /// <param name="Means">The coefficients of the mean of each column, from its origin (v, terms).</param>
    /// <param name="LogNeighbours">Those of the logarithm of the effective number of neighbours.</param>
    /// <param name="Errors">What each mean was off by at most where it was compared (v).</param>
    /// <param name="IsFar">Whether it is far from all rows.</param>
    private sealed record Piece(PieceId Id, double[][] Means, double[] LogNeighbours, double[] Errors, bool IsFar);

    /// <summary>Where a piece is.</summary>
    /// <param name="Depth">How often the widest pieces were halved.</param>
    /// <param name="One">Its place along the first feature, in its own widths from 0.</param>
    /// <param name="Two">Along the second.</param>
    /// <param name="Three">Along the third; 0 where there is none.</param>
    private readonly record struct PieceId(int Depth, long One, long Two, long Three)
    {
        public long PlaceOf(int feature) => feature switch { 0 => One, 1 => Two, _ => Three };

        /// <summary>The box of a depth that a place lies in; null where it is too far away.</summary>
        public static PieceId? Of(ReadOnlySpan<double> place, double[] widths, int depth)
        {
            Span<long> at = stackalloc long[3];
            at.Clear();
            for (int j = 0; j < place.Length; j++)
            {
                double box = Math.Floor(Math.ScaleB(place[j] / widths[j], depth));
                if (!(Math.Abs(box) < MomentGrid.MostCell))
                {
                    return null;
                }

                at[j] = (long)box;
            }

            return new PieceId(depth, at[0], at[1], at[2]);
        }

        /// <summary>Its halves along every feature.</summary>
        public IEnumerable<PieceId> Halves(int features)
        {
            for (int half = 0; half < 1 << features; half++)
            {
                yield return new PieceId(
                    Depth + 1, (2 * One) + (half & 1), (2 * Two) + ((half >> 1) & 1), features > 2 ? (2 * Three) + (half >> 2) : 0);
            }
        }
    }
}
