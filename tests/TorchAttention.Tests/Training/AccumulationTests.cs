using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using TorchAttention.Numerics.Tables;
using TorchAttention.Pooling;
using TorchAttention.Tests.Models;
using TorchAttention.Training;
using TorchAttention.Training.Schedules;
using OptimizerOptions = TorchAttention.Training.OptimizerOptions;

namespace TorchAttention.Tests.Training;

/// <summary>Steps of several mini-batches beside those of mini-batches as large.</summary>
public sealed class AccumulationTests
{
    // 26 examples by 2 are 13 mini-batches: of 4 in a step the last step has 1 mini-batch; by 4 they are 7, of which the last has 2.
    [Theory]
    [InlineData(AttentionMethod.Auto, 2, 4, OptimizerKind.Sgd)]
    [InlineData(AttentionMethod.Auto, 4, 3, OptimizerKind.Adam)]
    [InlineData(AttentionMethod.Engine, 2, 4, OptimizerKind.Sgd)]
    [InlineData(AttentionMethod.Engine, 4, 3, OptimizerKind.Adam)]
    public void Steps_AreThoseOfLargerBatches(AttentionMethod method, int batch, int together, OptimizerKind kind)
    {
        Seen accumulated = Train(method, batch, together, kind);
        Seen large = Train(method, batch * together, together: 1, kind);

        Assert.Equal(large.Steps.Count, accumulated.Steps.Count);
        foreach ((StepCompleted expected, StepCompleted actual) in large.Steps.Zip(accumulated.Steps))
        {
            Assert.Equal(
                (expected.Step, expected.Epoch, expected.BatchCount, expected.LearningRate),
                (actual.Step, actual.Epoch, actual.BatchCount, actual.LearningRate));
            Assert.Equal(expected.Loss, actual.Loss, 1e-12);
            Assert.Equal(expected.GradientNorm, actual.GradientNorm, 1e-12);
        }

        Assert.Equal(large.W, accumulated.W, 1e-12);
        Assert.Equal(large.TrainLoss, accumulated.TrainLoss, 1e-12);
        if (method == AttentionMethod.Auto)
        {
            Assert.Equal(large.Steps, accumulated.Steps);
        }
    }

    // Losses are 3 a + 4 b, whatever the examples: the third of four mini-batches fails, and takes the step of its group with it.
    [Fact]
    public void GroupWithALossThatIsNoNumber_IsLeftOutWhole()
    {
        using var data = new NonlinearData(n: 10, batchSize: 2);
        using var model = new Scripted(failingTraining: 3);
        var trainer = new Trainer(
            new TrainerOptions { MaxEpochs = 1, AccumulateBatches = 2, NonFinite = NonFinitePolicy.Skip });
        var skipped = new List<string>();
        trainer.StepSkipped += (_, e) => skipped.Add(e.Reason);
        FitResult result = trainer.Fit(model, data);
        Assert.Contains("step 2 (epoch 1, mini-batches 3 to 4 of 5) is NaN", Assert.Single(skipped), StringComparison.Ordinal);
        Assert.Equal(3, result.Steps);
        Assert.Equal(-6, model.First.ToDouble(), 1e-6);
        Assert.Equal(-8, model.Second.ToDouble(), 1e-6);
    }

    [Theory]
    [InlineData(AttentionMethod.Auto)]
    [InlineData(AttentionMethod.Engine)]
    public void TrainingThatWentOn_IsBitForBitTheOneThatNeverStopped(AttentionMethod method)
    {
        Checkpoint? captured = null;
        Seen whole = Train(
            method, batch: 4, together: 3, OptimizerKind.Adam,
            trainer => trainer.StepCompleted += (_, e) => captured = e.Step == 5 ? trainer.Capture() : captured);
        Seen rest = Train(method, batch: 4, together: 3, OptimizerKind.Adam, from: captured);
        Assert.Equal(whole.Steps.Skip(5), rest.Steps);
        Assert.Equal(whole.W, rest.W);

        StorageException e = Assert.Throws<StorageException>(
            () => Train(method, batch: 4, together: 2, OptimizerKind.Adam, from: captured));
        Assert.Contains("whose batches is 4, found 3", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OptimiserThatAsksSeveralTimes_IsRefused()
    {
        var options = new TrainerOptions { AccumulateBatches = 2, Optimizer = new OptimizerOptions { Kind = OptimizerKind.Lbfgs } };
        Assert.Contains("Lbfgs", Assert.Throws<ArgumentException>(() => new Trainer(options)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(new TrainerOptions { AccumulateBatches = 0 }));

        using var data = new NonlinearData(n: 4, batchSize: 2);
        using var model = new OwnLbfgs();
        ArgumentException e = Assert.Throws<ArgumentException>(
            () => new Trainer(new TrainerOptions { AccumulateBatches = 2 }).Fit(model, data));
        Assert.Contains("Lbfgs", e.Message, StringComparison.Ordinal);
    }

    private static Seen Train(
        AttentionMethod method, int batch, int together, OptimizerKind kind, Action<Trainer>? watch = null, Checkpoint? from = null)
    {
        using var data = new Pairs(batch);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, leaveOneOut: true) { Method = method };
        var seen = new Seen();
        var trainer = new Trainer(new TrainerOptions
        {
            MaxEpochs = 3,
            AccumulateBatches = together,
            GradientClipVal = 0.05,
            Optimizer = new OptimizerOptions { Kind = kind, LearningRate = 0.1 },
            Schedule = new CosineSchedule { WarmupSteps = 3 },
        });
        trainer.StepCompleted += (_, e) => seen.Steps.Add(e);
        trainer.EpochCompleted += (_, e) => seen.TrainLoss = e.TrainLoss;
        watch?.Invoke(trainer);
        trainer.Fit(model, data, from);
        seen.W = model.W.ToDouble();
        return seen;
    }

    private sealed class Pairs(int batchSize) : RegressionData(
        First(26), First(9), batchSize, new Generator(3))
    {
        public override IReadOnlyList<Standardization> XScales => [];

        public override Standardization YScale => Standardization.None;

        private static (Tensor X, Tensor Y) First(int count)
        {
            (Tensor x, Tensor y) = KernelModels.Data("nw", ScalarType.Float64);
            return (x[..count], y[..count]);
        }
    }

    private sealed class OwnLbfgs : Module
    {
        private readonly TorchSharp.Modules.Parameter _w = nn.Parameter(zeros(1));

        public OwnLbfgs()
            : base(nameof(OwnLbfgs)) => RegisterComponents();

        public override Tensor forward(Tensor input) => input.mul(_w);

        public override Tensor Loss(Tensor yHat, Tensor y) => nn.functional.mse_loss(yHat, y);

        public override optim.Optimizer ConfigureOptimizers() => new Lbfgs([_w]);
    }

    private sealed class Seen
    {
        public List<StepCompleted> Steps { get; } = [];

        public double TrainLoss { get; set; }

        public double W { get; set; }
    }
}
