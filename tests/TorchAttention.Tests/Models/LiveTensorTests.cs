using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Tests.Models;

public sealed class LiveTensorTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Epochs_LeaveNoTensorAlive(bool leaveOneOut)
    {
        DisposeScopeManager.Statistics.Reset();
        using (var data = new NonlinearData(n: 30, batchSize: 7))
        using (var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 0.5, leaveOneOut))
        {
            var alive = new List<long>();
            var trainer = new Trainer(new TrainerOptions { MaxEpochs = 5, GradientClipVal = 0.1 });
            trainer.EpochCompleted += (_, _) => alive.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
            trainer.Fit(model, data);

            Assert.Equal(5, alive.Count);
            Assert.All(alive, count => Assert.Equal(alive[0], count));
            Assert.False(model.AttentionWeights!.IsInvalid);
        }

        Assert.Equal(0, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void DisposedEstimators_LeaveNoTensorAlive()
    {
        DisposeScopeManager.Statistics.Reset();
        using (var data = new NonlinearData(n: 30))
        using (var average = new AveragePooling(data.YTrain))
        using (var nonparametric = new NonparametricAttentionPooling(data.XTrain, data.YTrain))
        using (var regional = new RegionalKernelRegression(data.XTrain, data.YTrain, 3))
        {
            for (int i = 0; i < 3; i++)
            {
                average.call(data.XVal).Dispose();
                nonparametric.call(data.XVal).Dispose();
                regional.call(data.XVal).Dispose();
            }
        }

        Assert.Equal(0, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
