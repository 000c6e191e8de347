using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>Rows that are nearly alone in their boxes, which sums gain nothing of.</content>
public sealed partial class BoxRegression
{
    // Rows of fewer in a box, on average, are fitted in memory: a box of three features costs a hundred times what one of two does.
    private const int FewestOfTwo = 2;
    private const int FewestOfThree = 32;

    /// <summary>
    /// The fit in memory to the rows themselves, where boxes keep all of them and have fewer than two on average (32 of three features):
    /// it is quicker there, and this model answers as it does. Null where sums are asked. Folds, which are dealt by rows' hashes, are
    /// always a matter of sums.
    /// </summary>
    public KernelRegression? OfRows { get; private set; }

    private bool AreFew => _levels.AreRows && Count < (Features == 2 ? FewestOfTwo : FewestOfThree) * (long)_levels.Finest.Count
        && _options.Bandwidth.Rule != BandwidthRule.KFold;

    private KernelRegression FitRows(bool hasWeights, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        BoxLevel level = _levels.Finest;
        double[][] rows = [.. level.Rows.SelectMany(box => box.Chunk(level.Fields))];
        double[] x = [.. rows.SelectMany(row => row[..Features])];
        double[] weights = hasWeights ? [.. rows.Select(row => row[^1])] : [];
        var options = new KernelRegressionOptions
        {
            Degree = Degree,
            Bandwidth = _options.Bandwidth,
            Threads = _options.Threads,
        };
        return Classes.Count > 0
            ? KernelRegression.FitClasses(
                x, [.. rows.Select(row => Classes[(int)row[Features]])], Features, options, weights, progress, cancellationToken)
            : KernelRegression.Fit(
                x, [.. rows.SelectMany(row => row[Features..^1])], Features, options, weights, progress, cancellationToken);
    }

    private static CurvePoint[] At(KernelRegression rows, double[] places, CancellationToken cancellationToken)
    {
        Predictions at = rows.Predict(places, cancellationToken: cancellationToken);
        return [.. at.Mean.Select((mean, i) => new CurvePoint(
            mean, at.EffectiveNeighbours[i / rows.Columns], double.NaN, double.PositiveInfinity, at.IsInGap[i / rows.Columns]))];
    }
}
