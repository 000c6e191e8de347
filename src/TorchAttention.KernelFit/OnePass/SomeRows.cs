using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Cli.OnePass;

/// <summary>Rows from many places of files.</summary>
/// <param name="columns">The keys of each feature, the values of each target, and weights where there are some.</param>
/// <param name="features">The number of features.</param>
/// <param name="targets">The number of targets.</param>
/// <param name="rows">How many rows there are in all, roughly.</param>
internal sealed class SomeRows(List<double>[] columns, int features, int targets, long rows)
{
    /// <summary>Keys (rows, features), row by row.</summary>
    public double[] X { get; } = RowBatch.ByRow(columns.AsSpan(0, features));

    /// <summary>Values (rows, targets), row by row.</summary>
    public double[] Y { get; } = RowBatch.ByRow(columns.AsSpan(features, targets));

    public double[] Weights { get; } = columns.Length > features + targets ? [.. columns[^1]] : [];

    /// <summary>The class of each row; null for values.</summary>
    public string[]? Labels { get; init; }

    public long All { get; } = rows;

    /// <summary>Whether these are all rows there are.</summary>
    public bool IsAll { get; init; }

    /// <summary>How many do not count, where these are all.</summary>
    public RowsLeftOut LeftOut { get; init; }

    /// <summary>How rows like these are cut.</summary>
    public MomentGrid Grid(Cut cut) => Labels is null
        ? MomentGrid.Choose(X, Y, All, cut.Cell, cut.Degree, Weights, cut.Folds)
        : MomentGrid.ChooseClasses(X, Labels, All, cut.Cell, Weights, cut.Folds);

    /// <summary>How rows of several features are cut.</summary>
    public BoxGrid Boxes(Cut cut)
    {
        double[]? widths = cut.Cells?.Length == 1 ? [.. Enumerable.Repeat(cut.Cells[0], features)] : cut.Cells;
        return Labels is null ? BoxGrid.Choose(X, Y, features, All, widths, Weights, cut.Folds)
            : BoxGrid.ChooseClasses(X, Labels, features, All, widths, Weights, cut.Folds);
    }
}

/// <summary>How rows are to be cut, where no grid says it.</summary>
/// <param name="Cells">The width of the cells, one for all features or one for each; by a first look where null.</param>
/// <param name="Degree">The highest degree that is to be fitted.</param>
/// <param name="Folds">How many folds rows are dealt to; 0 for none.</param>
internal sealed record Cut(double[]? Cells, int Degree, int Folds)
{
    /// <summary>Of one feature.</summary>
    public double? Cell => Cells?[0];

    /// <summary>The folds that a rule asks for; 0 for none.</summary>
    public static int FoldsOf(Bandwidth bandwidth) => bandwidth.Rule == BandwidthRule.KFold ? bandwidth.Folds : 0;

    /// <summary>Refuses moments of other folds than are asked for.</summary>
    /// <param name="known">How many they have; 0 for none.</param>
    public void CheckFolds(int known)
    {
        if (Folds > 0 && known != Folds)
        {
            throw CliException.WrongInput(
                $"--bandwidth: expected moments of {Folds} folds for kfold, got {(known == 0 ? "none" : known)}; make them with moments "
                    + $"--folds {Folds}");
        }
    }

    /// <summary>Refuses widths of another number than the features'.</summary>
    public void Check(int features)
    {
        if (Cells is not null && Cells.Length != 1 && Cells.Length != features)
        {
            throw CliException.WrongInput(
                $"--cell: expected one width{(features == 1 ? "" : $", or one for each of {features} features")}, got {Cells.Length}");
        }
    }
}
