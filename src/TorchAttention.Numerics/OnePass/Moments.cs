namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// What one pass over rows (x_i, y_i) keeps of them: in each cell of a grid the sums of T_k(t), (y - r) T_k(t) and (y - r)^2 T_k(t), where
/// t is the place in the cell, r the cell's level and T_k Chebyshev's polynomials. A Gaussian's sums follow from them at every bandwidth
/// that is not much narrower than a cell, and with them the curve, its leave-one-out error and its derivative, without reading a row again.
/// </summary>
/// <remarks>
/// A cell takes 768 bytes; memory does not grow with the rows. Sums are whole numbers of 2^-50 in 128 bits: they are the same bit for bit
/// in whatever order, on however many machines and in however wide vectors the rows are added. Not for several threads at once.
/// </remarks>
/// <example>
/// <code>
/// var moments = new Moments(MomentGrid.Choose(someX, someY, rows: 100_000_000));
/// while (Next(out double[] x, out double[] y))
/// {
///     moments.Add(x, y);
/// }
///
/// MomentRegression model = MomentRegression.Fit(moments);
/// </code>
/// </example>
public sealed partial class Moments : IRowSums<Moments>
{
    // Rows are put in order of their cells a block at a time.
    private const int Block = 1 << 18;

    // Beyond these the highest powers of weights, and their squares, are no longer numbers.
    private const double LeastWeight = 1e-40;
    private const double MostWeight = 1e40;

    private double[] _places = [];
    private readonly double[][] _values;
    private double[] _weights = [];
    private double[] _placeOfRow = [];
    private int[] _cellOfRow = [];
    private int[] _order = [];
    private int[] _ends = [];

    /// <summary>No rows yet.</summary>
    /// <param name="grid">How they are cut.</param>
    public Moments(MomentGrid grid)
    {
        ArgumentNullException.ThrowIfNull(grid);
        Grid = grid;
        _values = [.. Enumerable.Range(0, grid.Columns).Select(_ => Array.Empty<double>())];
    }

    /// <summary>How rows are cut.</summary>
    public MomentGrid Grid { get; }

    /// <summary>n, the number of rows.</summary>
    public long Count { get; private set; }

    /// <summary>The number of cells that hold rows.</summary>
    public int Cells => _parts.Count == 1 ? _parts.Values[0].Occupied : Ids().Length;

    /// <summary>The least key; infinite where there are no rows.</summary>
    public double LeastX { get; private set; } = double.PositiveInfinity;

    /// <summary>The largest key; minus infinity where there are no rows.</summary>
    public double MostX { get; private set; } = double.NegativeInfinity;

    /// <summary>The numbers of the cells that hold rows, ascending.</summary>
    internal long[] Ids() => [.. _parts.Values.SelectMany(store => store.InOrder().Select(store.IdAt)).Distinct().Order()];

    /// <summary>What each sum of powers is off by, as a part of the rows' weight, where others summed them; 0 for sums made here.</summary>
    internal double SummationError { get; private set; }

    /// <summary>Adds rows.</summary>
    /// <param name="x">Keys.</param>
    /// <param name="y">Values (n, v), row by row, of as many columns as the grid has.</param>
    /// <param name="weights">
    /// Weights, one for each key and not negative, where the grid is for rows that have them; each 1 where empty. A row of weight 0 is
    /// none.
    /// </param>
    /// <exception cref="ArgumentException">
    /// Lengths that differ, a number that is not finite, a negative weight, or weights where the grid is for none; no row is added.
    /// </exception>
    /// <exception cref="RegressionDataException">
    /// A key, value or weight that is too large for the grid, or a weight beyond 1e-40 or 1e40; where it is not a key, rows before it may
    /// have been added.
    /// </exception>
    public void Add(ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> weights = default)
    {
        if (Grid.HasClasses)
        {
            throw new ArgumentException("Expected classes, as the grid was chosen for, got values.", nameof(y));
        }

        int columns = Grid.Columns;
        if (y.Length != (long)x.Length * columns)
        {
            throw new ArgumentException(
                columns == 1 ? $"Expected as many values as keys, {x.Length}, got {y.Length}."
                    : $"Expected {columns} values for each of {x.Length} keys, got {y.Length} in all.",
                nameof(y));
        }

        AddRows(x, y, null, weights);
    }

    bool IRowSums<Moments>.IsCutAs(Moments other) => Grid.Equals(other.Grid);

    Moments IRowSums<Moments>.Empty() => new(Grid);

    void IRowSums<Moments>.Add(
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

    private void AddRows(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, IReadOnlyList<string>? labels, ReadOnlySpan<double> weights)
    {
        int columns = Grid.Columns;
        Check(x, y);
        if (!weights.IsEmpty)
        {
            CheckWeights(weights, x.Length, Grid.HasWeights);
            if (weights.Contains(0))
            {
                AddWithoutZeros(x, y, labels, weights);
                return;
            }
        }

        for (int first = 0; first < x.Length; first += Block)
        {
            int count = Math.Min(Block, x.Length - first);
            ReadOnlySpan<double> keys = x.Slice(first, count);
            ReadOnlySpan<double> values = y.Slice(first * columns, count * columns);
            ReadOnlySpan<double> shares = weights.IsEmpty ? [] : weights.Slice(first, count);
            if (labels is null && Grid.Folds == 0)
            {
                AddBlock(StoreOf(Part.Whole), keys, values, shares);
            }
            else
            {
                AddByParts(keys, values, labels, first, shares);
            }
        }
    }

    private void AddWithoutZeros(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, IReadOnlyList<string>? labels, ReadOnlySpan<double> weights)
    {
        var rows = new List<double>[] { [], [], [] };
        var names = new List<string>();
        for (int i = 0; i < x.Length; i++)
        {
            if (weights[i] > 0)
            {
                rows[0].Add(x[i]);
                rows[1].AddRange(y.Slice(i * Grid.Columns, Grid.Columns));
                rows[2].Add(weights[i]);
                if (labels is not null)
                {
                    names.Add(labels[i]);
                }
            }
        }

        AddRows([.. rows[0]], [.. rows[1]], labels is null ? null : names, [.. rows[2]]);
    }

    internal static void CheckWeights(ReadOnlySpan<double> weights, int rows, bool isForWeights)
    {
        if (!isForWeights)
        {
            throw new ArgumentException("Expected no weights, for which the grid was not chosen, got some.", nameof(weights));
        }

        if (weights.Length != rows)
        {
            throw new ArgumentException($"Expected as many weights as keys, {rows}, got {weights.Length}.", nameof(weights));
        }

        for (int i = 0; i < weights.Length; i++)
        {
            if (!double.IsFinite(weights[i]) || weights[i] < 0)
            {
                throw new ArgumentException($"Expected finite weights from 0, got {weights[i]} at row {i}.", nameof(weights));
            }

            if (weights[i] > 0 && weights[i] is < LeastWeight or > MostWeight)
            {
                throw new RegressionDataException(
                    RegressionProblem.Range, $"weights of 0 or from {LeastWeight} to {MostWeight}, of whose powers there are sums",
                    $"{weights[i]}", nameof(weights));
            }
        }
    }

    /// <summary>Adds the rows of other moments.</summary>
    /// <param name="other">Moments of the same grid; they stay as they are.</param>
    /// <exception cref="ArgumentException">They are cut otherwise.</exception>
    public void Merge(Moments other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (!Grid.Equals(other.Grid))
        {
            throw new ArgumentException(
                $"Expected moments of the same grid ({Grid.CellWidth:R} wide cells), got others ({other.Grid.CellWidth:R}); make all "
                + "with the grid of one of them.",
                nameof(other));
        }

        foreach ((Part part, CellStore store) in other.Stores().ToArray())
        {
            StoreOf(part).Add(store);
        }

        Count += other.Count;
        SummationError = Math.Max(SummationError, other.SummationError);
        LeastX = Math.Min(LeastX, other.LeastX);
        MostX = Math.Max(MostX, other.MostX);
    }

    /// <summary>Sets a cell as others have summed it.</summary>
    internal void Set(long cell, long count, ReadOnlySpan<Int128> sums, double summationError)
    {
        StoreOf(Part.Whole).Set(cell, count, sums, []);
        Count = checked(Count + count);
        SummationError = Math.Max(SummationError, summationError);
        LeastX = Math.Min(LeastX, cell * Grid.CellWidth);
        MostX = Math.Max(MostX, (cell + 1) * Grid.CellWidth);
    }

    /// <summary>How many rows, in how many cells.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Count} rows in {Cells} cells of the width {Grid.CellWidth}");

    private void Check(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        double widest = MomentGrid.MostCell * Grid.CellWidth;
        for (int i = 0; i < y.Length; i++)
        {
            if (!double.IsFinite(y[i]))
            {
                throw new ArgumentException($"Expected finite values, got {y[i]} at row {i / Grid.Columns}.", nameof(y));
            }
        }

        for (int i = 0; i < x.Length; i++)
        {
            if (!double.IsFinite(x[i]))
            {
                throw new ArgumentException($"Expected finite keys, got {x[i]} at row {i}.", nameof(x));
            }

            if (!(Math.Abs(x[i]) < widest))
            {
                throw new RegressionDataException(
                    RegressionProblem.Range, $"keys below {widest:R}, for cells {Grid.CellWidth:R} wide", $"{x[i]:R}");
            }
        }
    }
}
