using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Training;

namespace TorchAttention.Tests.Models;

/// <summary>Every model that learns, on a table's columns, by the one trainer.</summary>
public sealed class EveryModelTests
{
    public static TheoryData<string> Models => [.. KernelModels.Names, .. Enum.GetNames<AttentionScore>(), nameof(InContextRegression)];

    [Theory]
    [MemberData(nameof(Models))]
    public void Trainer_FitsIt(string name)
    {
        foreach (bool leaveOneOut in new[] { false, true })
        {
            using TabularData data = Table(name);
            using Module model = Create(name, data, leaveOneOut);
            var epochs = new List<EpochCompleted>();
            var trainer = new Trainer(new TrainerOptions { MaxEpochs = 60 });
            trainer.EpochCompleted += (_, e) => epochs.Add(e);
            trainer.Fit(model, data);

            // The targets have the variance 1, so their mean has a loss of 1/2.
            Assert.InRange(epochs[^1].TrainLoss, 0, 0.25);
            Assert.All(epochs, epoch => Assert.True(double.IsFinite(epoch.ValLoss)));
            Assert.NotNull(((IAttentionModel)model).AttentionWeights);
            Assert.All(((ILearnedNumbers)model).LearnedNumbers(), number => Assert.True(double.IsFinite(number.Value)));
        }
    }

    private static TabularData Table(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor x, Tensor y) = KernelModels.Data(KernelModels.Names.Contains(name) ? name : "relevance");
        return x.dim() == 1
            ? new TabularData(x.ToDoubles(), y.ToDoubles())
            : new TabularData([.. x.unbind(1).Select(column => column.ToDoubles())], y.ToDoubles());
    }

    private static Module Create(string name, TabularData data, bool leaveOneOut) => KernelModels.Names.Contains(name)
        ? KernelModels.Create(
            name, data.XTrain, data.YTrain,
            new() { Kernel = SmoothingKernel.Triangular, LearningRate = 0.1, LeaveOneOut = leaveOneOut, LearnValues = true })
        : name == nameof(InContextRegression) ? new InContextRegression(data.XTrain, data.YTrain, new() { Hidden = 16, Vary = 0 })
        : new AttentionRegression(
            data.XTrain, data.YTrain,
            new() { Score = Enum.Parse<AttentionScore>(name), LeaveOneOut = leaveOneOut && name != nameof(AttentionScore.MultiHead) });
}
