using ScottPlot;
using ScottPlot.Plottables;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Plotting;

/// <content>How a bandwidth was found.</content>
public static partial class Figures
{
    // From so many times the least score on, heights are logarithms.
    private const double ManyTimes = 20;

    /// <summary>
    /// What a search for a bandwidth tried: the criterion over the bandwidth; with two features in colours over both, with more its best
    /// value step by step.
    /// </summary>
    /// <param name="search">The search; of a rule that has one.</param>
    /// <param name="features">The features' names; numbers where null.</param>
    /// <param name="options">A title, say.</param>
    /// <returns>The picture.</returns>
    /// <exception cref="ArgumentException">Nothing was tried.</exception>
    public static Figure PlotBandwidthSearch(
        BandwidthSearch search, IReadOnlyList<string>? features = null, FigureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(search);
        BandwidthTrial[] finite = [.. search.Trials.Where(trial => double.IsFinite(trial.Score))];
        if (finite.Length == 0)
        {
            throw new ArgumentException("Expected a search that tried something, got none.", nameof(search));
        }

        string criterion = BandwidthRules.CriterionOf(search.Rule) ?? BandwidthRules.NameOf(search.Rule);
        if (search.Bandwidths.Count == 2)
        {
            return PlotTrials(search, finite, criterion, features ?? ["feature 1", "feature 2"], options);
        }

        if (search.Bandwidths.Count > 1)
        {
            double[] steps = [.. Enumerable.Range(1, finite.Length).Select(i => (double)i)];
            double[] best = [.. finite.Select((_, i) => finite.Take(i + 1).Min(trial => trial.Score))];

            // The first trials of a start may be far off; shown, they leave no room for the others.
            double most = finite.Select(trial => trial.Score).Order().ElementAt(finite.Length * 9 / 10);
            int[] near = [.. Enumerable.Range(0, finite.Length).Where(i => finite[i].Score <= most)];
            return PlotLines(
                [new("best so far", Array.ConvertAll(near, i => steps[i]), Array.ConvertAll(near, i => best[i]))],
                "trial",
                criterion,
                [new("tried", Array.ConvertAll(near, i => steps[i]), Array.ConvertAll(near, i => finite[i].Score))],
                (options ?? new FigureOptions()) with { IsCountedX = true });
        }

        BandwidthTrial[] ordered = [.. finite.OrderBy(trial => trial.Bandwidths[0])];
        double[] logs = Array.ConvertAll(ordered, trial => Math.Log10(trial.Bandwidths[0]));
        bool isWide = ordered.Min(trial => trial.Score) is double least && least > 0
            && ordered.Max(trial => trial.Score) > ManyTimes * least;
        double[] scores = Array.ConvertAll(ordered, trial => isWide ? Math.Log10(trial.Score) : trial.Score);
        (string width, string h) = search.IsShare ? ("share of the examples", "share") : ("bandwidth h", "h");
        Plot plot = Theme.NewPlot(features is null || search.IsShare ? width : $"{width} of {features[0]}", criterion);
        if (isWide)
        {
            plot.Axes.Left.TickGenerator = new PowerTicks();
        }

        Scatter line = plot.Add.ScatterLine(logs, scores);
        line.LineWidth = 2;
        line.Color = Theme.Lines[0];
        AddCloud(plot, logs, scores, "tried");
        Scatter chosen = plot.Add.ScatterPoints(
            new double[] { Math.Log10(search.Bandwidths[0]) }, new double[] { isWide ? Math.Log10(search.Score) : search.Score });
        chosen.Color = Theme.Lines[1];
        chosen.MarkerSize = 12;
        chosen.LegendText = $"{h} = {NumberText.Format(search.Bandwidths[0])}";
        plot.Axes.Bottom.TickGenerator = new PowerTicks();
        plot.Axes.Margins(MarginX, MarginY);
        LegendPlace.Choose(plot, Width, Height, [Coordinates.Zip(logs, scores)], []);
        return new Figure(Width, Height, plot, options?.Title ?? "");
    }

    // The score of the worst tenth is as good as any bad one: their own colours would leave none for the others.
    private static Figure PlotTrials(
        BandwidthSearch search, BandwidthTrial[] finite, string criterion, IReadOnlyList<string> features, FigureOptions? options)
    {
        double[] scores = [.. finite.Select(trial => trial.Score).Order()];
        ScottPlot.Range range = SharedRange([[new[,] { { scores[0], scores[(scores.Length - 1) * 9 / 10] } }]]);
        Plot plot = Theme.NewPlot($"bandwidth h of {features[0]}", $"bandwidth h of {features[1]}");
        BandwidthTrial[] bad = [.. search.Trials.Where(trial => !double.IsFinite(trial.Score))];
        if (bad.Length > 0)
        {
            Scatter none = plot.Add.ScatterPoints(Logs(bad, 0), Logs(bad, 1));
            none.MarkerShape = MarkerShape.Eks;
            none.Color = Colors.Gray;
        }

        BandwidthTrial[] drawn = [.. finite.OrderByDescending(trial => trial.Score)];
        var tried = new ColoredPoints(Logs(drawn, 0), Logs(drawn, 1), Array.ConvertAll(drawn, trial => trial.Score), range);
        plot.Add.Plottable(tried);
        Scatter chosen = plot.Add.ScatterPoints(
            new double[] { Math.Log10(search.Bandwidths[0]) }, new double[] { Math.Log10(search.Bandwidths[1]) });
        chosen.MarkerShape = MarkerShape.OpenCircle;
        chosen.MarkerSize = 18;
        chosen.MarkerLineWidth = 2;
        chosen.Color = Theme.Lines[0];
        chosen.LegendText = $"h = {NumberText.Format(search.Bandwidths[0])}, {NumberText.Format(search.Bandwidths[1])}";
        plot.Axes.Bottom.TickGenerator = new PowerTicks();
        plot.Axes.Left.TickGenerator = new PowerTicks();
        plot.Axes.Margins(0.06, 0.06);
        Theme.AddColorBar(plot, tried, criterion);
        return new Figure(SurfaceWidth, SurfaceHeight, plot, options?.Title ?? "");

        static double[] Logs(BandwidthTrial[] trials, int feature) =>
            Array.ConvertAll(trials, trial => Math.Log10(trial.Bandwidths[feature]));
    }
}
