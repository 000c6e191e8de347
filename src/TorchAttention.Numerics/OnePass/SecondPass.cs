using System.Diagnostics.CodeAnalysis;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The rows that settle what a fit to moments leaves open, <see cref="MomentRegression.StartSecondPass"/>: where they lie, and those that
/// were read so far. A filter: all rows are shown to it again, and it takes its own.
/// </summary>
/// <remarks>A million rows at most are asked for, however many there are. Not for several threads at once.</remarks>
public sealed class SecondPass
{
    // Memory: 24 bytes each, in each column.
    private const double MostRows = 1 << 20;

    // Pairs of rows, some tens of nanoseconds each.
    private const double MostPairs = 1e8;

    // Cells that lie so close together are looked up in a table.
    private const long MostInTable = 1 << 22;

    private readonly MomentLevel _cells;
    private readonly string[] _classes;
    private readonly int _columns;

    // By the cell's number, with the values of each column.
    private readonly Dictionary<long, List<KeptRow>[]> _rows = [];
    private readonly long _first;
    private readonly bool[] _table;
    private readonly (double Least, double Most) _span;

    private SecondPass(MomentLevel cells, int columns, string[] classes, SortedSet<int> places)
    {
        (_cells, _columns, _classes) = (cells, columns, classes);
        var intervals = new List<(double Least, double Most)>();
        foreach (int place in places)
        {
            long id = cells.Ids[place];
            (double least, double most) = (id * cells.CellWidth, (id + 1) * cells.CellWidth);
            Rows += (long)cells.Counts[place];
            _rows.Add(id, [.. Enumerable.Range(0, columns).Select(_ => new List<KeptRow>())]);
            if (intervals.Count > 0 && intervals[^1].Most == least)
            {
                intervals[^1] = (intervals[^1].Least, most);
            }
            else
            {
                intervals.Add((least, most));
            }
        }

        Intervals = intervals;
        _span = (intervals[0].Least, intervals[^1].Most);
        _first = cells.Ids[places.Min];
        long span = cells.Ids[places.Max] - _first + 1;
        _table = new bool[span <= MostInTable ? span : 0];
        foreach (int place in places)
        {
            if (_table.Length > 0)
            {
                _table[cells.Ids[place] - _first] = true;
            }
        }
    }

    /// <summary>Where they lie: from the least key of each to below the most, ascending.</summary>
    public IReadOnlyList<(double Least, double Most)> Intervals { get; }

    /// <summary>How many they are.</summary>
    public long Rows { get; }

    /// <summary>How many of them were read.</summary>
    public long Taken { get; private set; }

    /// <summary>Takes those of some rows that are asked for.</summary>
    /// <param name="x">Keys (n).</param>
    /// <param name="y">Values (n, v), row by row.</param>
    /// <param name="weights">Weights (n), where the moments have them.</param>
    /// <exception cref="ArgumentException">Lengths that differ, or values for classes.</exception>
    /// <exception cref="RegressionDataException">There are more rows in a place than the moments have there.</exception>
    public void Add(ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> weights = default)
    {
        if (_classes.Length > 0 || y.Length != (long)x.Length * _columns)
        {
            throw new ArgumentException(
                _classes.Length > 0 ? "Expected classes, got values." : $"Expected {x.Length} x {_columns} values, got {y.Length}.",
                nameof(y));
        }

        Check(x.Length, weights.Length);
        for (int i = 0; i < x.Length; i++)
        {
            if (IsAskedFor(x[i], weights.IsEmpty ? 1 : weights[i], out List<KeptRow>[]? rows))
            {
                for (int column = 0; column < _columns; column++)
                {
                    rows[column].Add(new KeptRow(x[i], y[(i * _columns) + column], weights.IsEmpty ? 1 : weights[i]));
                }
            }
        }
    }

    /// <summary>Takes those of some rows of classes that are asked for.</summary>
    /// <param name="x">Keys (n).</param>
    /// <param name="classes">The class of each row (n).</param>
    /// <param name="weights">Weights (n), where the moments have them.</param>
    /// <exception cref="ArgumentException">Lengths that differ, or classes for values.</exception>
    /// <exception cref="RegressionDataException">
    /// There are more rows in a place than the moments have there, or those of another class.
    /// </exception>
    public void AddClasses(ReadOnlySpan<double> x, IReadOnlyList<string> classes, ReadOnlySpan<double> weights = default)
    {
        ArgumentNullException.ThrowIfNull(classes);
        if (_classes.Length == 0 || classes.Count != x.Length)
        {
            throw new ArgumentException(
                _classes.Length == 0 ? "Expected values, got classes." : $"Expected {x.Length} classes, got {classes.Count}.",
                nameof(classes));
        }

        Check(x.Length, weights.Length);
        for (int i = 0; i < x.Length; i++)
        {
            if (IsAskedFor(x[i], weights.IsEmpty ? 1 : weights[i], out List<KeptRow>[]? rows))
            {
                int own = Array.IndexOf(_classes, classes[i]);
                for (int column = 0; column < _columns; column++)
                {
                    rows[column].Add(new KeptRow(
                        x[i], own < 0 ? throw Others() : own == column ? 1 : 0, weights.IsEmpty ? 1 : weights[i]));
                }
            }
        }
    }

    /// <summary>What is asked for where some rows are not settled; null where no rows would, or too many would have to be asked.</summary>
    /// <param name="atHand">The rows at hand already.</param>
    /// <param name="columns">How many columns of values there are.</param>
    /// <param name="classes">The class of each column; none for values.</param>
    /// <param name="open">What is open in the columns.</param>
    internal static SecondPass? Create(RowsAtHand atHand, int columns, string[] classes, IEnumerable<OpenPlace> open)
    {
        MomentLevel cells = atHand.Cells;
        double rows = 0;
        double pairs = 0;
        var places = new SortedSet<int>();
        double[] before = new double[cells.Count + 1];
        for (int i = 0; i < cells.Count; i++)
        {
            before[i + 1] = before[i] + cells.Counts[i];
        }

        // What costs least first.
        foreach ((int first, int last, double settled) in open.OrderBy(Pairs).ThenBy(place => place.First))
        {
            int[] more = [.. Enumerable.Range(first, last - first + 1).Where(cell => atHand.At(cell) is null && !places.Contains(cell))];
            pairs += Pairs(new OpenPlace(first, last, settled));
            double added = more.Sum(cell => cells.Counts[cell]);
            if (pairs > MostPairs)
            {
                break;
            }

            if (rows + added <= MostRows / columns)
            {
                rows += added;
                places.UnionWith(more);
            }
        }

        return places.Count == 0 ? null : new SecondPass(cells, columns, classes, places);

        double Pairs(OpenPlace place) => place.Rows * (before[place.Last + 1] - before[place.First]);
    }

    /// <summary>The rows with the values of a column, by their cells.</summary>
    /// <exception cref="RegressionDataException">They are not those that the moments are of.</exception>
    internal IEnumerable<KeyValuePair<long, KeptRow[]>> ByCell(int column)
    {
        foreach ((long id, List<KeptRow>[] columns) in _rows)
        {
            if (columns[column].Count != (int)_cells.Counts[Array.BinarySearch(_cells.Ids, id)])
            {
                throw Others();
            }

            // In an order of their own: no number depends on that of the files.
            yield return new(id, [.. columns[column].OrderBy(row => row.X).ThenBy(row => row.Y).ThenBy(row => row.Weight)]);
        }
    }

    private static void Check(int rows, int weights)
    {
        if (weights != 0 && weights != rows)
        {
            throw new ArgumentException($"Expected as many weights as keys, {rows}, got {weights}.", nameof(weights));
        }
    }

    private bool IsAskedFor(double x, double weight, [NotNullWhen(true)] out List<KeptRow>[]? rows)
    {
        rows = null;
        if (!(x >= _span.Least && x < _span.Most) || weight == 0)
        {
            return false;
        }

        long id = _cells.CellOf(x);
        if ((_table.Length > 0 && !_table[id - _first]) || !_rows.TryGetValue(id, out rows))
        {
            return false;
        }

        return ++Taken <= Rows ? true : throw Others();
    }

    private RegressionDataException Others() => new(
        RegressionProblem.Range, $"the rows that the moments are of, {Rows} where they are read again", "others: the data has changed");
}
