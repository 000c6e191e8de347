using System.Diagnostics;
using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Commands;

/// <summary>Compares the rules for bandwidths on a file.</summary>
internal static class BandwidthCommand
{
    public static Command Create()
    {
        var examplesOptions = new ExamplesOptions();
        var fitOptions = new FitOptions();
        Option<bool> json = Options.Json("JSON");
        var command = new Command("bandwidth", "Compare the rules for bandwidths on a file");
        examplesOptions.AddTo(command);
        fitOptions.AddTo(command, withBandwidth: false);
        command.Add(json);
        command.SetAction(parsed =>
        {
            Examples examples = examplesOptions.Read(parsed);
            return Run(examples, fitOptions.ReadFor(parsed, examples), parsed.GetValue(json));
        });
        return command;
    }

    private static int Run(Examples examples, KernelRegressionOptions options, bool isJson)
    {
        using var interruption = new Interruption();
        FitOptions.CheckBandwidths(options, examples);
        Row[] rows = ProgressBar.Show("bandwidths", isJson, progress => BandwidthRules.All.Select((rule, i) =>
        {
            var part = new PartOfProgress(progress, i, BandwidthRules.All.Count);
            return Row.Find(rule, examples, options, part, interruption.Token);
        }).ToArray());
        if (rows.All(row => row.Model is null))
        {
            throw rows[0].Refusal!;
        }

        if (isJson)
        {
            JsonText.Print(writer => WriteTo(writer, rows));
        }
        else
        {
            Print(rows, examples, options);
        }

        return ExitCode.Done;
    }

    private static void WriteTo(Utf8JsonWriter json, Row[] rows) => json.WriteObject("rules", () =>
    {
        foreach (Row row in rows)
        {
            json.WriteObject(row.Rule, () => WriteTo(json, row));
        }
    });

    private static void WriteTo(Utf8JsonWriter json, Row row)
    {
        if (row.Model is null)
        {
            json.WriteString("problem", row.Refusal!.Problem);
            return;
        }

        json.WriteNumbers("bandwidth", row.Model.Bandwidths);
        json.WriteBoolean("at_bound", row.Model.Search!.IsAtBound);
        json.WriteBoolean("flat", row.Model.Search.IsFlat);
        json.WritePairs("within_one_standard_error", row.Spans);
        json.WriteNumberOrNull("leave_one_out_rmse", Math.Sqrt(row.Model.Diagnostics.LeaveOneOutError));
        json.WriteNumberOrNull("aicc", row.Model.Diagnostics.AICc);
        json.WriteNumberOrNull("gcv", row.Model.Diagnostics.GCV);
        json.WriteNumberOrNull("effective_degrees_of_freedom", row.Model.Diagnostics.EffectiveDegreesOfFreedom);
        json.WriteNumber("seconds", Math.Round(row.Seconds, 6));
    }

    private static void Print(Row[] rows, Examples examples, KernelRegressionOptions options)
    {
        string dropped = examples.DroppedRows > 0 ? $" ({examples.DroppedRows} with missing numbers left out)" : "";
        Console.WriteLine($"{examples.Source}: {examples.Count} rows{dropped}, {options.Kernel} kernel, {FitOptions.Local(options)}");
        IEnumerable<string> widths = examples.Features.Zip(
            examples.Kinds, (name, kind) => $"h of {PlainText.Brief(name)}{(kind.Unit() is { Length: > 0 } unit ? $",{unit}" : "")}");
        Spectre.Console.Table table = Terminal.Table(["rule"], [.. widths, "loo RMSE", "AICc", "GCV", "df", "ms"], gap: 0);

        double least = rows.Min(row => row.Model is null ? double.PositiveInfinity : row.Model.Diagnostics.LeaveOneOutError);
        foreach (Row row in rows.Where(row => row.Model is not null))
        {
            Diagnostics said = row.Model!.Diagnostics;
            double[] criteria = [Math.Sqrt(said.LeaveOneOutError), said.AICc, said.GCV, said.EffectiveDegreesOfFreedom, row.Seconds * 1e3];
            table.AddRow(
                [said.LeaveOneOutError == least ? $"{row.Rule} *" : row.Rule, .. row.Model.Bandwidths.Concat(criteria).Select(Short)]);
        }

        Terminal.Output.Write(table);
        Console.WriteLine("loo RMSE: the error at each row by the others; * has the least. df: effective degrees of freedom.");
        foreach (Row row in rows)
        {
            if (row.Spans.Count > 0 && BandwidthRules.NameOf(BandwidthRule.LeaveOneOut) == row.Rule)
            {
                string spans = string.Join("; ", examples.Features.Zip(row.Spans, (name, span) => (name, span)).Zip(
                    examples.Kinds, (of, kind) => $"h of {PlainText.Brief(of.name)} from {Short(of.span.Least)} to "
                        + $"{Short(of.span.Most)}{kind.Unit()}"));
                Console.WriteLine($"{row.Rule}: {spans} is as good, within one standard error");
            }

            foreach (string note in row.Model is null ? [row.Refusal!.Problem] : FitNotes.List(examples, row.Model))
            {
                Console.WriteLine($"{row.Rule}: {note}");
            }
        }
    }

    private sealed record Row(string Rule, KernelRegression? Model, double Seconds, TableException? Refusal)
    {
        public IReadOnlyList<(double Least, double Most)> Spans { get; } = Model?.SpansWithinOneStandardError() ?? [];

        public static Row Find(
            BandwidthRule rule, Examples examples, KernelRegressionOptions options, IProgress<double> progress,
            CancellationToken cancellationToken)
        {
            string name = BandwidthRules.NameOf(rule);
            long start = Stopwatch.GetTimestamp();
            try
            {
                KernelRegression model = examples.Fit(options with { Bandwidth = Bandwidth.By(rule) }, progress, cancellationToken);
                return new Row(name, model, Stopwatch.GetElapsedTime(start).TotalSeconds, null);
            }
            catch (TableException e)
            {
                return new Row(name, null, 0, e);
            }
        }
    }
}
