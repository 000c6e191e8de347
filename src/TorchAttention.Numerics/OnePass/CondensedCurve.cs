using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// A fitted curve in kilobytes: pieces of polynomials of the degree 15 for the mean and for the effective number of examples, each with a
/// bound on what it is off by, which for the Gaussian kernel is proved. It predicts as the fit that it was made of does, whatever the
/// number of its examples.
/// </summary>
/// <remarks>
/// Beyond the examples by more than three bandwidths the mean stays what it is there; where the examples leave a gap that is wide, pieces
/// are estimates, and have no band. Both are flagged, as in every prediction. A fit with a kernel that ends says nothing where no example
/// is in reach.
/// </remarks>
/// <example>
/// <code>
/// CondensedCurve curve = KernelRegression.Fit(x, y).Condense(tolerance: 1e-10);
/// curve.Save("curve.safetensors");
/// </code>
/// </example>
public sealed partial class CondensedCurve : IPredictor
{
    private const int K = MomentGrid.TermsOfMeans;

    private const int Together = 8;

    // A table of cells up to so many is smaller than what it saves.
    private const long MostInTable = 1 << 20;

    private readonly Piece[] _pieces;
    private readonly int _exponent;
    private readonly double _origin;
    private readonly int[] _table;
    private readonly double[] _means;
    private readonly double[] _starts;
    private readonly double[] _scales;
    private readonly double _inverse;
    private readonly double _first;
    private readonly double _last;

    private CondensedCurve(Piece[] pieces, int exponent, double origin)
    {
        _pieces = pieces;
        _exponent = exponent;
        _origin = origin;
        _inverse = Math.ScaleB(1, -exponent);
        _means = [.. pieces.SelectMany(piece => piece.Mean)];
        _starts = [.. pieces.Select(piece => (double)piece.Start)];
        _scales = [.. pieces.Select(piece => 2.0 / piece.Cells)];
        _first = pieces[0].Start;
        _last = Math.BitDecrement((double)(pieces[^1].Start + pieces[^1].Cells));
        long first = pieces[0].Start;
        long cells = pieces[^1].Start + pieces[^1].Cells - first;
        _table = cells > MostInTable ? [] : new int[cells];
        foreach ((int index, Piece piece) in pieces.Index())
        {
            if (_table.Length > 0)
            {
                Array.Fill(_table, index, (int)(piece.Start - first), (int)piece.Cells);
            }
        }
    }

    /// <summary>h of the fit.</summary>
    public required double Bandwidth { get; init; }

    /// <summary>The number of examples that were fitted.</summary>
    public required long Count { get; init; }

    /// <inheritdoc/>
    public required Diagnostics Diagnostics { get; init; }

    /// <summary>The least key.</summary>
    public required double LeastX { get; init; }

    /// <summary>The largest key.</summary>
    public required double MostX { get; init; }

    /// <summary>
    /// What was asked for: a bound on the mean as a part of its range. The effective number of examples is within it or a part in 10^6, the
    /// larger of both. No piece is narrower than a cell of the moments: where a cell needs more, as at the ends of lines, it is off by up
    /// to a part in a thousand, or there is no band.
    /// </summary>
    public required double Tolerance { get; init; }

    /// <summary>
    /// Whether bounds are proved. Those of a fit with a kernel that ends are the largest differences at places between a piece's nodes.
    /// </summary>
    public bool IsProved { get; init; } = true;

    /// <summary>
    /// Whether the noise's local variance is known, an estimate, which intervals of new observations are made of. A curve of a kernel that
    /// ends has none, nor has one that was saved before there were any.
    /// </summary>
    public bool HasNoise => _pieces.Any(piece => piece.HasNoise);

    /// <summary>The number of pieces.</summary>
    public int Pieces => _pieces.Length;

    /// <summary>The most that a mean within the pieces that are no estimates is off by.</summary>
    public double Bound => _pieces.Select(piece => piece.Bound).Where(double.IsFinite).DefaultIfEmpty(double.NaN).Max();

    /// <summary>The pieces that are estimates: wide gaps between examples.</summary>
    public int Estimates => _pieces.Count(piece => !double.IsFinite(piece.Bound));

    /// <inheritdoc/>
    public int Features => 1;

    /// <inheritdoc/>
    public int Columns => 1;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes => [];

    /// <summary>Predicts.</summary>
    /// <param name="queries">Queries (m).</param>
    /// <param name="options">The defaults where null; bands are pointwise.</param>
    /// <param name="progress">Not told anything.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The predictions (m).</returns>
    /// <exception cref="ArgumentException">A number that is not finite, an option out of its range or that a curve does not
    /// answer.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public Predictions Predict(
        ReadOnlySpan<double> queries,
        PredictionOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new PredictionOptions();
        return CurvePredictions.Create(queries, [At], Diagnostics, (LeastX, MostX), options, HasNoise, cancellationToken);
    }

    /// <summary>The mean alone.</summary>
    /// <param name="queries">Queries (m), finite.</param>
    /// <param name="mean">Where the means go (m).</param>
    /// <exception cref="ArgumentException">Lengths that differ, or a query that is no number.</exception>
    public void Mean(ReadOnlySpan<double> queries, Span<double> mean)
    {
        if (queries.Length != mean.Length)
        {
            throw new ArgumentException($"Expected room for {queries.Length} means, got {mean.Length}.", nameof(mean));
        }

        Span<int> pieces = stackalloc int[Together];
        Span<double> places = stackalloc double[Together];
        for (int first = 0; first < queries.Length; first += Together)
        {
            int count = Math.Min(Together, queries.Length - first);
            for (int i = 0; i < count; i++)
            {
                double x = queries[first + i];
                pieces[i] = double.IsNaN(x) ? throw new ArgumentException($"Expected numbers, got {x} at {first + i}.", nameof(queries))
                    : PieceAt(x, out places[i]);
            }

            Mean(pieces, places, mean.Slice(first, count));
        }
    }

    // Clenshaw's recurrence, some queries at once.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private unsafe void Mean(ReadOnlySpan<int> pieces, ReadOnlySpan<double> places, Span<double> mean)
    {
        fixed (double* all = _means)
        {
            double* p0 = all + (pieces[0] * K), p1 = all + (pieces[1] * K), p2 = all + (pieces[2] * K), p3 = all + (pieces[3] * K);
            double* p4 = all + (pieces[4] * K), p5 = all + (pieces[5] * K), p6 = all + (pieces[6] * K), p7 = all + (pieces[7] * K);
            Vector256<double> t = Vector256.Create(places), u = Vector256.Create(places[4..]);
            Vector256<double> twoT = t + t, twoU = u + u;
            Vector256<double> a = default, b = default, c = default, d = default;
            for (int k = K - 1; k > 0; k--)
            {
                (a, b) = (Vector256.FusedMultiplyAdd(twoT, a, Vector256.Create(p0[k], p1[k], p2[k], p3[k]) - b), a);
                (c, d) = (Vector256.FusedMultiplyAdd(twoU, c, Vector256.Create(p4[k], p5[k], p6[k], p7[k]) - d), c);
            }

            a = Vector256.FusedMultiplyAdd(t, a, Vector256.Create(p0[0], p1[0], p2[0], p3[0]) - b);
            c = Vector256.FusedMultiplyAdd(u, c, Vector256.Create(p4[0], p5[0], p6[0], p7[0]) - d);
            for (int i = 0; i < mean.Length; i++)
            {
                mean[i] = _origin + (i < 4 ? a[i] : c[i - 4]);
            }
        }
    }

    /// <summary>The number of pieces, and what they are off by.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Pieces} pieces for {Count} examples, h = {Bandwidth}, within {Bound:g3}");

    /// <summary>The curve at a place.</summary>
    internal CurvePoint At(double x)
    {
        Piece piece = _pieces[PieceAt(x, out double t)];
        if (!IsProved && (!double.IsFinite(piece.Bound) || x < LeastX - Bandwidth || x > MostX + Bandwidth))
        {
            // No row is in reach.
            return CurvePoint.OfNothing;
        }

        double mean = _origin + Chebyshev.At(piece.Mean, t);
        if (!double.IsFinite(piece.Bound) || x * _inverse < _first || x * _inverse > _last)
        {
            return new CurvePoint(mean, double.NaN, double.NaN, double.PositiveInfinity, IsFar: true);
        }

        Span<double> slope = stackalloc double[K];
        Chebyshev.Differentiate(piece.Mean, slope);
        return new CurvePoint(
            mean,
            piece.HasBand ? Chebyshev.At(piece.Neighbours, t) : double.NaN,
            Chebyshev.At(slope, t) * 2 / Math.ScaleB(piece.Cells, _exponent),
            piece.Bound,
            piece.IsFar)
        {
            Variance = piece.HasNoise ? Math.Max(0, Chebyshev.At(piece.Noise, t)) : double.NaN,
        };
    }

    // The place in the piece, -1 to 1; beyond all of them the end.
    private int PieceAt(double x, out double t)
    {
        double place = x * _inverse;
        double inside = Math.Min(Math.Max(place, _first), _last);
        int index = _table.Length > 0 ? _table[(int)(Math.Floor(inside) - _first)] : Search((long)Math.Floor(inside));
        t = Math.Min(1, ((inside - _starts[index]) * _scales[index]) - 1);
        return index;
    }

    private int Search(long cell)
    {
        (int low, int high) = (0, _pieces.Length - 1);
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = _pieces[middle].Start <= cell ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    /// <summary>A polynomial over some cells.</summary>
    /// <param name="Start">The first cell.</param>
    /// <param name="Cells">How many.</param>
    /// <param name="Mean">The mean less the origin, in Chebyshev's polynomials of the place in the piece.</param>
    /// <param name="Neighbours">The effective number of examples.</param>
    /// <param name="Bound">What the mean is off by at most; infinite for an estimate.</param>
    /// <param name="NeighboursBound">What the effective number is off by at most, as a part of it.</param>
    /// <param name="IsFar">Whether the rows that speak are more than three bandwidths away.</param>
    private sealed record Piece(
        long Start, long Cells, double[] Mean, double[] Neighbours, double Bound, double NeighboursBound, bool IsFar)
    {
        /// <summary>Whether a number of examples is known here; a positive number has a positive mean.</summary>
        public bool HasBand => Neighbours[0] > 0;

        /// <summary>The noise's local variance, of fewer terms; none where it is not known.</summary>
        public double[] Noise { get; init; } = [];

        /// <summary>Whether a variance is known here.</summary>
        public bool HasNoise => Noise.Length > 0 && Noise[0] > 0;
    }
}
