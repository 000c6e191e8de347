using ScottPlot;
using SkiaSharp;

namespace TorchAttention.Plotting;

/// <summary>Points in the colours of their values, with a thin edge so that they show on the same colour.</summary>
internal sealed class ColoredPoints(
    IReadOnlyList<double> x, IReadOnlyList<double> y, IReadOnlyList<double> values, ScottPlot.Range range) : IPlottable, IHasColorAxis
{
    private const float Radius = 4.5f;

    public bool IsVisible { get; set; } = true;

    public IAxes Axes { get; set; } = new Axes();

    public IEnumerable<LegendItem> LegendItems => [];

    public IColormap Colormap => Theme.Heat;

    public ScottPlot.Range GetRange() => range;

    public AxisLimits GetAxisLimits() => new(x.Min(), x.Max(), y.Min(), y.Max());

    public void Render(RenderPack rp)
    {
        using var fill = new SKPaint { IsAntialias = true };
        using var edge =
            new SKPaint { IsAntialias = true, Style = SKPaintStyle.Stroke, StrokeWidth = 1, Color = SKColors.Black.WithAlpha(150) };
        for (int i = 0; i < x.Count; i++)
        {
            Pixel place = Axes.GetPixel(new Coordinates(x[i], y[i]));
            fill.Color = new SKColor(Theme.Heat.GetColor(range.Normalize(values[i], clamp: true)).ARGB);
            rp.Canvas.DrawCircle(place.X, place.Y, Radius, fill);
            rp.Canvas.DrawCircle(place.X, place.Y, Radius, edge);
        }
    }
}
