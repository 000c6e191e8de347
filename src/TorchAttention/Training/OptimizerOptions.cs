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

    /// <summary>
    /// Settings that hold for some parameters in place of these, by name; none by default. Each setting of a parameter is that of the first
    /// group which has the parameter and says the setting.
    /// </summary>
    public IReadOnlyList<ParameterGroup> Groups { get; init; } = [];

    /// <summary>Whether the other has the same settings, given or by default.</summary>
    /// <param name="other">Another's settings.</param>
    public bool Equals(OptimizerOptions? other) =>
        other is not null && Settings.Equals(other.Settings) && Groups.SequenceEqual(other.Groups);

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

        ArgumentNullException.ThrowIfNull(Groups);
        if (Groups.Count > 0 && Kind == OptimizerKind.Lbfgs)
        {
            throw new ArgumentException(
                $"Expected no groups with {Kind}, which moves all parameters together, got {Groups.Count}.", nameof(Groups));
        }

        foreach (ParameterGroup group in Groups)
        {
            group.Check();
        }
    }

    /// <exception cref="ArgumentException">A group has none of the parameters.</exception>
    internal optim.Optimizer Create(IReadOnlyList<(string Name, Parameter Parameter)> parameters)
    {
        OptimizerGroup[] groups = Split(parameters);
        return Kind switch
        {
            OptimizerKind.Adam => new HeldAdam(groups),
            OptimizerKind.AdamW => new HeldAdamW(groups),
            OptimizerKind.Lbfgs => new Lbfgs(groups[0].Parameters, LearningRate),
            _ => new HeldSgd(groups, Momentum),
        };
    }

    // The first has the parameters without settings of their own, where there are any: its learning rate is the one that is told of.
    private OptimizerGroup[] Split(IReadOnlyList<(string Name, Parameter Parameter)> parameters)
    {
        if (Groups.FirstOrDefault(group => !parameters.Any(parameter => group.Has(parameter.Name))) is ParameterGroup idle)
        {
            string names = string.Join(", ", parameters.Select(parameter => parameter.Name));
            throw new ArgumentException(
                $"Expected groups of the parameters {PlainText.Brief(names, 200)}, got '{PlainText.Brief(idle.Names)}', which has none of "
                    + "them.",
                nameof(parameters));
        }

        (double, double) usual = (LearningRate, WeightDecay);
        OptimizerGroup[] groups =
        [
            .. parameters.GroupBy(parameter => SettingsOf(parameter.Name), parameter => parameter.Parameter)
                .OrderBy(group => group.Key != usual)
                .Select(group => new OptimizerGroup([.. group], group.Key.LearningRate, group.Key.WeightDecay)),
        ];
        return groups.Length > 0 ? groups : [new OptimizerGroup([], LearningRate, WeightDecay)];
    }

    private (double LearningRate, double WeightDecay) SettingsOf(string name)
    {
        ParameterGroup[] own = [.. Groups.Where(group => group.Has(name))];
        return (
            own.Select(group => group.LearningRate).FirstOrDefault(rate => rate is not null) ?? LearningRate,
            own.Select(group => group.WeightDecay).FirstOrDefault(decay => decay is not null) ?? WeightDecay);
    }
}
