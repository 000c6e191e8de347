using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Tests.Training;

public sealed class EarlyStoppingTests
{
    [Fact]
    public void Defaults_AreTenEpochsAndAnyGain() => Assert.Equal(new EarlyStopping { Patience = 10, MinDelta = 0 }, new EarlyStopping());

    // The chapter's loss sharpens the kernel on and on: the validation loss falls, then rises.
    [Fact]
    public void RisingLoss_StopsAndGivesTheBestWeightsBack()
    {
        using var data = new NonlinearData();
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 4);
        var losses = new List<(double Loss, double W, bool IsBest)>();
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 500, EarlyStopping = new EarlyStopping { Patience = 5 } });
        trainer.EpochCompleted += (_, e) => losses.Add((e.ValLoss, model.W.ToDoubles()[0], e.IsBest));

        FitResult result = trainer.Fit(model, data);

        (double Loss, double W, bool IsBest) best = losses.MinBy(epoch => epoch.Loss);
        Assert.True(result.StoppedEarly);
        Assert.Equal(losses.Count, result.Epochs);
        Assert.Equal(result.BestEpoch + 5, result.Epochs);
        Assert.Equal(losses.IndexOf(best) + 1, result.BestEpoch);
        Assert.Equal(best.Loss, result.BestValLoss);
        Assert.True(best.IsBest);
        Assert.Equal(best.W, model.W.ToDoubles()[0]);
        Assert.NotEqual(losses[^1].W, best.W);
    }

    [Fact]
    public void WithoutIt_TheLastWeightsStay()
    {
        using var data = new NonlinearData();
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 4);
        double last = double.NaN;
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 60 });
        trainer.EpochCompleted += (_, _) => last = model.W.ToDoubles()[0];
        FitResult result = trainer.Fit(model, data);
        Assert.False(result.StoppedEarly);
        Assert.NotEqual(60, result.BestEpoch);
        Assert.Equal(last, model.W.ToDoubles()[0]);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, -1)]
    public void Options_OutOfRangeAreRefused(int patience, double minDelta) =>
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new Trainer(new TrainerOptions { EarlyStopping = new EarlyStopping { Patience = patience, MinDelta = minDelta } }));
}
