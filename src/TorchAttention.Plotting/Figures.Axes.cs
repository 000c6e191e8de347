using ScottPlot;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Plotting;

/// <content>Axes of powers, and of what is counted.</content>
public static partial class Figures
{
    // An axis of powers is one of logarithms with other numbers at its ticks.
    private static double[] Across(IEnumerable<double> places, FigureOptions options) =>
        [.. options.IsLogX ? places.Select(Math.Log10) : places];

    private static double[] Up(IEnumerable<double> values, FigureOptions options, double floor) =>
        [.. options.IsLogY ? values.Select(value => Math.Log10(Math.Max(value, floor))) : values];

    // Where a band that goes down to 0 and below ends on an axis that has neither.
    private static double Floor(IEnumerable<double> values) => values.DefaultIfEmpty(1).Min() / 2;

    private static void MarkAxes(Plot plot, FigureOptions options)
    {
        plot.Axes.Bottom.TickGenerator = Marks(options.IsLogX, options.XKind)
            ?? (options.IsCountedX ? new Ticks { IsWhole = true } : plot.Axes.Bottom.TickGenerator);
        plot.Axes.Left.TickGenerator = Marks(options.IsLogY, options.YKind) ?? plot.Axes.Left.TickGenerator;
    }

    private static ITickGenerator? Marks(bool isLog, ColumnKind kind) =>
        isLog ? new PowerTicks() : kind == ColumnKind.Number ? null : new TimeTicks(kind);

    private static (double Least, double Most) Scaled((double Least, double Most) ends, bool isLog) =>
        isLog ? (Math.Log10(ends.Least), Math.Log10(ends.Most)) : ends;

    private static void CheckPowers(Series series, FigureOptions options)
    {
        if (options.IsLogX && !series.X.All(place => place > 0))
        {
            throw new ArgumentException($"Series '{series.Label}': expected positive places on an axis of powers.");
        }

        if (options.IsLogY && !series.Y.All(value => value > 0))
        {
            throw new ArgumentException($"Series '{series.Label}': expected positive values on an axis of powers.");
        }
    }
}
