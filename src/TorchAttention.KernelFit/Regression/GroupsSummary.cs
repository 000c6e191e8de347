using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Groups;
using TorchAttention.Plotting;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>What came out of a fit to each group.</summary>
internal sealed class GroupsSummary : IFitResult
{
    // A screen has room for so many.
    private const int MostPrinted = 20;
    private const int MostNamed = 5;

    private readonly Examples _examples;
    private readonly KernelRegressionOptions _options;
    private readonly PictureOptions _picture;
    private readonly GroupedRegression _model;

    private GroupsSummary(Examples examples, KernelRegressionOptions options, PictureOptions picture, GroupedRegression model) =>
        (_examples, _options, _picture, _model) = (examples, options, picture, model);

    public IEnumerable<(string Name, Action<TextWriter> Write)> Texts =>
    [
        (RunFiles.Fitted, WriteFitted), (RunFiles.Groups, WriteGroups),
        .. _examples.Unanswered.Count > 0 ? [(RunFiles.Predicted, WritePredicted)] : Array.Empty<(string, Action<TextWriter>)>(),
    ];

    public IEnumerable<(string Name, Func<Figure> Draw)> Pictures =>
        new GroupPictures(_examples.InOnePeriod(_options.Periods), _options, _model, _picture).List();

    private string By => _picture.By!;

    // The largest first.
    private IEnumerable<(string Name, KernelRegression Model)> Largest =>
        _model.Groups.Select(name => (name, _model[name])).OrderByDescending(group => group.Item2.Count);

    private string Rule => FitOptions.RuleOf(_options.Bandwidth);

    private IEnumerable<string> Notes
    {
        get
        {
            if (_model.WithoutCurve.Count > 0)
            {
                yield return $"{Count(_model.WithoutCurve.Count)} without a curve: "
                    + Named(_model.WithoutCurve.Select(one => $"'{PlainText.Brief(one.Name)}' ({one.Reason})"));
            }

            string[] widest = [.. Largest.Where(group => group.Model.Search is { } search
                    && Enumerable.Range(0, _model.Features).Any(search.IsAtMostBound))
                .Select(group => $"'{PlainText.Brief(group.Name)}'")];
            if (widest.Length > 0)
            {
                yield return $"in {Count(widest.Length)} the widest bandwidth looked at predicts best: {Named(widest)}";
            }
        }
    }

    public static GroupsSummary Fit(
        Examples examples, KernelRegressionOptions options, PictureOptions picture, GroupBandwidths bandwidths,
        IProgress<double>? progress, CancellationToken cancellationToken) =>
        new(examples, options, picture, examples.FitGroups(options, bandwidths, progress, cancellationToken));

    public void Save(string path) =>
        _model.Save(path, ModelNotes.Create(_examples.Features, _examples.Target, _examples.Kinds, By));

    public void WriteConfig(Utf8JsonWriter json) =>
        new FitConfig(_examples, _options, _options.Degrees.Count > 0, _picture, _model.Bandwidths).WriteTo(json);

    public void WriteTo(Utf8JsonWriter json, FitTime time)
    {
        _examples.WriteTo(json);
        json.WriteString("by", By);
        json.WriteString("by_bandwidth", Options.Name(_model.Bandwidths));
        json.WriteString("kernel", _options.Kernel.Name);
        FitFacts.WritePeriods(json, _examples.Features, _options);
        json.WriteString("rule", Rule);
        json.WriteStrings("notes", Notes);
        json.WriteNumberOrNull("leave_one_out_error", _model.LeaveOneOutError);
        json.WriteArray("groups", _model.Groups, name => WriteGroup(json, name));
        json.WriteArray("groups_without_curve", _model.WithoutCurve, one =>
        {
            json.WriteStartObject();
            json.WriteString("group", one.Name);
            json.WriteNumber("rows", one.Examples);
            json.WriteString("reason", one.Reason);
            json.WriteEndObject();
        });
        time.WriteTo(json);
    }

    public void Print(FitTime time, RunDirectory directory, IEnumerable<string> files)
    {
        string dropped = _examples.DroppedRows > 0 ? $" ({_examples.DroppedRows} rows with missing values left out)" : "";
        string degree = _options.Degrees.Count > 0 ? string.Join(" or ", _options.Degrees) : $"{_options.Degree}";
        Spectre.Console.Table table = Terminal.Table(["", ""], []);
        table.AddRow("examples", Terminal.Cell($"{_examples.Count}{dropped}"));
        if (_examples.Unanswered.Count > 0)
        {
            table.AddRow(
                Terminal.Cell($"rows without {PlainText.Brief(_examples.Target)}"),
                $"{_examples.Unanswered.Count}, predicted ({RunFiles.Predicted})");
        }

        if (_examples.Weighting is string weighting)
        {
            table.AddRow("weights", Terminal.Cell(weighting));
        }

        table.AddRow("groups with a curve", Terminal.Cell($"{_model.Groups.Count}, by {PlainText.Brief(By)}"));
        table.AddRow("kernel, degree", Terminal.Cell($"{_options.Kernel}, {degree} ({FitOptions.Local(_options)})"));
        table.AddRow("bandwidths", Terminal.Cell($"{(_model.Bandwidths == GroupBandwidths.Own ? "each group's own" : "shared")}, {Rule}"));
        table.AddRow("leave-one-out RMSE", Short(Math.Sqrt(_model.LeaveOneOutError)));
        Terminal.Output.Write(table);
        string[] widths = [.. _examples.Features.Select((name, j) => $"h of {PlainText.Brief(name)}{_examples.Kinds[j].Unit()}")];
        Spectre.Console.Table groups = Terminal.Table([PlainText.Brief(By)], ["rows", "degree", .. widths, "df", "loo RMSE"]);
        foreach ((string name, KernelRegression model) in Largest.Take(MostPrinted))
        {
            groups.AddRow([.. new[] { PlainText.Brief(name), $"{model.Count}", $"{model.Options.Degree}" }
                .Concat(model.Bandwidths.Select(Short))
                .Concat([
                    Short(model.Diagnostics.EffectiveDegreesOfFreedom), Short(Math.Sqrt(model.Diagnostics.LeaveOneOutError)),
                ])
                .Select(Terminal.Cell)]);
        }

        Terminal.Output.Write(groups);
        if (_model.Groups.Count > MostPrinted)
        {
            Console.WriteLine($"the {MostPrinted} largest of {_model.Groups.Count} groups; {RunFiles.Groups} has all");
        }

        time.Print(Notes, directory, files);
    }

    private static string Count(int groups) => groups == 1 ? "1 group" : $"{groups} groups";

    private static string Named(IEnumerable<string> names) =>
        names.Take(MostNamed + 1).ToArray() is var first && first.Length <= MostNamed ? string.Join(", ", first)
            : string.Join(", ", first.Take(MostNamed).Append("..."));

    private void WriteGroup(Utf8JsonWriter json, string name)
    {
        KernelRegression model = _model[name];
        json.WriteStartObject();
        json.WriteString("group", name);
        json.WriteNumber("rows", model.Count);
        json.WriteNumber("degree", model.Options.Degree);
        json.WriteNumber("ridge", model.Options.RidgeInUse);
        json.WriteNumbers("bandwidth", model.Bandwidths);
        json.WriteBoolean("at_bound", model.Search?.IsAtBound ?? false);
        json.WriteNumberOrNull("effective_degrees_of_freedom", model.Diagnostics.EffectiveDegreesOfFreedom);
        json.WriteNumberOrNull("residual_standard_error", model.Diagnostics.ResidualStandardError[0]);
        json.WriteNumberOrNull("r_squared", model.Diagnostics.RSquared[0]);
        json.WriteNumberOrNull("leave_one_out_error", model.Diagnostics.LeaveOneOutError);
        json.WriteEndObject();
    }

    private void WriteGroups(TextWriter writer)
    {
        writer.WriteLine(string.Join(',', [
            CsvText.Field(By), "rows", "degree", .. _examples.Features.Select(name => CsvText.Field($"h_{name}")),
            "effective_degrees_of_freedom", "residual_standard_error", "r_squared", "leave_one_out_rmse",
        ]));
        foreach (string name in _model.Groups)
        {
            KernelRegression model = _model[name];
            Diagnostics said = model.Diagnostics;
            writer.WriteLine(string.Join(',', [
                CsvText.Field(name), $"{model.Count}", $"{model.Options.Degree}", .. model.Bandwidths.Select(Exact),
                Exact(said.EffectiveDegreesOfFreedom), Exact(said.ResidualStandardError[0]), Exact(said.RSquared[0]),
                Exact(Math.Sqrt(said.LeaveOneOutError)),
            ]));
        }
    }

    private void WriteFitted(TextWriter writer)
    {
        writer.WriteLine(string.Join(',', [
            CsvText.Field(By), .. _examples.Features.Select(CsvText.Field), CsvText.Field(_examples.Target), "fitted", "residual",
        ]));
        int d = _examples.Features.Count;
        double[] fitted = GroupPictures.Fitted(_examples, _model);
        UnansweredRows unanswered = _examples.Unanswered;
        double[] means = unanswered.Count == 0 ? [] : Unanswered(new PredictionOptions { HasErrors = false }).Mean;
        foreach ((int row, bool isAnswered) in unanswered.InOrder(_examples.Count))
        {
            double[] x = isAnswered ? _examples.X : unanswered.X;
            string group = (isAnswered ? _examples.Groups! : unanswered.Groups)[row];
            double mean = isAnswered ? fitted[row] : means[row];
            IEnumerable<string> keys = Enumerable.Range(0, d).Select(j => _examples.Kinds[j].Format(x[(row * d) + j]));
            writer.WriteLine(string.Join(',', [
                CsvText.Field(group), .. keys, isAnswered ? Exact(_examples.Y[row]) : "", double.IsNaN(mean) ? "" : Exact(mean),
                isAnswered && !double.IsNaN(mean) ? Exact(_examples.Y[row] - mean) : "",
            ]));
        }
    }

    private bool[] Known => [.. _examples.Unanswered.Groups.Select(_model.Has)];

    private Predictions Unanswered(PredictionOptions options) =>
        _model.PredictKnown(_examples.Unanswered.Groups, Known, _examples.Unanswered.X, options, CancellationToken.None);

    private void WritePredicted(TextWriter writer)
    {
        var options = new PredictionOptions { Level = _picture.Level, Interval = IntervalKind.NewObservation };
        PredictionText.WriteUnanswered(writer, _examples, _model[_model.Groups[0]], options, Unanswered(options), By, Known);
    }
}
