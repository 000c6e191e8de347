using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>A grid by some of the rows.</content>
public sealed partial class BoxGrid
{
    // As many rows as a search in memory takes seconds for.
    private const int PilotRows = 20_000;

    // A box that is as wide as the best bandwidth will do, and narrower bandwidths than the pilot's are looked at.
    private const double Narrower = 1.5;

    /// <summary>A grid for rows of which some are known.</summary>
    /// <param name="x">Keys of some rows (n, d), row by row, from many places of all of them.</param>
    /// <param name="y">Their values (n, v), row by row.</param>
    /// <param name="features">d, 2 or 3.</param>
    /// <param name="rows">How many rows there are in all, roughly; the more there are, the narrower are the boxes.</param>
    /// <param name="widths">
    /// The width of the boxes along each feature (d), rounded down to a power of 2; by the best bandwidths of these rows where empty.
    /// </param>
    /// <param name="weights">The weights of these rows, where rows have weights; moments then take five times as much.</param>
    /// <param name="folds">
    /// How many folds rows are dealt to, for <see cref="Bandwidth.KFold"/>: moments then take as many times as much; 0 for none.
    /// </param>
    /// <exception cref="ArgumentException">Lengths that differ, numbers that are not finite, a width that cannot be had.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Another number of features, one fold, or more than 1,000.</exception>
    /// <exception cref="RegressionDataException">The rows allow no bandwidth, or would lie in too many boxes.</exception>
    public static BoxGrid Choose(
        ReadOnlySpan<double> x,
        ReadOnlySpan<double> y,
        int features,
        long rows,
        ReadOnlySpan<double> widths = default,
        ReadOnlySpan<double> weights = default,
        int folds = 0)
    {
        Check(features, widths, folds);
        RegressionCheck.Data(x, y, features, weights);
        int n = x.Length / features;
        int columns = y.Length / n;
        int count = Math.Min(n, PilotRows);
        double[] someX = MomentGrid.Every(x, count, features);
        double[] someY = MomentGrid.Every(y, count, columns);
        double[] someWeights = weights.IsEmpty ? [] : MomentGrid.Every(weights, count);
        var options = new KernelRegressionOptions { Bandwidth = Bandwidth.LeaveOneOut };
        double[] wanted = widths.IsEmpty ? Widest(KernelRegression.Fit(someX, someY, features, options, someWeights), count, rows)
            : widths.ToArray();
        return Choose(someX, someY, columns, someWeights, wanted, widths.IsEmpty, folds);
    }

    /// <summary>A grid for rows of classes of which some are known.</summary>
    /// <param name="x">Keys of some rows (n, d), row by row, from many places of all of them.</param>
    /// <param name="labels">The class of each (n); other rows may be of others.</param>
    /// <param name="features">d, 2 or 3.</param>
    /// <param name="rows">How many rows there are in all, roughly; the more there are, the narrower are the boxes.</param>
    /// <param name="widths">
    /// The width of the boxes along each feature (d), rounded down to a power of 2; by the best bandwidths of these rows where empty.
    /// </param>
    /// <param name="weights">The weights of these rows, where rows have weights.</param>
    /// <param name="folds">How many folds rows are dealt to, for <see cref="Bandwidth.KFold"/>; 0 for none.</param>
    /// <exception cref="ArgumentException">Lengths that differ, numbers that are not finite, a width that cannot be had.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Another number of features, one fold, or more than 1,000.</exception>
    /// <exception cref="RegressionDataException">The rows allow no bandwidth, or would lie in too many boxes.</exception>
    public static BoxGrid ChooseClasses(
        ReadOnlySpan<double> x,
        IReadOnlyList<string> labels,
        int features,
        long rows,
        ReadOnlySpan<double> widths = default,
        ReadOnlySpan<double> weights = default,
        int folds = 0)
    {
        ArgumentNullException.ThrowIfNull(labels);
        Check(features, widths, folds);
        int n = x.Length / features;
        if (labels.Count != n)
        {
            throw new ArgumentException($"Expected as many classes as rows, {n}, got {labels.Count}.", nameof(labels));
        }

        RegressionCheck.Data(x, x[..n], features, weights);
        int count = Math.Min(n, PilotRows);
        double[] someX = MomentGrid.Every(x, count, features);
        string[] someLabels = [.. Enumerable.Range(0, count).Select(i => labels[(int)((long)i * n / count)])];
        double[] someWeights = weights.IsEmpty ? [] : MomentGrid.Every(weights, count);
        double[] wanted = widths.IsEmpty
            ? Widest(KernelRegression.FitClasses(someX, someLabels, features, null, someWeights), count, rows)
            : widths.ToArray();
        return Choose(someX, [], 0, someWeights, wanted, widths.IsEmpty, folds);
    }

    private static void Check(int features, ReadOnlySpan<double> widths, int folds)
    {
        if (features is < 2 or > MostFeatures)
        {
            throw new ArgumentOutOfRangeException(nameof(features), features, $"Expected from 2 to {MostFeatures} features.");
        }

        MomentGrid.CheckFolds(folds);
        if (!widths.IsEmpty && widths.Length != features)
        {
            throw new ArgumentException($"Expected a width for each of {features} features, got {widths.Length}.", nameof(widths));
        }
    }

    // The widest boxes that will do.
    private static double[] Widest(KernelRegression pilot, int count, long rows)
    {
        double fewer = Math.Pow(Math.Min(1, (double)count / rows), 1.0 / (4 + pilot.Features));
        return [.. pilot.Bandwidths.Select(h => h * fewer / Narrower)];
    }

    private static BoxGrid Choose(double[] x, double[] y, int columns, double[] weights, double[] wanted, bool isChosen, int folds)
    {
        int features = wanted.Length;
        int n = x.Length / features;
        int[] exponents = [.. wanted.Select(ExponentOf)];
        var middle = new long[features];
        for (int j = 0; j < features; j++)
        {
            double[] column = [.. Enumerable.Range(0, n).Select(i => x[(i * features) + j]).Order()];
            middle[j] = PlaceOf(column[n / 2], exponents[j], j, isChosen);
        }

        var cut = new BoxGrid(exponents, middle, new long[columns], [], []);
        var found = new SortedDictionary<long, (double[] Sums, int Count, double Heaviest)>();
        for (int i = 0; i < n; i++)
        {
            long box = cut.BoxOf(x.AsSpan(i * features, features));
            (double[] sums, int count, double heaviest) = found.TryGetValue(box, out var known) ? known : (new double[columns], 0, 0);
            for (int c = 0; c < columns; c++)
            {
                sums[c] += y[(i * columns) + c];
            }

            found[box] = (sums, count + 1, Math.Max(heaviest, weights.Length == 0 ? 0 : weights[i]));
        }

        cut.CheckCount(found.Count);
        long[] boxes = [.. found.Keys];
        double[] levels = [.. found.Values.SelectMany(box => box.Sums.Select(sum => sum / box.Count))];
        long[] weightExponents = weights.Length == 0 ? [] : [.. found.Values.Select(box => MomentGrid.ExponentOf(box.Heaviest))];
        var grid = new BoxGrid(exponents, middle, new long[columns], boxes, levels);
        long[] units = [.. Enumerable.Range(0, columns).Select(c => (long)grid.UnitOf(x, y, c))];
        return new BoxGrid(exponents, middle, units, boxes, levels, weightExponents, folds);
    }

    private static int ExponentOf(double width) =>
        width > 0 && double.IsFinite(width) && Math.ILogB(width) is >= MomentGrid.LeastExponent and <= MomentGrid.MostExponent
            ? Math.ILogB(width)
            : throw new ArgumentException(
                $"Expected boxes from 2^{MomentGrid.LeastExponent} to 2^{MomentGrid.MostExponent} wide, got {width:R}.", nameof(width));

    private static long PlaceOf(double x, int exponent, int feature, bool isChosen)
    {
        double place = Math.Floor(Math.ScaleB(x, -exponent));
        return Math.Abs(place) < MomentGrid.MostCell ? (long)place
            : throw new RegressionDataException(
                RegressionProblem.Range,
                $"keys below {MomentGrid.MostCell * Math.ScaleB(1, exponent):R}, for boxes {Math.ScaleB(1, exponent):R} wide"
                    + (isChosen ? " as the rows ask for" : ""),
                $"{x:R}")
            {
                Feature = feature,
            };
    }

    // By the spread of a column about its levels.
    private int UnitOf(double[] x, double[] y, int column)
    {
        double squares = 0;
        double largest = 0;
        int n = y.Length / Columns;
        for (int i = 0; i < n; i++)
        {
            double value = y[(i * Columns) + column];
            double apart = value - LevelAt(BoxOf(x.AsSpan(i * Features, Features)), column);
            squares += apart / n * apart;
            largest = Math.Max(largest, Math.Abs(value));
        }

        return MomentGrid.UnitOf(squares, largest);
    }
}
