using TorchAttention.Numerics.Regression;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>Rows that are nearly alone in their boxes, which sums gain nothing of.</content>
public sealed partial class BoxRegression
{
    // Rows of fewer in a box, on average, are fitted in memory: a box of three features costs a hundred times what one of two does.
    private const int FewestOfTwo = 2;
    private const int FewestOfThree = 32;

    // More rows whose planes sums know too little of are asked one by one where they are kept, as in memory.
    private const int MostOfThin = 20_000;

    /// <summary>
    /// The fit in memory to the rows themselves, where boxes keep all of them and have fewer than two on average (32 of three features):
    /// it is quicker there, and this model answers as it does; and of planes to up to 20,000 of them where one feature is nearly what
    /// others add up to, which sums hold too few digits of. Null where sums are asked. Folds, which are dealt by rows' hashes, are
    /// always a matter of sums.
    /// </summary>
    public KernelRegression? OfRows { get; private set; }

    /// <summary>
    /// Whether planes are fitted to features of which one is nearly what others add up to: sums say too little of what is left.
    /// </summary>
    internal bool AreThin { get; }

    /// <summary>Whether rows are nearly alone in their boxes.</summary>
    internal bool AreFew => Count < (Features == 2 ? FewestOfTwo : FewestOfThree) * (long)_levels.Finest.Count;

    private RowsOfBoxes RowsOfMoments(bool hasWeights)
    {
        BoxLevel level = _levels.Finest;
        double[][] rows = [.. level.Rows.SelectMany(box => box.Chunk(level.Fields))];
        return new RowsOfBoxes(
            [.. rows.SelectMany(row => row[..Features])],
            Classes.Count > 0 ? [] : [.. rows.SelectMany(row => row[Features..^1])],
            Classes.Count > 0 ? [.. rows.Select(row => Classes[(int)row[Features]])] : null,
            hasWeights ? [.. rows.Select(row => row[^1])] : []);
    }

    private KernelRegression FitRows(RowsOfBoxes rows, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var options = new KernelRegressionOptions
        {
            Degree = Degree,
            Bandwidth = _options.Bandwidth,
            Threads = _options.Threads,
        };
        return rows.Labels is not null
            ? KernelRegression.FitClasses(rows.X, rows.Labels, Features, options, rows.Weights, progress, cancellationToken)
            : KernelRegression.Fit(rows.X, rows.Y, Features, options, rows.Weights, progress, cancellationToken);
    }

    private static CurvePoint[] At(KernelRegression rows, double[] places, CancellationToken cancellationToken)
    {
        Predictions at = rows.Predict(places, cancellationToken: cancellationToken);
        return [.. at.Mean.Select((mean, i) => new CurvePoint(
            mean, at.EffectiveNeighbours[i / rows.Columns], double.NaN, double.PositiveInfinity, at.IsInGap[i / rows.Columns]))];
    }
}
