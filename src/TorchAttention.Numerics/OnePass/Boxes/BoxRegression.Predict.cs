using TorchAttention.Numerics.Regression;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>Predictions.</content>
public sealed partial class BoxRegression
{
    // Where weights are less in sum, their ratios say more.
    private const double LeastKnown = 1e-8;

    // Of a row three bandwidths away.
    private const double SquareInGap = 9;

    /// <summary>Predicts.</summary>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="options">The defaults where null; bands are pointwise, and there are no slopes.</param>
    /// <param name="progress">Not told anything.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The predictions (m).</returns>
    /// <exception cref="ArgumentException">
    /// Queries of other features, a number that is not finite, an option out of its range or that moments do not answer.
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
        CurvePoint[] points = At(places, cancellationToken);
        return CurvePredictions.Create(places, _ranges, (i, _) => points[i], Diagnostics, options, cancellationToken);
    }

    /// <summary>The surface as pieces of polynomials: a file that predicts as this does, without moments.</summary>
    /// <param name="tolerance">What a mean may be off by, as a part of the range of the means, at the places where it is compared.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not between 1e-12 and 1.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public CondensedSurface Condense(double tolerance = 1e-6, CancellationToken cancellationToken = default) =>
        CondensedSurface.Create(this, tolerance, cancellationToken);

    /// <summary>Where rows are: the ends of their boxes along each feature (boxes, d, 2), and the means in the middle of each.</summary>
    internal (double[] Boxes, double[] Means) Places()
    {
        BoxLevel level = _levels.For(_bandwidths);
        double[] ends = [.. level.Ids.SelectMany(id => Enumerable.Range(0, Features).SelectMany(j => level.Ends(id, j)))];
        double[] middles = [.. ends.Chunk(2).Select(pair => (pair[0] + pair[1]) / 2)];
        return (ends, [.. At(middles, CancellationToken.None).Select(point => point.Mean)]);
    }

    /// <summary>The surface at some places (m, d).</summary>
    internal CurvePoint[] At(double[] places, CancellationToken cancellationToken)
    {
        int d = Features;
        BoxLevel level = _levels.For(_bandwidths);
        var far = new BoxFar(level, _bandwidths);
        var points = new CurvePoint[places.Length / d];
        var ofBox = new Dictionary<long, List<int>>();
        for (int i = 0; i < points.Length; i++)
        {
            if (level.BoxOrNone(places.AsSpan(i * d, d)) is not long box)
            {
                points[i] = new CurvePoint(far.At(places.AsSpan(i * d, d)), double.NaN, double.NaN, double.PositiveInfinity, true);
                continue;
            }

            if (!ofBox.TryGetValue(box, out List<int>? queries))
            {
                ofBox[box] = queries = [];
            }

            queries.Add(i);
        }

        long[] boxes = [.. ofBox.Keys];
        var sums = new BoxSums(level, _bandwidths, BoxSumsKind.Squares);
        sums.At(
            boxes,
            _ => false,
            (at, ofNodes, _) =>
            {
                foreach (int i in ofBox[boxes[at]])
                {
                    points[i] = PointAt(level, far, boxes[at], ofNodes, places.AsSpan(i * d, d));
                }
            },
            _options.Threads,
            cancellationToken);
        return points;
    }

    private static CurvePoint PointAt(BoxLevel level, BoxFar far, long box, double[][] ofNodes, ReadOnlySpan<double> x)
    {
        var shares = new double[x.Length][];
        for (int j = 0; j < shares.Length; j++)
        {
            shares[j] = BoxBasis.Shares(level.PlaceIn(box, x[j], j));
        }

        double weight = BoxBasis.At(ofNodes[0], shares);
        if (!(weight > LeastKnown))
        {
            return new CurvePoint(far.At(x), double.NaN, double.NaN, double.PositiveInfinity, true);
        }

        double spread = ofNodes.Skip(3).Sum(sum => BoxBasis.At(sum, shares));
        double mean = level.Origin + (BoxBasis.At(ofNodes[1], shares) / weight);
        return new CurvePoint(
            mean, weight * weight / BoxBasis.At(ofNodes[2], shares), double.NaN, double.PositiveInfinity, spread > SquareInGap * weight);
    }
}
