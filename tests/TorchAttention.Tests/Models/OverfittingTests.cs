using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Tests.Models;

/// <summary>What an example that finds itself among the keys does to a long training, and what leaving its own pair out changes.</summary>
public sealed class OverfittingTests
{
    [Fact]
    public void ChaptersLoss_OverfitsAndLeaveOneOutDoesNot()
    {
        (double w, double least, double last) = Train(leaveOneOut: false);
        Assert.InRange(w, 10, double.PositiveInfinity);
        Assert.InRange(last, 1.9 * least, double.PositiveInfinity);

        (w, least, last) = Train(leaveOneOut: true);
        Assert.InRange(w, 3.9, 4.1);
        Assert.InRange(last, least, 1.05 * least);

        static (double W, double Least, double Last) Train(bool leaveOneOut)
        {
            using var data = new NonlinearData(seed: 0);
            using var model = new NWKernelRegression(data.XTrain, data.YTrain, leaveOneOut: leaveOneOut);
            var losses = new List<double>();
            var trainer = new Trainer(new TrainerOptions { MaxEpochs = 300 });
            trainer.EpochCompleted += (_, e) => losses.Add(e.ValLoss);
            trainer.Fit(model, data);
            return (model.LearnedNumbers()[0].Value, losses.Min(), losses[^1]);
        }
    }

    [Fact]
    public void IrrelevantFeature_LosesItsW()
    {
        (double relevant, double irrelevant) = Train(leaveOneOut: true);
        Assert.InRange(relevant, 5, 10);
        Assert.InRange(irrelevant, 0, 0.01);

        // With its own pair among the keys an example gains by every w that grows.
        (_, irrelevant) = Train(leaveOneOut: false);
        Assert.InRange(irrelevant, 5, 12);

        static (double Relevant, double Irrelevant) Train(bool leaveOneOut)
        {
            using DisposeScope scope = NewDisposeScope();
            using var generator = new Generator(2);
            Tensor x = randn([2, 800], ScalarType.Float64, generator: generator);
            Tensor y = x[0].Times(2).sin().Plus(randn(800, ScalarType.Float64, generator: generator).Times(0.3));
            using var data = new TabularData([x[0].ToDoubles(), x[1].ToDoubles()], y.ToDoubles(), batchSize: 40);
            using var model = new NWKernelRegression(
                data.XTrain, data.YTrain, new() { Widths = KernelWidths.PerFeature, LeaveOneOut = leaveOneOut, LearningRate = 2 });
            new Trainer(new TrainerOptions { MaxEpochs = 100 }).Fit(model, data);
            double[] w = [.. model.LearnedNumbers().Select(number => Math.Abs(number.Value))];
            return (w[0], w[1]);
        }
    }
}
