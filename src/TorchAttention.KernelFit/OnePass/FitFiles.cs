using TorchAttention.Cli.Output;
using TorchAttention.Cli.Page;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.OnePass;

/// <summary>What every fit in one pass leaves in its run's folder, and says.</summary>
internal static class FitFiles
{
    private const int MostDrawn = 2000;
    private const int CurvePoints = 400;
    private const double Margin = 0.05;

    /// <summary>What stands above the pictures.</summary>
    public static string TitleOf(FitFacts facts) =>
        $"{PlainText.Brief(facts.Data)}: {FitOptions.Local(facts.Options)}, {facts.Options.Kernel.Name} kernel, "
            + $"h = {string.Join(", ", facts.Bandwidths.Select((h, j) => WidthOf(facts, h, j)))}, n = {NumberText.Format(facts.Rows)}";

    private static string WidthOf(FitFacts facts, double h, int feature) =>
        NumberText.Format(h) + facts.KindOf(feature).Unit()
            + (facts.Features.Count == 1 ? "" : $" ({PlainText.Brief(facts.Features[feature])})");

    /// <summary>Records how it was fitted, at the end of a configuration.</summary>
    public static void WriteOptions(Utf8JsonWriter json, KernelRegressionOptions options, double level)
    {
        json.WriteString("kernel", options.Kernel.Name);
        json.WriteNumber("degree", options.Degree);
        json.WriteString("bandwidth", FitOptions.NameOf(options.Bandwidth));
        json.WriteNumber("level", level);
        json.WriteString("version", ProgramVersion.Text);
    }

    /// <summary>The pictures of a fit of one feature: a curve for each target, or the classes' probabilities; and the search.</summary>
    /// <param name="facts">What was found.</param>
    /// <param name="shown">Some rows; null for none.</param>
    /// <param name="model">The model.</param>
    /// <param name="ends">The least and the largest key.</param>
    /// <param name="margin">How far the curve goes on beyond them at most.</param>
    /// <param name="level">The level of the bands.</param>
    public static IEnumerable<(string Name, Func<Figure> Draw)> CurvePictures(
        FitFacts facts, SomeRows? shown, IPredictor model, (double Least, double Most) ends, double margin, double level)
    {
        (double[] x, double[] y) = (shown?.X ?? [], shown?.Y ?? []);
        bool isDensity = x.Length > MostDrawn;
        string some = isDensity && x.Length < facts.Rows ? $", density of {NumberText.Format(x.Length)} of them" : "";
        var options = new FigureOptions { IsDensity = isDensity, XKind = facts.KindOf(0), Title = TitleOf(facts) + some };
        double beyond = Math.Min(Margin * (ends.Most - ends.Least), margin);
        double[] grid = [.. Enumerable.Range(0, CurvePoints).Select(
            i => ends.Least - beyond + (i * (ends.Most - ends.Least + (2 * beyond)) / (CurvePoints - 1)))];
        Predictions all = model.Predict(grid, new PredictionOptions { Level = level });
        if (model.Classes.Count > 0)
        {
            yield return ("probabilities", () => FitPictures.PlotClasses(
                model.Classes, Enumerable.Range(0, model.Columns).OrderByDescending(c => Column(all.Mean, c).Sum()), grid, all.Mean,
                facts.Features[0], facts.Target, options with { IsDensity = false }));
        }

        for (int column = 0; column < model.Columns && model.Classes.Count == 0; column++)
        {
            int c = column;
            yield return (model.Columns == 1 ? "fit" : $"fit-{c + 1}", () => Figures.PlotRegression(
                x, Column(y, c), grid, OfColumn(all, c), level, facts.Features[0], facts.Targets[c], options));
        }

        if (facts.Search is { } search && search.Trials.Any(trial => double.IsFinite(trial.Score)))
        {
            yield return ("bandwidth", () => Figures.PlotBandwidthSearch(search, facts.Features, options));
        }

        Predictions OfColumn(Predictions at, int c) => at with
        {
            Mean = Column(at.Mean, c),
            StandardError = Column(at.StandardError, c),
            Lower = Column(at.Lower, c),
            Upper = Column(at.Upper, c),
        };

        double[] Column(double[] rows, int c) => [.. rows.Where((_, i) => i % model.Columns == c)];
    }

    /// <summary>What a search says of its end.</summary>
    /// <param name="search">The search.</param>
    /// <param name="features">The features (d).</param>
    /// <param name="target">The target.</param>
    /// <param name="degree">The degree.</param>
    /// <param name="narrower">The widths of cells for narrower bandwidths (d); none where cells have no say.</param>
    public static IEnumerable<string> SearchNotes(
        BandwidthSearch search, IReadOnlyList<string> features, string target, int degree, double[] narrower)
    {
        foreach ((int j, string feature) in features.Index())
        {
            string x = PlainText.Brief(feature);
            (double least, double most) = search.Bounds[j];
            string lookedAt = $"{x}: bandwidths from {Digits.Short(least)} to {Digits.Short(most)} were looked at";
            if (search.IsFlat)
            {
                (double narrow, double wide) = search.EquallyGood[j];
                yield return $"bandwidths do equally well here, as far as numbers can tell ({x} from {Digits.Short(narrow)} to "
                    + $"{Digits.Short(wide)}): the widest was taken, the smoothest fit";
            }
            else if (search.IsAtLeastBound(j))
            {
                yield return $"{lookedAt}, and the narrowest predicts best" + (narrower.Length == 0 ? ""
                    : $": narrower ones need narrower cells, --cell {string.Join(',', narrower.Select(width => Digits.Short(width)))} say");
            }
            else if (search.IsAtMostBound(j))
            {
                yield return $"{lookedAt}, and the widest predicts best: {FitNotes.NoHelp(x, degree)} to predict {PlainText.Brief(target)}";
            }
        }
    }

    /// <summary>Writes the search, the pictures and the summary, and prints what was found.</summary>
    /// <param name="directory">The run's folder.</param>
    /// <param name="facts">What was found.</param>
    /// <param name="said">What was asked for.</param>
    /// <param name="written">What is in the folder already beside the configuration.</param>
    /// <param name="pictures">The pictures.</param>
    public static void Write(
        RunDirectory directory,
        FitFacts facts,
        FitSettings said,
        List<string> written,
        IEnumerable<(string Name, Func<Figure> Draw)> pictures)
    {
        if (facts.HasSearch)
        {
            directory.WriteText(RunFiles.Search, facts.WriteSearch);
            written.Add(RunFiles.Search);
        }

        if (said.HasPlots)
        {
            directory.WritePictures(pictures);
            written.Add($"{RunFiles.Plots}/");
        }

        directory.WriteJson(RunFiles.Summary, facts.WriteTo);
        if (said.HasReport)
        {
            RunReport.Write(directory);
            written.Add(RunFiles.Report);
        }

        if (said.IsJson)
        {
            JsonText.Print(facts.WriteTo);
        }
        else if (!said.IsQuiet)
        {
            facts.Print(directory, written);
        }
    }
}
