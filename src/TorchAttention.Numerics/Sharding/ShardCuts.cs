namespace TorchAttention.Numerics.Sharding;

/// <summary>
/// Boxes with about as many rows each, by a look at some of them: cut in two across the feature that is the widest beside its standard
/// deviation, and each part again. With one feature these are ranges.
/// </summary>
public sealed class ShardCuts
{
    // Of the standard deviation: from what a narrow bandwidth reaches to what a wide one does.
    private static readonly double[] _halos = [0.01, 0.03, 0.1, 0.3];

    private readonly List<Cut> _cuts = [];
    private readonly int _first;

    private ShardCuts(double[] keys, int features, int shards)
    {
        Features = features;
        Deviations = [.. Enumerable.Range(0, features).Select(j => Deviation(keys, features, j))];
        _first = Divide(keys, [.. Enumerable.Range(0, keys.Length / features)], shards);
    }

    /// <summary>d.</summary>
    public int Features { get; }

    /// <summary>How many boxes there are; fewer than were asked for where many rows lie at one place.</summary>
    public int Count { get; private set; }

    /// <summary>The standard deviation of each feature (d); 1 where all keys are the same.</summary>
    internal double[] Deviations { get; }

    /// <summary>The distances (k, d) within which rows of other boxes are counted.</summary>
    internal double[][] Halos => [.. _halos.Select(part => Deviations.Select(deviation => part * deviation).ToArray())];

    /// <summary>Cuts.</summary>
    /// <param name="someKeys">Keys (n, d) of some rows, from many places of all of them.</param>
    /// <param name="features">d.</param>
    /// <param name="shards">How many boxes there are to be.</param>
    /// <exception cref="ArgumentException">There is no key, or no box.</exception>
    public static ShardCuts Choose(ReadOnlySpan<double> someKeys, int features, int shards)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(features, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(shards, 1);
        return someKeys.Length > 0 && someKeys.Length % features == 0
            ? new ShardCuts(someKeys.ToArray(), features, shards)
            : throw new ArgumentException($"Expected keys (n, {features}), got {someKeys.Length} numbers.", nameof(someKeys));
    }

    /// <summary>Which box a row is in.</summary>
    /// <param name="key">Its key (d).</param>
    public int PlaceOf(ReadOnlySpan<double> key)
    {
        int at = _first;
        while (at >= 0)
        {
            Cut cut = _cuts[at];
            at = key[cut.Feature] < cut.Number ? cut.Below : cut.Above;
        }

        return ~at;
    }

    // A cut, or the complement of a box.
    private int Divide(double[] keys, int[] rows, int shards)
    {
        if (shards == 1 || FindCut(keys, rows, shards / 2 / (double)shards) is not var (feature, number))
        {
            return ~Count++;
        }

        int place = _cuts.Count;
        _cuts.Add(default);
        ILookup<bool, int> parts = rows.ToLookup(row => keys[(row * Features) + feature] < number);
        int below = Divide(keys, [.. parts[true]], shards / 2);
        _cuts[place] = new Cut(feature, number, below, Divide(keys, [.. parts[false]], shards - (shards / 2)));
        return place;
    }

    // The number that a part of the rows is below of; of the widest feature that has two.
    private (int Feature, double Number)? FindCut(double[] keys, int[] rows, double part)
    {
        double[][] columns = [.. Enumerable.Range(0, Features).Select(j => Sorted(keys, rows, j))];
        foreach (int feature in Enumerable.Range(0, Features).OrderByDescending(j => rows.Length < 2 ? 0 : WidthOf(columns[j], j)))
        {
            double[] column = columns[feature];
            int at = (int)(part * column.Length);
            double number = column.Length == 0 || column[at] > column[0] ? column.ElementAtOrDefault(at)
                : column.FirstOrDefault(key => key > column[0], column[0]);
            if (column.Length > 1 && number > column[0])
            {
                return (feature, number);
            }
        }

        return null;
    }

    // Without the outermost rows, which say little of the others.
    private double WidthOf(double[] column, int feature) =>
        (column[(column.Length - 1) * 19 / 20] - column[(column.Length - 1) / 20]) / Deviations[feature];

    private double[] Sorted(double[] keys, int[] rows, int feature)
    {
        double[] column = Array.ConvertAll(rows, row => keys[(row * Features) + feature]);
        Array.Sort(column);
        return column;
    }

    private static double Deviation(double[] keys, int features, int feature)
    {
        // In order, so that the order that rows come in decides no digit.
        double[] column = [.. Enumerable.Range(0, keys.Length / features).Select(i => keys[(i * features) + feature]).Order()];
        double unit = column.Max(Math.Abs) is > 0 and double most ? most : 1;
        double mean = column.Average(key => key / unit);
        double deviation = unit * Math.Sqrt(column.Average(key => ((key / unit) - mean) * ((key / unit) - mean)));
        return deviation > 0 && double.IsFinite(deviation) ? deviation : 1;
    }

    private readonly record struct Cut(int Feature, double Number, int Below, int Above);
}
