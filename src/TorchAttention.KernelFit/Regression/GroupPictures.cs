using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Groups;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Regression;

/// <summary>
/// The pictures of a fit to each group: the curves of the largest, for two features their surfaces, for more the effect of each; residuals.
/// </summary>
internal sealed class GroupPictures(Examples examples, KernelRegressionOptions options, GroupedRegression model, PictureOptions picture)
{
    private const int CurvePoints = 200;
    private const int SurfaceSide = 100;
    private const int MostEffects = 12;

    // Nobody tells more lines apart than there are colours.
    private const int MostGroups = 6;

    private readonly Group[] _shown = [.. examples.Groups!.Index().GroupBy(row => row.Item, row => row.Index)
        .Where(group => model.Has(group.Key)).Select(group => new Group(group.Key, [.. group]))
        .OrderByDescending(group => group.Rows.Length).Take(MostGroups)];

    private int Features => examples.Features.Count;

    private string Title => $"{PlainText.Brief(examples.Name)}: a fit for each {PlainText.Brief(picture.By!)}, "
        + $"{FitOptions.Local(options)}, {options.Kernel.Name} kernel, n = {NumberText.Format(examples.Count)}";

    private FigureOptions Axes => new()
    {
        Title = Title + Most,
        IsLogX = picture.IsLogX,
        IsLogY = picture.IsLogY,
        XKind = examples.Kinds[0],
    };

    private string Most => model.Groups.Count > _shown.Length
        ? $"; the {_shown.Length} largest of {NumberText.Format(model.Groups.Count)} groups" : "";

    public IEnumerable<(string Name, Func<Figure> Draw)> List()
    {
        yield return ("groups", Features switch { 1 => Curves, 2 => Surfaces, _ => Effects });
        yield return ("residuals", Residuals);
    }

    /// <summary>The fitted value of each row (n); NaN where its group has no curve.</summary>
    public static double[] Fitted(Examples examples, GroupedRegression model)
    {
        double[] fitted = new double[examples.Count];
        Array.Fill(fitted, double.NaN);
        foreach (IGrouping<string, int> group in examples.Groups!.Index().GroupBy(row => row.Item, row => row.Index))
        {
            if (model.Has(group.Key))
            {
                foreach ((int place, int row) in group.Index())
                {
                    fitted[row] = model[group.Key].Fitted[place];
                }
            }
        }

        return fitted;
    }

    private Figure Curves()
    {
        var lines = new List<Series>();
        var points = new List<Series>();
        foreach ((int i, Group group) in _shown.Index())
        {
            KernelRegression one = model[group.Name];
            double[] grid = Grid(group.Rows, 0, CurvePoints);
            lines.AddRange(FitPictures.Lines(group.Label, i, grid, one.Predict(grid, picture.Of(one)), picture.IsLogY));
            int[] faint = [.. FitPictures.Thinned(group.Rows)];
            points.Add(new Series(
                "", Array.ConvertAll(faint, row => examples.X[row]), Array.ConvertAll(faint, row => examples.Y[row]), i));
        }

        return Figures.PlotLines(lines, examples.Features[0], examples.Target, points, Axes);
    }

    private Figure Surfaces()
    {
        int[] all = [.. _shown.SelectMany(group => group.Rows)];
        double[] first = Grid(all, 0, SurfaceSide);
        double[] second = Grid(all, 1, SurfaceSide);
        double[] queries = [.. second.Reverse().SelectMany(up => first.SelectMany(across => (double[])[across, up]))];
        SurfacePanel[] panels = [.. _shown.Select(group =>
        {
            Predictions at = model[group.Name].Predict(queries, MeanAlone);
            double[,] surface = new double[SurfaceSide, SurfaceSide];
            for (int i = 0; i < queries.Length / 2; i++)
            {
                surface[i / SurfaceSide, i % SurfaceSide] = at.IsOutside[i] ? double.NaN : at.Mean[i];
            }

            int[] faint = [.. FitPictures.Thinned(group.Rows)];
            double[] x(int feature) => Array.ConvertAll(faint, row => examples.X[(2 * row) + feature]);
            return new SurfacePanel(surface, group.Label, new Series("", x(0), x(1)));
        })];
        double[] values = [.. panels.SelectMany(panel => panel.Surface.Cast<double>()).Where(double.IsFinite).DefaultIfEmpty()];
        (double least, double most) = (values.Min(), values.Max());
        return Figures.PlotSurfacePanels(
            panels, (first[0], first[^1]), (second[0], second[^1]), examples.Features[0], examples.Features[1], Axes with
            {
                ColorLabel = examples.Target,
                ColorRange = least < most ? (least, most) : (least - 0.5, least + 0.5),
                IsLogY = picture.IsLogX,
                YKind = examples.Kinds[1],
            });
    }

    // Each over a feature with the others at their medians in the group.
    private Figure Effects()
    {
        var panels = new List<LinesPanel>();
        for (int j = 0; j < Math.Min(Features, MostEffects); j++)
        {
            var lines = new List<Series>();
            foreach ((int i, Group group) in _shown.Index())
            {
                double[] grid = Grid(group.Rows, j, CurvePoints);
                double[] medians = [.. Enumerable.Range(0, Features).Select(k => FitPictures.Median(Column(group.Rows, k)))];
                double[] queries = [.. grid.SelectMany(place => medians.Select((median, k) => k == j ? place : median))];
                KernelRegression one = model[group.Name];
                string label = j == 0 ? group.Label : "";
                lines.AddRange(FitPictures.Lines(label, i, grid, one.Predict(queries, picture.Of(one)), picture.IsLogY));
            }

            panels.Add(new LinesPanel(lines, examples.Features[j], examples.Target) { XKind = examples.Kinds[j] });
        }

        return Figures.PlotLinePanels(panels, Axes with { Title = $"{Axes.Title}; the other features at their medians" });
    }

    private Figure Residuals()
    {
        double[] fitted = Fitted(examples, model);
        int[] finite = [.. Enumerable.Range(0, examples.Count).Where(i => double.IsFinite(fitted[i]))];
        return Figures.PlotResiduals(
            Array.ConvertAll(finite, i => fitted[i]), Array.ConvertAll(finite, i => examples.Y[i] - fitted[i]), examples.Target,
            new FigureOptions { Title = Title });
    }

    private static PredictionOptions MeanAlone => new() { HasErrors = false, NoNeighbour = NoNeighbourPolicy.NaN };

    private double[] Column(int[] rows, int feature) => Array.ConvertAll(rows, row => examples.X[(row * Features) + feature]);

    private double[] Grid(int[] rows, int feature, int count)
    {
        double[] column = Column(rows, feature);
        return FitPictures.Grid(column.Min(), column.Max(), count, picture.IsLogX);
    }

    private sealed record Group(string Name, int[] Rows)
    {
        public string Label => $"{PlainText.Brief(Name)} (n = {NumberText.Format(Rows.Length)})";
    }
}
