using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Regression;

/// <summary>
/// The pictures of a fit: curve and band, surface, or one curve for each feature; for classes their probabilities; residuals, the search.
/// </summary>
internal sealed class FitPictures(Examples examples, KernelRegression model, PictureOptions picture)
{
    private const int CurvePoints = 400;
    private const int EffectPoints = 150;
    private const int SurfaceSide = 160;
    private const int ClassSide = 100;

    // A page has room for so many, and the palette for so many lines.
    private const int MostEffects = 12;
    public const int MostClasses = 6;
    private const int MostNamed = 3;
    private const int MostFaint = 2000;
    private const double Margin = 0.05;

    // A line along 0 or 1 is seen whole.
    private static readonly (double Least, double Most) _probabilities = (-0.015, 1.015);

    private readonly FigureOptions _options = new() { Title = TitleOf(examples, model) };

    private FigureOptions Axes => _options with { IsLogX = picture.IsLogX, IsLogY = picture.IsLogY, XKind = examples.Kinds[0] };

    /// <summary>Their names, and what draws them.</summary>
    public IEnumerable<(string Name, Func<Figure> Draw)> List()
    {
        bool isOfClasses = model.Classes.Count > 0;
        yield return (examples.Features.Count, isOfClasses) switch
        {
            (1, true) => ("probabilities", Probabilities),
            (2, true) => ("probabilities", ClassSurfaces),
            (1, false) => ("fit", Curve),
            (2, false) => ("fit", Surface),
            _ => ("effects", Effects),
        };
        if (!isOfClasses)
        {
            yield return ("residuals", Residuals);
        }

        if (model.Search is { } search && search.Trials.Any(trial => double.IsFinite(trial.Score)))
        {
            yield return ("bandwidth", () => Figures.PlotBandwidthSearch(search, examples.Features, _options));
        }
    }

    private static string TitleOf(Examples examples, KernelRegression model)
    {
        int d = examples.Features.Count;
        bool isShare = model.Options.Bandwidth.IsShare;
        IEnumerable<string> widths = examples.Features.Zip(
            model.Bandwidths.Zip(examples.Kinds, (h, kind) => NumberText.Format(h) + (isShare ? "" : kind.Unit())),
            (name, h) => d == 1 ? h : $"{h} ({PlainText.Brief(name)})");
        string h = string.Join(", ", widths.Take(MostNamed)) + (d > MostNamed ? ", ..." : "");
        return $"{PlainText.Brief(examples.Name)}: {FitOptions.Local(model.Options)}, {model.Options.Kernel.Name} kernel, "
            + $"{(isShare ? "nn" : "h")} = {h}, n = {NumberText.Format(examples.Count)}";
    }

    private Figure Curve()
    {
        double[] grid = WithKeys(Grid(0, CurvePoints));
        PredictionOptions asked = picture.Of(model);
        return Figures.PlotRegression(
            examples.X, examples.Y, grid, model.Predict(grid, asked), picture.Level, examples.Features[0], examples.Target, Axes,
            model.Predict(grid, asked with { Interval = IntervalKind.NewObservation }));
    }

    private Figure Probabilities()
    {
        double[] grid = WithKeys(Grid(0, CurvePoints));
        return PlotClasses(model.Classes, Largest(), grid, ProbabilitiesAt(grid), examples.Features[0], examples.Target, Axes);
    }

    /// <summary>The probabilities of classes over one feature.</summary>
    /// <param name="classes">Their names.</param>
    /// <param name="largest">The classes, those of most rows first.</param>
    /// <param name="grid">Places.</param>
    /// <param name="mean">The probabilities there, row by row.</param>
    /// <param name="feature">The feature's name.</param>
    /// <param name="target">The target's.</param>
    /// <param name="options">The title and the axes.</param>
    public static Figure PlotClasses(
        IReadOnlyList<string> classes,
        IEnumerable<int> largest,
        double[] grid,
        double[] mean,
        string feature,
        string target,
        FigureOptions options) => Figures.PlotLines(
            [.. ClassLines(classes, largest, grid, mean)], feature, $"probability of {target}",
            options: options with { YRange = _probabilities });

    private Figure ClassSurfaces()
    {
        (double[] first, double[] second, double[] mean) = OverBoth(ClassSide);
        int[] shown = [.. Largest().Take(MostClasses)];
        IEnumerable<SurfacePanel> panels = shown.Select(c =>
        {
            int[] rows = [.. Enumerable.Range(0, examples.Count).Where(i => examples.Labels![i] == model.Classes[c])];
            int[] faint = [.. Thinned(rows)];
            double[,] surface = Matrix(mean, ClassSide, c);
            double[] x(int feature) => Array.ConvertAll(faint, i => examples.X[(2 * i) + feature]);
            var circles = new Series("", x(0), x(1));
            return new SurfacePanel(surface, $"{PlainText.Brief(model.Classes[c])} (n = {NumberText.Format(rows.Length)})", circles);
        });
        string most = shown.Length < model.Classes.Count ? $"; the {shown.Length} largest of {model.Classes.Count} classes" : "";
        return Figures.PlotSurfacePanels(
            [.. panels], (first[0], first[^1]), (second[0], second[^1]), examples.Features[0], examples.Features[1],
            Axes with { Title = _options.Title + most, ColorLabel = "probability", IsLogY = picture.IsLogX, YKind = examples.Kinds[1] });
    }

    // The curve over each feature with the others at their medians.
    private Figure Effects()
    {
        int d = examples.Features.Count;
        double[] medians = [.. Enumerable.Range(0, d).Select(j => Median([.. Column(j)]))];
        int[] faint = [.. Thinned([.. Enumerable.Range(0, examples.Count)])];
        bool isOfClasses = model.Classes.Count > 0;
        double[] y = isOfClasses ? [] : Array.ConvertAll(faint, i => examples.Y[i]);
        var panels = new List<LinesPanel>();
        for (int j = 0; j < Math.Min(d, MostEffects); j++)
        {
            double[] grid = Grid(j, EffectPoints);
            double[] queries = [.. grid.SelectMany(place => medians.Select((median, k) => k == j ? place : median))];
            Series[] lines = [.. isOfClasses
                ? ClassLines(model.Classes, Largest(), grid, ProbabilitiesAt(queries))
                : EffectLines(grid, queries)];

            // One legend says it for all.
            panels.Add(new LinesPanel(
                j == 0 ? lines : [.. lines.Select(line => line with { Label = "" })],
                examples.Features[j],
                isOfClasses ? $"probability of {examples.Target}" : examples.Target,
                isOfClasses ? [] : [new Series("", Array.ConvertAll(faint, i => examples.X[(i * d) + j]), y)])
            {
                XKind = examples.Kinds[j],
            });
        }

        string bands = isOfClasses || PictureOptions.IsRobust(model) ? "" : $", {NumberText.Format(100 * picture.Level)}% bands";
        string most = d > MostEffects ? $"; {MostEffects} of {d} features" : "";
        return Figures.PlotLinePanels(panels, Axes with
        {
            Title = $"{_options.Title}; the other features at their medians{bands}{most}",
            YRange = isOfClasses ? _probabilities : Range([.. y, .. panels.SelectMany(panel => panel.Lines).SelectMany(line => line.Y)]),
        });
    }

    private IEnumerable<Series> EffectLines(double[] grid, double[] queries) => Lines(
        "",
        1,
        grid,
        model.Predict(queries, picture.Of(model)),
        picture.IsLogY);

    /// <summary>A curve with its band, in pieces where there is no neighbour, or no place on an axis of powers.</summary>
    public static IEnumerable<Series> Lines(string label, int color, double[] grid, Predictions at, bool isLogY) =>
        Pieces(label, color, grid, i => isLogY && at.Mean[i] <= 0 ? double.NaN : at.Mean[i]).Select(piece =>
        {
            (double, double)[] band = [.. piece.Places.Select(i => (at.Lower[i], at.Upper[i]))];
            return Array.TrueForAll(band, ends => double.IsFinite(ends.Item1 + ends.Item2)) ? piece.Line with { Band = band } : piece.Line;
        });

    // The smaller of many classes together: nobody tells more lines apart than there are colours.
    private static IEnumerable<Series> ClassLines(
        IReadOnlyList<string> classes, IEnumerable<int> largest, double[] grid, double[] mean)
    {
        int[] shown = [.. largest.Take(classes.Count <= MostClasses ? MostClasses : MostClasses - 1).Order()];
        int[] others = [.. Enumerable.Range(0, classes.Count).Except(shown)];
        double at(int i, int c) => mean[(i * classes.Count) + c];
        IEnumerable<Series> lines = shown.Index().SelectMany(
            it => Pieces(PlainText.Brief(classes[it.Item]), it.Index, grid, i => at(i, it.Item)).Select(piece => piece.Line));
        return others.Length == 0 ? lines
            : lines.Concat(Pieces($"{others.Length} others", MostClasses - 1, grid, i => others.Sum(c => at(i, c)))
                .Select(piece => piece.Line));
    }

    private double[] ProbabilitiesAt(double[] queries) =>
        model.Predict(queries, new PredictionOptions { HasErrors = false, NoNeighbour = NoNeighbourPolicy.NaN }).Mean;

    // Where there is no neighbour a line is interrupted.
    private static IEnumerable<(Series Line, int[] Places)> Pieces(string label, int color, double[] grid, Func<int, double> value)
    {
        var piece = new List<int>();
        for (int i = 0; i <= grid.Length; i++)
        {
            if (i < grid.Length && double.IsFinite(value(i)))
            {
                piece.Add(i);
            }
            else if (piece.Count > 0)
            {
                yield return (new Series(label, [.. piece.Select(k => grid[k])], [.. piece.Select(value)], color), [.. piece]);
                label = "";
                piece.Clear();
            }
        }
    }

    private Figure Surface()
    {
        (double[] first, double[] second, double[] mean) = OverBoth(SurfaceSide);
        var points = new Series("", [.. Column(0)], [.. Column(1)]);
        IReadOnlyList<string> names = examples.Features;
        return Figures.PlotSurface(
            Matrix(mean, SurfaceSide, 0), (first[0], first[^1]), (second[0], second[^1]), points, names[0], names[1], examples.Target,
            examples.Y, Axes with { IsLogY = picture.IsLogX, YKind = examples.Kinds[1] });
    }

    // The second feature from its largest place down, as a picture's rows go.
    private (double[] First, double[] Second, double[] Mean) OverBoth(int side)
    {
        double[] first = Grid(0, side);
        double[] second = Grid(1, side);
        double[] queries = [.. second.Reverse().SelectMany(up => first.SelectMany(across => (double[])[across, up]))];
        var options = new PredictionOptions { HasErrors = false, NoNeighbour = NoNeighbourPolicy.NaN };
        return (first, second, model.Predict(queries, options).Mean);
    }

    private double[,] Matrix(double[] mean, int side, int column)
    {
        double[,] surface = new double[side, side];
        for (int i = 0; i < side * side; i++)
        {
            surface[i / side, i % side] = mean[(i * model.Columns) + column];
        }

        return surface;
    }

    private Figure Residuals()
    {
        int[] finite = [.. Enumerable.Range(0, examples.Count).Where(i => double.IsFinite(model.Fitted[i]))];
        return Figures.PlotResiduals(
            Array.ConvertAll(finite, i => model.Fitted[i]), Array.ConvertAll(finite, i => examples.Y[i] - model.Fitted[i]),
            examples.Target, _options);
    }

    private IEnumerable<int> Largest()
    {
        Dictionary<string, int> counts = examples.Labels!.CountBy(label => label).ToDictionary();
        return Enumerable.Range(0, model.Classes.Count).OrderByDescending(c => counts.GetValueOrDefault(model.Classes[c]));
    }

    private IEnumerable<double> Column(int feature) => examples.X.Where((_, i) => i % examples.Features.Count == feature);

    /// <summary>Evenly spaced rows, where there are very many.</summary>
    public static IEnumerable<int> Thinned(int[] rows) => rows.Where((_, i) => i % ((rows.Length + MostFaint - 1) / MostFaint) == 0);

    /// <summary>The middle of some numbers, which are put in order.</summary>
    public static double Median(double[] values)
    {
        Array.Sort(values);
        return (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
    }

    private (double Least, double Most) Range(double[] values)
    {
        (double least, double most) = picture.IsLogY ? (Math.Log10(values.Min()), Math.Log10(values.Max())) : (values.Min(), values.Max());
        double margin = most > least ? Margin * (most - least) : 1;
        (least, most) = (least - margin, most + margin);
        return picture.IsLogY ? (Math.Pow(10, least), Math.Pow(10, most)) : (least, most);
    }

    // Where most rows lie in a small part of the range, an even grid passes over the curve there.
    private double[] WithKeys(double[] grid)
    {
        double[] keys = model.Keys.ToArray();
        IEnumerable<int> ranks = Enumerable.Range(0, CurvePoints).Select(i => (int)((long)i * (keys.Length - 1) / (CurvePoints - 1)));
        return [.. grid.Concat(ranks.Select(i => keys[i])).Distinct().Order()];
    }

    private double[] Grid(int feature, int count)
    {
        int d = examples.Features.Count;
        double least = double.PositiveInfinity;
        double most = double.NegativeInfinity;
        for (int i = feature; i < examples.X.Length; i += d)
        {
            least = Math.Min(least, examples.X[i]);
            most = Math.Max(most, examples.X[i]);
        }

        return model.Options.Periods.Count > 0 && double.IsFinite(model.Options.Periods[feature])
            ? Grid(0, model.Options.Periods[feature], count, picture.IsLogX)
            : Grid(least, most, count, picture.IsLogX);
    }

    /// <summary>Places from one to another, evenly, or by even factors; around one place where both are the same.</summary>
    public static double[] Grid(double least, double most, int count, bool isLog)
    {
        double step(int i) => (double)i / (count - 1);
        return least < most
            ? [.. Enumerable.Range(0, count).Select(i => isLog && i > 0 && i < count - 1 ? least * Math.Pow(most / least, step(i))
                : least + ((most - least) * i / (count - 1)))]
            : [.. Enumerable.Range(0, count).Select(i => isLog ? least * (0.5 + step(i)) : least - 0.5 + step(i))];
    }
}
