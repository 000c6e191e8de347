using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// What one pass over rows of two or three features keeps of them: in each box of a grid the sums of T_k(t1) T_l(t2), of (y - r) and of
/// (y - r)^2 times these, k + l up to 15, where t is the place in the box, r the box's level and T_k Chebyshev's polynomials. As
/// <see cref="Moments"/> of one feature, they answer every bandwidth that is not much narrower than a box.
/// </summary>
/// <remarks>
/// A box takes 6.5 kB with two features and 39 kB with three, or 24 or 32 bytes a row where it has fewer than 64. Sums are whole numbers of
/// 2^-50 in 128 bits: they are the same bit for bit in whatever order, and on however many machines, rows are added. Not for several
/// threads at once.
/// </remarks>
public sealed partial class BoxMoments : IRowSums<BoxMoments>
{
    private const int Block = 1 << 17;

    private readonly BoxStore _store;
    private readonly double[] _least;
    private readonly double[] _most;

    /// <summary>No rows yet.</summary>
    /// <param name="grid">How they are cut.</param>
    public BoxMoments(BoxGrid grid)
    {
        ArgumentNullException.ThrowIfNull(grid);
        Grid = grid;
        _store = new BoxStore(grid);
        _least = [.. Enumerable.Repeat(double.PositiveInfinity, grid.Features)];
        _most = [.. Enumerable.Repeat(double.NegativeInfinity, grid.Features)];
    }

    /// <summary>How rows are cut.</summary>
    public BoxGrid Grid { get; }

    /// <summary>n, the number of rows.</summary>
    public long Count { get; private set; }

    /// <summary>The number of boxes that hold rows.</summary>
    public int Boxes => _store.Count;

    /// <summary>The least and the largest key of each feature (d); infinite where there are no rows.</summary>
    public IReadOnlyList<(double Least, double Most)> Ranges => [.. _least.Zip(_most)];

    internal BoxStore.Box[] InOrder() => _store.InOrder();

    /// <summary>Adds rows.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="y">Values (n).</param>
    /// <exception cref="ArgumentException">Lengths that differ, or a number that is not finite; no row is added.</exception>
    /// <exception cref="RegressionDataException">
    /// A key or value that is too large for the grid, or more boxes than can be held; rows before it may have been added.
    /// </exception>
    public void Add(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        int d = Grid.Features;
        if (x.Length != (long)y.Length * d)
        {
            throw new ArgumentException($"Expected {d} keys for each of {y.Length} values, got {x.Length} in all.", nameof(x));
        }

        CheckFinite(x, nameof(x), "keys", d);
        CheckFinite(y, nameof(y), "values", 1);
        for (int first = 0; first < y.Length; first += Block)
        {
            int count = Math.Min(Block, y.Length - first);
            AddBlock(x.Slice(first * d, count * d), y.Slice(first, count));
        }
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

        _store.Add(other._store);
        Count = checked(Count + other.Count);
        for (int j = 0; j < Grid.Features; j++)
        {
            (_least[j], _most[j]) = (Math.Min(_least[j], other._least[j]), Math.Max(_most[j], other._most[j]));
        }
    }

    /// <summary>How many rows, in how many boxes.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Count} rows in {Boxes} boxes, {string.Join(" by ", Grid.Widths)} wide");

    bool IRowSums<BoxMoments>.IsCutAs(BoxMoments other) => Grid.Equals(other.Grid);

    BoxMoments IRowSums<BoxMoments>.Empty() => new(Grid);

    void IRowSums<BoxMoments>.Add(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, IReadOnlyList<string>? labels, ReadOnlySpan<double> weights) => Add(x, y);

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
    private void AddBlock(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        int d = Grid.Features;
        int fields = d + 1;
        var places = new Dictionary<long, int>();
        var boxes = new List<long>();
        var ends = new List<int>();
        int[] placeOfRow = new int[y.Length];
        for (int i = 0; i < y.Length; i++)
        {
            long id = Grid.BoxOf(x.Slice(i * d, d));
            ref int place = ref CollectionsMarshal.GetValueRefOrAddDefault(places, id, out bool isKnown);
            if (!isKnown)
            {
                place = boxes.Count;
                boxes.Add(id);
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

        double[] rows = new double[y.Length * fields];
        for (int i = 0; i < y.Length; i++)
        {
            Span<double> row = rows.AsSpan(at[placeOfRow[i]]++ * fields, fields);
            x.Slice(i * d, d).CopyTo(row);
            row[d] = y[i];
            for (int j = 0; j < d; j++)
            {
                _least[j] = Math.Min(_least[j], row[j]);
                _most[j] = Math.Max(_most[j], row[j]);
            }
        }

        int start = 0;
        for (int box = 0; box < at.Length; box++)
        {
            _store.Add(_store.At(boxes[box]), rows.AsSpan(start * fields, (at[box] - start) * fields));
            start = at[box];
        }

        Count = checked(Count + y.Length);
    }
}
