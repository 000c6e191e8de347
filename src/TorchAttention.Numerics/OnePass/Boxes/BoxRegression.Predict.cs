using TorchAttention.Numerics.Pooling.Answers;
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
        if (OfRows is not null)
        {
            return At(OfRows, places, cancellationToken);
        }

        int d = Features;
        BoxLevel level = _levels.ForFew(_bandwidths);
        var surface = new Surface(level, _bandwidths, Degree);
        var points = new CurvePoint[places.Length / d * Columns];
        var ofBox = new Dictionary<long, List<int>>();
        for (int i = 0; i < places.Length / d; i++)
        {
            if (level.BoxOrNone(places.AsSpan(i * d, d)) is not long box)
            {
                surface.SetFar(places.AsSpan(i * d, d), points.AsSpan(i * Columns, Columns));
                continue;
            }

            if (!ofBox.TryGetValue(box, out List<int>? queries))
            {
                ofBox[box] = queries = [];
            }

            queries.Add(i);
        }

        long[] boxes = [.. ofBox.Keys];
        var pairs = new BoxPairs(level, _bandwidths, surface.Layout);
        if (pairs.AreQuicker(places.Length / d, boxes.Length))
        {
            Parallel.ForEach(
                ofBox.Values.SelectMany(queries => queries),
                new ParallelOptions { MaxDegreeOfParallelism = _options.Threads ?? -1, CancellationToken = cancellationToken },
                i =>
                {
                    double[] sums = new double[surface.Layout.Count];
                    pairs.AddAll(places.AsSpan(i * d, d), [], sums);
                    surface.Set(places.AsSpan(i * d, d), sums, 0, points.AsSpan(i * Columns, Columns));
                });
            return points;
        }

        new BoxSums(level, _bandwidths, surface.Layout).At(
            boxes,
            _ => false,
            (at, ofNodes, off, _) =>
            {
                double[] sums = new double[ofNodes.Length];
                var shares = new double[d][];
                foreach (int i in ofBox[boxes[at]])
                {
                    ReadOnlySpan<double> x = places.AsSpan(i * d, d);
                    for (int j = 0; j < d; j++)
                    {
                        shares[j] = BoxBasis.Shares(level.PlaceIn(boxes[at], x[j], j));
                    }

                    double[] products = BoxBasis.Products(shares);
                    for (int s = 0; s < sums.Length; s++)
                    {
                        sums[s] = BoxBasis.At(ofNodes[s], products);
                    }

                    surface.Set(x, sums, off, points.AsSpan(i * Columns, Columns));
                }
            },
            _options.Threads,
            cancellationToken);
        return points;
    }

    /// <summary>What sums say at a place.</summary>
    private sealed class Surface(BoxLevel level, double[] h, int degree)
    {
        private readonly BoxFar _far = new(level, h);
        private readonly double _meanWeight = level.MeanWeight;

        public BoxLayout Layout { get; } = new(level.Features, level.Columns, degree, BoxSumsKind.Squares);

        /// <summary>Sets a place's points (v).</summary>
        /// <param name="x">The place (d).</param>
        /// <param name="sums">The sums there.</param>
        /// <param name="off">What they are off by.</param>
        /// <param name="points">The points.</param>
        public void Set(ReadOnlySpan<double> x, double[] sums, double off, Span<CurvePoint> points)
        {
            double spread = 0;
            foreach (int place in Layout.Spread)
            {
                spread += sums[place];
            }

            bool isFar = spread > SquareInGap * sums[0];
            if (!(sums[0] > LeastKnown * _meanWeight))
            {
                SetFar(x, points);
                return;
            }

            var plane = new BoxPlane(Layout, _far.Span);
            plane.Set(sums);
            if (plane.TrySolve(off + (BoxFit.RoundedPairs * sums[0])))
            {
                Set(plane, isFar, points);
            }
            else
            {
                Set(_far.PlaneAt(x), isFar, points);
            }
        }

        /// <summary>Sets the points of a place that no row is near of.</summary>
        public void SetFar(ReadOnlySpan<double> x, Span<CurvePoint> points)
        {
            if (degree > 0)
            {
                Set(_far.PlaneAt(x), isFar: true, points);
                return;
            }

            double[] means = _far.At(x);
            for (int c = 0; c < points.Length; c++)
            {
                points[c] = new CurvePoint(means[c], double.NaN, double.NaN, double.PositiveInfinity, true);
            }
        }

        private void Set<TPlane>(TPlane plane, bool isFar, Span<CurvePoint> points)
            where TPlane : IPlane
        {
            double neighbours = 1 / (plane.SquaredWeights() * _meanWeight);
            for (int c = 0; c < points.Length; c++)
            {
                double mean = level.Origins[c] + plane.Height(c);
                points[c] = new CurvePoint(mean, neighbours, double.NaN, double.PositiveInfinity, isFar);
            }
        }
    }
}
