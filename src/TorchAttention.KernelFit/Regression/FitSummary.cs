using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>What came out of a fit: for people as a table, for programs as JSON and CSV.</summary>
internal sealed class FitSummary(Examples examples, KernelRegression model, double level, double seconds, string modelPath)
{
    private readonly IReadOnlyList<(double Least, double Most)> _spans = model.SpansWithinOneStandardError();

    public void WriteConfig(Utf8JsonWriter json)
    {
        json.WriteString("command", "fit");
        json.WriteString("data", File.Exists(examples.Source) ? Path.GetFullPath(examples.Source) : examples.Source);
        json.WriteStrings("x", examples.Features);
        json.WriteString("y", examples.Target);
        json.WriteString("weights", examples.WeightsColumn);
        json.WriteBoolean("classes", examples.Labels is not null);
        json.WriteString("delimiter", examples.Csv.Delimiter.ToString());
        json.WriteBoolean("decimal_comma", examples.Csv.DecimalComma);
        json.WriteString("thousands", examples.Csv.Thousands?.ToString());
        json.WriteString("missing", examples.Csv.Missing.ToString().ToLowerInvariant());
        json.WriteString("kernel", model.Options.Kernel.Name);
        json.WriteNumber("degree", model.Options.Degree);
        Bandwidth h = model.Options.Bandwidth;
        json.WriteString("bandwidth", h.Rule is BandwidthRule rule ? BandwidthRules.NameOf(rule) : h.ToString());
        if (model.Options.SearchBounds is { } bounds)
        {
            json.WritePairs("search_bounds", bounds);
        }

        json.WriteBoolean("leave_out_ties", model.Options.LeaveOutTies);
        json.WriteNumber("level", level);
        json.WriteString("no_neighbour", model.Options.NoNeighbour.ToString().ToLowerInvariant());
        json.WriteString("version", ProgramVersion.Text);
    }

    public void WriteTo(Utf8JsonWriter json)
    {
        Diagnostics said = model.Diagnostics;
        json.WriteString("data", examples.Name);
        json.WriteNumber("rows", examples.Count);
        json.WriteNumber("dropped_rows", examples.DroppedRows);
        json.WriteStrings("x", examples.Features);
        json.WriteString("y", examples.Target);
        json.WriteString("kernel", model.Options.Kernel.Name);
        json.WriteNumber("degree", model.Options.Degree);
        json.WriteNumbers("bandwidth", model.Bandwidths);
        json.WriteString("rule", model.Search is null ? "given" : BandwidthRules.NameOf(model.Search.Rule));
        json.WriteBoolean("at_bound", model.Search?.IsAtBound ?? false);
        json.WriteBoolean("flat", model.Search?.IsFlat ?? false);
        json.WritePairs("search_bounds", model.Search?.Bounds ?? []);
        json.WritePairs("within_one_standard_error", _spans);
        json.WriteStrings("notes", FitNotes.List(examples, model));
        json.WriteNumberOrNull("effective_degrees_of_freedom", said.EffectiveDegreesOfFreedom);
        json.WriteNumberOrNull("residual_degrees_of_freedom", said.ResidualDegreesOfFreedom);
        json.WriteNumbers("residual_standard_error", said.ResidualStandardError);
        json.WriteNumbers("r_squared", said.RSquared);
        json.WriteNumberOrNull("leave_one_out_error", said.LeaveOneOutError);
        json.WriteNumberOrNull("aicc", said.AICc);
        json.WriteNumberOrNull("gcv", said.GCV);
        if (examples.Features.Count == 1)
        {
            json.WriteObject("bandwidth_elsewhere", () =>
            {
                foreach ((string convention, double value) in BandwidthConventions.All(model.Options.Kernel, model.Bandwidths[0]))
                {
                    json.WriteNumberOrNull(convention, value);
                }
            });
        }

        if (model.Classes.Count > 0)
        {
            json.WriteStrings("classes", model.Classes);
        }

        json.WriteString("model", modelPath);
        json.WriteNumber("seconds", Math.Round(seconds, 6));
    }

    public void WriteFitted(TextWriter writer)
    {
        IReadOnlyList<double> fitted = model.Fitted;
        bool isRegression = examples.Labels is null;
        string[] values = isRegression ? [CsvText.Field(examples.Target), "fitted", "residual"]
            : [CsvText.Field(examples.Target), .. model.Classes.Select(name => CsvText.Field($"p_{name}"))];
        writer.WriteLine(string.Join(',', [.. examples.Features.Select(CsvText.Field), .. values]));
        int d = examples.Features.Count;
        for (int i = 0; i < examples.Count; i++)
        {
            for (int j = 0; j < d; j++)
            {
                writer.Write(Exact(examples.X[(i * d) + j]));
                writer.Write(',');
            }

            writer.Write(isRegression ? Exact(examples.Y[i]) : CsvText.Field(examples.Labels![i]));
            for (int c = 0; c < model.Columns; c++)
            {
                writer.Write(',');
                writer.Write(Exact(fitted[(i * model.Columns) + c]));
            }

            writer.WriteLine(isRegression ? $",{Exact(examples.Y[i] - fitted[i])}" : "");
        }
    }

    public void WriteSearch(TextWriter writer)
    {
        writer.WriteLine(string.Join(',', [.. examples.Features.Select(name => CsvText.Field($"h_{name}")), "score", "estimate"]));
        foreach (BandwidthTrial trial in model.Search!.Trials)
        {
            writer.WriteLine(string.Join(',', [.. trial.Bandwidths.Select(Exact), Exact(trial.Score), trial.IsEstimate ? "1" : "0"]));
        }
    }

    public void Print(RunDirectory directory, bool plots)
    {
        Diagnostics said = model.Diagnostics;
        Spectre.Console.Table table = Terminal.Table(["", ""], []);
        string dropped = examples.DroppedRows > 0 ? $" ({examples.DroppedRows} rows with missing numbers left out)" : "";
        Row("examples", $"{examples.Count}{dropped}");
        Row("kernel, degree", $"{model.Options.Kernel}, {model.Options.Degree} ({FitOptions.Local(model.Options)})");
        foreach ((string feature, double h) in examples.Features.Zip(model.Bandwidths))
        {
            Row($"bandwidth of {PlainText.Brief(feature)}", Short(h));
        }

        string end = model.Search is { IsFlat: true } ? ", flat"
            : model.Search is { IsAtBound: true } ? ", at the end of what was looked at"
            : "";
        Row("found by", model.Search is null ? "given" : BandwidthRules.NameOf(model.Search.Rule) + end);
        foreach ((string feature, (double least, double most)) in examples.Features.Zip(_spans))
        {
            Row($"as good, of {PlainText.Brief(feature)}", $"{Short(least)} to {Short(most)} (within one standard error)");
        }

        Row("effective degrees of freedom", Short(said.EffectiveDegreesOfFreedom));
        if (examples.Labels is null)
        {
            Row("residual standard error", Short(said.ResidualStandardError[0]));
            Row("R squared", Short(said.RSquared[0]));
            Row("leave-one-out RMSE", Short(Math.Sqrt(said.LeaveOneOutError)));
        }
        else
        {
            Row("classes", PlainText.List(model.Classes));
            Row("leave-one-out Brier score", Short(said.LeaveOneOutError));
        }

        Row("AICc", Short(said.AICc));
        Terminal.Output.Write(table);
        foreach (string note in FitNotes.List(examples, model))
        {
            Console.WriteLine($"note: {note}");
        }

        Console.WriteLine($"fitted in {seconds:0.00} s; model: {modelPath}");
        string more = (model.Search is { Trials.Count: > 0 } ? ", search.csv" : "") + (plots ? ", plots/" : "");
        Console.WriteLine($"files: {directory.Path} (config.json, summary.json, fitted.csv{more})");

        void Row(string name, string value) => table.AddRow(Terminal.Cell(name), Terminal.Cell(value));
    }
}
