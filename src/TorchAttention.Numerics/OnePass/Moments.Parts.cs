namespace TorchAttention.Numerics.OnePass;

/// <content>Rows of each class and of each fold have sums of their own, which add up to those of all.</content>
public sealed partial class Moments
{
    private readonly SortedList<Part, CellStore> _parts = [];

    /// <summary>The names of the classes that rows have, in their order; none for values.</summary>
    public IReadOnlyList<string> Classes =>
        Grid.HasClasses ? [.. Stores().Select(part => part.Part.Class).Distinct(StringComparer.Ordinal)] : [];

    /// <summary>Adds rows of classes. A class may be new.</summary>
    /// <param name="x">Keys (n).</param>
    /// <param name="labels">The name of the class of each (n).</param>
    /// <param name="weights">
    /// Weights, one for each key and not negative, where the grid is for rows that have them; each 1 where empty. A row of weight 0 is
    /// none.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The grid is for values, lengths that differ, a number that is not finite, or a negative weight; no row is added.
    /// </exception>
    /// <exception cref="RegressionDataException">A key or weight that is too large for the grid.</exception>
    public void AddClasses(ReadOnlySpan<double> x, IReadOnlyList<string> labels, ReadOnlySpan<double> weights = default)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (!Grid.HasClasses)
        {
            throw new ArgumentException("Expected values, as the grid was chosen for, got classes.", nameof(labels));
        }

        if (labels.Count != x.Length)
        {
            throw new ArgumentException($"Expected as many classes as keys, {x.Length}, got {labels.Count}.", nameof(labels));
        }

        AddRows(x, [], labels, weights);
    }

    /// <summary>The parts that hold rows, in their order.</summary>
    internal IEnumerable<(Part Part, CellStore Store)> Stores() =>
        _parts.Where(part => part.Value.Occupied > 0).Select(part => (part.Key, part.Value));

    private CellStore StoreOf(Part part)
    {
        if (!_parts.TryGetValue(part, out CellStore? store))
        {
            store = new CellStore(Grid);
            _parts.Add(part, store);
        }

        return store;
    }

    // The rows of a part side by side, in the order that they came in.
    private void AddByParts(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, IReadOnlyList<string>? labels, int firstLabel, ReadOnlySpan<double> weights)
    {
        var rows = new SortedList<Part, List<int>>();
        for (int i = 0; i < x.Length; i++)
        {
            string name = labels is null ? "" : labels[firstLabel + i];
            int fold = Grid.Folds == 0 ? 0
                : FoldOf(x[i], y.Slice(i * Grid.Columns, Grid.Columns), weights.IsEmpty ? 1 : weights[i], name, Grid.Folds);
            var part = new Part(name, fold);
            if (!rows.TryGetValue(part, out List<int>? own))
            {
                rows.Add(part, own = []);
            }

            own.Add(i);
        }

        foreach ((Part part, List<int> own) in rows)
        {
            double[] keys = new double[own.Count];
            double[] values = new double[own.Count * Grid.Columns];
            double[] shares = new double[weights.IsEmpty ? 0 : own.Count];
            for (int i = 0; i < keys.Length; i++)
            {
                keys[i] = x[own[i]];
                y.Slice(own[i] * Grid.Columns, Grid.Columns).CopyTo(values.AsSpan(i * Grid.Columns));
                if (!weights.IsEmpty)
                {
                    shares[i] = weights[own[i]];
                }
            }

            AddBlock(StoreOf(part), keys, values, shares);
        }
    }

    /// <summary>The fold of a row, by a hash of its numbers: the same wherever and whenever it is read; equal rows share one.</summary>
    internal static int FoldOf(double x, ReadOnlySpan<double> y, double weight, string name, int folds)
    {
        ulong hash = Mixed(0, x);
        foreach (double value in y)
        {
            hash = Mixed(hash, value);
        }

        hash = Mixed(hash, weight);
        foreach (char letter in name)
        {
            hash = Mixed(hash, letter);
        }

        return (int)Math.BigMul(hash, (ulong)folds, out _);
    }

    // splitmix64; both zeros are one number.
    private static ulong Mixed(ulong hash, double number)
    {
        ulong mixed = unchecked((hash ^ BitConverter.DoubleToUInt64Bits(number + 0.0)) + 0x9E3779B97F4A7C15);
        mixed = unchecked((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9);
        mixed = unchecked((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB);
        return mixed ^ (mixed >> 31);
    }

    /// <summary>Rows that are summed apart.</summary>
    /// <param name="Class">Their class; empty for values.</param>
    /// <param name="Fold">Their fold; 0 where there are none.</param>
    internal readonly record struct Part(string Class, int Fold) : IComparable<Part>
    {
        /// <summary>All rows, where there are neither classes nor folds.</summary>
        public static Part Whole { get; } = new("", 0);

        public int CompareTo(Part other)
        {
            int order = string.CompareOrdinal(Class, other.Class);
            return order != 0 ? order : Fold.CompareTo(other.Fold);
        }
    }
}
