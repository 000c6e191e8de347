using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Pooling;
using TorchAttention.Training;
using TorchSharp.Modules;
using OptimizerOptions = TorchAttention.Training.OptimizerOptions;

namespace TorchAttention.Tests.Training;

/// <summary>Alone, since TorchSharp's own optimizers, with which the library's are compared, hold no numbers.</summary>
[Collection(nameof(AloneTests))]
public sealed class OptimizerTests
{
    [Fact]
    public void Defaults_ArePlainGradientDescentOfTheChaptersRate() =>
        Assert.Equal(
            new OptimizerOptions { Kind = OptimizerKind.Sgd, LearningRate = 1, Momentum = 0, WeightDecay = 0 }, new OptimizerOptions());

    // torch.optim's SGD, Adam, AdamW and LBFGS; the rate of gradient descent is the chapter's.
    [Theory]
    [InlineData(OptimizerKind.Sgd, 1, 0)]
    [InlineData(OptimizerKind.Adam, 0.001, 0)]
    [InlineData(OptimizerKind.AdamW, 0.001, 0.01)]
    [InlineData(OptimizerKind.Lbfgs, 1, 0)]
    public void Defaults_ArePyTorchs(OptimizerKind kind, double lr, double decay)
    {
        var options = new OptimizerOptions { Kind = kind };
        Assert.Equal((lr, 0, decay), (options.LearningRate, options.Momentum, options.WeightDecay));
        Assert.Equal(options, new OptimizerOptions { WeightDecay = decay, Momentum = 0, LearningRate = lr, Kind = kind });
        Assert.Equal(options.GetHashCode(), new OptimizerOptions { WeightDecay = decay, LearningRate = lr, Kind = kind }.GetHashCode());
        Assert.NotEqual(options, options with { LearningRate = 2 });
        Assert.Equal(0, (options with { WeightDecay = 0 }).WeightDecay);
        options.Check();
    }

    // The formulas with torch.optim's documented defaults: betas 0.9 and 0.999, epsilon 1e-8, no amsgrad, no momentum, no dampening.
    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.Adam)]
    [InlineData(OptimizerKind.AdamW)]
    public void StepsByDefault_ArePyTorchs(OptimizerKind kind)
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter parameter = nn.Parameter(tensor([2.0]));
        using optim.Optimizer optimizer = new OptimizerOptions { Kind = kind }.Create([("p", parameter)]);
        (double p, double m, double s) = (2, 0, 0);
        foreach ((int i, double gradient) in new[] { 3.0, -1, 0.25, 10 }.Index())
        {
            optimizer.zero_grad();
            parameter.Times(gradient).sum().backward();
            optimizer.step();

            (m, s) = ((0.9 * m) + (0.1 * gradient), (0.999 * s) + (0.001 * gradient * gradient));
            double adam = 0.001 * (m / (1 - Math.Pow(0.9, i + 1))) / (Math.Sqrt(s / (1 - Math.Pow(0.999, i + 1))) + 1e-8);
            p = kind switch
            {
                OptimizerKind.Sgd => p - gradient,
                OptimizerKind.Adam => p - adam,
                _ => (p * (1 - (0.001 * 0.01))) - adam,
            };
            Assert.Equal(p, parameter.ToDouble(), 1e-12);
        }
    }

    [Fact]
    public void LbfgsByDefault_HasPyTorchsSizes()
    {
        Dictionary<string, object?> defaults = typeof(Lbfgs).GetConstructors().Single().GetParameters().Skip(1)
            .ToDictionary(parameter => parameter.Name!, parameter => parameter.DefaultValue);
        Assert.Equal(1.0, defaults["learningRate"]);
        Assert.Equal(20, defaults["maxIterations"]);
        Assert.Equal(100, defaults["historySize"]);
    }

    // Rosenbrock's valley, which gradient descent crawls along: libtorch's own LBFGS is the reference.
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(20)]
    public void Lbfgs_WithoutLineSearch_IsLibTorchs(int iterations)
    {
        (double[] ours, double[] theirs) = (
            Descend(parameters => new Lbfgs(parameters, 0.5, iterations, historySize: 100, lineSearch: false)),
            Descend(parameters => optim.LBFGS(parameters, 0.5, max_iter: iterations, history_size: 100)));
        Assert.Equal(theirs[0], ours[0], 1e-9);
        Assert.Equal(theirs[1], ours[1], 1e-9);
    }

    [Fact]
    public void Lbfgs_WithLineSearch_FindsTheValleysEnd()
    {
        double[] found = Descend(parameters => new Lbfgs(parameters), steps: 5);
        Assert.Equal(1, found[0], 1e-6);
        Assert.Equal(1, found[1], 1e-6);
    }

    [Fact]
    public void Lbfgs_OfTheLeaveOneOutLoss_FindsItsMinimum()
    {
        using var data = new NonlinearData(n: 50, batchSize: 50);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, leaveOneOut: true);
        new Trainer(
            new TrainerOptions { MaxEpochs = 10, Optimizer = new OptimizerOptions { Kind = OptimizerKind.Lbfgs } }).Fit(model, data);

        double learned = model.W.ToDoubles()[0];
        double[] widths = [learned, learned * 0.99, learned * 1.01];
        double[] losses = [.. widths.Select(w => LeaveOneOutLoss(data, w))];
        Assert.True(losses[0] <= losses[1] && losses[0] <= losses[2], $"w = {learned}: {losses[0]}, beside it {losses[1]} and {losses[2]}");
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd, 0, 0)]
    [InlineData(OptimizerKind.Sgd, 0.9, 0)]
    [InlineData(OptimizerKind.Sgd, 0, 0.01)]
    [InlineData(OptimizerKind.Sgd, 0.9, 0.01)]
    [InlineData(OptimizerKind.Adam, 0, 0)]
    [InlineData(OptimizerKind.Adam, 0, 0.01)]
    [InlineData(OptimizerKind.AdamW, 0, 0)]
    [InlineData(OptimizerKind.AdamW, 0, 0.01)]
    public void Options_AreTorchSharpsOptimizersBitForBit(OptimizerKind kind, double momentum, double decay)
    {
        var options = new OptimizerOptions { Kind = kind, LearningRate = 0.1, Momentum = momentum, WeightDecay = decay };
        double chosen = Trained(new TrainerOptions { Optimizer = options }, model => model);
        double own = Trained(new TrainerOptions(), model => new WithOptimizer(model, kind switch
        {
            OptimizerKind.Adam => optim.Adam(model.parameters(), 0.1, weight_decay: decay),
            OptimizerKind.AdamW => optim.AdamW(model.parameters(), 0.1, weight_decay: decay),
            _ => optim.SGD(model.parameters(), 0.1, momentum, weight_decay: decay),
        }));
        Assert.Equal(own, chosen);
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(double.NaN, 0, 0)]
    [InlineData(1, 1, 0)]
    [InlineData(1, -0.1, 0)]
    [InlineData(1, 0, -1)]
    public void Options_OutOfRangeAreRefused(double lr, double momentum, double decay)
    {
        var options = new OptimizerOptions { LearningRate = lr, Momentum = momentum, WeightDecay = decay };
        Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(new TrainerOptions { Optimizer = options }));
    }

    [Fact]
    public void MomentumOfAdam_IsRefused()
    {
        var options = new OptimizerOptions { Kind = OptimizerKind.Adam, Momentum = 0.5 };
        ArgumentException e = Assert.Throws<ArgumentException>(() => new Trainer(new TrainerOptions { Optimizer = options }));
        Assert.StartsWith("Expected no momentum with Adam, got 0.5", e.Message, StringComparison.Ordinal);
    }

    private static double Trained(TrainerOptions options, Func<NWKernelRegression, TorchAttention.Training.Module> wrap)
    {
        using var data = new NonlinearData();
        using var model = new NWKernelRegression(data.XTrain, data.YTrain) { Method = AttentionMethod.Engine };
        using TorchAttention.Training.Module wrapped = wrap(model);
        new Trainer(options).Fit(wrapped, data);
        return model.W.ToDoubles()[0];
    }

    private static double LeaveOneOutLoss(NonlinearData data, double w)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradients = no_grad();
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, leaveOneOut: true);
        model.W.FillInPlace(w);
        return model.TrainingStep(new Batch(data.XTrain, data.YTrain, Numbers(50))).ToDouble();
    }

    private static double[] Descend(Func<IEnumerable<Parameter>, optim.Optimizer> create, int steps = 2)
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter x = nn.Parameter(tensor([-0.5, 1.0]));
        using optim.Optimizer optimizer = create([x]);
        for (int i = 0; i < steps; i++)
        {
            optimizer.step(() =>
            {
                optimizer.zero_grad();
                Tensor loss = x[0].FromOne().Squared().Plus((x[1] - x[0].Squared()).Squared().Times(10));
                loss.backward();
                return loss;
            });
        }

        return x.ToDoubles();
    }

    private sealed class WithOptimizer : TorchAttention.Training.Module
    {
        private readonly NWKernelRegression _inner;
        private readonly optim.Optimizer _optimizer;

        public WithOptimizer(NWKernelRegression inner, optim.Optimizer optimizer)
            : base(nameof(WithOptimizer))
        {
            (_inner, _optimizer) = (inner, optimizer);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => _inner.call(input);

        public override Tensor Loss(Tensor yHat, Tensor y) => _inner.Loss(yHat, y);

        public override optim.Optimizer ConfigureOptimizers() => _optimizer;
    }
}
