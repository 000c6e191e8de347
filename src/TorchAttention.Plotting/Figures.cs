using ScottPlot;
using ScottPlot.Plottables;

namespace TorchAttention.Plotting;

/// <summary>The chapter's pictures: fitted curves, attention heatmaps, loss curves.</summary>
public static partial class Figures
{
    private const int Width = 720;
    private const int Height = 440;

    /// <summary>
    /// The book's <c>plot_kernel_reg</c>: the true function, the prediction, and the training points as translucent circles.
    /// </summary>
    /// <param name="xTrain">Training inputs (n).</param>
    /// <param name="yTrain">Training targets (n).</param>
    /// <param name="xVal">Validation inputs (m), sorted.</param>
    /// <param name="yVal">The true function at the validation inputs (m).</param>
    /// <param name="yHat">Predictions at the validation inputs (m).</param>
    /// <returns>The picture.</returns>
    public static Figure PlotKernelReg(double[] xTrain, double[] yTrain, double[] xVal, double[] yVal, double[] yHat) =>
        PlotLines([new("Truth", xVal, yVal), new("Pred", xVal, yHat)], "x", "y", [new("Training", xTrain, yTrain)]);

    /// <summary>Lines, and points behind them as translucent circles.</summary>
    /// <param name="lines">Lines, each sorted by x.</param>
    /// <param name="xLabel">The horizontal axis.</param>
    /// <param name="yLabel">The vertical axis.</param>
    /// <param name="points">Clouds of points; none by default.</param>
    /// <returns>The picture; its limits hold every line and every point.</returns>
    /// <exception cref="ArgumentException">A series has no place, or other numbers of places and values, or a number that is not
    /// finite.</exception>
    public static Figure PlotLines(IReadOnlyList<Series> lines, string xLabel, string yLabel, IReadOnlyList<Series>? points = null)
    {
        ArgumentNullException.ThrowIfNull(lines);
        Plot plot = Theme.NewPlot(xLabel, yLabel);
        foreach ((int i, Series line) in lines.Index())
        {
            Check(line);
            Scatter curve = plot.Add.ScatterLine(line.X.ToArray(), line.Y.ToArray());
            curve.LineWidth = 2.5f;
            curve.Color = Theme.Lines[(line.Color ?? i) % Theme.Lines.Count];
            curve.LegendText = Theme.Text(line.Label);
            if (line.X.Count == 1)
            {
                curve.MarkerSize = 8;
            }
        }

        // After the lines, as in the book: the circles are translucent, and the legend names the curves first.
        foreach ((int i, Series cloud) in (points ?? []).Index())
        {
            Check(cloud);
            Scatter circles = plot.Add.ScatterPoints(cloud.X.ToArray(), cloud.Y.ToArray());
            circles.MarkerShape = MarkerShape.FilledCircle;
            circles.MarkerSize = cloud.X.Count > 500 ? 4 : 8;
            circles.Color = Theme.Points[i % Theme.Points.Count].WithAlpha(cloud.X.Count > 500 ? 0.25 : 0.4);
            circles.LegendText = Theme.Text(cloud.Label);
        }

        // ScottPlot leaves no room for the plot beside a legend without a name.
        if (lines.Concat(points ?? []).Any(series => series.Label.Length > 0))
        {
            plot.ShowLegend(Edge.Right);
        }

        plot.Axes.Margins(0.03, 0.07);
        return new Figure(Width, Height, plot);
    }

    private static void Check(Series series)
    {
        if (series.X.Count == 0 || series.X.Count != series.Y.Count)
        {
            throw new ArgumentException(
                $"Series '{series.Label}': expected as many places as values and at least one, got {series.X.Count} and {series.Y.Count}.");
        }

        if (!series.X.All(double.IsFinite) || !series.Y.All(double.IsFinite))
        {
            throw new ArgumentException($"Series '{series.Label}': expected finite numbers.");
        }
    }
}
