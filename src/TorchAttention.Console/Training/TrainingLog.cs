using System.Globalization;
using TorchAttention.Models;
using TorchAttention.Training;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <summary>Every step and epoch of a training, in the data's own units, as the rows of two CSV files.</summary>
internal sealed class TrainingLog
{
    // A second signal saves from a thread of its own, while a step may be adding its line.
    private readonly Lock _lock = new();
    private readonly List<(int Step, int Epoch, double Loss, double W)> _steps = [];
    private readonly List<(int Epoch, double TrainLoss, double ValLoss, double W)> _epochs = [];
    private bool _saved;

    public TrainingLog(Trainer trainer, NWKernelRegression model, Units units)
    {
        trainer.StepCompleted += (_, e) => Add(_steps, (e.Step, e.Epoch, units.Loss(e.Loss), units.W(model.W.ToDouble())));
        trainer.EpochCompleted += (_, e) => Add(_epochs, (e.Epoch, units.Loss(e.TrainLoss), units.Loss(e.ValLoss), units.W(model.W.ToDouble())));
    }

    public int StepCount => _steps.Count;

    /// <summary>Writes both files, the first time that it is called.</summary>
    public void Save(RunDirectory directory) => directory.Write(() =>
    {
        lock (_lock)
        {
            if (!_saved)
            {
                WriteFiles(directory);
                _saved = true;
            }
        }
    });

    private void WriteFiles(RunDirectory directory)
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

    private void Add<T>(List<T> lines, T line)
    {
        lock (_lock)
        {
            lines.Add(line);
        }
    }
}
