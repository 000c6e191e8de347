using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.OnePass;

/// <content>Predictions, and curves without rows.</content>
public sealed partial class OrderedRegression
{
    /// <summary>The curve at some places.</summary>
    /// <param name="queries">Queries (m), ascending.</param>
    /// <param name="level">Of the bands.</param>
    /// <returns>The predictions (m, v).</returns>
    /// <exception cref="ArgumentException">Queries that are not ascending.</exception>
    /// <exception cref="RegressionDataException">More than 2 million rows are in reach of one.</exception>
    public Predictions Predict(ReadOnlySpan<double> queries, double level)
    {
        for (int i = 1; i < queries.Length; i++)
        {
            if (!(queries[i] > queries[i - 1]))
            {
                throw new ArgumentException($"Expected ascending queries, got {queries[i]} after {queries[i - 1]}.", nameof(queries));
            }
        }

        double[] places = CurvePredictions.Checked(queries, 1, new PredictionOptions { Level = level });
        CurvePoint[] points = At(places);
        return CurvePredictions.Create(
            places, [(LeastX, MostX)], (i, c) => points[(i * Columns) + c], Diagnostics, new PredictionOptions { Level = level },
            _cancellationToken);
    }

    /// <summary>The curves as pieces of polynomials: kilobytes that predict as this does, without rows.</summary>
    /// <remarks>
    /// A kernel that ends makes a curve of as many pieces as there are rows. Pieces are as wide as they may be to differ from it by
    /// no more than a hundredth of the standard error of the mean, or the tolerance, at places between their nodes, and no narrower than a
    /// 64th of the bandwidth: nothing is proved of them. Where no row is in reach they say nothing.
    /// </remarks>
    /// <param name="tolerance">What a mean may be off by in any case, as a part of the range of the means.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not between 1e-14 and 1.</exception>
    public CondensedCurves CondenseColumns(double tolerance = 1e-6) => CondensedCurves.Create(this, tolerance);

    /// <summary>The curve of one column of values.</summary>
    /// <inheritdoc cref="CondenseColumns"/>
    /// <exception cref="NotSupportedException">There are several columns, or classes.</exception>
    public CondensedCurve Condense(double tolerance = 1e-6) => Columns == 1 && Classes.Count == 0 ? CondenseColumns(tolerance).Curves[0]
        : throw new NotSupportedException($"Expected one column of values, got {Columns}; CondenseColumns has a curve for each.");

    /// <summary>The number of rows.</summary>
    internal long Count => _rows.Count;

    /// <summary>The curves at ascending places (m, v); NaN where no row is in reach.</summary>
    internal CurvePoint[] At(double[] places)
    {
        var points = new CurvePoint[places.Length * Columns];
        for (int start = 0, end; start < places.Length; start = end)
        {
            // As many as have rows in reach that are no more than a stretch, and a place more.
            long first = InReach(places[start], places[start], Bandwidth).First;
            (end, int beyond) = (start + 1, places.Length + 1);
            for (int step = 1; beyond - end > 1;)
            {
                int next = Math.Min(end + step, beyond - 1);
                bool fits = InReach(places[start], places[next - 1], Bandwidth).End - first <= _stretch;
                (end, beyond) = fits ? (next, beyond) : (end, next);
                step = fits ? 2 * step : Math.Max(1, (beyond - end) / 2);
            }

            AddPoints(places.AsSpan(start, end - start), first, InReach(places[start], places[end - 1], Bandwidth).End,
                points.AsSpan(start * Columns, (end - start) * Columns));
        }

        return points;
    }

    private void AddPoints(ReadOnlySpan<double> places, long first, long end, Span<CurvePoint> points)
    {
        double[] means = new double[points.Length];
        double[] neighbours = new double[places.Length];
        bool[] hasNeighbour = new bool[places.Length];
        if (end > first)
        {
            SmootherData data = Take(first, end) ?? throw TooMany(end - first);
            _options.Kernel.Pool(
                data.Samples<double>(),
                new PoolingWidths { Bandwidths = [Bandwidth] },
                places,
                new PoolingOutput<double> { Values = means, EffectiveNeighbours = neighbours, HasNeighbour = hasNeighbour },
                null,
                new PoolingOptions { Degree = _options.Degree, Threads = _options.Threads },
                null,
                _cancellationToken);
            _options.NewSmoother(_cancellationToken).WeightedNeighbours(data, places.ToArray(), [Bandwidth], neighbours);
            data.AddOffsets(means);
        }

        for (int i = 0; i < points.Length; i++)
        {
            points[i] = hasNeighbour[i / Columns]
                ? new CurvePoint(means[i], neighbours[i / Columns], double.NaN, double.PositiveInfinity, IsFar: false)
                : CurvePoint.OfNothing;
        }
    }
}
