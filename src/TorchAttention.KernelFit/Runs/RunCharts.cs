using TorchAttention.Plotting;

namespace TorchAttention.Cli.Runs;

/// <summary>Curves of runs from their tables of metrics.</summary>
internal static class RunCharts
{
    private const int MostPoints = 500;
    private static readonly (string Column, string Name)[] _losses = [("train_loss", "training"), ("val_loss", "validation")];

    /// <summary>Both losses of one run over its epochs; null where no epoch is done.</summary>
    public static Figure? Losses(RunFolder run)
    {
        double[] epochs = run.Epochs["epoch"];
        IEnumerable<(string Column, string Name)> known = _losses.Where(loss => run.Epochs[loss.Column].Length > 0);
        return Drawn(known.Select(loss => Thinned(loss.Name, epochs, run.Epochs[loss.Column])), "loss");
    }

    /// <summary>The validation losses of several runs over their epochs; null where no epoch of any is done.</summary>
    public static Figure? Compare(IReadOnlyList<RunFolder> runs) =>
        Drawn(runs.Where(HasEpochs).Select(run => Thinned(run.Name, run.Epochs["epoch"], run.Epochs["val_loss"])), "validation loss");

    /// <summary>Whether an epoch of a run is done.</summary>
    public static bool HasEpochs(RunFolder run) => run.Epochs["val_loss"].Length > 0;

    private static Figure? Drawn(IEnumerable<Series> all, string yLabel)
    {
        Series[] lines = [.. all.Where(line => line.X.Count > 0)];
        return lines.Length == 0 ? null : Figures.PlotLines(lines, "epoch", yLabel, options: new FigureOptions { IsCountedX = true });
    }

    // More points than pixels only make a file large: of a long run each point is the mean of a few.
    private static Series Thinned(string name, double[] x, double[] y)
    {
        (double X, double Y)[][] parts = [.. x.Zip(y).Chunk((x.Length + MostPoints - 1) / MostPoints)];
        IEnumerable<(double X, double Y)> means = parts.Select(part => (part.Average(point => point.X), part.Average(point => point.Y)));
        (double X, double Y)[] points = [.. means.Where(point => double.IsFinite(point.X) && double.IsFinite(point.Y))];
        return new Series(name, [.. points.Select(point => point.X)], [.. points.Select(point => point.Y)]);
    }
}
