using System.Globalization;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using TorchAttention.Runs;
using TorchAttention.Training;

namespace TorchAttention.Tests.Runs;

public sealed class MetricsLogTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("metrics").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TrainingOfOnesOwn_HasEveryStepAndEpoch()
    {
        using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 0);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain);
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 3 });
        FitResult result;
        IReadOnlyList<(double Epoch, double[] Values)> trace;
        using (var log = new MetricsLog(trainer, Path.Combine(_folder, "run"), model))
        {
            result = trainer.Fit(model, data);
            trace = log.Trace();
            Assert.Equal(result.Steps, log.StepCount);
        }

        string[] steps = File.ReadAllLines(Path.Combine(_folder, "run", MetricsLog.StepsFile));
        string[] epochs = File.ReadAllLines(Path.Combine(_folder, "run", MetricsLog.EpochsFile));

        Assert.Equal("step,epoch,train_loss,w,lr,grad_norm", steps[0]);
        Assert.Equal("epoch,train_loss,val_loss,w", epochs[0]);
        Assert.Equal(Enumerable.Range(1, result.Steps).Select(step => $"{step}"), steps[1..].Select(line => line.Split(',')[0]));
        Assert.Equal(3, epochs.Length - 1);
        Assert.Equal(result.BestValLoss, epochs[1..].Min(line => double.Parse(line.Split(',')[2], CultureInfo.InvariantCulture)), 1e-12);
        Assert.Equal(model.LearnedNumbers()[0].Value, trace[^1].Values[0], 1e-6);
    }

    [Fact]
    public void LinesAfterTheCheckpoint_AreTakenOut()
    {
        File.WriteAllLines(Path.Combine(_folder, MetricsLog.StepsFile), ["step,epoch,train_loss,lr,grad_norm", "1,1,2,1,1", "cut", "2,1"]);
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 1 });

        RunException e = Assert.Throws<RunException>(() => new MetricsLog(trainer, _folder));
        Assert.Equal(RunProblem.Damaged, e.Kind);
        Assert.Contains(MetricsLog.StepsFile, e.Message, StringComparison.Ordinal);

        File.WriteAllLines(Path.Combine(_folder, MetricsLog.StepsFile), ["step,epoch,train_loss,lr,grad_norm", "1,1,2,1,1", "2,1,2,1,1"]);
        using (new MetricsLog(trainer, _folder))
        {
        }

        Assert.Equal(["step,epoch,train_loss,lr,grad_norm"], File.ReadAllLines(Path.Combine(_folder, MetricsLog.StepsFile)));
    }

    [Fact]
    public void TensorBoard_HasAFileOfEvents()
    {
        using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 0);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain);
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 2 });
        using (new TensorBoardLog(trainer, model, _folder))
        {
            trainer.Fit(model, data);
        }

        byte[] events = File.ReadAllBytes(Assert.Single(Directory.EnumerateFiles(_folder, "*.tfevents.*")));
        string text = System.Text.Encoding.Latin1.GetString(events);

        Assert.All(["loss/train", "loss/val", "loss/train_step", "lr", "grad_norm"], tag => Assert.Contains(tag, text));
    }
}
