using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
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
        using (var regional = new NWKernelRegression(data.XTrain, data.YTrain, new() { Widths = KernelWidths.PerRegion, Regions = 3 }))
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

    [Fact]
    public void EveryModel_LeavesNoTensorAlive()
    {
        foreach (string name in KernelModels.Names)
        {
            AssertNothingStaysAlive(KernelModels.Data(name), (x, y) => KernelModels.Create(
                name, x, y, new() { Kernel = SmoothingKernel.Tricube, LearnValues = true, LeaveOneOut = true, LearningRate = 0.01 }));
        }

        foreach (AttentionScore score in Enum.GetValues<AttentionScore>())
        {
            AssertNothingStaysAlive(
                KernelModels.Data("relevance"),
                (x, y) => new AttentionRegression(x, y, new() { Score = score, LeaveOneOut = score != AttentionScore.MultiHead }));
        }

        AssertNothingStaysAlive(KernelModels.Data("relevance"), (x, y) => new InContextRegression(x, y));
    }

    [Fact]
    public void ModelMadeInAScope_OutlivesIt()
    {
        Module model;
        using (NewDisposeScope())
        {
            (Tensor x, Tensor y) = KernelModels.Data("relevance");
            using var saved = new AttentionRegression(x, y, new() { Score = AttentionScore.MultiHead });
            string file = Path.GetTempFileName();
            ModelFile.Save(saved, file);
            model = ModelFile.Load(file);
            File.Delete(file);
        }

        using Tensor queries = zeros([3, 2], ScalarType.Float64);
        using Tensor predicted = model.call(queries);
        predicted.CheckShape(3);
        model.Dispose();
    }

    private static void AssertNothingStaysAlive((Tensor X, Tensor Y) data, Func<Tensor, Tensor, Module> create)
    {
        DisposeScopeManager.Statistics.Reset();
        using (Module model = create(data.X, data.Y))
        {
            var alive = new List<long>();
            using (optim.Optimizer optimizer = model.ConfigureOptimizers())
            {
                for (int i = 0; i < 4; i++)
                {
                    using (NewDisposeScope())
                    {
                        Tensor indices = Numbers(KernelModels.Examples);
                        optimizer.zero_grad();
                        model.TrainingStep(new Batch(data.X, data.Y, indices)).backward();
                        optimizer.step();
                        Assert.NotNull(((IAttentionModel)model).AttentionWeights);
                        model.call(data.X);
                    }

                    alive.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
                }
            }

            Assert.All(alive, count => Assert.Equal(alive[0], count));
        }

        Assert.Equal(0, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        data.X.Dispose();
        data.Y.Dispose();
    }
}
