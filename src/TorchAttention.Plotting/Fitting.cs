using ScottPlot;
using ScottPlot.Panels;

namespace TorchAttention.Plotting;

/// <summary>Makes what stands around a plot fit into its part of the picture: a long name would be cut at the edge.</summary>
internal static class Fitting
{
    private const float LeastSize = 11;
    private const float EdgeGap = 4;

    /// <summary>Shortens labels, and makes room at the right for the last number of the horizontal axis.</summary>
    /// <param name="plot">A plot that was rendered.</param>
    public static void Fit(Plot plot)
    {
        (PixelRect data, PixelRect figure) = (plot.LastRender.DataRect, plot.LastRender.FigureRect);
        float across = 2 * Math.Min(data.HorizontalCenter - figure.Left, figure.Right - data.HorizontalCenter);
        float along = 2 * Math.Min(data.VerticalCenter - figure.Top, figure.Bottom - data.VerticalCenter);
        using Paint paint = Paint.NewDisposablePaint();
        Shorten(plot.Axes.Title.Label, across, paint);
        Shorten(plot.Axes.Bottom.Label, across, paint);
        Shorten(plot.Axes.Left.Label, along, paint);
        Shorten(plot.Axes.Right.Label, along, paint);
        foreach (ColorBar bar in plot.Axes.GetPanels().OfType<ColorBar>())
        {
            Shorten(bar.LabelStyle, along, paint);
        }

        float room = figure.Right - EdgeGap - plot.Axes.Bottom.TickGenerator.Ticks.Select(RightEnd).DefaultIfEmpty(0).Max();
        if (room < 0)
        {
            plot.Axes.Right.MinimumSize = figure.Right - data.Right - room;
        }

        float RightEnd(Tick tick) => plot.Axes.Bottom.GetPixel(tick.Position, data)
            + (plot.Axes.Bottom.TickLabelStyle.Measure(tick.Label, paint).Width / 2);
    }

    /// <summary>Breaks a text into lines after commas: "n = 50" stays together.</summary>
    /// <param name="label">How it is written.</param>
    /// <param name="width">The longest line in pixels.</param>
    public static void Wrap(LabelStyle label, float width)
    {
        using Paint paint = Paint.NewDisposablePaint();
        var lines = new List<string>();
        foreach (string part in label.Text.Split(", "))
        {
            string longer = lines.Count == 0 ? part : $"{lines[^1]}, {part}";
            if (lines.Count > 0 && label.Measure(longer, paint).Width <= width)
            {
                lines[^1] = longer;
            }
            else
            {
                lines.Add(part);
            }
        }

        label.Text = string.Join(",\n", lines);
        Shorten(label, width, paint);
    }

    /// <summary>Writes a text smaller, and then less of it, until it is no longer than its room.</summary>
    public static void Shorten(LabelStyle label, float room, Paint paint)
    {
        while (label.FontSize > LeastSize && label.Measure(label.Text, paint).Width > room - EdgeGap)
        {
            label.FontSize--;
        }

        string text = label.Text;
        for (int length = text.Length - 1; length > 0 && label.Measure(label.Text, paint).Width > room - EdgeGap; length--)
        {
            label.Text = string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[length - 1]) ? length - 1 : length), "…");
        }
    }
}
