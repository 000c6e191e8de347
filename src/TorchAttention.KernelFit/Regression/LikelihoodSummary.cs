using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Likelihood;
using TorchAttention.Plotting;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>What came out of a fit to counts, or to yes and no.</summary>
internal sealed class LikelihoodSummary(Examples examples, LocalLikelihood model, PictureOptions picture) : IFitResult
{
    private const int CurvePoints = 300;
    private const int MostPanels = 12;

    // Counts that vary so much more than Poisson's leave intervals that are too narrow by a fifth and more.
    private const double ManyTimesPoisson = 1.5;

    public IEnumerable<(string Name, Action<TextWriter> Write)> Texts =>
    [
        (RunFiles.Fitted, WriteFitted),
        .. model.Search is { } search
            ? [(RunFiles.Search, (TextWriter writer) => FitFacts.WriteSearch(writer, search, examples.Features))]
            : Array.Empty<(string, Action<TextWriter>)>(),
    ];

    public IEnumerable<(string Name, Func<Figure> Draw)> Pictures => [examples.Features.Count == 1 ? ("fit", Curve) : ("effects", Effects)];

    private bool IsBinomial => model.Family == ResponseFamily.Binomial;

    private string Mean => IsBinomial ? $"probability of {PlainText.Brief(examples.Target)} = {PlainText.Brief(examples.Yes!)}"
        : examples.Target;

    private string Rule => FitOptions.RuleOf(model.Options.Bandwidth);

    private string Title => $"{PlainText.Brief(examples.Name)}: {model.Family.ToString().ToLowerInvariant()}, "
        + $"{FitOptions.Local(model.Options)}, {model.Options.Kernel.Name} kernel, "
        + $"h = {string.Join(", ", model.Bandwidths.Select(NumberText.Format))}, n = {NumberText.Format(examples.Count)}";

    private IEnumerable<string> Notes => NotesOf(examples, model);

    public static LikelihoodSummary Fit(
        Examples examples, ResponseFamily family, KernelRegressionOptions options, PictureOptions picture, IProgress<double>? progress,
        CancellationToken cancellationToken) => new(
            examples, FitModel(examples, family, options, progress, cancellationToken), picture);

    public static LocalLikelihood FitModel(
        Examples examples, ResponseFamily family, KernelRegressionOptions options, IProgress<double>? progress,
        CancellationToken cancellationToken) => examples.Named(() => LocalLikelihood.Fit(
            examples.X, examples.Y, examples.Features.Count, family, options, examples.Weights, progress, cancellationToken));

    /// <summary>What a reader should know of a fit.</summary>
    public static IEnumerable<string> NotesOf(Examples examples, LocalLikelihood model)
    {
        bool isBinomial = model.Family == ResponseFamily.Binomial;
        for (int j = 0; j < examples.Features.Count; j++)
        {
            if (model.Search?.IsAtMostBound(j) == true)
            {
                string name = PlainText.Brief(examples.Features[j]);
                yield return $"{name}: the widest bandwidth predicts best: {FitNotes.NoHelp(name, model.Options.Degree)} to predict "
                    + "the " + (isBinomial ? "log-odds" : "log-rate");
            }
        }

        if (!isBinomial && model.Likelihood.Dispersion > ManyTimesPoisson)
        {
            yield return $"the counts vary {Short(model.Likelihood.Dispersion)} times as much as Poisson counts: intervals are too "
                + $"narrow, by a factor of about {Short(Math.Sqrt(model.Likelihood.Dispersion))}";
        }
    }

    public void Save(string path)
    {
        Dictionary<string, string> notes = ModelNotes.Create(examples.Features, examples.Target, examples.Kinds);
        if (examples.Yes is string yes)
        {
            notes["yes"] = yes;
        }

        model.Save(path, notes);
    }

    public void WriteConfig(Utf8JsonWriter json)
    {
        new FitConfig(examples, model.Options, model.DegreeTrials.Count > 0, picture).WriteTo(json);
        json.WriteString("family", Options.Name(model.Family));
        json.WriteString("yes", examples.Yes);
    }

    public void WriteTo(Utf8JsonWriter json, FitTime time)
    {
        LikelihoodDiagnostics said = model.Likelihood;
        examples.WriteTo(json);
        json.WriteString("family", Options.Name(model.Family));
        json.WriteString("yes", examples.Yes);
        json.WriteString("kernel", model.Options.Kernel.Name);
        json.WriteNumber("degree", model.Options.Degree);
        json.WritePairs("degrees_tried", [.. model.DegreeTrials.Select(trial => ((double)trial.Degree, trial.LeaveOneOutDeviance))]);
        json.WriteNumber("ridge", model.Options.RidgeInUse);
        json.WriteNumbers("bandwidth", model.Bandwidths);
        json.WriteString("rule", Rule);
        json.WriteBoolean("at_bound", model.Search?.IsAtBound ?? false);
        json.WriteBoolean("flat", model.Search?.IsFlat ?? false);
        json.WritePairs("search_bounds", model.Search?.Bounds ?? []);
        json.WriteStrings("notes", Notes);
        json.WriteNumberOrNull("effective_degrees_of_freedom", said.EffectiveDegreesOfFreedom);
        json.WriteNumberOrNull("deviance", said.Deviance);
        json.WriteNumberOrNull("null_deviance", said.NullDeviance);
        json.WriteNumberOrNull("explained_deviance", 1 - (said.Deviance / said.NullDeviance));
        json.WriteNumberOrNull("leave_one_out_deviance", said.LeaveOneOutDeviance);
        if (IsBinomial)
        {
            json.WriteNumberOrNull("leave_one_out_log_loss", said.LeaveOneOutDeviance / 2);
            json.WriteNumberOrNull("leave_one_out_brier_score", said.LeaveOneOutError);
        }

        json.WriteNumberOrNull("aic", said.AIC);
        json.WriteNumberOrNull("dispersion", said.Dispersion);
        time.WriteTo(json);
    }

    public void Print(FitTime time, RunDirectory directory, IEnumerable<string> files)
    {
        LikelihoodDiagnostics said = model.Likelihood;
        Spectre.Console.Table table = Terminal.Table(["", ""], []);
        string dropped = examples.DroppedRows > 0 ? $" ({examples.DroppedRows} rows with missing values left out)" : "";
        Row("examples", IsBinomial ? $"{examples.Count}, of which {examples.Y.Sum():0} are '{PlainText.Brief(examples.Yes!)}'{dropped}"
            : $"{examples.Count}, {Short(examples.Y.Average())} on average{dropped}");
        Row("family", IsBinomial ? "binomial, logit" : "poisson, logarithm");
        Row("kernel, degree", $"{model.Options.Kernel}, {model.Options.Degree} ({FitOptions.Local(model.Options)})");
        if (model.DegreeTrials.Count > 0)
        {
            Row("degree found by", $"leave-one-out deviance: {string.Join(", ", model.DegreeTrials.Select(
                trial => $"{Short(trial.LeaveOneOutDeviance)} with {trial.Degree}"))}");
        }

        foreach ((int j, (string feature, double h)) in examples.Features.Zip(model.Bandwidths).Index())
        {
            Row($"bandwidth of {PlainText.Brief(feature)}", Short(h) + examples.Kinds[j].Unit());
        }

        Row("found by", Rule + (model.Search is { IsAtBound: true } ? ", at the end of what was looked at" : ""));
        Row("effective degrees of freedom", Short(said.EffectiveDegreesOfFreedom));
        Row("deviance, of the mean alone", $"{Short(said.Deviance)}, {Short(said.NullDeviance)}");
        if (IsBinomial)
        {
            Row("leave-one-out log loss", Short(said.LeaveOneOutDeviance / 2));
            Row("leave-one-out Brier score", Short(said.LeaveOneOutError));
        }
        else
        {
            Row("leave-one-out deviance", $"{Short(said.LeaveOneOutDeviance)} a row");
            Row("dispersion", Short(said.Dispersion));
        }

        Row("AIC", Short(said.AIC));
        Terminal.Output.Write(table);
        time.Print(Notes, directory, files);

        void Row(string name, string value) => table.AddRow(Terminal.Cell(name), Terminal.Cell(value));
    }

    private void WriteFitted(TextWriter writer)
    {
        int d = examples.Features.Count;
        writer.WriteLine(string.Join(
            ',', [.. examples.Features.Select(CsvText.Field), CsvText.Field(examples.Target), "fitted", "residual"]));
        for (int i = 0; i < examples.Count; i++)
        {
            writer.WriteLine(string.Join(',', [
                .. Enumerable.Range(0, d).Select(j => CsvText.Field(examples.Format(j, examples.X[(i * d) + j]))),
                Exact(examples.Y[i]), Exact(model.Fitted[i]), Exact(examples.Y[i] - model.Fitted[i]),
            ]));
        }
    }

    private FigureOptions Axes => new() { Title = Title, IsLogX = picture.IsLogX, IsLogY = picture.IsLogY, XKind = examples.Kinds[0] };

    private Figure Curve()
    {
        double[] grid = FitPictures.Grid(examples.X.Min(), examples.X.Max(), CurvePoints, picture.IsLogX);
        return Figures.PlotRegression(
            examples.X, examples.Y, grid, model.Predict(grid, picture.Of(model)), picture.Level, examples.Features[0], Mean, Axes);
    }

    // The curve over each feature with the others at their medians.
    private Figure Effects()
    {
        int d = examples.Features.Count;
        double[] column(int feature) => [.. examples.X.Where((_, i) => i % d == feature)];
        double[] medians = [.. Enumerable.Range(0, d).Select(j => FitPictures.Median(column(j)))];
        int[] faint = [.. FitPictures.Thinned([.. Enumerable.Range(0, examples.Count)])];
        IEnumerable<LinesPanel> panels = Enumerable.Range(0, Math.Min(d, MostPanels)).Select(j =>
        {
            double[] x = column(j);
            double[] grid = FitPictures.Grid(x.Min(), x.Max(), CurvePoints / 2, picture.IsLogX);
            double[] queries = [.. grid.SelectMany(place => medians.Select((median, k) => k == j ? place : median))];
            Series points = new("", Array.ConvertAll(faint, i => x[i]), Array.ConvertAll(faint, i => examples.Y[i]));
            IEnumerable<Series> lines = FitPictures.Lines("", 1, grid, model.Predict(queries, picture.Of(model)), picture.IsLogY);
            return new LinesPanel([.. lines], examples.Features[j], Mean, [points]) { XKind = examples.Kinds[j] };
        });
        return Figures.PlotLinePanels([.. panels], Axes with { Title = $"{Title}; others at their medians" });
    }
}
