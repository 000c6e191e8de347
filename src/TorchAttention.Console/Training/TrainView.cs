using System.Globalization;
using Spectre.Console;
using TorchAttention.Models;
using TorchAttention.Training;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <summary>Shows a training while it runs: a bar with the current loss and w in a terminal, a line for each epoch elsewhere.</summary>
internal static class TrainView
{
    public static void Show(Trainer trainer, NWKernelRegression model, Units units, TrainOptions options, Action fit)
    {
        if (options.Quiet || options.Json)
        {
            fit();
        }
        else if (Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive)
        {
            trainer.EpochCompleted += (_, e) => Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"epoch {e.Epoch}/{e.MaxEpochs}  train loss {units.Loss(e.TrainLoss):G6}  validation loss {units.Loss(e.ValLoss):G6}  w {units.W(model.W.ToDouble()):G6}"));
            fit();
        }
        else
        {
            ShowBar(trainer, model, units, options, fit);
        }
    }

    private static void ShowBar(Trainer trainer, NWKernelRegression model, Units units, TrainOptions options, Action fit)
    {
        AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask($"epoch 1/{options.Epochs}", maxValue: 1);
                trainer.StepCompleted += (_, e) =>
                {
                    task.MaxValue = (double)e.BatchCount * options.Epochs;
                    task.Value = e.Step;
                    task.Description = string.Create(
                        CultureInfo.InvariantCulture, $"epoch {e.Epoch}/{options.Epochs}  loss {units.Loss(e.Loss),-9:G4} w {units.W(model.W.ToDouble()),-8:G5}");
                };
                fit();
            });
    }
}
