namespace TorchAttention.Numerics.Tables;

/// <summary>Named columns of finite numbers, all of one length.</summary>
public sealed class Table
{
    private readonly double[][] _values;

    /// <summary>Creates a table over the given columns; the arrays are kept, not copied.</summary>
    /// <param name="name">The file or data set, for messages.</param>
    /// <param name="columns">The columns' names.</param>
    /// <param name="values">One array for each column, all of one length.</param>
    /// <exception cref="ArgumentException">The numbers of names and arrays differ, or the arrays' lengths do.</exception>
    public Table(string name, IReadOnlyList<string> columns, double[][] values)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(values);
        if (columns.Count != values.Length)
        {
            throw new ArgumentException($"Expected one array for each of {columns.Count} columns, got {values.Length}.", nameof(values));
        }

        foreach (double[] column in values)
        {
            if (column.Length != values[0].Length)
            {
                throw new ArgumentException(
                    $"Expected {values[0].Length} rows in every column, got {column.Length} in one.", nameof(values));
            }
        }

        Name = name;
        Columns = columns;
        _values = values;
    }

    /// <summary>The file or data set, for messages.</summary>
    public string Name { get; }

    /// <summary>The columns' names, in order.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>The number of rows.</summary>
    public int RowCount => _values.Length == 0 ? 0 : _values[0].Length;

    /// <summary>How many rows of the file were left out because a number was missing.</summary>
    public long DroppedRows { get; init; }

    /// <summary>The numbers of one column.</summary>
    /// <param name="column">The column's index.</param>
    public ReadOnlySpan<double> this[int column] => _values[column];

    /// <summary>The numbers of one column.</summary>
    /// <param name="column">The column's name.</param>
    /// <exception cref="ArgumentException">There is none of this name, or more than one.</exception>
    public ReadOnlySpan<double> this[string column] => _values[IndexOf(column)];

    /// <summary>The numbers of some columns, row by row: (rows, columns), as a regression on several features takes them.</summary>
    /// <param name="columns">The columns' names, in the order wanted.</param>
    /// <exception cref="ArgumentException">There is none of a name, or more than one.</exception>
    public double[] Rows(params ReadOnlySpan<string> columns)
    {
        double[] rows = new double[RowCount * columns.Length];
        for (int j = 0; j < columns.Length; j++)
        {
            double[] values = _values[IndexOf(columns[j])];
            for (int i = 0; i < values.Length; i++)
            {
                rows[(i * columns.Length) + j] = values[i];
            }
        }

        return rows;
    }

    private int IndexOf(string column)
    {
        ArgumentNullException.ThrowIfNull(column);
        int[] places = [.. Columns.Index().Where(candidate => candidate.Item == column).Select(candidate => candidate.Index)];
        return places.Length == 1
            ? places[0]
            : throw new ArgumentException(
                $"{PlainText.Escape(Name)}: expected one column '{PlainText.Brief(column)}', found "
                + $"{(places.Length == 0 ? "none" : $"{places.Length}")}; {CsvTable.Describe(Columns)}.", nameof(column));
    }
}
