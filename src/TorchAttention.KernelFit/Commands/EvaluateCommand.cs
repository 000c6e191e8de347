using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Regression;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Commands;

/// <summary>The error on rows that a model has not seen, its bandwidth chosen without them too.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var examplesOptions = new ExamplesOptions();
        var fitOptions = new FitOptions();
        Option<int?> folds = Options.WholeNumber(
            "--folds", $"How many parts the rows are dealt to (default {Evaluation.UsualFolds})", least: 2);
        Option<int?> seed = Options.WholeNumber("--seed", "What they are dealt by (default 0)", least: 0);
        Option<bool> json = Options.Json("JSON");
        var command = new Command("evaluate", "Cross-validated error: each part of the rows predicted by a model fitted to the others");
        examplesOptions.AddTo(command);
        fitOptions.AddTo(command);
        command.AddAll(folds, seed, json);
        command.SetAction(parsed =>
        {
            Examples examples = examplesOptions.Read(parsed);
            return Run(
                examples, fitOptions.ReadFor(parsed, examples), parsed.GetValue(folds), parsed.GetValue(seed) ?? 0, parsed.GetValue(json));
        });
        return command;
    }

    private static int Run(Examples examples, KernelRegressionOptions options, int? askedFolds, int seed, bool isJson)
    {
        FitOptions.CheckBandwidths(options, examples);
        if (examples.Count < 2)
        {
            throw new TableException(TableProblem.TooFewRows, examples.Source)
            {
                Expected = "at least 2 rows, of which some can be held out",
                Found = $"{examples.Count}",
            };
        }

        if (askedFolds > examples.Count)
        {
            throw CliException.WrongInput($"--folds: expected at most {examples.Count}, the number of rows, got {askedFolds}");
        }

        using var interruption = new Interruption();
        Evaluation found = ProgressBar.Show(
            "evaluate", isJson, progress => Evaluate(examples, options, askedFolds, seed, progress, interruption.Token));
        string? note = Note(found, examples, options);
        if (isJson)
        {
            JsonText.Print(writer => WriteTo(writer, found, note));
        }
        else
        {
            Print(found, examples);
            if (note is not null)
            {
                Console.WriteLine($"note: {note}");
            }
        }

        return ExitCode.Done;
    }

    private static Evaluation Evaluate(
        Examples examples,
        KernelRegressionOptions options,
        int? folds,
        int seed,
        IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        int d = examples.Features.Count;
        try
        {
            return examples.Labels is null
                ? Evaluation.CrossValidate(examples.X, examples.Y, d, options, folds, seed, examples.Weights, progress, cancellationToken)
                : Evaluation.CrossValidateClasses(
                    examples.X, examples.Labels, d, options, folds, seed, examples.Weights, progress, cancellationToken);
        }
        catch (RegressionDataException e)
        {
            throw new TableException(TableProblem.Unusable, examples.Source, e)
            {
                Column = e.Feature is int feature ? examples.Features[feature] : e.ValueColumn is not null ? examples.Target : null,
                Expected = e.Expected,
                Found = e.Got,
            };
        }
    }

    // A fit that is worse than none, and the rows that make it so.
    private static string? Note(Evaluation found, Examples examples, KernelRegressionOptions options)
    {
        if (found is not RegressionEvaluation { Astray: { Count: > 0 } rows })
        {
            return null;
        }

        return $"these predictions are worse than the mean of the target, most of all at {FitNotes.Rows(examples, rows)}; "
            + $"without {(rows.Count == 1 ? "it" : $"these {rows.Count}")} they would not be. "
            + (options.Degree > 0 && options.RidgeInUse == 0
                ? "Lines through few neighbours go far astray where rows are thin: try --ridge 0.25, --degree 0 or a wider --bandwidth"
                : "Try a wider --bandwidth");
    }

    private static void WriteTo(Utf8JsonWriter json, Evaluation found, string? note)
    {
        foreach ((string name, double value) in Figures(found))
        {
            json.WriteNumberOrNull(name.Replace(' ', '_').ToLowerInvariant(), value);
        }

        json.WriteString("note", note);
        json.WriteLists("bandwidths", found.Bandwidths);
    }

    private static void Print(Evaluation found, Examples examples)
    {
        Spectre.Console.Table table = Terminal.Table(["", ""], []);
        foreach ((string name, double value) in Figures(found))
        {
            table.AddRow(name, Short(value));
        }

        foreach ((int j, string feature) in examples.Features.Index())
        {
            (double least, double most) = (found.Bandwidths.Min(h => h[j]), found.Bandwidths.Max(h => h[j]));
            table.AddRow($"bandwidth of {Terminal.Cell(PlainText.Brief(feature))}", $"{least:G4} to {most:G4}");
        }

        Terminal.Output.Write(table);
    }

    private static IEnumerable<(string Name, double Value)> Figures(Evaluation found)
    {
        (string, double)[] rows = [("rows", found.Examples), ("rows without neighbour", found.WithoutNeighbour)];
        return rows.Concat(found switch
        {
            ClassEvaluation classes => [("accuracy", classes.Accuracy), ("Brier score", classes.BrierScore)],
            RegressionEvaluation numbers =>
            [
                ("RMSE", numbers.RootMeanSquaredError),
                ("mean absolute error", numbers.MeanAbsoluteError),
                ("RMSE of the mean", numbers.RootMeanSquaredErrorOfMean),
                ("R squared", numbers.RSquared),
            ],
            _ => [],
        });
    }
}
