using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Pooling;
using TorchAttention.Runs;
using TorchAttention.Training;

namespace TorchAttention.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    private readonly NonlinearData _data = new(n: 23, batchSize: 5);
    private readonly NWKernelRegression _model;

    public TrainerTests()
    {
        _model = new NWKernelRegression(_data.XTrain, _data.YTrain);
    }

    public void Dispose()
    {
        _model.Dispose();
        _data.Dispose();
    }

    [Fact]
    public void Defaults_AreTheBooks() => Assert.Equal(new TrainerOptions { MaxEpochs = 5, GradientClipVal = 0 }, new TrainerOptions());

    [Fact]
    public void Events_ComeInOrderAndCountWhatIsDone()
    {
        var seen = new List<string>();
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 2 });
        trainer.StepCompleted += (_, e) => seen.Add($"step {e.Step} of epoch {e.Epoch}, {e.BatchCount} batches");
        trainer.ValidationCompleted += (_, e) => seen.Add($"validation of epoch {e.Epoch}, {e.BatchCount} batches");
        trainer.EpochCompleted += (_, e) => seen.Add($"epoch {e.Epoch} of {e.MaxEpochs}");

        trainer.Fit(_model, _data);

        IEnumerable<string> expected = Enumerable.Range(1, 2).SelectMany(epoch =>
            Enumerable.Range(1, 5).Select(step => $"step {(epoch - 1) * 5 + step} of epoch {epoch}, 5 batches")
                .Concat(Enumerable.Repeat($"validation of epoch {epoch}, 5 batches", 5))
                .Append($"epoch {epoch} of 2"));
        Assert.Equal(expected, seen);
    }

    [Fact]
    public void Beginnings_AreToldBeforeWhatBegins()
    {
        var seen = new List<string>();
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 2 });
        trainer.EpochStarting += (_, e) => seen.Add($"epoch {e.Epoch} of {e.MaxEpochs}:");
        trainer.StepStarting += (_, e) => seen.Add($"{e.Epoch}.{e.Step} w {_model.W.ToDouble():R}");
        double w = 1;
        trainer.StepCompleted += (_, e) =>
        {
            Assert.Equal($"{e.Epoch}.{e.Step} w {w:R}", seen[^1]);
            w = _model.W.ToDouble();
        };

        trainer.Fit(_model, _data);

        Assert.Equal((12, "epoch 1 of 2:", "epoch 2 of 2:"), (seen.Count, seen[0], seen[6]));
    }

    [Fact]
    public void Stop_EndsTheTrainingAfterItsEpoch()
    {
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 9 });
        Checkpoint? captured = null;
        trainer.StepCompleted += (_, e) => StopAt(e.Step);
        trainer.Completed += (_, _) => captured = trainer.Capture();

        FitResult result = trainer.Fit(_model, _data);

        Assert.Equal((2, 10, true), (result.Epochs, result.Steps, result.StoppedEarly));
        Assert.Equal((10, 3), (captured!.Step, captured.Epoch));
        Assert.False(trainer.Fit(_model, _data, captured).StoppedEarly);

        void StopAt(int step)
        {
            if (step == 7)
            {
                trainer.Stop();
            }
        }
    }

    // Of 23 examples in batches of 5 the last batch has 3; auto takes steps without a graph, the engine has one.
    [Theory]
    [InlineData(AttentionMethod.Auto)]
    [InlineData(AttentionMethod.Engine)]
    public void Metrics_AreMeansOverTheExamples(AttentionMethod method)
    {
        string folder = Directory.CreateTempSubdirectory("metrics").FullName;
        _model.Method = method;
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 3 });
        trainer.Metrics.Add("mse/2", (model, batch) => nn.functional.mse_loss(model.call(batch.X), batch.Y).ToDouble() / 2);
        trainer.Metrics.Add("evaluates, alone", (model, _) => model.training || is_grad_enabled() ? 0 : 1);
        var seen = new List<EpochCompleted>();
        trainer.EpochCompleted += (_, e) => seen.Add(e);
        using (new MetricsLog(trainer, folder, _model))
        {
            trainer.Fit(_model, _data);
        }

        Assert.All(seen, e => Assert.Equal(["mse/2", "evaluates, alone"], e.Metrics.Select(metric => metric.Name)));
        Assert.All(seen, e => Assert.Equal(e.ValLoss, e.Metrics[0].Value, 1e-6));
        Assert.All(seen, e => Assert.Equal(1, e.Metrics[1].Value));
        string[] lines = File.ReadAllLines(Path.Combine(folder, MetricsLog.EpochsFile));
        Assert.Equal("epoch,train_loss,val_loss,w,mse/2,\"evaluates, alone\"", lines[0]);
        Assert.Equal(seen.Select(e => $"{e.Metrics[0].Value:R},1"), lines[1..].Select(line => string.Join(',', line.Split(',')[4..])));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Metrics_ChangeNoBitOfTheTraining()
    {
        double Train(bool isMeasured)
        {
            using var data = new NonlinearData(n: 23, batchSize: 5);
            using var model = new NWKernelRegression(data.XTrain, data.YTrain);
            var trainer = new Trainer();
            if (isMeasured)
            {
                trainer.Metrics.Add("mean", (module, batch) => module.call(batch.X).mean().ToDouble());
            }

            return trainer.Fit(model, data).BestValLoss + model.W.ToDouble();
        }

        Assert.Equal(Train(isMeasured: false), Train(isMeasured: true));
    }

    [Fact]
    public void EpochLosses_AreMeansOverExamples()
    {
        // 23 examples in batches of 5: the last has 3, and counts for 3.
        var losses = new List<double>();
        double epochLoss = double.NaN;
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 1 });
        trainer.StepCompleted += (_, e) => losses.Add(e.Loss);
        trainer.EpochCompleted += (_, e) => epochLoss = e.TrainLoss;

        trainer.Fit(_model, _data);

        Assert.Equal((5 * losses[..4].Sum() + 3 * losses[4]) / 23, epochLoss, 1e-12);
    }

    [Fact]
    public void Cancellation_StopsBetweenTwoStepsAndKeepsWhatWasLearned()
    {
        using var cancellation = new CancellationTokenSource();
        int steps = 0;
        var trainer = new Trainer();
        trainer.StepCompleted += (_, e) =>
        {
            steps = e.Step;
            if (e.Step == 7)
            {
                cancellation.Cancel();
            }
        };

        Assert.Throws<OperationCanceledException>(() => trainer.Fit(_model, _data, cancellation.Token));
        Assert.Equal(7, steps);
        Assert.NotEqual(1, _model.W.ToDoubles()[0]);
    }

    [Fact]
    public void Divergence_NamesStepAndEpoch()
    {
        using var model = new NWKernelRegression(_data.XTrain, _data.YTrain, lr: 1e30);
        var steps = new List<int>();
        var trainer = new Trainer();
        trainer.StepCompleted += (_, e) => steps.Add(e.Step);

        TrainingDivergedException diverged = Assert.Throws<TrainingDivergedException>(() => trainer.Fit(model, _data));

        Assert.Equal(1, diverged.Epoch);
        Assert.InRange(diverged.Step, steps.Count, steps.Count + 1);
        Assert.True(double.IsNaN(diverged.Loss));
        Assert.Contains($"step {diverged.Step} (epoch 1, mini-batch", diverged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Clipping_BoundsTheStep()
    {
        var w = new List<double> { 1 };
        var trainer = new Trainer(new TrainerOptions { GradientClipVal = 0.01 });
        trainer.StepCompleted += (_, _) => w.Add(_model.W.ToDoubles()[0]);

        trainer.Fit(_model, _data);

        double[] steps = [.. w.Skip(1).Zip(w, (after, before) => Math.Abs(after - before))];
        Assert.All(steps, step => Assert.InRange(step, 0, 0.01 + 1e-6));
        Assert.Contains(steps, step => step > 0.00999);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, -1)]
    [InlineData(5, double.NaN)]
    public void Options_OutOfRangeAreRefused(int maxEpochs, double gradientClipVal) =>
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new Trainer(new TrainerOptions { MaxEpochs = maxEpochs, GradientClipVal = gradientClipVal }));
}
