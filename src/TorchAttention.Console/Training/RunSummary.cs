using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Plotting;
using TorchAttention.Training;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Training;

/// <summary>What came out of a run: for people as a table, for programs as JSON.</summary>
internal sealed record RunSummary
{
    // How many times the best validation loss the last one is where that is worth a word.
    private const double MuchWorse = 1.02;

    public required string Data { get; init; }

    public required TrainOptions Options { get; init; }

    /// <summary>What was learned, by name, in the data's own units.</summary>
    public required IReadOnlyList<(string Name, double Value)> Learned { get; init; }

    public required Units Units { get; init; }

    public required double TrainSeconds { get; init; }

    public required FitResult Result { get; init; }

    /// <summary>The step after which this process went on; null where it began the run.</summary>
    public int? ResumedFrom { get; init; }

    public required IReadOnlyList<Estimator> Estimators { get; init; }

    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("data", Data);
        json.WriteString("model", Options.Model.Name);
        foreach ((string name, double value) in Learned)
        {
            json.WriteNumber(name, value);
            if (Options.Model.IsWidth(name))
            {
                // 1/|w|: the sign of w changes no weight, and SGD may well step across 0.
                json.WriteNumberOrNull($"bandwidth{name[1..]}", 1 / Math.Abs(value));
            }
        }

        json.WriteNumber("seed", Options.Seed);
        json.WriteString("device", Options.Device);
        json.WriteNumber("steps", Result.Steps);
        json.WriteNumber("epochs", Result.Epochs);
        json.WriteNumber("best_epoch", Result.BestEpoch);
        json.WriteNumber("best_val_loss", Units.Loss(Result.BestValLoss));
        json.WriteBoolean("stopped_early", Result.StoppedEarly);
        json.WriteNumber("train_seconds", Math.Round(TrainSeconds, 6));
        if (ResumedFrom is int step)
        {
            json.WriteNumber("resumed_after_step", step);
        }

        json.WriteObject("standardization", () =>
        {
            if (Units.Xs is [Standardization x])
            {
                json.WriteNumber("x_mean", x.Mean);
                json.WriteNumber("x_deviation", x.Deviation);
            }
            else
            {
                json.WriteNumbers("x_mean", Units.Xs.Select(scale => scale.Mean));
                json.WriteNumbers("x_deviation", Units.Xs.Select(scale => scale.Deviation));
            }

            json.WriteNumber("y_mean", Units.Y.Mean);
            json.WriteNumber("y_deviation", Units.Y.Deviation);
        });
        json.WriteObject("estimators", () =>
        {
            foreach (Estimator estimator in Estimators)
            {
                json.WriteObject(estimator.Name, () =>
                {
                    json.WriteNumber("val_loss", estimator.ValLoss);
                    json.WriteNumber("val_rmse", estimator.ValRmse);
                });
            }
        });
    }

    public void Print(RunDirectory directory)
    {
        Spectre.Console.Table table = Terminal.Table(["estimator", "bandwidth"], ["validation loss", "validation RMSE"]);
        foreach (Estimator estimator in Estimators)
        {
            string bandwidth = estimator.Name == "nonparametric" ? $"h = {Short(Options.Bandwidth!.Value)}"
                : estimator.Name == Options.Model.EstimatorName ? Bandwidths()
                : "";
            table.AddRow(estimator.Name, Terminal.Cell(bandwidth), Short(estimator.ValLoss), Short(estimator.ValRmse));
        }

        Terminal.Output.Write(table);
        string learned = Learned is [(_, double only)]
            ? $"learned w = {Short(only)}, bandwidth 1/w = {Short(1 / Math.Abs(only))}; "
            : Learned.Count > 0
            ? $"learned {string.Join(", ", Learned.Select(number => $"{PlainText.Brief(number.Name)} = {Short(number.Value)}"))}; "
            : "";
        Console.WriteLine(
            $"{learned}{Result.Steps} steps in {TrainSeconds.ToString("0.00", CultureInfo.InvariantCulture)} s on {Options.Device}, seed "
                + $"{Options.Seed}");
        if (Result.StoppedEarly)
        {
            Console.WriteLine($"stopped early after epoch {Result.Epochs}: the weights are those of epoch {Result.BestEpoch}, the best");
            if (ResumedFrom == Result.Steps)
            {
                Console.WriteLine("note: it had stopped before, and took no step now; a training with a larger --patience goes further");
            }
        }

        foreach (string note in Notes())
        {
            Console.WriteLine($"note: {note}");
        }

        string plots = Options.NoPlots ? "" : ", plots/";
        Console.WriteLine($"files: {directory.Path} (config.json, steps.csv, epochs.csv, summary.json, model.safetensors{plots})");
        if (!Options.NoPlots && PlotFont.Family is null)
        {
            Console.WriteLine($"fonts: {PlotFont.NoneInstalled}");
        }
    }

    private string Bandwidths() => Learned is [("w", double w)] ? $"h = 1/w = {Short(1 / Math.Abs(w))}"
        : Options.Model.IsOfColumns
        ? string.Join(", ", Learned.Select(number => $"h of {PlainText.Brief(number.Name[2..])} = {Short(1 / Math.Abs(number.Value))}"))
        : "";

    // What the table does not say by itself.
    private IEnumerable<string> Notes()
    {
        double last = Estimators[^1].ValLoss;
        double best = Units.Loss(Result.BestValLoss);
        if (Estimators.Count > 1 && last > Estimators[0].ValLoss)
        {
            yield return $"what was learned predicts worse than the {Estimators[0].Name}; a smaller --lr, or more --epochs, may help";
        }

        if (last > best * MuchWorse && Result.BestEpoch < Result.Epochs)
        {
            yield return $"the validation loss was {Short(best)} after epoch {Result.BestEpoch}; --patience keeps the best weights";
        }
    }
}
