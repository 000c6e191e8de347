using System.Runtime.InteropServices;

namespace TorchAttention.Cli.OnePass;

/// <summary>Some rows; lists that are used again for the next ones.</summary>
/// <param name="Columns">Keys, values, and weights where there are some.</param>
/// <param name="Dropped">How many rows of the file were left out so far.</param>
internal sealed record RowBatch(List<double>[] Columns, long Dropped)
{
    public int Rows => Columns[0].Count;

    public ReadOnlySpan<double> Keys => CollectionsMarshal.AsSpan(Columns[0]);

    public ReadOnlySpan<double> Values => CollectionsMarshal.AsSpan(Columns[1]);

    public ReadOnlySpan<double> Weights => Columns.Length > 2 ? CollectionsMarshal.AsSpan(Columns[2]) : [];

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
