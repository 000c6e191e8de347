using TorchAttention.Data;
using TorchAttention.Training;

namespace TorchAttention.Tests.Training;

/// <summary>What a module may rely on, seen from a module whose losses and gradients are known.</summary>
public sealed class TrainerContractTests
{
    [Theory]
    [InlineData(
        false, "Training diverged: the training loss of step 3 (epoch 2, mini-batch 1 of 2) is NaN; the largest number in the "
        + "parameters is -8, in _second.")]
    [InlineData(
        true, "Training diverged: the validation loss after step 2 (epoch 1, mini-batch 2 of 2) is NaN; the largest number in the "
        + "parameters is -8, in _second.")]
    public void LossThatIsNoNumber_StopsThere(bool validation, string message)
    {
        using var data = new NonlinearData(n: 4, batchSize: 2);
        using var model = new Scripted(failingTraining: validation ? 0 : 3, failingValidation: validation ? 1 : 0);
        TrainingDivergedException e = Assert.Throws<TrainingDivergedException>(() => new Trainer().Fit(model, data));
        Assert.Equal(message, e.Message);
        Assert.Equal(validation ? (2, 1) : (3, 2), (e.Step, e.Epoch));
        Assert.Equal(double.NaN, e.Loss);
    }

    // The gradients are 3 and 4, their norm is 5.
    [Theory]
    [InlineData(0, -3, -4)]
    [InlineData(10, -3, -4)]
    [InlineData(5, -3, -4)]
    [InlineData(1, -0.6, -0.8)]
    public void GradientClipping_ScalesTheNormOfAllParameters(double clip, double first, double second)
    {
        using var data = new NonlinearData(n: 2, batchSize: 2);
        using var model = new Scripted();
        new Trainer(new TrainerOptions { MaxEpochs = 1, GradientClipVal = clip }).Fit(model, data);
        Assert.Equal(first, model.First.ToDoubles()[0], 1e-6);
        Assert.Equal(second, model.Second.ToDoubles()[0], 1e-6);
    }

    [Fact]
    public void Modes_AreTrainingWithGradientsAndEvaluationWithout()
    {
        using var data = new NonlinearData(n: 4, batchSize: 2);
        using var model = new Scripted();
        new Trainer(new TrainerOptions { MaxEpochs = 2 }).Fit(model, data);
        Assert.Equal("TTVVTTVV", model.Modes);
    }

    [Fact]
    public void Cancellation_StopsBetweenValidationBatches()
    {
        using var data = new NonlinearData(n: 4, batchSize: 2);
        using var model = new Scripted();
        using var source = new CancellationTokenSource();
        var trainer = new Trainer();
        trainer.ValidationCompleted += (_, _) => source.Cancel();
        trainer.EpochCompleted += (_, _) => Assert.Fail("The epoch was not completed.");
        Assert.Throws<OperationCanceledException>(() => trainer.Fit(model, data, source.Token));
        Assert.Equal("TTV", model.Modes);
    }
}
