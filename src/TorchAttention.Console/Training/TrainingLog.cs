using System.Globalization;
using TorchAttention.Models;
using TorchAttention.Training;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <summary>Every step and epoch of a training, in the data's own units, as the rows of two CSV files.</summary>
internal sealed class TrainingLog
{
    private readonly List<(int Step, int Epoch, double Loss, double W)> _steps = [];
    private readonly List<(int Epoch, double TrainLoss, double ValLoss, double W)> _epochs = [];

    public TrainingLog(Trainer trainer, NWKernelRegression model, Units units)
    {
        trainer.StepCompleted += (_, e) => _steps.Add((e.Step, e.Epoch, units.Loss(e.Loss), units.W(model.W.ToDouble())));
        trainer.EpochCompleted += (_, e) => _epochs.Add((e.Epoch, units.Loss(e.TrainLoss), units.Loss(e.ValLoss), units.W(model.W.ToDouble())));
    }

    public int StepCount => _steps.Count;

    public void Save(RunDirectory directory)
    {
        directory.WriteText("steps.csv", writer =>
        {
            writer.WriteLine("step,epoch,train_loss,w");
            foreach ((int step, int epoch, double loss, double w) in _steps)
            {
                writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{step},{epoch},{Units.Text(loss)},{Units.Text(w)}"));
            }
        });
        directory.WriteText("epochs.csv", writer =>
        {
            writer.WriteLine("epoch,train_loss,val_loss,w");
            foreach ((int epoch, double trainLoss, double valLoss, double w) in _epochs)
            {
                writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{epoch},{trainLoss:R},{valLoss:R},{Units.Text(w)}"));
            }
        });
    }
}
