using ScottPlot;
using ScottPlot.Plottables;
using SkiaSharp;

namespace TorchAttention.Plotting;

/// <summary>The chapter's pictures: fitted curves, attention heatmaps, loss curves.</summary>
public static partial class Figures
{
    private const int Width = 720;
    private const int Height = 440;
    private const int PanelWidth = 360;
    private const int PanelHeight = 300;
    private const int MostInARow = 3;
    private const int FewInARow = 2;
    private const int FewPanels = 4;
    private const int FewPoints = 500;
    private const double BandOpacity = 0.22;
    private const double FaintOpacity = 0.1;
    private const double MarginX = 0.03;
    private const double MarginY = 0.07;

    /// <summary>
    /// The book's <c>plot_kernel_reg</c>: the true function, the prediction, and the training points as translucent circles.
    /// </summary>
    /// <param name="xTrain">Training inputs (n).</param>
    /// <param name="yTrain">Training targets (n).</param>
    /// <param name="xVal">Validation inputs (m), sorted.</param>
    /// <param name="yVal">The true function at the validation inputs (m).</param>
    /// <param name="yHat">Predictions at the validation inputs (m).</param>
    /// <param name="options">A title, say.</param>
    /// <returns>The picture.</returns>
    public static Figure PlotKernelReg(
        double[] xTrain, double[] yTrain, double[] xVal, double[] yVal, double[] yHat, FigureOptions? options = null) =>
        PlotLines([new("Truth", xVal, yVal), new("Pred", xVal, yHat)], "x", "y", [new("Training", xTrain, yTrain)], options);

    /// <summary>Lines, and points behind them as translucent circles.</summary>
    /// <param name="lines">Lines, each sorted by x.</param>
    /// <param name="xLabel">The horizontal axis.</param>
    /// <param name="yLabel">The vertical axis.</param>
    /// <param name="points">Clouds of points; none by default.</param>
    /// <param name="options">A title, the kind and the ends of the axes.</param>
    /// <returns>The picture; its limits hold every line and every point.</returns>
    /// <exception cref="ArgumentException">A series has no place, or other numbers of places and values, or a number that is not
    /// finite; or a place or value on an axis of powers is not positive.</exception>
    public static Figure PlotLines(
        IReadOnlyList<Series> lines, string xLabel, string yLabel, IReadOnlyList<Series>? points = null, FigureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(lines);
        options ??= new FigureOptions();
        var panel = new LinesPanel(lines, xLabel, yLabel, points);
        return new Figure(Width, Height, Drawn(panel, options, Width, Height, isAlone: true), options.Title);
    }

    /// <summary>
    /// Several plots of lines in one picture: numbers of different units over the same axis, or one curve for each of several features.
    /// What has a name is in one legend after the last plot.
    /// </summary>
    /// <param name="panels">The plots, row by row.</param>
    /// <param name="options">A title, the kind and the ends of all axes.</param>
    /// <returns>The picture.</returns>
    /// <exception cref="ArgumentException">There is no plot, or what <see cref="PlotLines"/> refuses.</exception>
    public static Figure PlotLinePanels(IReadOnlyList<LinesPanel> panels, FigureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(panels);
        options ??= new FigureOptions();
        bool isAlone = panels.Count == 1;
        Plot[] plots = [.. panels.Select(panel => Drawn(panel, options, PanelWidth, PanelHeight, isAlone))];
        LegendItem[] named = isAlone ? [] : [.. plots.SelectMany(plot => plot.Legend.GetItems())];
        if (named.Length == 0)
        {
            return InPanels(plots, options.Title);
        }

        // A row for it alone would be empty but for it.
        Plot legend = LegendAlone(named);
        int width = WidthOfLegend(legend);
        return plots.Length % InARow(plots.Length) == 0 && width <= PanelWidth ? InPanels(plots, options.Title, (legend, width))
            : InPanels([.. plots, legend], options.Title);
    }

    private static int WidthOfLegend(Plot legend)
    {
        using var nowhere = new SKNoDrawCanvas(PanelWidth, PanelHeight);
        legend.Render(nowhere, new PixelRect(0, PanelWidth, PanelHeight, 0));
        using Paint paint = Paint.NewDisposablePaint();
        PixelRect inside = legend.LastRender.DataRect;
        float width = legend.Legend.GetLayout(inside.Size, paint).LegendRect.Width;
        return (int)Math.Ceiling(width + (2 * legend.Legend.Margin.Horizontal));
    }

    private static int InARow(int plots) => plots <= FewPanels ? Math.Min(plots, FewInARow) : MostInARow;

    // In one of the small plots it would leave little of that one.
    private static Plot LegendAlone(LegendItem[] named)
    {
        Plot plot = Theme.NewPlot("", "");
        plot.Layout.Frameless();
        plot.HideGrid();
        plot.ShowLegend(named, Alignment.MiddleCenter);
        return plot;
    }

    private static Figure InPanels(Plot[] plots, string title, (Plot Plot, int Width)? beside = null)
    {
        if (plots.Length == 0)
        {
            throw new ArgumentException("Expected at least one plot, got none.", nameof(plots));
        }

        int inARow = InARow(plots.Length);
        int rows = (plots.Length + inARow - 1) / inARow;
        IEnumerable<(Plot, PixelRect)> placed = plots.Select((plot, i) => (plot, Cell(i % inARow, i / inARow)));
        (int width, int height) = (inARow * PanelWidth, rows * PanelHeight);
        if (beside is not { } other)
        {
            return new Figure(width, height, [.. placed], title);
        }

        int whole = width + other.Width;
        return new Figure(whole, height, [.. placed, (other.Plot, new PixelRect(width, whole, PanelHeight, 0))], title);

        static PixelRect Cell(int column, int row) =>
            new(column * PanelWidth, (column + 1) * PanelWidth, (row + 1) * PanelHeight, row * PanelHeight);
    }

    private static Plot Drawn(LinesPanel panel, FigureOptions options, int width, int height, bool isAlone)
    {
        Series[] all = [.. panel.Lines.Concat(panel.Points ?? [])];
        Array.ForEach(all, Check);
        Array.ForEach(all, series => CheckPowers(series, options));
        double floor = Floor(all.SelectMany(series => series.Y));
        Plot plot = Theme.NewPlot(panel.XLabel, panel.YLabel);
        foreach ((int i, Series line) in panel.Lines.Index())
        {
            AddLine(plot, line, Theme.Lines[(line.Color ?? i) % Theme.Lines.Count], options, floor);
        }

        // After the lines, as in the book: the circles are translucent, and the legend names the curves first.
        foreach ((int i, Series cloud) in (panel.Points ?? []).Index())
        {
            Scatter circles = plot.Add.ScatterPoints(Across(cloud.X, options), Up(cloud.Y, options, floor));
            circles.MarkerShape = MarkerShape.FilledCircle;
            circles.MarkerSize = cloud.X.Count > FewPoints ? 4 : isAlone ? 8 : 6;
            Color color = cloud.Color is int own ? Theme.Lines[own % Theme.Lines.Count] : Theme.Points[i % Theme.Points.Count];
            circles.Color = color.WithAlpha(cloud.X.Count > FewPoints || !isAlone ? 0.25 : 0.4);
            circles.LegendText = Theme.LegendText(cloud.Label);
        }

        MarkAxes(plot, options with { XKind = panel.XKind ?? options.XKind });
        plot.Axes.Margins(MarginX, MarginY);
        if (options.YRange is (double least, double most))
        {
            plot.Axes.AutoScale();
            double[] ends = Up([least, most], options, floor);
            plot.Axes.SetLimitsY(ends[0], ends[1]);
        }

        // ScottPlot leaves no room for the plot beside a legend without a name.
        if (isAlone && all.Any(series => series.Label.Length > 0))
        {
            LegendPlace.Choose(
                plot, width, height, panel.Lines.SelectMany(line => Outlines(line, options, floor)),
                (panel.Points ?? []).SelectMany(cloud => Coordinates.Zip(Across(cloud.X, options), Up(cloud.Y, options, floor))));
        }
        else
        {
            plot.HideLegend();
        }

        return plot;
    }

    private static void AddLine(Plot plot, Series line, Color color, FigureOptions options, double floor)
    {
        double[] places = Across(line.X, options);
        if (line.Band is not null)
        {
            double[] lower = Up(line.Band.Select(ends => ends.Lower), options, floor);
            double[] upper = Up(line.Band.Select(ends => ends.Upper), options, floor);
            AddBand(plot, places, lower, upper, color);
        }

        Scatter curve = plot.Add.ScatterLine(places, Up(line.Y, options, floor));
        curve.LineWidth = 2.5f;
        curve.Color = color;
        curve.LegendText = Theme.LegendText(line.Label);
        if (line.X.Count == 1)
        {
            curve.MarkerSize = 8;
        }
    }

    private static FillY AddBand(Plot plot, double[] places, double[] lower, double[] upper, Color color)
    {
        FillY band = plot.Add.FillY(places, lower, upper);
        band.FillColor = color.WithAlpha(BandOpacity);
        band.LineWidth = 0;
        band.MarkerSize = 0;
        return band;
    }

    private static IEnumerable<Coordinates[]> Outlines(Series line, FigureOptions options, double floor)
    {
        double[] places = Across(line.X, options);
        yield return Coordinates.Zip(places, Up(line.Y, options, floor));
        if (line.Band is not null)
        {
            yield return Coordinates.Zip(places, Up(line.Band.Select(ends => ends.Lower), options, floor));
            yield return Coordinates.Zip(places, Up(line.Band.Select(ends => ends.Upper), options, floor));
        }
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

        if (series.Band is { } band && (band.Count != series.X.Count || !band.All(ends => double.IsFinite(ends.Upper - ends.Lower))))
        {
            throw new ArgumentException(
                $"Series '{series.Label}': expected finite ends of a band for each of {series.X.Count} places, got {band.Count}.");
        }
    }
}
