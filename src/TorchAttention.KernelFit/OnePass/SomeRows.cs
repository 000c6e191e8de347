using TorchAttention.Numerics.OnePass;

namespace TorchAttention.Cli.OnePass;

/// <summary>Rows from many places of files.</summary>
/// <param name="columns">Keys, the values of each target, and weights where there are some.</param>
/// <param name="targets">The number of targets.</param>
/// <param name="rows">How many rows there are in all, roughly.</param>
internal sealed class SomeRows(List<double>[] columns, int targets, long rows)
{
    public double[] X { get; } = [.. columns[0]];

    /// <summary>Values (rows, targets), row by row.</summary>
    public double[] Y { get; } = RowBatch.ByRow(columns, targets);

    public double[] Weights { get; } = columns.Length > 1 + targets ? [.. columns[^1]] : [];

    /// <summary>The class of each row; null for values.</summary>
    public string[]? Labels { get; init; }

    public long All { get; } = rows;

    /// <summary>How rows like these are cut.</summary>
    public MomentGrid Grid(Cut cut) => Labels is null
        ? MomentGrid.Choose(X, Y, All, cut.Cell, cut.Degree, Weights, cut.Folds)
        : MomentGrid.ChooseClasses(X, Labels, All, cut.Cell, Weights, cut.Folds);
}

/// <summary>How rows are to be cut, where no grid says it.</summary>
/// <param name="Cell">The width of the cells; by a first look where null.</param>
/// <param name="Degree">The highest degree that is to be fitted.</param>
/// <param name="Folds">How many folds rows are dealt to; 0 for none.</param>
internal sealed record Cut(double? Cell, int Degree, int Folds);
