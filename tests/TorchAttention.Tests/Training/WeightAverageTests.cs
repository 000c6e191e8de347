using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Pooling;
using TorchAttention.Training;
using OptimizerOptions = TorchAttention.Training.OptimizerOptions;

namespace TorchAttention.Tests.Training;

public sealed class WeightAverageTests
{
    private const double Decay = 0.75;

    // PyTorch's AveragedModel: the first step's parameters, then lerp(average, parameter, 1 - decay).
    [Theory]
    [InlineData(AttentionMethod.Auto)]
    [InlineData(AttentionMethod.Engine)]
    public void Average_IsPyTorchsAndWhatIsValidatedAndKept(AttentionMethod method)
    {
        Seen plain = Train(method, decay: 0);
        Seen averaged = Train(method, Decay);

        Assert.Equal(plain.Steps, averaged.Steps);
        float average = plain.Steps[0];
        var expected = new List<float>();
        for (int i = 1; i < plain.Steps.Count; i++)
        {
            average += (float)(1 - Decay) * (plain.Steps[i] - average);
            if (i % 6 == 5)
            {
                expected.Add(average);
            }
        }

        Assert.Equal(expected.Count, averaged.Epochs.Count);
        Assert.All(expected.Zip(averaged.Epochs), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
        Assert.Equal(averaged.Epochs[^1], averaged.Last);
        Assert.Equal(averaged.Validations[^1], Validation(method, averaged.Last), 1e-6);
        Assert.NotEqual(plain.Validations[^1], averaged.Validations[^1]);
    }

    [Theory]
    [InlineData(3, false)]
    [InlineData(6, false)]
    [InlineData(13, true)]
    [InlineData(0, true)]
    public void TrainingThatWentOn_IsBitForBitTheOneThatNeverStopped(int stop, bool stopsEarly)
    {
        Checkpoint? captured = null;
        Seen whole = Train(AttentionMethod.Auto, Decay, stopsEarly, trainer =>
        {
            trainer.StepCompleted += (_, e) => captured = e.Step == stop ? trainer.Capture() : captured;
            trainer.EpochCompleted += (_, e) => captured = e.Epoch == 2 && stop == 0 ? trainer.Capture() : captured;
        });
        Seen rest = Train(AttentionMethod.Auto, Decay, stopsEarly, from: captured);
        Assert.Equal(whole.Steps.Skip(captured!.Step), rest.Steps);
        Assert.Equal(whole.Epochs.TakeLast(rest.Epochs.Count), rest.Epochs);
        Assert.Equal(whole.Validations.TakeLast(rest.Validations.Count), rest.Validations);
        Assert.Equal(whole.Last, rest.Last);
    }

    [Fact]
    public void Cancelled_LeavesTheParametersThemselves()
    {
        Seen plain = Train(AttentionMethod.Auto, decay: 0);
        using var stop = new CancellationTokenSource();
        Seen cancelled = Train(
            AttentionMethod.Auto, Decay, watch: trainer => trainer.ValidationCompleted += (_, _) => stop.Cancel(), token: stop.Token);
        Assert.Equal(plain.Steps[5], cancelled.Last);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    public void DecayOutOfRange_IsRefused(double decay) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(new TrainerOptions { AverageDecay = decay }));

    private static double Validation(AttentionMethod method, float w)
    {
        using var data = new NonlinearData(n: 26, batchSize: 5);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain) { Method = method };
        using IDisposable noGradients = no_grad();
        using Scalar held = w;
        model.W.fill_(held);
        model.eval();
        using Tensor loss = model.Loss(model.call(data.XVal), data.YVal);
        return loss.ToDouble();
    }

    private static Seen Train(
        AttentionMethod method,
        double decay,
        bool stopsEarly = false,
        Action<Trainer>? watch = null,
        Checkpoint? from = null,
        CancellationToken token = default)
    {
        using var data = new NonlinearData(n: 26, batchSize: 5);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain) { Method = method };
        var trainer = new Trainer(new TrainerOptions
        {
            MaxEpochs = 4,
            AverageDecay = decay,
            Optimizer = new OptimizerOptions { LearningRate = 0.5, Momentum = 0.5 },
            EarlyStopping = stopsEarly ? new EarlyStopping { Patience = 1 } : null,
        });
        var seen = new Seen();
        trainer.StepCompleted += (_, _) => seen.Steps.Add((float)model.W.ToDouble());
        trainer.EpochCompleted += (_, e) =>
        {
            seen.Epochs.Add((float)model.W.ToDouble());
            seen.Validations.Add(e.ValLoss);
        };
        watch?.Invoke(trainer);
        try
        {
            trainer.Fit(model, data, from, token);
        }
        catch (OperationCanceledException) when (token.CanBeCanceled)
        {
        }

        seen.Last = (float)model.W.ToDouble();
        return seen;
    }

    private sealed class Seen
    {
        public List<float> Steps { get; } = [];

        public List<float> Epochs { get; } = [];

        public List<double> Validations { get; } = [];

        public float Last { get; set; }
    }
}
