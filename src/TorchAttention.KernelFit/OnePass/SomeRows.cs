using TorchAttention.Numerics.OnePass;

namespace TorchAttention.Cli.OnePass;

/// <summary>Rows from many places of files.</summary>
/// <param name="columns">Keys, values, and weights where there are some.</param>
/// <param name="rows">How many rows there are in all, roughly.</param>
internal sealed class SomeRows(List<double>[] columns, long rows)
{
    public double[] X { get; } = [.. columns[0]];

    public double[] Y { get; } = [.. columns[1]];

    public double[] Weights { get; } = columns.Length > 2 ? [.. columns[2]] : [];

    public long All { get; } = rows;

    /// <summary>How rows like these are cut.</summary>
    public MomentGrid Grid(double? cell, int degree) => MomentGrid.Choose(X, Y, All, cell, degree, Weights);
}
