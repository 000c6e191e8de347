using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Tests.Training;

public sealed class ProgressBoardTests
{
    [Fact]
    public void EveryN_AddsTheMeanOfN()
    {
        var board = new ProgressBoard();
        var drawn = new List<BoardPoint>();
        board.PointDrawn += (_, point) => drawn.Add(point);
        for (int i = 0; i < 5; i++)
        {
            board.Draw(i, 10 * i, "loss", everyN: 2);
        }

        Assert.Equal([new("loss", 0.5, 5), new("loss", 2.5, 25)], board.Line("loss"));
        Assert.Equal(board.Line("loss"), drawn);
        Assert.Equal(["loss"], board.Labels);
    }

    [Fact]
    public void SwitchedOff_TakesNothing()
    {
        var board = new ProgressBoard { Display = false };
        board.PointDrawn += (_, _) => Assert.Fail("A point was drawn.");

        board.Draw(0, 0, "loss");

        Assert.Empty(board.Line("loss"));
        Assert.Empty(board.Labels);
    }

    [Fact]
    public void Watch_DrawsBothLossesOverTheEpochs()
    {
        using var data = new NonlinearData(n: 40, batchSize: 10);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain);
        var losses = new List<double>();
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 3 });
        trainer.StepCompleted += (_, e) => losses.Add(e.Loss);
        var board = new ProgressBoard();
        board.Watch(trainer);

        trainer.Fit(model, data);

        // 4 batches an epoch, 2 points: each the mean of two steps, at 0 and 1/4, 2/4 and 3/4, ...
        Assert.Equal([0.125, 0.625, 1.125, 1.625, 2.125, 2.625], board.Line("train_loss").Select(point => point.X));
        Assert.Equal((losses[2] + losses[3]) / 2, board.Line("train_loss")[1].Y);
        Assert.Equal([1, 2, 3], board.Line("val_loss").Select(point => point.X));
    }

    [Fact]
    public void PointsBelowOne_AreRefused()
    {
        var board = new ProgressBoard();
        Assert.Throws<ArgumentOutOfRangeException>(() => board.Draw(0, 0, "loss", everyN: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => board.Watch(new Trainer(), trainPointsPerEpoch: 0));
    }
}
