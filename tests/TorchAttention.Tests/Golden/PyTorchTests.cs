using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Tests.Golden;

/// <summary>The same seed gives PyTorch's run: data, order of the mini-batches, every step.</summary>
public sealed class PyTorchTests
{
    private const double StepTolerance = 1e-6;
    private const double PredictionTolerance = 2e-5;

    public static TheoryData<string, int> Runs()
    {
        var runs = new TheoryData<string, int>();
        foreach (string file in new[] { "pytorch_parametric.json", "pytorch_more.json" })
        {
            foreach ((int i, GoldenRun _) in GoldenRun.Read(file).Index())
            {
                runs.Add(file, i);
            }
        }

        return runs;
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Training_TakesPyTorchsSteps(string file, int index)
    {
        GoldenRun run = GoldenRun.Read(file).ElementAt(index);
        using NonlinearData data = Draw(run);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, run.Lr, run.LeaveOneOut);
        var w = new List<double>();
        var losses = new List<double>();
        var valLosses = new List<double>();
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = run.Epochs, GradientClipVal = run.GradientClipVal });
        trainer.StepCompleted += (_, e) =>
        {
            w.Add(model.W.ToDoubles()[0]);
            losses.Add(e.Loss);
        };
        trainer.ValidationCompleted += (_, e) => valLosses.Add(e.Loss);

        trainer.Fit(model, data);

        AssertRelative(run, run.Numbers("w_after_each_step"), w, StepTolerance);
        AssertRelative(run, run.Numbers("train_loss_each_step"), losses, 2e-5);
        AssertAbsolute(run, run.Flat("val_loss_each_batch"), valLosses, PredictionTolerance);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Data_AreTheSameNumbers(int index)
    {
        GoldenRun run = GoldenRun.Read("pytorch_parametric.json").ElementAt(index);
        using NonlinearData data = Draw(run);

        Assert.Equal(run.Numbers("x_train"), data.XTrain.ToDoubles());
        Assert.Equal(run.Numbers("x_val"), data.XVal.ToDoubles());
        AssertWithinRounding(run.Numbers("y_train"), data.YTrain.ToDoubles());
        AssertWithinRounding(run.Numbers("y_val"), data.YVal.ToDoubles());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Estimators_PredictTheSame(int index)
    {
        GoldenRun run = GoldenRun.Read("pytorch_parametric.json").ElementAt(index);
        using NonlinearData data = Draw(run);
        using var average = new AveragePooling(data.YTrain);
        using var nonparametric = new NonparametricAttentionPooling(data.XTrain, data.YTrain);
        using var parametric = new NWKernelRegression(data.XTrain, data.YTrain, run.Lr);
        new Trainer(new TrainerOptions { MaxEpochs = run.Epochs }).Fit(parametric, data);

        Assert.All(average.call(data.XVal).ToDoubles(), value => Assert.Equal(run.Number("average_pooling"), value, 1e-6));
        AssertAbsolute(run, run.Numbers("nonparametric_y_hat"), nonparametric.call(data.XVal).ToDoubles(), PredictionTolerance);
        AssertAbsolute(run, run.Numbers("nonparametric_attention_row_10"), nonparametric.AttentionWeights![10].ToDoubles(), 1e-7);
        AssertAbsolute(run, run.Numbers("y_hat"), parametric.call(data.XVal).ToDoubles(), PredictionTolerance);
        AssertAbsolute(run, run.Numbers("attention_row_10"), parametric.AttentionWeights![10].ToDoubles(), 1e-6);
    }

    [Fact]
    public void BookFunctions_GiveTheModelsNumbers()
    {
        using var data = new NonlinearData();
        using var nonparametric = new NonparametricAttentionPooling(
            data.XTrain, data.YTrain, bandwidth: 0.5)
        { Method = AttentionMethod.Textbook };

        (Tensor output, Tensor weights) =
            AttentionPooling.AttentionPool(AttentionPooling.Diff(data.XVal, data.XTrain).Over(0.5), data.YTrain);

        Assert.Equal(output.ToDoubles(), nonparametric.call(data.XVal).ToDoubles());
        Assert.Equal(weights.ToDoubles(), nonparametric.AttentionWeights!.ToDoubles());
    }

    [Fact]
    public void ValidationSet_HasAsManyInputsAsPyTorchRoundsTo()
    {
        foreach (GoldenRun run in GoldenRun.Read("pytorch_more.json"))
        {
            using NonlinearData data = Draw(run);
            Assert.Equal(run.Number("n_val"), data.XVal.shape[0]);
        }
    }

    private static NonlinearData Draw(GoldenRun run) => new(run.N, run.BatchSize, run.NoiseStd, run.Seed);

    private static void AssertRelative(GoldenRun run, double[] expected, IReadOnlyList<double> actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Count);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(actual[i] / expected[i] - 1) <= tolerance, $"{run}: {actual[i]} at {i}, PyTorch has {expected[i]}");
        }
    }

    private static void AssertAbsolute(GoldenRun run, double[] expected, IReadOnlyList<double> actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Count);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(actual[i] - expected[i]) <= tolerance, $"{run}: {actual[i]} at {i}, PyTorch has {expected[i]}");
        }
    }

    // sin, pow and the noise's logarithm differ by a unit in the last place between libtorch's code for one processor and another. y is a
    // sum of three terms below 4 that may cancel, so the unit is that of the terms: 2^-22.
    private static void AssertWithinRounding(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 3 * Math.ScaleB(1, -22)));
    }
}
