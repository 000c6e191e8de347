using TorchAttention.Data;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Tests.Training;

public sealed class LearningRateScheduleTests
{
    private const int Batches = 4;
    private const int Epochs = 7;

    public static TheoryData<ScheduleKind> EpochSchedules => [ScheduleKind.Step, ScheduleKind.Exponential];

    [Fact]
    public void Defaults_ChangeNothing() => Assert.All(Factors(new LearningRateSchedule()), factor => Assert.Equal(1, factor));

    [Theory]
    [MemberData(nameof(EpochSchedules))]
    public void SchedulesOfEpochs_AreTorchSharps(ScheduleKind kind)
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter parameter = nn.Parameter(zeros(1));
        using optim.Optimizer optimizer = optim.SGD([parameter], 1);
        optim.lr_scheduler.LRScheduler reference = kind == ScheduleKind.Step
            ? optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
            : optim.lr_scheduler.ExponentialLR(optimizer, 0.5);
        var schedule = new LearningRateSchedule { Kind = kind, Gamma = 0.5, StepEpochs = 3 };
        for (int step = 0; step < Batches * Epochs; step++)
        {
            Assert.Equal(optimizer.ParamGroups.Single().LearningRate, schedule.Factor(step, Batches, Epochs), 1e-12);
            if (step % Batches == Batches - 1)
            {
                optimizer.step();
                reference.step();
            }
        }
    }

    [Fact]
    public void Cosine_IsTorchSharpsWithAStepForEachBatch()
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter parameter = nn.Parameter(zeros(1));
        using optim.Optimizer optimizer = optim.SGD([parameter], 1);
        optim.lr_scheduler.LRScheduler reference = optim.lr_scheduler.CosineAnnealingLR(optimizer, Batches * Epochs, eta_min: 0.1);
        foreach (double factor in Factors(new LearningRateSchedule { Kind = ScheduleKind.Cosine, FinalFactor = 0.1 }))
        {
            Assert.Equal(optimizer.ParamGroups.Single().LearningRate, factor, 1e-12);
            optimizer.step();
            reference.step();
        }
    }

    // 28 steps, 4 of them to warm up: 24 remain, and the middle one is half way.
    [Fact]
    public void WarmUp_RisesAndTheLineFallsAfterIt()
    {
        double[] factors = Factors(new LearningRateSchedule { Kind = ScheduleKind.Linear, WarmupSteps = 4, FinalFactor = 0.5 });
        Assert.Equal([0.25, 0.5, 0.75, 1, 1], factors[..5]);
        Assert.Equal(0.75, factors[16], 1e-12);
        Assert.Equal(1 - (0.5 * 23 / 24), factors[27], 1e-12);
    }

    [Fact]
    public void Trainer_TakesStepsOfTheScheduledLength()
    {
        using var data = new NonlinearData(n: 4, batchSize: 2);
        using var model = new Scripted();
        var rates = new List<double>();
        var first = new List<double> { 0 };
        var options =
            new TrainerOptions { MaxEpochs = 2, Schedule = new LearningRateSchedule { Kind = ScheduleKind.Exponential, Gamma = 0.5 } };
        var trainer = new Trainer(options);
        trainer.StepCompleted += (_, e) =>
        {
            rates.Add(e.LearningRate);
            first.Add(model.First.ToDoubles()[0]);
            Assert.Equal(5, e.GradientNorm, 1e-6);
        };
        trainer.Fit(model, data);
        Assert.Equal([1, 1, 0.5, 0.5], rates);
        Assert.Equal([0, -3, -6, -7.5, -9], first);
    }

    private static double[] Factors(LearningRateSchedule schedule) =>
        [.. Enumerable.Range(0, Batches * Epochs).Select(step => schedule.Factor(step, Batches, Epochs))];
}
