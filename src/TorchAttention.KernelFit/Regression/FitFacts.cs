using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>What a fit found, from rows or from moments: for people as a table, for programs as JSON and CSV.</summary>
internal sealed record FitFacts
{
    /// <summary>A short name of the data.</summary>
    public required string Data { get; init; }

    public required long Rows { get; init; }

    public required long DroppedRows { get; init; }

    /// <summary>How many rows without a target were predicted.</summary>
    public int PredictedRows { get; init; }

    public required IReadOnlyList<string> Features { get; init; }

    /// <summary>What the features are; numbers where empty.</summary>
    public IReadOnlyList<ColumnKind> Kinds { get; init; } = [];

    public required string Target { get; init; }

    /// <summary>What was fitted to, for its weights; null for a fit from moments.</summary>
    public Examples? Examples { get; init; }

    /// <summary>How the rows of a fit from moments are weighted; null where they are not.</summary>
    public RowWeighting? Weighting { get; init; }

    /// <summary>The columns of the target, where it has several.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [];

    public required KernelRegressionOptions Options { get; init; }

    /// <summary>The degrees that were chosen from, with their leave-one-out errors; empty where the degree was given.</summary>
    public IReadOnlyList<(int Degree, double LeaveOneOutError)> DegreeTrials { get; init; } = [];

    public required IReadOnlyList<double> Bandwidths { get; init; }

    public required BandwidthSearch? Search { get; init; }

    public required IReadOnlyList<(double Least, double Most)> SpansWithinOneStandardError { get; init; }

    public required IReadOnlyList<string> Notes { get; init; }

    public required Diagnostics Diagnostics { get; init; }

    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>What the residuals left to the rows; empty without robust iterations.</summary>
    public IReadOnlyList<double> RobustWeights { get; init; } = [];

    /// <summary>What the leave-one-out error from moments is off by; null for a fit to rows.</summary>
    public Certificate? Certificate { get; init; }

    /// <summary>The leave-one-out log loss of classes, where it is known.</summary>
    public double? LogLoss { get; init; }

    public required double Seconds { get; init; }

    /// <summary>The model's file; null where there is none.</summary>
    public required string? Model { get; init; }

    public void WriteTo(Utf8JsonWriter json)
    {
        Diagnostics said = Diagnostics;
        json.WriteString("data", Data);
        json.WriteNumber("rows", Rows);
        json.WriteNumber("dropped_rows", DroppedRows);
        json.WriteNumber("predicted_rows", PredictedRows);
        json.WriteStrings("x", Features);
        json.WriteStrings("x_kinds", Features.Select((_, j) => Cli.Options.Name(KindOf(j))));
        json.WriteString("y", Target);
        Examples?.WriteWeights(json);
        Weighting?.WriteTo(json);
        json.WriteString("kernel", Options.Kernel.Name);
        json.WriteNumber("degree", Options.Degree);
        json.WritePairs("degrees_tried", [.. DegreeTrials.Select(trial => ((double)trial.Degree, trial.LeaveOneOutError))]);
        json.WriteNumber("ridge", Options.RidgeInUse);
        if (RobustWeights.Count > 0)
        {
            json.WriteNumber("robust_iterations", Options.RobustIterations);
            json.WriteNumber("rows_without_weight", RobustWeights.Count(weight => weight == 0));
        }

        WritePeriods(json, Features, Options);
        json.WriteNumbers("bandwidth", Bandwidths);
        if (NearestRows is int nearest)
        {
            json.WriteNumber("nearest_rows", nearest);
        }

        json.WriteString("rule", Rule);
        json.WriteBoolean("at_bound", Search?.IsAtBound ?? false);
        json.WriteBoolean("flat", Search?.IsFlat ?? false);
        json.WritePairs("search_bounds", Search?.Bounds ?? []);
        json.WritePairs("within_one_standard_error", SpansWithinOneStandardError);
        json.WriteStrings("notes", Notes);
        json.WriteNumberOrNull("effective_degrees_of_freedom", said.EffectiveDegreesOfFreedom);
        json.WriteNumberOrNull("residual_degrees_of_freedom", said.ResidualDegreesOfFreedom);
        json.WriteNumbers("residual_standard_error", said.ResidualStandardError);
        json.WriteNumbers("r_squared", said.RSquared);
        json.WriteNumberOrNull("leave_one_out_error", said.LeaveOneOutError);
        if (LogLoss is double loss)
        {
            json.WriteNumberOrNull("leave_one_out_log_loss", loss);
        }

        if (Certificate is not null)
        {
            json.WriteObject("certificate", () =>
            {
                json.WriteNumberOrNull("bound", Certificate.Bound);
                json.WriteNumberOrNull("truncation", Certificate.Truncation);
                json.WriteNumberOrNull("propagation", Certificate.Propagation);
                json.WriteNumberOrNull("rounding", Certificate.Rounding);
                json.WriteNumberOrNull("kept_rows", Certificate.KeptRows);
                json.WriteNumber("settled_rows", Certificate.SettledRows);
                json.WriteNumber("lonely_rows", Certificate.LonelyRows);
                json.WriteNumber("uncertain_cells", Certificate.UncertainCells);
            });
        }

        json.WriteNumberOrNull("aicc", said.AICc);
        json.WriteNumberOrNull("gcv", said.GCV);
        if (Features.Count == 1 && NearestRows is null)
        {
            json.WriteObject("bandwidth_elsewhere", () =>
            {
                foreach ((string convention, double value) in BandwidthConventions.All(Options.Kernel, Bandwidths[0]))
                {
                    json.WriteNumberOrNull(convention, value);
                }
            });
        }

        if (Classes.Count > 0)
        {
            json.WriteStrings("classes", Classes);
        }

        new FitTime(Seconds, Model).WriteTo(json);
    }

    /// <summary>Writes the periods of the features that have one, where some have.</summary>
    public static void WritePeriods(Utf8JsonWriter json, IReadOnlyList<string> features, KernelRegressionOptions options)
    {
        if (options.Periods.Any(double.IsFinite))
        {
            json.WriteObject("periods", () =>
            {
                foreach ((string feature, double period) in features.Zip(options.Periods).Where(pair => double.IsFinite(pair.Second)))
                {
                    json.WriteNumber(feature, period);
                }
            });
        }
    }

    private string Rule => FitOptions.RuleOf(Options.Bandwidth);

    // How many of the nearest rows the bandwidth reaches, where it is a share of them.
    private int? NearestRows => Options.Bandwidth.IsShare ? Bandwidth.NearestCount(Bandwidths[0], (int)Rows) : null;

    private string UnitOf(int feature) => Options.Bandwidth.IsShare ? "" : KindOf(feature).Unit();

    /// <summary>What a feature is.</summary>
    public ColumnKind KindOf(int feature) => feature < Kinds.Count ? Kinds[feature] : ColumnKind.Number;

    /// <summary>Whether bandwidths were tried.</summary>
    public bool HasSearch => Search is { Trials.Count: > 0 };

    public void WriteSearch(TextWriter writer) => WriteSearch(writer, Search!, Features);

    /// <summary>Writes everything that a search tried.</summary>
    public static void WriteSearch(TextWriter writer, BandwidthSearch search, IReadOnlyList<string> features)
    {
        writer.WriteLine(string.Join(',', [.. features.Select(name => CsvText.Field($"h_{name}")), "score", "estimate"]));
        foreach (BandwidthTrial trial in search.Trials)
        {
            writer.WriteLine(string.Join(',', [.. trial.Bandwidths.Select(Exact), Exact(trial.Score), trial.IsEstimate ? "1" : "0"]));
        }
    }

    // A part of the error; its square is off by twice as much. Of an error that is rounding alone only its square is known.
    private string Within => Certificate is not { IsProved: true } ? ""
        : Certificate.Bound < Diagnostics.LeaveOneOutError
            ? $" (exact to {Short(Certificate.Bound / (2 * Diagnostics.LeaveOneOutError))} of it, proved)"
        : $" (at most {Short(Math.Sqrt(Diagnostics.LeaveOneOutError + Certificate.Bound))}, proved)";

    /// <summary>Prints the table, the notes and what was written.</summary>
    /// <param name="directory">The run's folder.</param>
    /// <param name="files">What is in it beside the configuration and the summary.</param>
    public void Print(RunDirectory directory, IEnumerable<string> files)
    {
        Diagnostics said = Diagnostics;
        Spectre.Console.Table table = Terminal.Table(["", ""], []);
        string dropped = DroppedRows > 0 ? $" ({DroppedRows} rows with missing numbers left out)" : "";
        Row("examples", $"{Rows}{dropped}");
        if (PredictedRows > 0)
        {
            Row($"rows without {PlainText.Brief(Target)}", $"{PredictedRows}, predicted ({RunFiles.Predicted})");
        }

        if ((Examples?.Weighting ?? Weighting?.Text) is string weighting)
        {
            Row("weights", weighting);
        }

        Row("kernel, degree", $"{Options.Kernel}, {Options.Degree} ({FitOptions.Local(Options)})");
        if (DegreeTrials.Count > 0)
        {
            Row("degree found by", $"leave-one-out RMSE: {string.Join(", ", DegreeTrials.Select(
                trial => $"{Short(Math.Sqrt(trial.LeaveOneOutError))} with {trial.Degree}"))}");
        }

        foreach ((int j, (string feature, double h)) in Features.Zip(Bandwidths).Index())
        {
            string period = Options.Periods.Count > 0 && double.IsFinite(Options.Periods[j]) ? $", period {Short(Options.Periods[j])}" : "";
            Row(
                $"bandwidth of {PlainText.Brief(feature)}",
                NearestRows is int nearest ? $"to the nearest {nearest} rows, {Short(h)} of all" : Short(h) + UnitOf(j) + period);
        }

        if (RobustWeights.Count > 0)
        {
            Row("robust iterations", $"{Options.RobustIterations}, after which {RobustWeights.Count(weight => weight == 0)} of the rows "
                + "count nothing");
        }

        string end = Search is { IsFlat: true } ? ", flat"
            : Search is { IsAtBound: true } ? ", at the end of what was looked at"
            : "";
        Row("found by", Rule + end);
        foreach ((int j, (string feature, (double least, double most))) in Features.Zip(SpansWithinOneStandardError).Index())
        {
            Row(
                $"as good, of {PlainText.Brief(feature)}",
                $"{Short(least)} to {Short(most)}{UnitOf(j)} (within one standard error)");
        }

        Row("effective degrees of freedom", Short(said.EffectiveDegreesOfFreedom));
        if (Classes.Count == 0)
        {
            for (int c = 0; c < said.RSquared.Count; c++)
            {
                string of = said.RSquared.Count == 1 ? "" : $" of {PlainText.Brief(Targets[c])}";
                Row($"residual standard error{of}", Short(said.ResidualStandardError[c]));
                Row($"R squared{of}", Short(said.RSquared[c]));
            }

            if (RobustWeights.Count == 0)
            {
                Row("leave-one-out RMSE", $"{Short(Math.Sqrt(said.LeaveOneOutError))}{Within}");
            }
        }
        else
        {
            Row("classes", PlainText.List(Classes));
            string within = Certificate is { IsProved: true } ? $" (exact to {Short(Certificate.Bound)}, proved)" : "";
            Row("leave-one-out Brier score", $"{Short(said.LeaveOneOutError)}{within}");
            if (LogLoss is double loss)
            {
                Row("leave-one-out log loss", Short(loss));
            }
        }

        if (RobustWeights.Count == 0)
        {
            Row("AICc", Short(said.AICc));
        }

        Terminal.Output.Write(table);
        new FitTime(Seconds, Model).Print(Notes, directory, files);

        void Row(string name, string value) => table.AddRow(Terminal.Cell(name), Terminal.Cell(value));
    }
}
