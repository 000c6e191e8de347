using TorchAttention.Plotting;

namespace TorchAttention.Cli.Reports;

/// <summary>Curves of runs from their tables of metrics.</summary>
internal static class RunCharts
{
    private const int MostPoints = 500;
    private static readonly string[] _losses = ["train_loss", "val_loss"];

    /// <summary>Both losses of one run over its epochs; null where no epoch is done.</summary>
    public static Figure? Losses(RunFolder run)
    {
        double[] epochs = run.Epochs["epoch"];
        Series[] lines = [.. _losses.Where(name => run.Epochs[name].Length > 0).Select(name => Thinned(name, epochs, run.Epochs[name]))];
        return lines.Length == 0 ? null : Figures.PlotLines(lines, "epoch", "loss");
    }

    /// <summary>The validation losses of several runs over their epochs; null where no epoch of any is done.</summary>
    public static Figure? Compare(IReadOnlyList<RunFolder> runs)
    {
        Series[] lines = [.. runs.Where(run => run.Epochs["val_loss"].Length > 0).Select(run => Thinned(run.Name, run.Epochs["epoch"], run.Epochs["val_loss"]))];
        return lines.Length == 0 ? null : Figures.PlotLines(lines, "epoch", "validation loss");
    }

    // More points than pixels only make a file large: of a long run each point is the mean of a few.
    private static Series Thinned(string name, double[] x, double[] y)
    {
        int size = (x.Length + MostPoints - 1) / MostPoints;
        return new Series(name, [.. x.Chunk(size).Select(part => part.Average())], [.. y.Chunk(size).Select(part => part.Average())]);
    }
}
