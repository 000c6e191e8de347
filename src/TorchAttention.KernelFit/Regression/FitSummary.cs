using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Regression;
using TorchAttention.Plotting;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>What came out of a fit: for people as a table, for programs as JSON and CSV.</summary>
internal sealed class FitSummary(Examples examples, KernelRegression model, PictureOptions picture) : IFitResult
{
    private FitFacts? _facts;

    public IEnumerable<(string Name, Action<TextWriter> Write)> Texts
    {
        get
        {
            yield return (RunFiles.Fitted, WriteFitted);
            if (examples.Unanswered.Count > 0)
            {
                yield return (RunFiles.Predicted, WritePredicted);
            }

            if (model.Search is { Trials.Count: > 0 } search)
            {
                yield return (RunFiles.Search, writer => FitFacts.WriteSearch(writer, search, examples.Features));
            }
        }
    }

    public IEnumerable<(string Name, Func<Figure> Draw)> Pictures =>
        new FitPictures(examples.InOnePeriod(model.Options.Periods), model, picture).List();

    public void Save(string path) => model.Save(path, ModelNotes.Create(examples.Features, examples.Target, examples.Kinds));

    public void WriteTo(Utf8JsonWriter json, FitTime time) => FactsOf(time).WriteTo(json);

    public void Print(FitTime time, RunDirectory directory, IEnumerable<string> files) => FactsOf(time).Print(directory, files);

    public void WriteConfig(Utf8JsonWriter json) =>
        new FitConfig(examples, model.Options, model.DegreeTrials.Count > 0, picture).WriteTo(json);

    private FitFacts FactsOf(FitTime time) => _facts ??= new FitFacts
    {
        Data = examples.Name,
        Rows = examples.Count,
        DroppedRows = examples.DroppedRows,
        PredictedRows = examples.Unanswered.Count,
        Features = examples.Features,
        Kinds = examples.Kinds,
        Target = examples.Target,
        Examples = examples,
        Options = model.Options,
        DegreeTrials = model.DegreeTrials,
        Bandwidths = model.Bandwidths,
        Search = model.Search,
        SpansWithinOneStandardError = model.SpansWithinOneStandardError(),
        Notes = [.. FitNotes.List(examples, model)],
        Diagnostics = model.Diagnostics,
        Classes = model.Classes,
        RobustWeights = model.RobustWeights,
        Seconds = time.Seconds,
        Model = time.Model,
    };

    private void WriteFitted(TextWriter writer)
    {
        IReadOnlyList<double> fitted = model.Fitted;
        bool isRegression = examples.Labels is null;
        IReadOnlyList<double> robust = model.RobustWeights;
        string[] values = isRegression
            ? [CsvText.Field(examples.Target), "fitted", "residual", .. robust.Count > 0 ? ["robust_weight"] : (string[])[]]
            : [CsvText.Field(examples.Target), .. model.Classes.Select(name => CsvText.Field($"p_{name}"))];
        writer.WriteLine(string.Join(',', [.. examples.Features.Select(CsvText.Field), .. values]));
        int d = examples.Features.Count;
        UnansweredRows unanswered = examples.Unanswered;
        double[] means = unanswered.Count == 0 ? [] : model.Predict(unanswered.X, new PredictionOptions { HasErrors = false }).Mean;
        foreach ((int i, bool isAnswered) in unanswered.InOrder(examples.Count))
        {
            for (int j = 0; j < d; j++)
            {
                writer.Write(examples.Kinds[j].Format((isAnswered ? examples.X : unanswered.X)[(i * d) + j]));
                writer.Write(',');
            }

            if (!isAnswered)
            {
                writer.WriteLine($",{Exact(means[i])},{(robust.Count > 0 ? "," : "")}");
                continue;
            }

            writer.Write(isRegression ? Exact(examples.Y[i]) : CsvText.Field(examples.Labels![i]));
            for (int c = 0; c < model.Columns; c++)
            {
                writer.Write(',');
                writer.Write(Exact(fitted[(i * model.Columns) + c]));
            }

            writer.Write(isRegression ? $",{Exact(examples.Y[i] - fitted[i])}" : "");
            writer.WriteLine(robust.Count > 0 ? $",{Exact(robust[i])}" : "");
        }
    }

    private void WritePredicted(TextWriter writer)
    {
        var options = new PredictionOptions { Level = picture.Level, Interval = IntervalKind.NewObservation };
        PredictionText.WriteUnanswered(writer, examples, model, options, model.Predict(examples.Unanswered.X, options));
    }
}
