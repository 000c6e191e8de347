using System.CommandLine.Parsing;
using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Regression.Groups;
using TorchAttention.Numerics.Regression.Likelihood;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Commands;

/// <summary>The error on rows that a model has not seen, its bandwidth chosen without them too.</summary>
internal static class EvaluateCommand
{
    private const string CompareExample = "'degree=0 kernel=epanechnikov'";

    private const string AsGiven = "as given";

    public static Command Create()
    {
        var examplesOptions = new ExamplesOptions();
        var fitOptions = new FitOptions();
        Option<int?> folds = Options.WholeNumber(
            "--folds", $"How many parts the rows are dealt to (default {Evaluation.UsualFolds})", least: 2);
        Option<int?> seed = Options.WholeNumber("--seed", "What they are dealt by (default 0)", least: 0);
        Option<string[]> compare = new("--compare")
        {
            Description = $"Another model on the same parts: the options that differ, such as {CompareExample} (again for a third)",
            HelpName = "options",
        };
        var familyOptions = new FamilyOptions();
        Option<string?> by = GroupOptions.By("A column of groups, each of which has a curve of its own: the error of each, and of all");
        Option<GroupBandwidths> byBandwidth = GroupOptions.Bandwidths();
        Option<bool> json = Options.Json("JSON");
        var command = new Command("evaluate", "Cross-validated error: each part of the rows predicted by a model fitted to the others");
        examplesOptions.AddTo(command);
        fitOptions.AddTo(command);
        familyOptions.AddTo(command);
        command.AddAll(folds, seed, compare, by, byBandwidth, json);
        command.SetAction(parsed =>
        {
            string? column = parsed.GetValue(by);
            GroupBandwidths? groups = GroupOptions.Read(parsed, column, byBandwidth);
            string[] compared = parsed.GetValue(compare) ?? [];
            ResponseFamily? family = familyOptions.Read(parsed, examplesOptions, column);
            Examples examples = familyOptions.Examples(parsed, examplesOptions, family, column);
            KernelRegressionOptions options = fitOptions.ReadFor(parsed, examples);
            EvaluatedModel[] models =
            [
                new(AsGiven, options, groups),
                .. compared.Select(text => (text, Changed(parsed, fitOptions, column is null ? null : byBandwidth, text))).Select(other =>
                    new EvaluatedModel(
                        other.text, fitOptions.ReadFor(other.Item2, examples), GroupOptions.Read(other.Item2, column, byBandwidth))),
            ];
            foreach (EvaluatedModel one in examples.Categories is null || family is not null ? [] : models)
            {
                CategoryOptions.Check(examples, one.Options, new PictureOptions { By = column });
            }

            return Run(examples, family, models, column, parsed.GetValue(folds), parsed.GetValue(seed) ?? 0, parsed.GetValue(json));
        });
        return command;
    }

    // The options of the fit as given, but for those that a text of --compare names.
    private static ParseResult Changed(ParseResult parsed, FitOptions fitOptions, Option? ofGroups, string text)
    {
        var fit = new Command("evaluate");
        fitOptions.AddTo(fit);
        fit.AddAll(ofGroups is null ? [] : [ofGroups]);
        string[] changes = [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => $"--{word}")];
        IEnumerable<Token> given = fit.Options
            .Where(option => !changes.Any(change => change.Split('=')[0] == option.Name))
            .Select(parsed.GetResult).OfType<OptionResult>().Where(result => !result.Implicit)
            .SelectMany(result => result.Tokens.Prepend(result.IdentifierToken!));
        ParseResult changed = fit.Parse([.. given.Select(token => token.Value), .. changes]);
        string? problem = changes.Length == 0 ? $"expected options of the fit, such as {CompareExample}, got '{text}'"
            : changed.UnmatchedTokens is [string unknown, ..]
                ? $"expected options of the fit without their dashes, such as {CompareExample}, got '{PlainText.Brief(unknown[2..])}'"
            : changed.Errors is [var error, ..] ? error.Message : null;
        return problem is null ? changed : throw CliException.WrongInput($"--compare: {problem}");
    }

    private static int Run(
        Examples examples, ResponseFamily? family, EvaluatedModel[] models, string? by, int? askedFolds, int seed, bool isJson)
    {
        foreach ((_, KernelRegressionOptions options, GroupBandwidths? groups) in models)
        {
            GroupOptions.Check(options, groups);
            if (family is not null)
            {
                FamilyOptions.Check(options, examples);
            }

            if (examples.Categories is null)
            {
                FitOptions.CheckBandwidths(options, examples);
            }
        }

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
        if (by is not null)
        {
            GroupsEvaluation.Run(examples, models, by, askedFolds, seed, isJson, interruption.Token);
            return ExitCode.Done;
        }

        Row[] rows = ProgressBar.Show("evaluate", isJson, progress => models.Select((model, k) => new Row(
            model.Name,
            model.Options,
            Evaluate(
                examples, family, model.Options, askedFolds, seed, new PartOfProgress(progress, k, models.Length), interruption.Token)))
            .ToArray());
        string? note = Note(rows[0].Found, examples, rows[0].Options);
        if (isJson)
        {
            JsonText.Print(writer => WriteTo(writer, rows, note));
            return ExitCode.Done;
        }

        Print(rows[0], examples);
        if (rows.Length > 1)
        {
            PrintCompared(rows);
        }

        if (note is not null)
        {
            Console.WriteLine($"note: {note}");
        }

        return ExitCode.Done;
    }

    private static Evaluation Evaluate(
        Examples examples,
        ResponseFamily? family,
        KernelRegressionOptions options,
        int? folds,
        int seed,
        IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        int d = examples.Features.Count;
        return examples.Named<Evaluation>(() => family is ResponseFamily known
            ? LikelihoodEvaluation.CrossValidate(
                examples.X, examples.Y, d, known, options, folds, seed, examples.Weights, progress, cancellationToken)
            : examples.Categories is { } categories
            ? MixedEvaluation.CrossValidate(
                examples.X, examples.Y, categories, options, null, folds, seed, examples.Weights, progress, cancellationToken)
            : examples.Labels is null
            ? Evaluation.CrossValidate(examples.X, examples.Y, d, options, folds, seed, examples.Weights, progress, cancellationToken)
            : Evaluation.CrossValidateClasses(
                examples.X, examples.Labels, d, options, folds, seed, examples.Weights, progress, cancellationToken));
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

    private static void WriteTo(Utf8JsonWriter json, Row[] rows, string? note)
    {
        WriteTo(json, rows[0]);
        json.WriteString("note", note);
        if (rows.Length > 1)
        {
            json.WriteObjects("compared", rows[1..], row =>
            {
                EvaluatedModel.WriteExcess(json, row.Name, row.Found.ExcessOver(rows[0].Found));
                WriteTo(json, row);
            });
        }
    }

    private static void WriteTo(Utf8JsonWriter json, Row row)
    {
        json.WriteString("fit", FitOptions.Local(row.Options));
        foreach ((string name, double value) in Figures(row.Found))
        {
            json.WriteNumberOrNull(name.Replace(' ', '_').ToLowerInvariant(), value);
        }

        json.WriteLists("bandwidths", row.Found.Bandwidths);
        if (row.Found is RegressionEvaluation { Lambdas: { Count: > 0 } lambdas })
        {
            json.WriteLists("lambdas", lambdas);
        }
    }

    private static void PrintCompared(Row[] rows)
    {
        string loss = rows[0].Found switch
        {
            ClassEvaluation => "Brier score",
            LikelihoodEvaluation => "deviance",
            _ => "squared error",
        };
        EvaluatedModel.PrintCompared(loss, [.. rows.Select(row => (row.Name, row.Found.MeanLoss, row.Found.ExcessOver(rows[0].Found)))]);
    }

    private static void Print(Row row, Examples examples)
    {
        Evaluation found = row.Found;
        Spectre.Console.Table table = Terminal.Table(["", ""], []);
        foreach ((string name, double value) in Figures(found))
        {
            table.AddRow(name, Short(value));
        }

        foreach ((int j, string feature) in examples.Features.Index())
        {
            bool isCategory = examples.Categories?[j] is not null;
            IReadOnlyList<IReadOnlyList<double>> widths = isCategory ? ((RegressionEvaluation)found).Lambdas : found.Bandwidths;
            (double least, double most) = (widths.Min(h => h[j]), widths.Max(h => h[j]));
            string width = isCategory ? "lambda of" : row.Options.Bandwidth.IsShare ? "share of the rows for" : "bandwidth of";
            table.AddRow($"{width} {Terminal.Cell(PlainText.Brief(feature))}", $"{least:G4} to {most:G4}"
                + (isCategory ? $" of at most {Short(examples.Categories![j]!.MostLambda)}"
                    : row.Options.Bandwidth.IsShare ? "" : examples.Kinds[j].Unit()));
        }

        Terminal.Output.Write(table);
    }

    private static IEnumerable<(string Name, double Value)> Figures(Evaluation found)
    {
        (string, double)[] rows = [("rows", found.Examples), ("rows without neighbour", found.WithoutNeighbour)];
        return rows.Concat(found switch
        {
            ClassEvaluation classes => [("accuracy", classes.Accuracy), ("Brier score", classes.BrierScore),
                ("standard error of Brier score", classes.MeanLoss.StandardError)],
            RegressionEvaluation numbers =>
            [
                ("RMSE", numbers.RootMeanSquaredError),
                ("standard error of RMSE", numbers.MeanLoss.StandardError / (2 * numbers.RootMeanSquaredError)),
                ("mean absolute error", numbers.MeanAbsoluteError),
                ("RMSE of the mean", numbers.RootMeanSquaredErrorOfMean),
                ("R squared", numbers.RSquared),
            ],
            LikelihoodEvaluation { Family: ResponseFamily.Binomial } kinds =>
            [
                ("log loss", kinds.LogLoss),
                ("standard error of log loss", kinds.MeanLoss.StandardError / 2),
                ("log loss of the mean", kinds.MeanDevianceOfMean / 2),
                ("Brier score", kinds.MeanSquaredError),
                ("explained deviance", kinds.ExplainedDeviance),
            ],
            LikelihoodEvaluation counts =>
            [
                ("deviance", counts.MeanDeviance),
                ("standard error of deviance", counts.MeanLoss.StandardError),
                ("deviance of the mean", counts.MeanDevianceOfMean),
                ("RMSE", Math.Sqrt(counts.MeanSquaredError)),
                ("explained deviance", counts.ExplainedDeviance),
            ],
            _ => [],
        });
    }

    /// <param name="Name">What was asked for.</param>
    /// <param name="Options">How its models are fitted.</param>
    /// <param name="Found">Its errors.</param>
    private sealed record Row(string Name, KernelRegressionOptions Options, Evaluation Found);
}
