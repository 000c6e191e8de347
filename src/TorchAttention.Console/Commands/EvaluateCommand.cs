using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Regression;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Commands;

/// <summary>The error on rows that a model has not seen, its bandwidth chosen without them too.</summary>
internal static class EvaluateCommand
{
    private const int UsualFolds = 10;

    public static Command Create()
    {
        var examplesOptions = new ExamplesOptions();
        var fitOptions = new FitOptions();
        Option<int?> folds = Options.WholeNumber("--folds", $"How many parts the rows are dealt to (default {UsualFolds})", least: 2);
        Option<int?> seed = Options.WholeNumber("--seed", "What they are dealt by (default 0)", least: 0);
        Option<bool> json = Options.Json("JSON");
        var command = new Command("evaluate", "Cross-validated error: each part of the rows predicted by a model fitted to the others");
        examplesOptions.AddTo(command);
        fitOptions.AddTo(command);
        command.AddAll(folds, seed, json);
        command.SetAction(parsed => Run(
            examplesOptions.Read(parsed),
            fitOptions.Read(parsed),
            parsed.GetValue(folds),
            parsed.GetValue(seed) ?? 0,
            parsed.GetValue(json)));
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

        int folds = askedFolds ?? Math.Min(UsualFolds, examples.Count);
        if (examples.Count < folds)
        {
            throw CliException.WrongInput($"--folds: expected at most {examples.Count}, the number of rows, got {folds}");
        }

        using var interruption = new Interruption();
        int[] fold = [.. Enumerable.Range(0, examples.Count).Select(i => i % folds)];
        new Random(seed).Shuffle(fold);
        Held[] held = ProgressBar.Show("evaluate", isJson, progress => Enumerable.Range(0, folds).Select(k =>
        {
            Held one = Held.Of(examples, options, fold, k, interruption.Token);
            progress?.Report((k + 1.0) / folds);
            return one;
        }).ToArray());
        if (isJson)
        {
            JsonText.Print(writer => WriteTo(writer, held, Note(held, examples, options)));
        }
        else
        {
            Print(held, examples);
            if (Note(held, examples, options) is string note)
            {
                Console.WriteLine($"note: {note}");
            }
        }

        return ExitCode.Done;
    }

    // A fit that is worse than none, and the rows that make it so.
    private static string? Note(Held[] held, Examples examples, KernelRegressionOptions options)
    {
        double worse = held.Sum(one => one.Squares) - held.Sum(one => one.SquaresOfMean);
        if (!(worse > 0) || held[0].IsClasses)
        {
            return null;
        }

        int[] rows = [.. held.SelectMany(one => one.Excess).OrderByDescending(row => row.Squares).TakeWhile(row =>
        {
            bool isNeeded = worse > 0;
            worse -= row.Squares;
            return isNeeded && row.Squares > 0;
        }).Select(row => row.Row)];
        string these = rows.Length == 1 ? "it" : $"these {rows.Length}";
        string advice = options.Degree == 0 ? "Try a wider --bandwidth"
            : "Lines through few neighbours go far astray where rows are thin: try --degree 0 or a wider --bandwidth";
        return "these predictions are worse than the mean of the target, "
            + $"most of all at {FitNotes.Rows(examples, rows)}; without {these} they would not be. {advice}";
    }

    private static void WriteTo(Utf8JsonWriter json, Held[] held, string? note)
    {
        foreach ((string name, double value) in Figures(held))
        {
            json.WriteNumberOrNull(name.Replace(' ', '_').ToLowerInvariant(), value);
        }

        json.WriteString("note", note);
        json.WriteLists("bandwidths", held.Select(one => one.Bandwidths));
    }

    private static void Print(Held[] held, Examples examples)
    {
        Spectre.Console.Table table = Terminal.Table(["", ""], []);
        foreach ((string name, double value) in Figures(held))
        {
            table.AddRow(name, Short(value));
        }

        foreach ((int j, string feature) in examples.Features.Index())
        {
            double[] all = [.. held.Select(one => one.Bandwidths[j])];
            string range = $"{all.Min():G4} to {all.Max():G4}";
            table.AddRow($"bandwidth of {Terminal.Cell(PlainText.Brief(feature))}", range);
        }

        Terminal.Output.Write(table);
    }

    private static IEnumerable<(string Name, double Value)> Figures(Held[] held)
    {
        double rows = held.Sum(one => one.Rows);
        yield return ("rows", rows);
        yield return ("rows without neighbour", held.Sum(one => one.WithoutNeighbour));
        double predicted = held.Sum(one => one.Weight);
        if (held[0].IsClasses)
        {
            yield return ("accuracy", held.Sum(one => one.Right) / predicted);
            yield return ("Brier score", held.Sum(one => one.Squares) / predicted);
            yield break;
        }

        yield return ("RMSE", Math.Sqrt(held.Sum(one => one.Squares) / predicted));
        yield return ("mean absolute error", held.Sum(one => one.Absolute) / predicted);
        yield return ("RMSE of the mean", Math.Sqrt(held.Sum(one => one.SquaresOfMean) / predicted));
        yield return ("R squared", 1 - (held.Sum(one => one.Squares) / held.Sum(one => one.SquaresOfMean)));
    }

    /// <summary>One part of the rows, predicted from the others.</summary>
    private sealed record Held(bool IsClasses, IReadOnlyList<double> Bandwidths, int Rows, int WithoutNeighbour)
    {
        public double Weight { get; private init; }

        public double Squares { get; private init; }

        public double Absolute { get; private init; }

        public double SquaresOfMean { get; private init; }

        public double Right { get; private init; }

        /// <summary>By how much more than the mean's each row's squared error is, weighted.</summary>
        public IReadOnlyList<(int Row, double Squares)> Excess { get; private init; } = [];

        public static Held Of(Examples examples, KernelRegressionOptions options, int[] fold, int k, CancellationToken cancellationToken)
        {
            int d = examples.Features.Count;
            int[] others = [.. Enumerable.Range(0, fold.Length).Where(i => fold[i] != k)];
            int[] rows = [.. Enumerable.Range(0, fold.Length).Where(i => fold[i] == k)];
            KernelRegression model = examples.Fit(options, null, cancellationToken, others);
            double[] queries = [.. rows.SelectMany(i => examples.X.AsSpan(i * d, d).ToArray())];
            Predictions at = model.Predict(queries, new PredictionOptions { HasErrors = false }, null, cancellationToken);
            bool isClasses = examples.Labels is not null;
            double origin = isClasses ? 0 : examples.Y[others[0]];
            double mean = isClasses ? 0
                : origin + (others.Sum(i => examples.WeightAt(i) * (examples.Y[i] - origin)) / others.Sum(examples.WeightAt));
            var excess = new List<(int, double)>();
            var held = new Held(isClasses, model.Bandwidths, rows.Length, at.HasNeighbour.Count(has => !has));
            foreach ((int i, int row) in rows.Index().Where(one => at.HasNeighbour[one.Index]))
            {
                double weight = examples.WeightAt(row);
                if (isClasses)
                {
                    held = held.With(weight, model, examples.Labels![row], at.Mean.AsSpan(i * model.Columns, model.Columns));
                    continue;
                }

                (double residual, double fromMean) = (examples.Y[row] - at.Mean[i], examples.Y[row] - mean);
                excess.Add((row, weight * ((residual * residual) - (fromMean * fromMean))));
                held = held.With(weight, residual, fromMean);
            }

            return held with { Excess = excess };
        }

        private Held With(double weight, double residual, double fromMean) => this with
        {
            Weight = Weight + weight,
            Squares = Squares + (weight * residual * residual),
            Absolute = Absolute + (weight * Math.Abs(residual)),
            SquaresOfMean = SquaresOfMean + (weight * fromMean * fromMean),
        };

        private Held With(double weight, KernelRegression model, string label, ReadOnlySpan<double> probabilities)
        {
            // A class that only this part has is never predicted.
            double squares = model.Classes.Contains(label) ? 0 : 1;
            int best = 0;
            for (int c = 0; c < probabilities.Length; c++)
            {
                double error = (model.Classes[c] == label ? 1 : 0) - probabilities[c];
                squares += error * error;
                best = probabilities[c] > probabilities[best] ? c : best;
            }

            double right = model.Classes[best] == label ? weight : 0;
            return this with { Weight = Weight + weight, Squares = Squares + (weight * squares), Right = Right + right };
        }
    }
}
