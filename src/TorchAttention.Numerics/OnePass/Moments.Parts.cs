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

    // By counting, the rows of a part side by side.
    private void AddByParts(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, IReadOnlyList<string>? labels, int firstLabel, ReadOnlySpan<double> weights)
    {
        int columns = Grid.Columns;
        int folds = Math.Max(1, Grid.Folds);
        var names = new Names();
        int[] partOfRow = new int[x.Length];
        var ends = new List<int>();
        for (int i = 0; i < x.Length; i++)
        {
            string name = labels is null ? "" : labels[firstLabel + i];
            int part = names.PlaceOf(name) * folds;
            if (Grid.Folds > 0)
            {
                part += FoldOf(x[i], y.Slice(i * columns, columns), weights.IsEmpty ? 1 : weights[i], name, folds);
            }

            while (ends.Count < names.Count * folds)
            {
                ends.Add(0);
            }

            partOfRow[i] = part;
            ends[part]++;
        }

        int sum = 0;
        for (int part = 0; part < ends.Count; part++)
        {
            (ends[part], sum) = (sum, sum + ends[part]);
        }

        double[] keys = new double[x.Length];
        double[] values = new double[y.Length];
        double[] shares = new double[weights.Length];
        for (int i = 0; i < x.Length; i++)
        {
            int at = ends[partOfRow[i]]++;
            keys[at] = x[i];
            y.Slice(i * columns, columns).CopyTo(values.AsSpan(at * columns));
            if (!weights.IsEmpty)
            {
                shares[at] = weights[i];
            }
        }

        int start = 0;
        for (int part = 0; part < ends.Count; part++)
        {
            int count = ends[part] - start;
            if (count > 0)
            {
                AddBlock(
                    StoreOf(new Part(names.At(part / folds), part % folds)),
                    keys.AsSpan(start, count),
                    values.AsSpan(start * columns, count * columns),
                    weights.IsEmpty ? [] : shares.AsSpan(start, count));
            }

            start = ends[part];
        }
    }

    /// <summary>The fold of a row, by a hash of its numbers: the same wherever and whenever it is read; equal rows share one.</summary>
    internal static int FoldOf(double x, ReadOnlySpan<double> y, double weight, string name, int folds) =>
        FoldOf([x], y, weight, name, folds);

    /// <inheritdoc cref="FoldOf(double, ReadOnlySpan{double}, double, string, int)"/>
    internal static int FoldOf(ReadOnlySpan<double> x, ReadOnlySpan<double> y, double weight, string name, int folds)
    {
        ulong hash = 0;
        foreach (double key in x)
        {
            hash = Mixed(hash, key);
        }

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

    /// <summary>Names in the order that they come in. Most come again as the same object, found without a look at its letters.</summary>
    internal sealed class Names
    {
        private const int MostLookedAt = 8;

        private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
        private readonly List<string> _names = [];

        public int Count => _names.Count;

        public string At(int place) => _names[place];

        public int PlaceOf(string name)
        {
            for (int i = 0; i < Math.Min(MostLookedAt, _names.Count); i++)
            {
                if (ReferenceEquals(_names[i], name))
                {
                    return i;
                }
            }

            if (!_places.TryGetValue(name, out int place))
            {
                place = _names.Count;
                _places.Add(name, place);
                _names.Add(name);
            }

            return place;
        }
    }
}
