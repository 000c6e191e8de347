using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Plotting;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>What came out of a fit on numbers and categories.</summary>
internal sealed class MixedSummary : IFitResult
{
    private const int CurvePoints = 200;
    private const int MostLevels = 6;
    private const int MostPanels = 12;

    private readonly Examples _examples;
    private readonly PictureOptions _picture;
    private readonly MixedRegression _model;
    private readonly int[] _numbers;
    private readonly int[] _categories;

    private MixedSummary(Examples examples, PictureOptions picture, MixedRegression model)
    {
        (_examples, _picture, _model) = (examples, picture, model);
        ILookup<bool, int> split = Enumerable.Range(0, examples.Features.Count).ToLookup(j => model.Categories[j] is null);
        (_numbers, _categories) = ([.. split[true]], [.. split[false]]);
    }

    public IEnumerable<(string Name, Action<TextWriter> Write)> Texts =>
    [
        (RunFiles.Fitted, WriteFitted),
        .. _examples.Unanswered.Count > 0 ? [(RunFiles.Predicted, WritePredicted)] : Array.Empty<(string, Action<TextWriter>)>(),
    ];

    public IEnumerable<(string Name, Func<Figure> Draw)> Pictures => [("effects", Slices), ("residuals", Residuals)];

    private string Rule => _model.Options.Bandwidth is { Values.Count: 0, Rule: { } rule }
        ? FitOptions.NameOf(_model.Options.Bandwidth) + (BandwidthRules.CriterionOf(rule) is null ? ", lambdas by loo" : "")
        : "given, lambdas by loo";

    private IEnumerable<string> Notes => NotesOf(_examples, _model);

    public static MixedSummary Fit(
        Examples examples, KernelRegressionOptions options, PictureOptions picture, CancellationToken cancellationToken) =>
        new(examples, picture, FitModel(examples, options, cancellationToken));

    public static MixedRegression FitModel(
        Examples examples, KernelRegressionOptions options, CancellationToken cancellationToken) => examples.Named(
            () => MixedRegression.Fit(examples.X, examples.Y, examples.Categories!, options, null, examples.Weights, cancellationToken));

    /// <summary>What a reader should know of a fit.</summary>
    public static IEnumerable<string> NotesOf(Examples examples, MixedRegression model) =>
        Enumerable.Range(0, model.Features).Where(j => !model.Counts(j)).Select(
            j => $"{PlainText.Brief(examples.Features[j])} does not count: all its levels weigh alike");

    public void Save(string path) =>
        _model.Save(path, ModelNotes.Create(_examples.Features, _examples.Target, _examples.Kinds));

    public void WriteConfig(Utf8JsonWriter json) =>
        new FitConfig(_examples, _model.Options, _model.DegreeTrials.Count > 0, _picture).WriteTo(json);

    public void WriteTo(Utf8JsonWriter json, FitTime time)
    {
        Diagnostics said = _model.Diagnostics;
        _examples.WriteTo(json);
        json.WriteString("kernel", _model.Options.Kernel.Name);
        json.WriteNumber("degree", _model.Options.Degree);
        json.WritePairs("degrees_tried", [.. _model.DegreeTrials.Select(trial => ((double)trial.Degree, trial.LeaveOneOutError))]);
        json.WriteNumber("degrees_tried_on", _model.DegreeTrialCount);
        json.WriteNumber("ridge", _model.Options.RidgeInUse);
        json.WriteNumbers("bandwidth", _model.Bandwidths);
        json.WriteNumbers("lambda", _model.Lambdas);
        json.WriteNumbers("lambda_most", _model.Categories.Select(category => category?.MostLambda ?? double.NaN));
        json.WriteString("rule", Rule);
        json.WriteObject("levels", () =>
        {
            foreach (int j in _categories)
            {
                json.WriteStrings(_examples.Features[j], _model.Categories[j]!.Levels);
            }
        });
        json.WriteStrings("notes", Notes);
        json.WriteNumberOrNull("effective_degrees_of_freedom", said.EffectiveDegreesOfFreedom);
        json.WriteNumberOrNull("residual_degrees_of_freedom", said.ResidualDegreesOfFreedom);
        json.WriteNumbers("residual_standard_error", said.ResidualStandardError);
        json.WriteNumbers("r_squared", said.RSquared);
        json.WriteNumberOrNull("leave_one_out_error", said.LeaveOneOutError);
        time.WriteTo(json);
    }

    public void Print(FitTime time, RunDirectory directory, IEnumerable<string> files)
    {
        Diagnostics said = _model.Diagnostics;
        Spectre.Console.Table table = Terminal.Table(["", ""], []);
        string dropped = _examples.DroppedRows > 0 ? $" ({_examples.DroppedRows} rows with missing values left out)" : "";
        Row("examples", $"{_examples.Count}{dropped}");
        if (_examples.Unanswered.Count > 0)
        {
            Row($"rows without {PlainText.Brief(_examples.Target)}", $"{_examples.Unanswered.Count}, predicted ({RunFiles.Predicted})");
        }

        if (_examples.Weighting is string weighting)
        {
            Row("weights", weighting);
        }

        Row("kernel, degree", $"{_model.Options.Kernel}, {_model.Options.Degree} ({FitOptions.Local(_model.Options)})");
        if (_model.DegreeTrials.Count > 0)
        {
            Row("degree found by", $"leave-one-out RMSE{TriedOn()}: {string.Join(", ", _model.DegreeTrials.Select(
                trial => $"{Short(Math.Sqrt(trial.LeaveOneOutError))} with {trial.Degree}"))}");
        }

        foreach (int j in _numbers)
        {
            Row($"bandwidth of {PlainText.Brief(_examples.Features[j])}", Short(_model.Bandwidths[j]) + _examples.Kinds[j].Unit());
        }

        foreach (int j in _categories)
        {
            Category category = _model.Categories[j]!;
            Row(
                $"lambda of {PlainText.Brief(_examples.Features[j])}",
                $"{Short(_model.Lambdas[j])} of at most {Short(category.MostLambda)}, {category.Levels.Count} levels"
                    + (category.Kernel == CategoryKernel.AitchisonAitken ? "" : " in order"));
        }

        Row("found by", Rule);
        Row("effective degrees of freedom", Short(said.EffectiveDegreesOfFreedom));
        Row("residual standard error", Short(said.ResidualStandardError[0]));
        Row("R squared", Short(said.RSquared[0]));
        Row("leave-one-out RMSE", Short(Math.Sqrt(said.LeaveOneOutError)));
        Terminal.Output.Write(table);
        time.Print(Notes, directory, files);

        void Row(string name, string value) => table.AddRow(Terminal.Cell(name), Terminal.Cell(value));

        string TriedOn() => _model.DegreeTrialCount < _model.Count ? $" of {NumberText.Format(_model.DegreeTrialCount)} of them" : "";
    }

    private void WriteFitted(TextWriter writer)
    {
        writer.WriteLine(string.Join(
            ',', [.. _examples.Features.Select(CsvText.Field), CsvText.Field(_examples.Target), "fitted", "residual"]));
        int d = _examples.Features.Count;
        UnansweredRows unanswered = _examples.Unanswered;
        double[] means = unanswered.Count == 0 ? [] : _model.Predict(unanswered.X).Mean;
        foreach ((int row, bool isAnswered) in unanswered.InOrder(_examples.Count))
        {
            double[] x = isAnswered ? _examples.X : unanswered.X;
            IEnumerable<string> keys = Enumerable.Range(0, d).Select(j => CsvText.Field(_examples.Format(j, x[(row * d) + j])));
            writer.WriteLine(string.Join(',', isAnswered
                ? [.. keys, Exact(_examples.Y[row]), Exact(_model.Fitted[row]), Exact(_examples.Y[row] - _model.Fitted[row])]
                : (string[])[.. keys, "", Exact(means[row]), ""]));
        }
    }

    private void WritePredicted(TextWriter writer)
    {
        var options = new PredictionOptions { Level = _picture.Level, Interval = IntervalKind.NewObservation };
        PredictionText.WriteUnanswered(
            writer, _examples, _model, options, _model.Predict(_examples.Unanswered.X.AsSpan(), options, null, CancellationToken.None));
    }

    // Over each number a curve for each of the most frequent levels of the first category, the other numbers at their medians, the other
    // categories at their most frequent level.
    private Figure Slices()
    {
        int d = _examples.Features.Count;
        int first = _categories[0];
        int[] levels = [.. Column(first).CountBy(level => (int)level).OrderByDescending(pair => pair.Value).Take(MostLevels)
            .Select(pair => pair.Key).Order()];
        double[] usual = [.. Enumerable.Range(0, d).Select(j => _model.Categories[j] is null
            ? FitPictures.Median(Column(j)) : Column(j).CountBy(level => level).MaxBy(pair => pair.Value).Key)];
        var panels = new List<LinesPanel>();
        foreach (int j in _numbers.Take(MostPanels))
        {
            var lines = new List<Series>();
            var points = new List<Series>();
            foreach ((int color, int level) in levels.Index())
            {
                int[] rows = [.. Enumerable.Range(0, _examples.Count).Where(i => _examples.X[(i * d) + first] == level)];
                double[] column = Array.ConvertAll(rows, i => _examples.X[(i * d) + j]);
                double[] grid = FitPictures.Grid(column.Min(), column.Max(), CurvePoints, false);
                double[] queries = [.. grid.SelectMany(place => usual.Select((value, k) => k == j ? place : k == first ? level : value))];
                string name = $"{PlainText.Brief(_model.Categories[first]!.Levels[level])} (n = {NumberText.Format(rows.Length)})";
                lines.AddRange(FitPictures.Lines(
                    j == _numbers[0] ? name : "", color, grid,
                    _model.Predict(queries, new PredictionOptions { Level = _picture.Level }), false));
                int[] faint = [.. FitPictures.Thinned(rows)];
                points.Add(new Series(
                    "", Array.ConvertAll(faint, i => _examples.X[(i * d) + j]), Array.ConvertAll(faint, i => _examples.Y[i]), color));
            }

            panels.Add(new LinesPanel(lines, _examples.Features[j], _examples.Target, points) { XKind = _examples.Kinds[j] });
        }

        int all = _model.Categories[first]!.Levels.Count;
        string most = all > levels.Length ? $", the {levels.Length} most frequent of {all} levels" : "";
        string others = d > 2 ? "; others at median or mode" : "";
        return Figures.PlotLinePanels(
            panels, new FigureOptions { Title = $"{Title}; by {PlainText.Brief(_examples.Features[first])}{most}{others}" });
    }

    private string Title => $"{PlainText.Brief(_examples.Name)}: {FitOptions.Local(_model.Options)}, {_model.Options.Kernel.Name} kernel, "
        + $"n = {NumberText.Format(_examples.Count)}";

    private Figure Residuals() => Figures.PlotResiduals(
        [.. _model.Fitted], [.. _examples.Y.Zip(_model.Fitted, (y, fitted) => y - fitted)], _examples.Target,
        new FigureOptions { Title = Title });

    private double[] Column(int feature) => [.. _examples.X.Where((_, i) => i % _examples.Features.Count == feature)];
}
