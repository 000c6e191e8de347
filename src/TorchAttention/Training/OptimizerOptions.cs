using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>The optimisers that can be chosen by name.</summary>
public enum OptimizerKind
{
    /// <summary>Gradient descent, with momentum where <see cref="OptimizerOptions.Momentum"/> says so.</summary>
    Sgd,

    /// <summary>D. P. Kingma and J. Ba, 2015.</summary>
    Adam,

    /// <summary>Adam with the weights' decay apart from the gradient: I. Loshchilov and F. Hutter, 2019.</summary>
    AdamW,

    /// <summary>Limited-memory BFGS: <see cref="Training.Lbfgs"/>. Made for the whole training part as one mini-batch.</summary>
    Lbfgs,
}

/// <summary>An optimiser and its settings; the defaults are PyTorch's, but for the learning rate, which has none there.</summary>
public sealed record OptimizerOptions
{
    /// <summary>Which; <see cref="OptimizerKind.Sgd"/> by default.</summary>
    public OptimizerKind Kind { get; init; }

    /// <summary>The learning rate, more than 0; 1 by default, as the chapter's. 0.001 is usual for Adam and AdamW.</summary>
    public double LearningRate { get; init; } = 1;

    /// <summary>The momentum of <see cref="OptimizerKind.Sgd"/>, at least 0 and below 1; 0 by default.</summary>
    public double Momentum { get; init; }

    /// <summary>
    /// What pulls parameters towards 0, at least 0: added to the gradient as decay times parameter, or in AdamW taken off the parameter itself. 0 by default.
    /// </summary>
    public double WeightDecay { get; init; }

    internal void Check()
    {
        Guard.Positive(LearningRate);
        Guard.NotNegative(WeightDecay);
        if (!(Momentum >= 0 && Momentum < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(Momentum), Momentum, $"Expected at least 0 and below 1, got {Momentum}.");
        }

        if (Momentum > 0 && Kind != OptimizerKind.Sgd)
        {
            throw new ArgumentException($"Expected no momentum with {Kind}, got {Momentum}: it is of {OptimizerKind.Sgd}.", nameof(Momentum));
        }

        if (WeightDecay > 0 && Kind == OptimizerKind.Lbfgs)
        {
            throw new ArgumentException($"Expected no weight decay with {Kind}, got {WeightDecay}.", nameof(WeightDecay));
        }
    }

    internal optim.Optimizer Create(IEnumerable<Parameter> parameters) => Kind switch
    {
        OptimizerKind.Adam => new HeldAdam(parameters, LearningRate, WeightDecay),
        OptimizerKind.AdamW => new HeldAdamW(parameters, LearningRate, WeightDecay),
        OptimizerKind.Lbfgs => new Lbfgs(parameters, LearningRate),
        _ => new HeldSgd(parameters, LearningRate, Momentum, WeightDecay),
    };
}
