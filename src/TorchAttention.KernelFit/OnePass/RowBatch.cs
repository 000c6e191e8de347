using System.Runtime.InteropServices;

namespace TorchAttention.Cli.OnePass;

/// <summary>Some rows; lists that are used again for the next ones.</summary>
/// <param name="Columns">The keys of each feature, the values of each target, and weights where there are some.</param>
/// <param name="Features">The number of features.</param>
/// <param name="Targets">The number of targets.</param>
/// <param name="LeftOut">How many rows of the file do not count so far.</param>
internal sealed record RowBatch(List<double>[] Columns, int Features, int Targets, RowsLeftOut LeftOut)
{
    public int Rows => Columns[0].Count;

    /// <summary>How far the file was read, in bytes; 0 where nobody knows.</summary>
    public long BytesRead { get; init; }

    /// <summary>The class of each row; null for values.</summary>
    public string[]? Labels { get; init; }

    /// <summary>Keys (rows, features), row by row.</summary>
    public ReadOnlySpan<double> Keys => Of(Columns.AsSpan(0, Features));

    /// <summary>Values (rows, targets), row by row.</summary>
    public ReadOnlySpan<double> Values => Of(Columns.AsSpan(Features, Targets));

    public ReadOnlySpan<double> Weights => Columns.Length > Features + Targets ? CollectionsMarshal.AsSpan(Columns[^1]) : [];

    private static ReadOnlySpan<double> Of(ReadOnlySpan<List<double>> columns) =>
        columns.Length == 1 ? CollectionsMarshal.AsSpan(columns[0]) : ByRow(columns);

    /// <summary>The numbers of columns row by row.</summary>
    public static double[] ByRow(ReadOnlySpan<List<double>> columns)
    {
        double[] rows = new double[columns[0].Count * columns.Length];
        for (int c = 0; c < columns.Length; c++)
        {
            ReadOnlySpan<double> column = CollectionsMarshal.AsSpan(columns[c]);
            for (int i = 0; i < column.Length; i++)
            {
                rows[(i * columns.Length) + c] = column[i];
            }
        }

        return rows;
    }

    /// <summary>Adds all rows to lists.</summary>
    public void AddTo(List<double>[] lists)
    {
        for (int column = 0; column < lists.Length; column++)
        {
            lists[column].AddRange(Columns[column]);
        }
    }

    /// <summary>Adds one row to lists.</summary>
    public void AddTo(List<double>[] lists, int row)
    {
        for (int column = 0; column < lists.Length; column++)
        {
            lists[column].Add(Columns[column][row]);
        }
    }
}
