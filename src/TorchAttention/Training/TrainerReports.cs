using Microsoft.Extensions.Logging;

namespace TorchAttention.Training;

/// <summary>A trainer that says how it gets on, without wiring its events.</summary>
public static partial class TrainerReports
{
    /// <summary>Writes a line for each epoch, and one at the end.</summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="writer">Where the lines go, such as <see cref="Console.Out"/>.</param>
    /// <returns>The trainer.</returns>
    public static Trainer ReportTo(this Trainer trainer, TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(writer);
        trainer.EpochCompleted += (_, e) => writer.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {e.Epoch}/{e.MaxEpochs}  train loss {e.TrainLoss:G6}  validation loss {e.ValLoss:G6}{Metrics(e)}{Best(e)}"));
        trainer.StepSkipped += (_, e) => writer.WriteLine($"step {e.Step} left out: {e.Reason}");
        trainer.Completed += (_, e) => writer.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{e.Steps} steps; best validation loss {e.BestValLoss:G6} in epoch {e.BestEpoch}"));
        return trainer;
    }

    /// <summary>Logs each epoch and the end as information, and a step that was left out as a warning.</summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="logger">The logger.</param>
    /// <returns>The trainer.</returns>
    public static Trainer ReportTo(this Trainer trainer, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(logger);
        trainer.EpochCompleted += (_, e) => LogEpoch(logger, e.Epoch, e.MaxEpochs, e.TrainLoss, e.ValLoss);
        trainer.StepSkipped += (_, e) => LogSkipped(logger, e.Step, e.Reason);
        trainer.Completed += (_, e) => LogEnd(logger, e.Steps, e.BestValLoss, e.BestEpoch);
        return trainer;
    }

    private static string Best(EpochCompleted e) => e.IsBest ? "  best" : "";

    private static string Metrics(EpochCompleted e) => string.Concat(e.Metrics.Select(
        metric => string.Create(CultureInfo.InvariantCulture, $"  {metric.Name} {metric.Value:G6}")));

    [LoggerMessage(1, LogLevel.Information, "Epoch {Epoch} of {MaxEpochs}: train loss {TrainLoss}, validation loss {ValLoss}")]
    private static partial void LogEpoch(ILogger logger, int epoch, int maxEpochs, double trainLoss, double valLoss);

    [LoggerMessage(2, LogLevel.Warning, "Step {Step} left out: {Reason}")]
    private static partial void LogSkipped(ILogger logger, int step, string reason);

    [LoggerMessage(3, LogLevel.Information, "{Steps} steps; best validation loss {BestValLoss} in epoch {BestEpoch}")]
    private static partial void LogEnd(ILogger logger, int steps, double bestValLoss, int bestEpoch);
}
