using System.Globalization;
using Spectre.Console;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>Shows a training while it runs: a bar with the board's latest losses and w in a terminal, a line for each epoch elsewhere.</summary>
internal sealed class TrainView(Trainer trainer, ProgressBoard board, LearnedNumbers numbers, Units units, TrainOptions options)
{
    // A log of a long training should say how it went, not repeat epochs.csv.
    private const int MostLines = 100;

    private readonly Dictionary<string, double> _latest = [];

    public void Show(Action fit)
    {
        if (options.Quiet || options.Json)
        {
            fit();
        }
        else if (Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive)
        {
            trainer.EpochCompleted += (_, e) => PrintLine(e);
            fit();
        }
        else
        {
            ShowBar(fit);
        }
    }

    private void PrintLine(EpochCompleted e)
    {
        int every = (e.MaxEpochs + MostLines - 1) / MostLines;
        if (e.Epoch % every == 0 || e.Epoch == 1 || e.Epoch == e.MaxEpochs)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"epoch {e.Epoch}/{e.MaxEpochs}  train loss {units.Loss(e.TrainLoss):G6}  validation loss {units.Loss(e.ValLoss):G6}{Numbers("G6")}"));
        }
    }

    private void ShowBar(Action fit)
    {
        AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask(Describe(1), maxValue: 1);
                board.PointDrawn += (_, point) => _latest[point.Label] = units.Loss(point.Y);
                trainer.StepCompleted += (_, e) =>
                {
                    task.MaxValue = (double)e.BatchCount * options.Epochs;
                    task.Value = e.Step;
                    task.Description = Describe(e.Epoch);
                };
                fit();
            });
    }

    private string Describe(int epoch) => string.Create(
        CultureInfo.InvariantCulture,
        $"epoch {epoch}/{options.Epochs}{string.Concat(_latest.Select(line => $"  {line.Key} {line.Value:G4}"))}{Numbers("G5")}");

    private string Numbers(string format) =>
        string.Concat(numbers.Names.Zip(numbers.Values(), (name, value) => $"  {name} {value.ToString(format, CultureInfo.InvariantCulture)}"));
}
