using TorchAttention.Data;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Tests.Training;

public sealed class NonFiniteTests
{
    [Fact]
    public void GradientThatIsNoNumber_NamesStepBatchAndParameter()
    {
        using var data = new NonlinearData(n: 6, batchSize: 2);
        using var model = new RootOfParameter(failingStep: 4);
        TrainingDivergedException e = Assert.Throws<TrainingDivergedException>(() => new Trainer().Fit(model, data));
        Assert.Equal((4, 2), (e.Step, e.Epoch));
        Assert.Contains("step 4 (epoch 2, mini-batch 1 of 3)", e.Message, StringComparison.Ordinal);
        Assert.Contains("the gradient of root", e.Message, StringComparison.Ordinal);
        Assert.True(double.IsFinite(model.Value), "The optimiser moved a parameter by a gradient that is no number.");
    }

    [Fact]
    public void LearningRateThatNoNumberHolds_IsNamedWithItsStep()
    {
        using var data = new NonlinearData(n: 6, batchSize: 2);
        using var model = new Scripted();
        var trainer = new Trainer(new TrainerOptions { Optimizer = new() { Kind = OptimizerKind.Adam, LearningRate = 1e38 } });
        TrainingDivergedException e = Assert.Throws<TrainingDivergedException>(() => trainer.Fit(model, data));
        Assert.Contains("the learning rate of step 1 (epoch 1, mini-batch 1 of 3) is 1E+38", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Skip_LeavesTheStepOutAndGoesOn()
    {
        using var data = new NonlinearData(n: 6, batchSize: 2);
        using var model = new RootOfParameter(failingStep: 2);
        var seen = new List<string>();
        double trainLoss = double.NaN;
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 1, NonFinite = NonFinitePolicy.Skip });
        trainer.StepCompleted += (_, e) => seen.Add($"{e.Step}");
        trainer.StepSkipped += (_, e) => seen.Add($"{e.Step} skipped");
        trainer.EpochCompleted += (_, e) => trainLoss = e.TrainLoss;

        FitResult result = trainer.Fit(model, data);

        Assert.Equal(["1", "2 skipped", "3"], seen);
        Assert.Equal(3, result.Steps);
        Assert.True(double.IsFinite(trainLoss));
    }

    [Fact]
    public void Skip_EndsWhereNoStepOfAnEpochIsLeft()
    {
        using var data = new NonlinearData(n: 2, batchSize: 2);
        using var model = new RootOfParameter(failingStep: 1);
        var trainer = new Trainer(new TrainerOptions { NonFinite = NonFinitePolicy.Skip });
        TrainingDivergedException e = Assert.Throws<TrainingDivergedException>(() => trainer.Fit(model, data));
        Assert.Contains("every step of epoch 1 was left out", e.Message, StringComparison.Ordinal);
    }

    /// <summary>The loss is finite throughout; at one step its gradient is that of a root at 0.</summary>
    private sealed class RootOfParameter : Module
    {
        private readonly int _failingStep;
        private readonly Parameter _root = nn.Parameter(ones(2));
        private int _steps;

        public RootOfParameter(int failingStep)
            : base(nameof(RootOfParameter))
        {
            _failingStep = failingStep;
            register_parameter("root", _root);
        }

        public double Value => _root.ToDoubles()[0];

        public override Tensor forward(Tensor input) => input;

        public override Tensor Loss(Tensor yHat, Tensor y) => _root.Squared().sum();

        public override Tensor TrainingStep(Batch batch) =>
            ++_steps == _failingStep ? (_root - _root).sqrt().mul(Held.Zero).sum() : Loss(batch.X, batch.Y);

        public override optim.Optimizer ConfigureOptimizers() => new HeldSgd([_root], 0.1);
    }
}
