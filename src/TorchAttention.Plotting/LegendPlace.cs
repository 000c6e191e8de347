using ScottPlot;
using SkiaSharp;

namespace TorchAttention.Plotting;

/// <summary>Puts a legend where nothing is drawn: inside the frame where there is room, else beside it.</summary>
internal static class LegendPlace
{
    private const float Clearance = 6;
    private const float WidestBeside = 0.33f;
    private const int Steps = 24;

    private static readonly Alignment[] _places =
    [
        Alignment.UpperRight, Alignment.UpperLeft, Alignment.LowerRight, Alignment.LowerLeft, Alignment.UpperCenter, Alignment.LowerCenter,
    ];

    /// <summary>Shows the legend.</summary>
    /// <param name="plot">The plot, with its limits or margins set.</param>
    /// <param name="width">The plot's width in pixels.</param>
    /// <param name="height">The plot's height in pixels.</param>
    /// <param name="lines">Connected points that the legend may not cover.</param>
    /// <param name="points">Single points that it may not cover.</param>
    public static void Choose(
        Plot plot, int width, int height, IEnumerable<Coordinates[]> lines, IEnumerable<Coordinates> points)
    {
        plot.HideLegend();
        using var nowhere = new SKNoDrawCanvas(width, height);
        plot.Render(nowhere, new PixelRect(0, width, height, 0));
        using Paint paint = Paint.NewDisposablePaint();
        PixelRect inside = plot.LastRender.DataRect.Contract(plot.Legend.Margin);
        PixelRect legend = plot.Legend.GetLayout(inside.Size, paint).LegendRect;
        Pixel[] covered = [.. lines.SelectMany(Along).Concat(points.Select(plot.GetPixel))];
        foreach (Alignment place in _places)
        {
            PixelRect rect = legend.AlignedInside(inside, place).Expand(Clearance);
            if (rect.Width < inside.Width / 2 && rect.Height < inside.Height / 2 && !Array.Exists(covered, rect.Contains))
            {
                plot.ShowLegend(place);
                return;
            }
        }

        // Long names beside the picture would leave little of it.
        bool isBelow = legend.Width > WidestBeside * width && legend.Height < inside.Height / 2;
        plot.ShowLegend(isBelow ? Edge.Bottom : Edge.Right);
        plot.Legend.Orientation = Orientation.Vertical;

        // Two points of a line may be far apart, and the line between them under the legend.
        IEnumerable<Pixel> Along(Coordinates[] line)
        {
            Pixel[] ends = Array.ConvertAll(line, plot.GetPixel);
            return ends.Take(1).Concat(Enumerable.Range(1, Math.Max(0, ends.Length - 1)).SelectMany(i => Between(ends[i - 1], ends[i])));
        }
    }

    private static IEnumerable<Pixel> Between(Pixel from, Pixel to)
    {
        int steps = (int)Math.Ceiling(Math.Max(Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y)) / Steps) * 2;
        return Enumerable.Range(1, Math.Max(1, steps)).Select(i =>
            new Pixel(from.X + ((to.X - from.X) * i / Math.Max(1, steps)), from.Y + ((to.Y - from.Y) * i / Math.Max(1, steps))));
    }
}
