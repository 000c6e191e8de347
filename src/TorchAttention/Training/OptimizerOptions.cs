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

/// <summary>An optimiser and its settings.</summary>
/// <remarks>
/// The defaults, and what cannot be set, are PyTorch's: betas 0.9 and 0.999, epsilon 1e-8; of L-BFGS 20 moves a step, 100 remembered ones
/// and the tolerances 1e-7 and 1e-9. Two differ: gradient descent's learning rate is the chapter's 1, and L-BFGS searches along its moves.
/// </remarks>
public sealed record OptimizerOptions
{
    private const double AdamLearningRate = 0.001;
    private const double AdamWDecay = 0.01;

    private readonly double? _learningRate;
    private readonly double? _weightDecay;

    /// <summary>Which; <see cref="OptimizerKind.Sgd"/> by default.</summary>
    public OptimizerKind Kind { get; init; }

    /// <summary>The learning rate, more than 0; by default 0.001 of Adam and AdamW, and 1 of the others.</summary>
    public double LearningRate
    {
        get => _learningRate ?? (Kind is OptimizerKind.Adam or OptimizerKind.AdamW ? AdamLearningRate : 1);
        init => _learningRate = value;
    }

    /// <summary>The momentum of <see cref="OptimizerKind.Sgd"/>, at least 0 and below 1; 0 by default.</summary>
    public double Momentum { get; init; }

    /// <summary>
    /// What pulls parameters towards 0, at least 0: added to the gradient as decay times parameter, or in AdamW taken off the parameter
    /// itself, times the learning rate. By default 0.01 of AdamW, and 0 of the others.
    /// </summary>
    public double WeightDecay
    {
        get => _weightDecay ?? (Kind == OptimizerKind.AdamW ? AdamWDecay : 0);
        init => _weightDecay = value;
    }

    /// <summary>Whether the other has the same settings, given or by default.</summary>
    /// <param name="other">Another's settings.</param>
    public bool Equals(OptimizerOptions? other) => other is not null && Settings.Equals(other.Settings);

    /// <inheritdoc/>
    public override int GetHashCode() => Settings.GetHashCode();

    private (OptimizerKind Kind, double LearningRate, double Momentum, double WeightDecay) Settings =>
        (Kind, LearningRate, Momentum, WeightDecay);

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
            throw new ArgumentException(
                $"Expected no momentum with {Kind}, got {Momentum}: it is of {OptimizerKind.Sgd}.", nameof(Momentum));
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
