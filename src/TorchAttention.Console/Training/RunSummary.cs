using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>What came out of a run: for people as a table, for programs as JSON.</summary>
internal sealed record RunSummary
{
    public required string Data { get; init; }

    public required double W { get; init; }

    /// <summary>1/|w|: the sign of w changes no weight, and SGD may well step across 0.</summary>
    public double Bandwidth => 1 / Math.Abs(W);

    public required ulong Seed { get; init; }

    public required string Device { get; init; }

    public required Units Units { get; init; }

    public required double NonparametricBandwidth { get; init; }

    public required double TrainSeconds { get; init; }

    public required FitResult Result { get; init; }

    /// <summary>The step after which this process went on; null where it began the run.</summary>
    public int? ResumedFrom { get; init; }

    public required IReadOnlyList<Estimator> Estimators { get; init; }

    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("data", Data);
        json.WriteNumber("w", W);
        if (double.IsFinite(Bandwidth))
        {
            json.WriteNumber("bandwidth", Bandwidth);
        }
        else
        {
            json.WriteNull("bandwidth");
        }

        json.WriteNumber("seed", Seed);
        json.WriteString("device", Device);
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

        json.WriteStartObject("standardization");
        json.WriteNumber("x_mean", Units.X.Mean);
        json.WriteNumber("x_deviation", Units.X.Deviation);
        json.WriteNumber("y_mean", Units.Y.Mean);
        json.WriteNumber("y_deviation", Units.Y.Deviation);
        json.WriteEndObject();
        json.WriteStartObject("estimators");
        foreach (Estimator estimator in Estimators)
        {
            json.WriteStartObject(estimator.Name);
            json.WriteNumber("val_loss", estimator.ValLoss);
            json.WriteNumber("val_rmse", estimator.ValRmse);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    public void Print(RunDirectory directory, bool plots)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumns("estimator", "bandwidth");
        table.AddColumns(new TableColumn("validation loss").RightAligned(), new TableColumn("validation RMSE").RightAligned());
        foreach (Estimator estimator in Estimators)
        {
            string bandwidth = estimator.Name switch
            {
                "nonparametric" => $"h = {Short(NonparametricBandwidth)}",
                "parametric" => $"h = 1/w = {Short(Bandwidth)}",
                _ => "",
            };
            table.AddRow(estimator.Name, bandwidth, Short(estimator.ValLoss), Short(estimator.ValRmse));
        }

        AnsiConsole.Write(table);
        Console.WriteLine($"learned w = {Short(W)}, bandwidth 1/w = {Short(Bandwidth)}; {Result.Steps} steps in {TrainSeconds.ToString("0.00", CultureInfo.InvariantCulture)} s on {Device}, seed {Seed}");
        if (Result.StoppedEarly)
        {
            Console.WriteLine($"stopped early after epoch {Result.Epochs}: the weights are those of epoch {Result.BestEpoch}, the best");
        }

        Console.WriteLine($"files: {directory.Path} (config.json, steps.csv, epochs.csv, summary.json, model.safetensors{(plots ? ", plots/" : "")})");
    }

    private static string Short(double value) => value.ToString("G5", CultureInfo.InvariantCulture);
}
