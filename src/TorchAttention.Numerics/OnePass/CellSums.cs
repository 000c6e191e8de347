namespace TorchAttention.Numerics.OnePass;

/// <summary>A cell's sums over some parts of the rows, exactly: each class becomes a column, 1 at its own rows and 0 at others.</summary>
/// <param name="grid">How the rows are cut.</param>
/// <param name="columns">The number of columns; of classes as many as there are.</param>
internal sealed class CellSums(MomentGrid grid, int columns)
{
    private readonly List<(int Class, double[] Row)> _rows = [];

    /// <summary>The rows of one power of the weights: of T_k, then y T_k and y^2 T_k of each column.</summary>
    public int TowerRows { get; } = 1 + (2 * columns);

    /// <summary>How many rows the cell has.</summary>
    public double Count { get; private set; }

    /// <summary>What they weigh.</summary>
    public double Weight { get; private set; }

    /// <summary>Sums over all rows, with their weights (T_k and twice the columns, terms).</summary>
    public Int128[] All { get; } = new Int128[(1 + (2 * columns)) * grid.Terms];

    /// <summary>
    /// Of each power of the weights over the rows that are not kept as rows (towers, T_k and twice the columns, terms), then of T_k alone;
    /// none where rows have no weights.
    /// </summary>
    public Int128[] Light { get; } =
        new Int128[grid.HasWeights ? ((1 + (2 * columns)) * grid.Terms * MomentGrid.Towers) + grid.Terms : 0];

    private int K => grid.Terms;

    /// <summary>Sums a cell.</summary>
    /// <param name="id">The cell.</param>
    /// <param name="parts">The parts, each with its class.</param>
    public void Sum(long id, (int Class, CellStore Store)[] parts)
    {
        Array.Clear(All);
        Array.Clear(Light);
        _rows.Clear();
        (Count, Weight) = (0, 0);
        foreach ((_, CellStore store) in parts)
        {
            int place = store.Find(id);
            Count += place < 0 ? 0 : store.CountAt(place);
            Weight += place < 0 ? 0 : store.WeightAt(place);
        }

        foreach ((int c, CellStore store) in parts)
        {
            int place = store.Find(id);
            if (place < 0)
            {
                continue;
            }

            // A part keeps more rows than are a large part of all.
            double[][] kept = [.. store.RowsInOrder(place).Where(IsKept)];
            _rows.AddRange(kept.Select(row => (c, row)));
            Add(store.SumsAt(place), c, All);
            if (grid.HasWeights)
            {
                Add(Without(kept, id, store.SumsAt(place)), c, Light);
            }
        }
    }

    /// <summary>The rows that are kept, with the values of a column.</summary>
    public KeptRow[] RowsOf(int column) =>
        [.. _rows.Select(row => new KeptRow(row.Row[0], ValueOf(row.Class, row.Row, column), row.Row[^1]))];

    private double ValueOf(int ofClass, double[] row, int column) => !grid.HasClasses ? row[1 + column] : ofClass == column ? 1 : 0;

    private bool IsKept(double[] row) => grid.HasWeights ? row[^1] * grid.MostKept > Weight : Count < grid.MostKept;

    // A part's own sums have T_k alone where it is of a class.
    private void Add(ReadOnlySpan<Int128> from, int ofClass, Span<Int128> to)
    {
        int own = grid.TowerRows * K;
        int wide = TowerRows * K;
        int towers = to.Length / wide;
        for (int m = 0; m < towers; m++)
        {
            AddTo(to.Slice(m * wide, own), from.Slice(m * own, own));
            for (int row = 0; row < 2 && grid.HasClasses; row++)
            {
                AddTo(to.Slice((m * wide) + ((1 + (2 * ofClass) + row) * K), K), from.Slice(m * own, K));
            }
        }

        if (to.Length > towers * wide)
        {
            AddTo(to.Slice(towers * wide, K), from.Slice(towers * own, K));
        }
    }

    private static void AddTo(Span<Int128> to, ReadOnlySpan<Int128> from)
    {
        for (int k = 0; k < to.Length; k++)
        {
            to[k] = checked(to[k] + from[k]);
        }
    }

    // Sums without rows: what these were rounded to is taken away again, exactly.
    private Int128[] Without(double[][] rows, long id, ReadOnlySpan<Int128> all)
    {
        var left = new Int128[all.Length];
        double unit = grid.WeightUnitAt(id);
        double[] places = [.. rows.Select(row => MomentLevel.PlaceIn(id, row[0], grid.Exponent))];
        double[][] values = [.. Enumerable.Range(0, grid.Columns).Select(
            c => rows.Select(row => (row[1 + c] - grid.LevelAt(id, c)) / grid.ValueUnitAt(c)).ToArray())];
        double[] weights = [.. rows.Select(row => row[^1] / unit)];
        FixedPointSums.Add(places, values, 0, weights, left, K);
        for (int k = 0; k < left.Length; k++)
        {
            left[k] = all[k] - left[k];
        }

        return left;
    }
}
