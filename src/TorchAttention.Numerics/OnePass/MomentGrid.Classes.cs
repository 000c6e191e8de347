using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass;

/// <content>Grids for classes.</content>
public sealed partial class MomentGrid
{
    /// <summary>A grid for rows of classes of which some are known.</summary>
    /// <param name="x">Keys of some rows, from many places of all of them.</param>
    /// <param name="labels">The class of each; other rows may be of others.</param>
    /// <param name="rows">How many rows there are in all, roughly; the more there are, the narrower are the cells.</param>
    /// <param name="cellWidth">
    /// The width of the cells, rounded down to a power of 2; by the best bandwidth of these rows where null.
    /// </param>
    /// <param name="weights">The weights of these rows, where rows have weights.</param>
    /// <param name="folds">How many folds rows are dealt to, for <see cref="Bandwidth.KFold"/>; 0 for none.</param>
    /// <exception cref="ArgumentException">Lengths that differ, numbers that are not finite, a width that cannot be had.</exception>
    /// <exception cref="ArgumentOutOfRangeException">One fold, or more than 1,000.</exception>
    /// <exception cref="RegressionDataException">The rows allow no bandwidth.</exception>
    public static MomentGrid ChooseClasses(
        ReadOnlySpan<double> x,
        IReadOnlyList<string> labels,
        long rows,
        double? cellWidth = null,
        ReadOnlySpan<double> weights = default,
        int folds = 0)
    {
        ArgumentNullException.ThrowIfNull(labels);
        CheckFolds(folds);
        if (labels.Count != x.Length)
        {
            throw new ArgumentException($"Expected as many classes as keys, {x.Length}, got {labels.Count}.", nameof(labels));
        }

        RegressionCheck.Data(x, x, 1, weights);
        if (x.Length > PilotRows)
        {
            labels = [.. Enumerable.Range(0, PilotRows).Select(i => labels[(int)((long)i * labels.Count / PilotRows)])];
            weights = weights.IsEmpty ? weights : Every(weights, PilotRows);
            x = Every(x, PilotRows);
        }

        double? best = cellWidth is not null ? null
            : AtOnePlace(x) is double any ? any
            : KernelRegression.FitClasses(x, labels, 1, null, weights).Bandwidths[0];
        int exponent = ExponentOf(x, rows, cellWidth, best);
        (long[] cells, long[] weightExponents) = Occupied(x, exponent, weights);
        return new MomentGrid(exponent, [], TermsOfMeans, cells, [], weightExponents, folds);
    }
}
