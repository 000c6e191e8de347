using TorchAttention.Numerics.Regression;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Regression;

/// <summary>The curves of groups of the examples in one picture, each fitted to the group alone, in the way that all are fitted.</summary>
internal sealed class GroupCurves(Examples examples, KernelRegressionOptions options, PictureOptions picture)
{
    /// <summary>A group of fewer has no curve.</summary>
    public const int LeastRows = 3;

    private const int CurvePoints = 200;

    // Nobody tells more lines apart than there are colours.
    private const int MostGroups = 6;

    /// <summary>Whether some group is large enough.</summary>
    public static bool AreThere(Examples examples) => Largest(examples).Any();

    /// <summary>Draws the largest groups.</summary>
    /// <param name="figure">The axes.</param>
    /// <param name="grid">As many places as asked for from one end to another.</param>
    public Figure Draw(FigureOptions figure, Func<double, double, int, double[]> grid)
    {
        var lines = new List<Series>();
        var points = new List<Series>();
        int[][] shown = [.. Largest(examples).Take(MostGroups)];
        foreach ((int i, int[] rows) in shown.Index())
        {
            string name = examples.Groups![rows[0]] is { Length: > 0 } text ? PlainText.Brief(text) : "(none)";
            double[] x = Array.ConvertAll(rows, row => examples.X[row]);
            int[] faint = [.. FitPictures.Thinned(rows)];
            lines.AddRange(Curve(rows, $"{name} (n = {NumberText.Format(rows.Length)})", i, grid(x.Min(), x.Max(), CurvePoints)));
            points.Add(new Series(
                "", Array.ConvertAll(faint, row => examples.X[row]), Array.ConvertAll(faint, row => examples.Y[row]), i));
        }

        int groups = examples.Groups!.Distinct().Count();
        string most = groups > shown.Length ? $"; the {shown.Length} largest of {NumberText.Format(groups)} groups" : "";
        return Figures.PlotLines(lines, examples.Features[0], examples.Target, points, figure with
        {
            Title = $"{PlainText.Brief(examples.Name)}: a fit for each {PlainText.Brief(picture.By!)}, {FitOptions.Local(options)}, "
                + $"{options.Kernel.Name} kernel, n = {NumberText.Format(examples.Count)}{most}",
        });
    }

    private static IEnumerable<int[]> Largest(Examples examples) => examples.Groups!.Index()
        .GroupBy(row => row.Item, row => row.Index).Select(group => group.ToArray())
        .Where(rows => rows.Length >= LeastRows).OrderByDescending(rows => rows.Length);

    // A group at one place, say, has examples and no curve.
    private IEnumerable<Series> Curve(int[] rows, string label, int color, double[] grid)
    {
        try
        {
            KernelRegression model = examples.Fit(options, null, CancellationToken.None, rows);
            Predictions at = model.Predict(grid, picture.Of(model));
            return [.. FitPictures.Lines(label, color, grid, at, picture.IsLogY)];
        }
        catch (TableException)
        {
            return [];
        }
    }
}
