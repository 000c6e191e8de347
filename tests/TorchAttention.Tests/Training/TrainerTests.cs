using TorchAttention.Data;
using TorchAttention.Models;
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
