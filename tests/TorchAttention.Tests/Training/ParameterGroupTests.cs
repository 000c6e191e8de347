using TorchAttention.Data;
using TorchAttention.Numerics.Storage;
using TorchAttention.Training;
using TorchAttention.Training.Schedules;
using TorchSharp.Modules;
using OptimizerOptions = TorchAttention.Training.OptimizerOptions;
using ParameterGroup = TorchAttention.Training.ParameterGroup;

namespace TorchAttention.Tests.Training;

public sealed class ParameterGroupTests
{
    // torch.optim's formulas with [{"params": a}, {"params": b, "lr": 0.2}, {"params": c, "lr": 0.01, "weight_decay": 0}].
    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.Adam)]
    [InlineData(OptimizerKind.AdamW)]
    public void Steps_ArePyTorchsOfEachGroup(OptimizerKind kind)
    {
        using DisposeScope scope = NewDisposeScope();
        var options = new OptimizerOptions
        {
            Kind = kind,
            LearningRate = 0.1,
            WeightDecay = 0.5,
            Groups =
            [
                new("layer.c") { WeightDecay = 0 },
                new("B") { LearningRate = 0.2 },
                new("layer.*") { LearningRate = 0.01, WeightDecay = 7 },
            ],
        };
        options.Check();
        (string Name, Parameter Parameter)[] parameters =
            [("b", nn.Parameter(tensor([2.0]))), ("layer.c", nn.Parameter(tensor([2.0]))), ("a", nn.Parameter(tensor([2.0])))];
        using optim.Optimizer optimizer = options.Create(parameters);
        Assert.Equal([0.1, 0.2, 0.01], optimizer.ParamGroups.Select(group => group.LearningRate));
        double[] gradients = [3.0, -1, 0.25, 10];
        foreach (double gradient in gradients)
        {
            optimizer.zero_grad();
            foreach ((_, Parameter parameter) in parameters)
            {
                parameter.Times(gradient).sum().backward();
            }

            optimizer.step();
        }

        Assert.Equal(Expected(0.2, 0.5), parameters[0].Parameter.ToDoubles()[0], 1e-14);
        Assert.Equal(Expected(0.01, 0), parameters[1].Parameter.ToDoubles()[0], 1e-14);
        Assert.Equal(Expected(0.1, 0.5), parameters[2].Parameter.ToDoubles()[0], 1e-14);

        double Expected(double lr, double decay)
        {
            (double p, double m, double s) = (2, 0, 0);
            foreach ((int i, double slope) in gradients.Index())
            {
                double g = slope + (kind == OptimizerKind.AdamW ? 0 : decay * p);
                (m, s) = ((0.9 * m) + (0.1 * g), (0.999 * s) + (0.001 * g * g));
                double adam = lr * (m / (1 - Math.Pow(0.9, i + 1))) / (Math.Sqrt(s / (1 - Math.Pow(0.999, i + 1))) + 1e-8);
                p = kind switch
                {
                    OptimizerKind.Sgd => p - (lr * g),
                    OptimizerKind.Adam => p - adam,
                    _ => (p * (1 - (lr * decay))) - adam,
                };
            }

            return p;
        }
    }

    [Theory]
    [InlineData("w", "W", true)]
    [InlineData("w", "ww", false)]
    [InlineData("*", "anything", true)]
    [InlineData("*.bias", "a.b.bias", true)]
    [InlineData("*.bias", "bias", false)]
    [InlineData("a*a", "a", false)]
    [InlineData("a*b*c", "axxbyyc", true)]
    [InlineData("a*b*b", "axb", false)]
    [InlineData("a.*", "axb", false)]
    public void Names_AreTextsWithStars(string names, string name, bool has) => Assert.Equal(has, new ParameterGroup(names).Has(name));

    // Gradients of 3 and 4. The schedule multiplies both rates; a rate of 0 leaves its parameter alone; the default's rate is told of.
    [Fact]
    public void Training_MovesEachByItsOwnRate()
    {
        using var model = new Scripted();
        var trainer = new Trainer(Grouped("_first", 0.25));
        var rates = new List<double>();
        trainer.StepCompleted += (_, e) => rates.Add(e.LearningRate);
        using var data = new NonlinearData(n: 8, batchSize: 2);
        trainer.Fit(model, data);
        Assert.Equal(-3 * 0.25 * (0.5 + 0.5 + 1 + 1), model.First.ToDouble(), 1e-6);
        Assert.Equal(-4 * 2 * (0.5 + 0.5 + 1 + 1), model.Second.ToDouble(), 1e-6);
        Assert.Equal([1, 1, 2, 2], rates);

        using var frozen = new Scripted();
        new Trainer(Grouped("*FIRST", 0)).Fit(frozen, data);
        Assert.Equal(0, frozen.First.ToDouble());
    }

    [Fact]
    public void CheckpointOfOtherGroups_IsRefused()
    {
        using var data = new NonlinearData(n: 8, batchSize: 2);
        Checkpoint? captured = null;
        using var model = new Scripted();
        var trainer = new Trainer(Grouped("_first", 0.25));
        trainer.StepCompleted += (_, e) => captured = e.Step == 3 ? trainer.Capture() : captured;
        trainer.Fit(model, data);

        using var again = new Scripted();
        new Trainer(Grouped("_first", 0.25)).Fit(again, data, captured);
        Assert.Equal((model.First.ToDouble(), model.Second.ToDouble()), (again.First.ToDouble(), again.Second.ToDouble()));

        StorageException e = Assert.Throws<StorageException>(() => new Trainer(Grouped("_second", 1)).Fit(again, data, captured));
        Assert.Contains("whose groups is _first;_second, found _second;_first", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WrongGroups_AreRefused()
    {
        using var data = new NonlinearData(n: 8, batchSize: 2);
        using var model = new Scripted();
        ArgumentException e = Assert.Throws<ArgumentException>(() => new Trainer(Grouped("third", 1)).Fit(model, data));
        Assert.Contains("the parameters _first, _second, got 'third'", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(Grouped("w", -1)));
        Assert.Throws<ArgumentException>(() => new Trainer(Grouped("", 1)));
        Assert.Throws<ArgumentException>(() => new Trainer(new TrainerOptions
        {
            Optimizer = new OptimizerOptions { Kind = OptimizerKind.Lbfgs, Groups = [new("w") { LearningRate = 1 }] },
        }));
    }

    private static TrainerOptions Grouped(string names, double lr) => new()
    {
        MaxEpochs = 1,
        Optimizer = new OptimizerOptions { LearningRate = 2, Groups = [new(names) { LearningRate = lr }] },
        Schedule = new ConstantSchedule { StartFactor = 0.5, Length = 2 },
    };
}
