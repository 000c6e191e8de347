using ScottPlot;
using ScottPlot.Plottables;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Plotting;

/// <content>Pictures of a kernel regression.</content>
public static partial class Figures
{
    private const int ManyPoints = 5000;
    private const int SurfaceWidth = 600;
    private const int SurfaceHeight = 440;

    // Of the width, so that no example at the edge is cut.
    private const double EdgePart = 0.025;

    /// <summary>A fitted curve with its band over the examples.</summary>
    /// <param name="x">The examples' keys (n).</param>
    /// <param name="y">The examples' values (n).</param>
    /// <param name="grid">Where the curve is drawn (m), ascending.</param>
    /// <param name="at">The predictions there, of one column; where there is no neighbour the curve is interrupted.</param>
    /// <param name="level">The band's level, for the legend.</param>
    /// <param name="xLabel">The horizontal axis.</param>
    /// <param name="yLabel">The vertical axis.</param>
    /// <param name="options">A title, the kind of the axes; where a curve is not positive on an axis of powers it is interrupted.</param>
    /// <param name="observations">The predictions at the same places with the interval of new observations, drawn around the band; none
    /// where null.</param>
    /// <returns>The picture.</returns>
    /// <exception cref="ArgumentException">The lengths do not fit each other, or a place or value on an axis of powers is not
    /// positive.</exception>
    public static Figure PlotRegression(
        IReadOnlyList<double> x, IReadOnlyList<double> y, double[] grid, Predictions at, double level, string xLabel, string yLabel,
        FigureOptions? options = null, Predictions? observations = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        ArgumentNullException.ThrowIfNull(grid);
        ArgumentNullException.ThrowIfNull(at);
        if (x.Count != y.Count || grid.Length != at.Mean.Length || grid.Length != (observations ?? at).Mean.Length)
        {
            throw new ArgumentException(
                $"Expected as many keys as values and as many places as predictions, got {x.Count}, {y.Count}, {grid.Length} and "
                + $"{at.Mean.Length}.", nameof(at));
        }

        options ??= new FigureOptions();
        CheckPowers(new Series("examples", x, y), options);
        bool isShown(int i) => double.IsFinite(at.Mean[i]) && (!options.IsLogY || at.Mean[i] > 0) && (!options.IsLogX || grid[i] > 0);
        double floor = Floor([.. y, .. at.Mean.Where((_, i) => isShown(i))]);
        (double[] cloudX, double[] cloudY) = (Across(x, options), Up(y, options, floor));
        Plot plot = Theme.NewPlot(xLabel, yLabel);
        IEnumerable<Coordinates> covered = Coordinates.Zip(cloudX, cloudY);
        if (options.IsDensity && cloudX.Length > 0)
        {
            covered = AddDensity(plot, cloudX, cloudY);
        }
        else
        {
            AddCloud(plot, cloudX, cloudY, "examples");
        }

        var outlines = new List<Coordinates[]>();
        foreach ((int i, (int first, int end)) in Runs(isShown, grid.Length).Index())
        {
            double[] places = Across(grid[first..end], options);
            double[] means = Up(at.Mean[first..end], options, floor);
            foreach ((Predictions? ends, string label, double opacity) in new[]
                {
                    (observations, "of new observations", FaintOpacity), (at, "band of the mean", BandOpacity),
                })
            {
                if (ends is { Lower.Length: > 0 }
                    && Enumerable.Range(first, end - first).All(k => double.IsFinite(ends.Lower[k] + ends.Upper[k])))
                {
                    double[] lower = Up(ends.Lower[first..end], options, floor);
                    double[] upper = Up(ends.Upper[first..end], options, floor);
                    FillY band = AddBand(plot, places, lower, upper, Theme.Lines[1]);
                    band.FillColor = Theme.Lines[1].WithAlpha(opacity);
                    band.LegendText = i == 0 ? $"{level:P0} {label}".Replace(" %", "%", StringComparison.Ordinal) : "";
                    outlines.Add(Coordinates.Zip(places, lower));
                    outlines.Add(Coordinates.Zip(places, upper));
                }
            }

            Scatter curve = plot.Add.ScatterLine(places, means);
            curve.LineWidth = 2.5f;
            curve.Color = Theme.Lines[1];
            curve.MarkerSize = places.Length == 1 ? 8 : 0;
            curve.LegendText = i == 0 ? "fit" : "";
            outlines.Add(Coordinates.Zip(places, means));
        }

        MarkAxes(plot, options);
        plot.Axes.Margins(MarginX, MarginY);
        LegendPlace.Choose(plot, Width, Height, outlines, covered);
        return new Figure(Width, Height, plot, options.Title);
    }

    /// <summary>A fitted surface over two features as a heatmap, the examples as circles.</summary>
    /// <param name="surface">The predictions (rows, columns): the second feature from its largest place in row 0 to its least, the first
    /// from left to right.</param>
    /// <param name="first">The least and the largest place of the first feature.</param>
    /// <param name="second">The least and the largest place of the second feature.</param>
    /// <param name="examples">The examples' places.</param>
    /// <param name="xLabel">The first feature.</param>
    /// <param name="yLabel">The second feature.</param>
    /// <param name="colorLabel">What the colours are.</param>
    /// <param name="values">The examples' values, in whose colours they are drawn; empty circles where null.</param>
    /// <param name="options">A title, the ends of the colours, which surfaces that are compared share, and the kind of the axes: on one of
    /// powers the surface's places are evenly spaced in their logarithms.</param>
    /// <returns>The picture.</returns>
    /// <exception cref="ArgumentException">The surface has no finite number, or there are not as many values as examples.</exception>
    public static Figure PlotSurface(
        double[,] surface, (double Least, double Most) first, (double Least, double Most) second, Series examples, string xLabel,
        string yLabel, string colorLabel, IReadOnlyList<double>? values = null, FigureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(surface);
        ArgumentNullException.ThrowIfNull(examples);
        if (values is not null && values.Count != examples.X.Count)
        {
            throw new ArgumentException($"Expected a value for each of {examples.X.Count} examples, got {values.Count}.", nameof(values));
        }

        double[] finite = [.. surface.Cast<double>().Where(double.IsFinite)];
        if (finite.Length == 0)
        {
            throw new ArgumentException("Expected a surface with a finite number, got none.", nameof(surface));
        }

        (double least, double most) = options?.ColorRange ?? (finite.Min(), finite.Max());
        ScottPlot.Range range = SharedRange([[new[,] { { least, most } }]]);
        options ??= new FigureOptions();
        CheckPowers(examples with { Label = "examples" }, options);
        (first, second, examples) = (Scaled(first, options.IsLogX), Scaled(second, options.IsLogY), examples with
        {
            X = Across(examples.X, options),
            Y = Up(examples.Y, options, 0),
        });
        Plot plot = Theme.NewPlot(xLabel, yLabel);
        MarkAxes(plot, options);
        var image = new MatrixImage(surface, range, new CoordinateRect(first.Least, first.Most, second.Least, second.Most));
        plot.Add.Plottable(image);
        if (values is null || values.Count > ManyPoints)
        {
            AddCircles(plot, examples);
        }
        else if (values.Count > 0)
        {
            plot.Add.Plottable(new ColoredPoints(examples.X, examples.Y, values, range));
        }

        Frame(plot, first, second);
        Theme.AddColorBar(plot, image, colorLabel);
        return new Figure(SurfaceWidth, SurfaceHeight, plot, options.Title);
    }

    /// <summary>Several surfaces over the same two features, all in one colour scale.</summary>
    /// <param name="panels">The surfaces, row by row.</param>
    /// <param name="first">The least and the largest place of the first feature.</param>
    /// <param name="second">The least and the largest place of the second feature.</param>
    /// <param name="xLabel">The first feature.</param>
    /// <param name="yLabel">The second feature.</param>
    /// <param name="options">A title, what the colours are and their ends, by default 0 and 1, and the kind of the axes.</param>
    /// <returns>The picture.</returns>
    /// <exception cref="ArgumentException">There is no surface.</exception>
    public static Figure PlotSurfacePanels(
        IReadOnlyList<SurfacePanel> panels, (double Least, double Most) first, (double Least, double Most) second, string xLabel,
        string yLabel, FigureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(panels);
        options ??= new FigureOptions();
        (double least, double most) = options.ColorRange ?? (0, 1);
        var range = new ScottPlot.Range(least, most);
        (first, second) = (Scaled(first, options.IsLogX), Scaled(second, options.IsLogY));
        Plot bar = ColorBar(range, options.ColorLabel);
        return InPanels([.. panels.Select(Drawn)], options.Title, (bar, WidthOf(bar)));

        Plot Drawn(SurfacePanel panel)
        {
            Plot plot = Theme.NewPlot(xLabel, yLabel);
            MarkAxes(plot, options);
            var extent = new CoordinateRect(first.Least, first.Most, second.Least, second.Most);
            plot.Add.Plottable(new MatrixImage(panel.Surface, range, extent));
            if (panel.Examples.X.Count > 0)
            {
                AddCircles(plot, panel.Examples with
                {
                    X = Across(panel.Examples.X, options),
                    Y = Up(panel.Examples.Y, options, 0),
                });
            }

            Theme.AddTitle(plot, panel.Title);
            Frame(plot, first, second);
            return plot;
        }
    }

    private static void AddCircles(Plot plot, Series examples)
    {
        Scatter circles = AddCloud(plot, examples.X, examples.Y, "");
        circles.Color = Colors.Black.WithAlpha(0.45);
        circles.MarkerShape = MarkerShape.OpenCircle;
    }

    private static void Frame(Plot plot, (double Least, double Most) first, (double Least, double Most) second)
    {
        plot.HideGrid();
        (double across, double up) = (EdgePart * (first.Most - first.Least), EdgePart * (second.Most - second.Least));
        plot.Axes.SetLimits(first.Least - across, first.Most + across, second.Least - up, second.Most + up);
    }

    /// <summary>Residuals over the fitted values.</summary>
    /// <param name="fitted">Fitted values (n).</param>
    /// <param name="residuals">y less its fitted value (n).</param>
    /// <param name="target">What y is called; "value" by default.</param>
    /// <param name="options">A title, say.</param>
    /// <returns>The picture.</returns>
    /// <exception cref="ArgumentException">There are none, or other numbers of both.</exception>
    public static Figure PlotResiduals(
        IReadOnlyList<double> fitted, IReadOnlyList<double> residuals, string target = "value", FigureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(fitted);
        ArgumentNullException.ThrowIfNull(residuals);
        Check(new Series("residuals", fitted, residuals));
        Plot plot = Theme.NewPlot($"fitted {target}", $"residual of {target}");
        AddCloud(plot, fitted, residuals, "");
        plot.Add.HorizontalLine(0, 1.5f, Theme.Lines[0]);
        plot.Axes.Margins(MarginX, MarginY);
        return new Figure(Width, Height, plot, options?.Title ?? "");
    }

    // Of very many points evenly spaced ones: more of them make a grey area and a large file.
    private static Scatter AddCloud(Plot plot, IReadOnlyList<double> x, IReadOnlyList<double> y, string label)
    {
        int step = (x.Count + ManyPoints - 1) / ManyPoints;
        int[] shown = [.. Enumerable.Range(0, x.Count).Where(i => i % Math.Max(1, step) == 0)];
        Scatter circles = plot.Add.ScatterPoints(shown.Select(i => x[i]).ToArray(), shown.Select(i => y[i]).ToArray());
        circles.MarkerShape = MarkerShape.FilledCircle;
        circles.MarkerSize = shown.Length > FewPoints ? 4 : 8;
        circles.Color = Theme.Points[0].WithAlpha(shown.Length > FewPoints ? 0.25 : 0.4);
        circles.LegendText = step > 1 && label.Length > 0 ? $"{Theme.LegendText(label)} (every {step}th)" : Theme.LegendText(label);
        return circles;
    }

    private static IEnumerable<(int First, int End)> Runs(Func<int, bool> isIn, int count)
    {
        for (int first = 0; first < count;)
        {
            int end = first;
            while (end < count && isIn(end))
            {
                end++;
            }

            if (end > first)
            {
                yield return (first, end);
            }

            first = end + 1;
        }
    }
}
