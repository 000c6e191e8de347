using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace TorchAttention.Plotting;

public static partial class Figures
{
    private const int HeatmapMargin = 90;
    private const int ColorBarWidth = 110;

    /// <summary>One matrix as a heatmap with a colour bar; row 0 is at the top, as in the book's <c>imshow</c>.</summary>
    /// <param name="matrix">The matrix (rows, columns): attention weights (queries, keys), say.</param>
    /// <param name="xLabel">What the columns are.</param>
    /// <param name="yLabel">What the rows are.</param>
    /// <param name="options">A title, what the colours are and their ends.</param>
    /// <returns>The picture.</returns>
    /// <exception cref="ArgumentException">The matrix is empty or has a number that is not finite.</exception>
    public static Figure ShowHeatmaps(double[,] matrix, string xLabel, string yLabel, FigureOptions? options = null) =>
        ShowHeatmaps([[matrix]], xLabel, yLabel, null, options);

    /// <summary>The book's <c>show_heatmaps</c>: rows and columns of matrices, all in one colour scale.</summary>
    /// <param name="matrices">Rows of matrices, every row with as many.</param>
    /// <param name="xLabel">What a matrix's columns are.</param>
    /// <param name="yLabel">What a matrix's rows are.</param>
    /// <param name="titles">A title for each column of matrices, or for each matrix, row by row; none by default.</param>
    /// <param name="options">A title, what the colours are and their ends.</param>
    /// <returns>The picture.</returns>
    /// <exception cref="ArgumentException">
    /// There is no matrix, one is empty or has a number that is not finite, the rows differ in length, or there are not as many titles as
    /// columns or matrices.
    /// </exception>
    public static Figure ShowHeatmaps(
        IReadOnlyList<IReadOnlyList<double[,]>> matrices, string xLabel, string yLabel, IReadOnlyList<string>? titles = null,
        FigureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(matrices);
        int rows = matrices.Count;
        int columns = rows == 0 ? 0 : matrices[0].Count;
        if (columns == 0 || matrices.Any(row => row.Count != columns))
        {
            throw new ArgumentException(
                $"Expected rows of matrices, every row with as many; got rows of {string.Join(", ", matrices.Select(row => row.Count))}.",
                nameof(matrices));
        }

        if (titles is not null && titles.Count != columns && titles.Count != rows * columns)
        {
            throw new ArgumentException(
                $"Expected a title for each of {columns} columns or of {rows * columns} matrices, got {titles.Count}.", nameof(titles));
        }

        ScottPlot.Range range = SharedRange(matrices);
        if (options?.ColorRange is (double least, double most))
        {
            range = SharedRange([[new[,] { { least, most } }]]);
        }

        int side = rows * columns == 1 ? 380 : 240;
        int panelWidth = side + HeatmapMargin;
        int panelHeight = side + HeatmapMargin;
        var panels = new List<(Plot, PixelRect)>();
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                Plot plot = Theme.NewPlot(row == rows - 1 ? xLabel : "", column == 0 ? yLabel : "");
                AddHeatmap(plot, matrices[row][column], range);
                if ((row * columns) + column < titles?.Count)
                {
                    Theme.AddTitle(plot, titles[(row * columns) + column]);
                    plot.Axes.Title.Label.OffsetY = 9;
                }

                FixMargins(plot, left: 70, right: 20, bottom: 55, top: HeatmapMargin - 55);
                panels.Add(
                    (plot, new PixelRect(column * panelWidth, (column + 1) * panelWidth, (row + 1) * panelHeight, row * panelHeight)));
            }
        }

        Plot bar = ColorBar(range, options?.ColorLabel ?? "");
        int width = columns * panelWidth + WidthOf(bar);
        int height = rows * panelHeight;
        panels.Add((bar, new PixelRect(columns * panelWidth, width, height, 0)));
        return new Figure(width, height, panels, options?.Title ?? "");
    }

    private static ScottPlot.Range SharedRange(IReadOnlyList<IReadOnlyList<double[,]>> matrices)
    {
        double least = double.PositiveInfinity;
        double most = double.NegativeInfinity;
        foreach (double[,] matrix in matrices.SelectMany(row => row))
        {
            if (matrix.Length == 0)
            {
                throw new ArgumentException("Expected matrices of at least one row and column, got an empty one.", nameof(matrices));
            }

            foreach (double value in matrix)
            {
                if (!double.IsFinite(value))
                {
                    throw new ArgumentException($"Expected finite numbers, got {value}.", nameof(matrices));
                }

                least = Math.Min(least, value);
                most = Math.Max(most, value);
            }
        }

        // One value everywhere (average pooling, say) still needs a scale to stand in.
        return least < most
            ? new ScottPlot.Range(least, most)
            : new ScottPlot.Range(Math.Min(0, 2 * most), most > 0 ? most : Math.Max(1, most + 1));
    }

    private static void AddHeatmap(Plot plot, double[,] matrix, ScottPlot.Range range)
    {
        int rows = matrix.GetLength(0);
        int columns = matrix.GetLength(1);
        plot.Add.Plottable(new MatrixImage(matrix, range));
        plot.HideGrid();
        plot.Axes.SetLimits(-0.5, columns - 0.5, -0.5, rows - 0.5);
        plot.Axes.Bottom.TickGenerator = IndexTicks(columns, index => index);

        // ScottPlot's vertical axis grows upwards, and row 0 is at the top: row i stands at rows - 1 - i.
        plot.Axes.Left.TickGenerator = IndexTicks(rows, index => rows - 1 - index);
    }

    private static NumericManual IndexTicks(int count, Func<int, int> place)
    {
        const int most = 6;
        int step = 1;
        for (int factor = 0; (count - 1) / step >= most; factor++)
        {
            step = (int)Math.Pow(10, factor / 3) * (factor % 3) switch { 0 => 1, 1 => 2, _ => 5 };
        }

        var ticks = new NumericManual();
        for (int index = 0; index < count; index += step)
        {
            ticks.AddMajor(place(index), index.ToString(CultureInfo.InvariantCulture));
        }

        return ticks;
    }

    private static Plot ColorBar(ScottPlot.Range range, string label)
    {
        const int shades = 256;
        var ramp = new double[shades, 1];
        for (int i = 0; i < shades; i++)
        {
            ramp[i, 0] = range.Max + (range.Min - range.Max) * i / (shades - 1);
        }

        Plot plot = Theme.NewPlot("", "");
        plot.Axes.Right.Label.Text = Theme.Text(label);
        plot.Add.Plottable(new MatrixImage(ramp, range));
        plot.HideGrid();
        plot.Axes.SetLimits(-0.5, 0.5, -0.5, shades - 0.5);
        plot.Axes.SetLimitsY(range.Min, range.Max, plot.Axes.Right);
        plot.Axes.Right.TickGenerator = new Ticks { Density = 0.4 };
        plot.Axes.Bottom.TickGenerator = new EmptyTickGenerator();
        plot.Axes.Left.TickGenerator = new EmptyTickGenerator();

        // The numbers take what they need, the bar what they leave.
        Fix(plot.Axes.Left, 10);
        Fix(plot.Axes.Bottom, 55);
        Fix(plot.Axes.Top, HeatmapMargin - 55);
        return plot;

        static void Fix(IPanel panel, float size) => (panel.MinimumSize, panel.MaximumSize) = (size, size);
    }

    // What stands beside the bar is known once it was drawn where there is room enough.
    private static int WidthOf(Plot bar)
    {
        const int enough = 400;
        const int ramp = 20;
        using var nowhere = new SKNoDrawCanvas(enough, enough);
        bar.Render(nowhere, new PixelRect(0, enough, enough, 0));
        return Math.Max(ColorBarWidth, (int)Math.Ceiling(enough - bar.LastRender.DataRect.Width) + ramp);
    }

    private static void FixMargins(Plot plot, float left, float right, float bottom, float top) =>
        plot.Layout.Fixed(new PixelPadding(left, right, bottom, top));
}
