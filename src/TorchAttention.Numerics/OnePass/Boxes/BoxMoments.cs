using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// What one pass over rows of two or three features keeps of them: in each box of a grid the sums of T_k(t1) T_l(t2), of (y - r) and of
/// (y - r)^2 times these for each column of values, k + l up to 15, where t is the place in the box, r the box's level and T_k Chebyshev's
/// polynomials. As <see cref="Moments"/> of one feature, they answer every bandwidth that is not much narrower than a box.
/// </summary>
/// <remarks>
/// A box takes 6.5 kB with two features and 39 kB with three, or 24 or 32 bytes a row where it has fewer than 64; five times as much with
/// weights, and two thirds more for each further column of values. Rows of each class, and of each fold, have boxes of their own. Sums are
/// whole numbers of 2^-50 in 128 bits: they are the same bit for bit in whatever order, and on however many machines, rows are added. Not
/// for several threads at once.
/// </remarks>
public sealed partial class BoxMoments : IRowSums<BoxMoments>
{
    private const int Block = 1 << 17;

    private readonly SortedList<Moments.Part, BoxStore> _parts = [];
    private readonly double[] _least;
    private readonly double[] _most;

    /// <summary>No rows yet.</summary>
    /// <param name="grid">How they are cut.</param>
    public BoxMoments(BoxGrid grid)
    {
        ArgumentNullException.ThrowIfNull(grid);
        Grid = grid;
        _least = [.. Enumerable.Repeat(double.PositiveInfinity, grid.Features)];
        _most = [.. Enumerable.Repeat(double.NegativeInfinity, grid.Features)];
    }

    /// <summary>How rows are cut.</summary>
    public BoxGrid Grid { get; }

    /// <summary>n, the number of rows.</summary>
    public long Count { get; private set; }

    /// <summary>The number of boxes that hold rows.</summary>
    public int Boxes => _parts.Count == 1 ? _parts.Values[0].Count : Ids().Length;

    /// <summary>The names of the classes that rows have, in their order; none for values.</summary>
    public IReadOnlyList<string> Classes =>
        Grid.HasClasses ? [.. _parts.Keys.Select(part => part.Class).Distinct(StringComparer.Ordinal)] : [];

    /// <summary>The least and the largest key of each feature (d); infinite where there are no rows.</summary>
    public IReadOnlyList<(double Least, double Most)> Ranges => [.. _least.Zip(_most)];

    /// <summary>The parts of the rows that are summed apart, in their order.</summary>
    internal IReadOnlyDictionary<Moments.Part, BoxStore> Parts => _parts;

    /// <summary>The number of rows of a class.</summary>
    internal long CountOf(string label) =>
        _parts.Where(part => part.Key.Class == label).Sum(part => part.Value.Ids.Sum(id => part.Value.Find(id)!.Count));

    /// <summary>The numbers of the boxes that hold rows, ascending.</summary>
    internal long[] Ids() => [.. _parts.Values.SelectMany(store => store.Ids).Distinct().Order()];

    /// <summary>Adds rows.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="y">Values (n, v), row by row, of as many columns as the grid has.</param>
    /// <param name="weights">
    /// Weights, one for each row and not negative, where the grid is for rows that have them; each 1 where empty. A row of weight 0 is
    /// none.
    /// </param>
    /// <exception cref="ArgumentException">
    /// Lengths that differ, a number that is not finite, a negative weight, weights where the grid is for none, or values where it is for
    /// classes; no row is added.
    /// </exception>
    /// <exception cref="RegressionDataException">
    /// A key, value or weight that is too large for the grid, or more boxes than can be held; rows before it may have been added.
    /// </exception>
    public void Add(ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> weights = default)
    {
        if (Grid.HasClasses)
        {
            throw new ArgumentException("Expected classes, as the grid was chosen for, got values.", nameof(y));
        }

        int columns = Grid.Columns;
        int n = y.Length / columns;
        if (x.Length != (long)n * Grid.Features || y.Length != n * columns)
        {
            throw new ArgumentException(
                $"Expected {Grid.Features} keys for each {(columns == 1 ? "value" : $"{columns} values")}, got {x.Length} for {y.Length}.",
                nameof(x));
        }

        AddRows(x, y, null, weights, n);
    }

    /// <summary>Adds rows of classes. A class may be new.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="labels">The name of the class of each (n).</param>
    /// <param name="weights">Weights as of values.</param>
    /// <exception cref="ArgumentException">
    /// The grid is for values, lengths that differ, a number that is not finite, or a negative weight; no row is added.
    /// </exception>
    /// <exception cref="RegressionDataException">
    /// A key or weight that is too large for the grid, or more boxes than can be held; rows before it may have been added.
    /// </exception>
    public void AddClasses(ReadOnlySpan<double> x, IReadOnlyList<string> labels, ReadOnlySpan<double> weights = default)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (!Grid.HasClasses)
        {
            throw new ArgumentException("Expected values, as the grid was chosen for, got classes.", nameof(labels));
        }

        if (x.Length != (long)labels.Count * Grid.Features)
        {
            throw new ArgumentException(
                $"Expected {Grid.Features} keys for each of {labels.Count} classes, got {x.Length} in all.", nameof(x));
        }

        AddRows(x, [], labels, weights, labels.Count);
    }

    /// <summary>Adds the rows of other moments.</summary>
    /// <param name="other">Moments of the same grid; they stay as they are.</param>
    /// <exception cref="ArgumentException">They are cut otherwise.</exception>
    /// <exception cref="RegressionDataException">There are more boxes than can be held.</exception>
    public void Merge(BoxMoments other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (!Grid.Equals(other.Grid))
        {
            throw new ArgumentException("Expected moments of the same grid; make all with the grid of one of them.", nameof(other));
        }

        foreach ((Moments.Part part, BoxStore store) in other._parts)
        {
            StoreOf(part).Add(store);
        }

        CheckCount();
        Count = checked(Count + other.Count);
        for (int j = 0; j < Grid.Features; j++)
        {
            (_least[j], _most[j]) = (Math.Min(_least[j], other._least[j]), Math.Max(_most[j], other._most[j]));
        }
    }

    /// <summary>Sets a box as others have summed it.</summary>
    internal void Set(long box, long count, Int128[] sums)
    {
        // The first sum counts the rows.
        sums[0] = (Int128)count << FixedPointSums.Bits;
        StoreOf(Moments.Part.Whole).Set(box, count, sums);
        Count = checked(Count + count);
        for (int j = 0; j < Grid.Features; j++)
        {
            double start = Grid.StartOf(box, j);
            (_least[j], _most[j]) = (Math.Min(_least[j], start), Math.Max(_most[j], start + Grid.Widths[j]));
        }
    }

    /// <summary>How many rows, in how many boxes.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Count} rows in {Boxes} boxes, {string.Join(" by ", Grid.Widths)} wide");

    bool IRowSums<BoxMoments>.IsCutAs(BoxMoments other) => Grid.Equals(other.Grid);

    BoxMoments IRowSums<BoxMoments>.Empty() => new(Grid);

    void IRowSums<BoxMoments>.Add(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, IReadOnlyList<string>? labels, ReadOnlySpan<double> weights)
    {
        if (labels is null)
        {
            Add(x, y, weights);
        }
        else
        {
            AddClasses(x, labels, weights);
        }
    }

    private void CheckCount()
    {
        if (_parts.Count > 1)
        {
            Grid.CheckCount(Boxes, _parts.Values.Sum(store => (long)store.Count));
        }
    }

    private BoxStore StoreOf(Moments.Part part)
    {
        if (!_parts.TryGetValue(part, out BoxStore? store))
        {
            _parts[part] = store = new BoxStore(Grid);
        }

        return store;
    }

    private void AddRows(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, IReadOnlyList<string>? labels, ReadOnlySpan<double> weights, int n)
    {
        int d = Grid.Features;
        int columns = Grid.Columns;
        CheckFinite(x, nameof(x), "keys", d);
        CheckFinite(y, nameof(y), "values", columns);
        if (!weights.IsEmpty)
        {
            Moments.CheckWeights(weights, n, Grid.HasWeights);
        }

        for (int first = 0; first < n; first += Block)
        {
            int count = Math.Min(Block, n - first);
            AddBlock(
                x.Slice(first * d, count * d),
                y.Slice(first * columns, count * columns),
                labels,
                first,
                weights.IsEmpty ? [] : weights.Slice(first, count),
                count);
        }

        CheckCount();
    }

    private static void CheckFinite(ReadOnlySpan<double> numbers, string name, string what, int columns)
    {
        for (int i = 0; i < numbers.Length; i++)
        {
            if (!double.IsFinite(numbers[i]))
            {
                throw new ArgumentException($"Expected finite {what}, got {numbers[i]} at row {i / columns}.", name);
            }
        }
    }

    // By counting, as many rows of a box as there are side by side: boxes lie far apart in memory.
    private void AddBlock(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, IReadOnlyList<string>? labels, int firstLabel, ReadOnlySpan<double> weights, int n)
    {
        int d = Grid.Features;
        int columns = Grid.Columns;
        int fields = Grid.Fields;
        int folds = Math.Max(1, Grid.Folds);
        var names = new Moments.Names();
        var places = new Dictionary<(int Part, long Box), int>();
        var boxes = new List<(int Part, long Box)>();
        var ends = new List<int>();
        int[] placeOfRow = new int[n];
        for (int i = 0; i < n; i++)
        {
            double weight = weights.IsEmpty ? 1 : weights[i];
            if (weight == 0)
            {
                placeOfRow[i] = -1;
                continue;
            }

            string name = labels is null ? "" : labels[firstLabel + i];
            ReadOnlySpan<double> keys = x.Slice(i * d, d);
            int part = names.PlaceOf(name) * folds;
            part += folds == 1 ? 0 : Moments.FoldOf(keys, y.Slice(i * columns, columns), weight, name, folds);
            ref int place = ref CollectionsMarshal.GetValueRefOrAddDefault(places, (part, Grid.BoxOf(keys)), out bool isKnown);
            if (!isKnown)
            {
                place = boxes.Count;
                boxes.Add((part, Grid.BoxOf(keys)));
                ends.Add(0);
            }

            placeOfRow[i] = place;
            ends[place]++;
        }

        int sum = 0;
        Span<int> at = CollectionsMarshal.AsSpan(ends);
        for (int box = 0; box < at.Length; box++)
        {
            (at[box], sum) = (sum, sum + at[box]);
        }

        double[] rows = new double[sum * fields];
        for (int i = 0; i < n; i++)
        {
            if (placeOfRow[i] < 0)
            {
                continue;
            }

            Span<double> row = rows.AsSpan(at[placeOfRow[i]]++ * fields, fields);
            x.Slice(i * d, d).CopyTo(row);
            y.Slice(i * columns, columns).CopyTo(row[d..]);
            if (Grid.HasWeights)
            {
                row[^1] = weights.IsEmpty ? 1 : weights[i];
            }

            for (int j = 0; j < d; j++)
            {
                _least[j] = Math.Min(_least[j], row[j]);
                _most[j] = Math.Max(_most[j], row[j]);
            }
        }

        int start = 0;
        for (int box = 0; box < at.Length; box++)
        {
            (int part, long id) = boxes[box];
            BoxStore store = StoreOf(new Moments.Part(names.At(part / folds), part % folds));
            store.Add(store.At(id), rows.AsSpan(start * fields, (at[box] - start) * fields));
            start = at[box];
        }

        Count = checked(Count + sum);
    }
}
