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
        return CurvePredictions.Create(places, _ranges, (i, c) => points[(i * Columns) + c], Diagnostics, options, cancellationToken);
    }

    /// <summary>The surface as pieces of polynomials: a file that predicts as this does, without moments.</summary>
    /// <param name="tolerance">What a mean may be off by, as a part of the range of the means, at the places where it is compared.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not between 1e-12 and 1.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public CondensedSurface Condense(double tolerance = 1e-6, CancellationToken cancellationToken = default) =>
        CondensedSurface.Create(this, tolerance, cancellationToken);

    /// <summary>
    /// Where rows are: the ends of their boxes along each feature (boxes, d, 2), and the means in the middle of each (boxes, v).
    /// </summary>
    internal (double[] Boxes, double[] Means) Places()
    {
        BoxLevel level = _levels.For(_bandwidths);
        double[] ends = [.. level.Ids.SelectMany(id => Enumerable.Range(0, Features).SelectMany(j => level.Ends(id, j)))];
        double[] middles = [.. ends.Chunk(2).Select(pair => (pair[0] + pair[1]) / 2)];
        return (ends, [.. At(middles, CancellationToken.None).Select(point => point.Mean)]);
    }

    /// <summary>The surfaces at some places (m, d), of each column (m, v).</summary>
    internal CurvePoint[] At(double[] places, CancellationToken cancellationToken)
    {
        int d = Features;
        BoxLevel level = _levels.For(_bandwidths);
        var far = new BoxFar(level, _bandwidths);
        double meanWeight = level.MeanWeight;
        var points = new CurvePoint[places.Length / d * Columns];
        var ofBox = new Dictionary<long, List<int>>();
        for (int i = 0; i < places.Length / d; i++)
        {
            if (level.BoxOrNone(places.AsSpan(i * d, d)) is not long box)
            {
                SetFar(far, places.AsSpan(i * d, d), points.AsSpan(i * Columns, Columns));
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
                    SetPoints(boxes[at], ofNodes, places.AsSpan(i * d, d), points.AsSpan(i * Columns, Columns));
                }
            },
            _options.Threads,
            cancellationToken);
        return points;

        void SetPoints(long box, double[][] ofNodes, ReadOnlySpan<double> x, Span<CurvePoint> to)
        {
            var shares = new double[x.Length][];
            for (int j = 0; j < shares.Length; j++)
            {
                shares[j] = BoxBasis.Shares(level.PlaceIn(box, x[j], j));
            }

            double weight = BoxBasis.At(ofNodes[0], shares);
            if (!(weight > LeastKnown * meanWeight))
            {
                SetFar(far, x, to);
                return;
            }

            double spread = ofNodes.Skip(2 + Columns).Sum(sum => BoxBasis.At(sum, shares));
            double neighbours = weight * weight / BoxBasis.At(ofNodes[1 + Columns], shares) / meanWeight;
            for (int c = 0; c < to.Length; c++)
            {
                double mean = level.Origins[c] + (BoxBasis.At(ofNodes[1 + c], shares) / weight);
                to[c] = new CurvePoint(mean, neighbours, double.NaN, double.PositiveInfinity, spread > SquareInGap * weight);
            }
        }
    }

    private static void SetFar(BoxFar far, ReadOnlySpan<double> x, Span<CurvePoint> points)
    {
        double[] means = far.At(x);
        for (int c = 0; c < points.Length; c++)
        {
            points[c] = new CurvePoint(means[c], double.NaN, double.NaN, double.PositiveInfinity, true);
        }
    }
}
