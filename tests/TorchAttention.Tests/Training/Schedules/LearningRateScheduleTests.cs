using TorchAttention.Data;
using TorchAttention.Training;
using TorchAttention.Training.Schedules;
using TorchSharp.Modules;
using OptimizerOptions = TorchAttention.Training.OptimizerOptions;

namespace TorchAttention.Tests.Training.Schedules;

public sealed class LearningRateScheduleTests
{
    private const int Batches = 4;
    private const int Epochs = 7;
    private static readonly double[] _momenta = [0.9, 0.85, 0.8, 0.85];

    public static TheoryData<string, LearningRateSchedule> Wrong => new()
    {
        { "Expected a positive, finite number, got 0. (Parameter 'Gamma')", new StepSchedule { Gamma = 0 } },
        { "Expected at least 1, got 0. (Parameter 'Every')", new StepSchedule { Every = 0 } },
        { "Expected at least 1, got 0. (Parameter 'Length')", new CosineSchedule { Length = 0 } },
        { "Expected at least 0, got -1. (Parameter 'WarmupSteps')", new LinearSchedule { WarmupSteps = -1 } },
        { "Expected at least 1, got 0. (Parameter 'Milestones')", new MultiStepSchedule { Milestones = [3, 0] } },
        { "Expected from 0 to 1, got 2. (Parameter 'LeastFactor')", new CyclicSchedule { StepsUp = 3, LeastFactor = 2 } },
        {
            "Expected momenta of at least 0 and below 1, the least first, got 0.9, 0.8. (Parameter 'Momenta')",
            new OneCycleSchedule { Momenta = (0.9, 0.8) }
        },
        {
            "Expected between 0 and 0.5, got 0.6. (Parameter 'RisingPart')",
            new OneCycleSchedule { RisingPart = 0.6, HasThreePhases = true }
        },
        { "Expected more than 0 and below 1, got 1. (Parameter 'Gamma')", new PlateauSchedule { Gamma = 1 } },
        {
            "Expected a plateau to count by Epoch, got Step. (Parameter 'Unit')",
            new PlateauSchedule { Unit = ScheduleUnit.Step }
        },
        {
            "Expected rising milestones, each above 0 and one less than the 2 parts, got [3, 3]. (Parameter 'Milestones')",
            new SequentialSchedule { Parts = [new LinearSchedule(), new LinearSchedule()], Milestones = [3, 3] }
        },
        {
            "Expected parts that count by Step, remember nothing and do not warm up, got StepSchedule, which counts by Epoch. "
                + "(Parameter 'Parts')",
            new SequentialSchedule { Parts = [new StepSchedule()], Milestones = [] }
        },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Settings_OutOfRangeAreRefused(string message, LearningRateSchedule schedule)
    {
        ArgumentException e = Assert.ThrowsAny<ArgumentException>(() => new Trainer(new TrainerOptions { Schedule = schedule }));
        Assert.StartsWith(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Defaults_ChangeNothing() => Assert.All(Factors(new ConstantSchedule()), factor => Assert.Equal(1, factor));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SchedulesOfEpochs_AreTorchSharps(bool isStep)
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter parameter = nn.Parameter(zeros(1));
        using optim.Optimizer optimizer = optim.SGD([parameter], 1);
        optim.lr_scheduler.LRScheduler reference = isStep
            ? optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
            : optim.lr_scheduler.ExponentialLR(optimizer, 0.5);
        LearningRateSchedule schedule =
            isStep ? new StepSchedule { Gamma = 0.5, Every = 3 } : new ExponentialSchedule { Gamma = 0.5 };
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
        foreach (double factor in Factors(new CosineSchedule { FinalFactor = 0.1 }))
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
        double[] factors = Factors(new LinearSchedule { WarmupSteps = 4, FinalFactor = 0.5 });
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
            new TrainerOptions { MaxEpochs = 2, Schedule = new ExponentialSchedule { Gamma = 0.5 } };
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

    // 4 steps: a cycle of the momentum by hand, 0.9, 0.85, 0.8, 0.85, of an optimiser that begins with none, on a gradient of always 3.
    [Fact]
    public void Trainer_TakesTheSchedulesMomenta()
    {
        using var data = new NonlinearData(n: 8, batchSize: 2);
        using var model = new Scripted();
        var first = new List<double>();
        var trainer = new Trainer(new TrainerOptions
        {
            MaxEpochs = 1,
            Optimizer = new OptimizerOptions { LearningRate = 1 },
            Schedule = new CyclicSchedule { StepsUp = 2, LeastFactor = 1, Momenta = (0.8, 0.9) },
        });
        trainer.StepCompleted += (_, _) => first.Add(model.First.ToDoubles()[0]);
        trainer.Fit(model, data);
        double velocity = 0;
        double at = 0;
        foreach ((double momentum, double got) in _momenta.Zip(first))
        {
            velocity = (momentum * velocity) + 3;
            at -= velocity;
            Assert.Equal(at, got, 1e-5);
        }
    }

    [Fact]
    public void Momenta_OfAnOptimiserWithoutAreRefused()
    {
        using var data = new NonlinearData(n: 8, batchSize: 2);
        using var model = new Scripted();
        var trainer = new Trainer(new TrainerOptions
        {
            Optimizer = new OptimizerOptions { Kind = OptimizerKind.Lbfgs },
            Schedule = new OneCycleSchedule { Momenta = (0.85, 0.95) },
        });
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => trainer.Fit(model, data));
        Assert.Equal("Expected SGD, Adam or AdamW for a schedule with momenta, got Lbfgs.", e.Message);
    }

    [Fact]
    public void OneCycle_IsFiniteForTrainingsOfEveryLength()
    {
        foreach (double rising in new[] { 0.05, 0.1, 0.3, 0.5, 0.9 })
        {
            var schedule = new OneCycleSchedule { RisingPart = rising };
            for (int steps = 1; steps < 25; steps++)
            {
                Assert.All(
                    Enumerable.Range(0, steps + 2).Select(t => schedule.Factor(t, 1, steps)), factor => Assert.InRange(factor, 0, 1));
                Assert.Equal(1 / 25e4, schedule.Factor(steps, 1, steps), 1e-12);
            }
        }
    }

    // The first epoch is the best; the second without a better one lowers the rate.
    [Fact]
    public void Plateau_LowersTheRateAfterPoorEpochs()
    {
        using var data = new NonlinearData(n: 8, batchSize: 4);
        using var model = new Scripted();
        double metric = 1;
        var rates = new List<double>();
        var trainer = new Trainer(new TrainerOptions
        {
            MaxEpochs = 6,
            Optimizer = new OptimizerOptions { LearningRate = 1 },
            Schedule = new PlateauSchedule { Gamma = 0.5, Patience = 1, Metric = () => metric },
        });
        trainer.StepCompleted += (_, e) => rates.Add(e.LearningRate);
        trainer.EpochCompleted += (_, e) => metric = e.Epoch == 4 ? 0.5 : metric;
        trainer.Fit(model, data);
        Assert.Equal([1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], rates);
    }

    private static double[] Factors(LearningRateSchedule schedule) =>
        [.. Enumerable.Range(0, Batches * Epochs).Select(step => schedule.Factor(step, Batches, Epochs))];
}
