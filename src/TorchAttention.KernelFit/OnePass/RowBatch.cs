using System.Runtime.InteropServices;

namespace TorchAttention.Cli.OnePass;

/// <summary>Some rows; lists that are used again for the next ones.</summary>
/// <param name="Columns">Keys, the values of each target, and weights where there are some.</param>
/// <param name="Targets">The number of targets.</param>
/// <param name="Dropped">How many rows of the file were left out so far.</param>
internal sealed record RowBatch(List<double>[] Columns, int Targets, long Dropped)
{
    public int Rows => Columns[0].Count;

    /// <summary>The class of each row; null for values.</summary>
    public string[]? Labels { get; init; }

    public ReadOnlySpan<double> Keys => CollectionsMarshal.AsSpan(Columns[0]);

    /// <summary>Values (rows, targets), row by row.</summary>
    public ReadOnlySpan<double> Values => Targets == 1 ? CollectionsMarshal.AsSpan(Columns[1]) : ByRow(Columns, Targets);

    public ReadOnlySpan<double> Weights => Columns.Length > 1 + Targets ? CollectionsMarshal.AsSpan(Columns[^1]) : [];

    /// <summary>The values of all targets row by row.</summary>
    public static double[] ByRow(List<double>[] columns, int targets)
    {
        double[] values = new double[columns[0].Count * targets];
        for (int c = 0; c < targets; c++)
        {
            for (int i = 0; i < columns[0].Count; i++)
            {
                values[(i * targets) + c] = columns[1 + c][i];
            }
        }

        return values;
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
