using System.Runtime.InteropServices;
using ScottPlot;
using SkiaSharp;

namespace TorchAttention.Plotting;

/// <summary>
/// Draws a matrix as coloured cells, row 0 at the top: of width and height 1 around whole numbers, or over a given extent. What is no
/// number is left out.
/// </summary>
/// <remarks>
/// ScottPlot's own heatmap hands the renderer one pixel for each cell. Viewers of SVG smooth such a bitmap when they enlarge it, and the
/// cells run into each other; this one is drawn large enough to keep its edges.
/// </remarks>
internal sealed class MatrixImage(
    double[,] matrix, ScottPlot.Range range, CoordinateRect? extent = null, IColormap? colormap = null) : IPlottable, IHasColorAxis
{
    private const int SharpPixels = 800;
    private const int Shades = 256;

    private readonly uint[] _colors =
        [.. Enumerable.Range(0, Shades).Select(i => (colormap ?? Theme.Heat).GetColor((double)i / (Shades - 1)).ARGB)];

    public bool IsVisible { get; set; } = true;

    public IAxes Axes { get; set; } = new Axes();

    /// <summary>What the cells are; not in the legend where nothing is said.</summary>
    public string LegendText { get; init; } = "";

    public IEnumerable<LegendItem> LegendItems => LegendText.Length == 0 ? []
        : [new LegendItem { LabelText = LegendText, FillColor = Colormap.GetColor(0.5), Plottable = this }];

    public IColormap Colormap => colormap ?? Theme.Heat;

    private CoordinateRect Extent => extent ?? new CoordinateRect(-0.5, Columns - 0.5, -0.5, Rows - 0.5);

    private int Rows => matrix.GetLength(0);

    private int Columns => matrix.GetLength(1);

    public AxisLimits GetAxisLimits() => new(Extent);

    public ScottPlot.Range GetRange() => range;

    public void Render(RenderPack rp)
    {
        using SKImage image = Paint();
        PixelRect place = Axes.GetPixelRect(Extent);
        rp.Canvas.DrawImage(image, new SKRect(place.Left, place.Top, place.Right, place.Bottom));
    }

    private SKImage Paint()
    {
        int zoom = Math.Clamp(SharpPixels / Math.Max(Rows, Columns), 1, SharpPixels);
        var pixels = new uint[Rows * zoom * Columns * zoom];
        for (int row = 0; row < Rows; row++)
        {
            Span<uint> line = pixels.AsSpan(row * zoom * Columns * zoom, Columns * zoom);
            for (int column = 0; column < Columns; column++)
            {
                double value = matrix[row, column];
                uint color = double.IsNaN(value)
                    ? 0
                    : _colors[(int)Math.Round((Shades - 1) * range.Normalize(value, clamp: true))];
                line.Slice(column * zoom, zoom).Fill(color);
            }

            for (int copy = 1; copy < zoom; copy++)
            {
                line.CopyTo(pixels.AsSpan((row * zoom + copy) * Columns * zoom, Columns * zoom));
            }
        }

        var info = new SKImageInfo(Columns * zoom, Rows * zoom, SKColorType.Bgra8888, SKAlphaType.Premul);
        return SKImage.FromPixelCopy(info, MemoryMarshal.AsBytes(pixels.AsSpan()));
    }
}
