using ScottPlot;
using ScottPlot.Colormaps;
using ScottPlot.Panels;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Plotting;

/// <summary>
/// Colours and sizes that all pictures share. The lines' colours are Okabe and Ito's, which colour-blind readers can tell apart.
/// </summary>
internal static class Theme
{
    public const float TickSize = 13;
    public const float LabelSize = 15;
    private const float BarWidth = 22;
    private const int LongestLabel = 100;
    private const int LongestTitle = 240;

    private static readonly Color _ink = Color.FromHex("#222222");
    private static readonly Color _grid = Color.FromHex("#e6e6e6");

    public static IReadOnlyList<Color> Lines { get; } =
        [Color.FromHex("#0072b2"), Color.FromHex("#d55e00"), Color.FromHex("#009e73"), Color.FromHex("#cc79a7"), Color.FromHex("#56b4e9"),
            Color.FromHex("#e69f00")];

    public static IReadOnlyList<Color> Points { get; } = [Color.FromHex("#555555"), Color.FromHex("#009e73")];

    /// <summary>From almost white to dark red, as the book's heatmaps.</summary>
    public static IColormap Heat { get; } = new CustomInterpolated(
        [Color.FromHex("#fff7f3"), Color.FromHex("#f9c3a9"), Color.FromHex("#ef7650"), Color.FromHex("#c42a2e"), Color.FromHex("#6b0618")]);

    /// <summary>Greys, on which a curve and its band stand out.</summary>
    public static IColormap Shade { get; } = new CustomInterpolated([Color.FromHex("#e2e2e2"), Color.FromHex("#858585")]);

    /// <summary>
    /// A name from outside as a label: what would turn its letters round, or has no form, is written out, and it leaves room for the
    /// picture.
    /// </summary>
    public static string Text(string label) => PlainText.Brief(label, LongestLabel);

    /// <summary>A name in a legend, which may stand beside the picture.</summary>
    public static string LegendText(string label) => PlainText.Brief(label);

    /// <summary>The text above a picture.</summary>
    public static LabelStyle NewTitle(string title)
    {
        var label = new LabelStyle { Text = PlainText.Brief(title, LongestTitle), FontSize = LabelSize, ForeColor = _ink };
        label.FontName = PlotFont.Family ?? label.FontName;
        return label;
    }

    /// <summary>The text above one of several plots.</summary>
    public static void AddTitle(Plot plot, string title)
    {
        plot.Axes.Title.Label.Text = Text(title);
        plot.Axes.Title.Label.FontSize = LabelSize;
        plot.Axes.Title.Label.Bold = false;
    }

    /// <summary>A colour bar beside a plot.</summary>
    public static void AddColorBar(Plot plot, IHasColorAxis colors, string label)
    {
        ColorBar bar = plot.Add.ColorBar(colors);
        bar.Width = BarWidth;
        bar.Axis.TickGenerator = new Ticks { Density = 0.4 };
        bar.Axis.FrameLineStyle.Color = _ink;
        bar.Axis.TickLabelStyle.ForeColor = _ink;
        bar.Axis.TickLabelStyle.FontSize = TickSize;
        bar.LabelStyle.Text = Text(label);
        bar.LabelStyle.FontSize = LabelSize;
        bar.LabelStyle.ForeColor = _ink;
        bar.LabelStyle.Bold = false;
        if (PlotFont.Family is string family)
        {
            bar.Axis.TickLabelStyle.FontName = family;
            bar.LabelStyle.FontName = family;
        }
    }

    public static Plot NewPlot(string xLabel, string yLabel)
    {
        var plot = new Plot();
        if (PlotFont.Family is string family)
        {
            plot.Font.Set(family);
        }

        plot.FigureBackground.Color = Colors.White;
        plot.Axes.Color(_ink);
        plot.Grid.MajorLineColor = _grid;
        plot.Axes.Bottom.Label.Text = Text(xLabel);
        plot.Axes.Left.Label.Text = Text(yLabel);
        plot.Axes.Bottom.TickGenerator = new Ticks();
        plot.Axes.Left.TickGenerator = new Ticks();
        foreach (IAxis axis in plot.Axes.GetAxes())
        {
            axis.TickLabelStyle.FontSize = TickSize;
            axis.Label.FontSize = LabelSize;
            axis.Label.Bold = false;
        }

        plot.Legend.FontSize = TickSize;
        plot.Legend.OutlineColor = _grid;
        plot.Legend.ShadowColor = Colors.Transparent;
        return plot;
    }
}
