using TorchAttention.Data;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Pooling;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// Nadaraya-Watson kernel regression whose kernel is learned: f(q) = sum_i K(r_i) v_i / sum_i K(r_i) with r_i = |(q - k_i) w_i|; for the
/// Gaussian that is sum_i softmax_i(-r_i^2 / 2) v_i. What w is made of is the derived model's matter.
/// </summary>
/// <remarks>
/// <para>
/// The loss is the mean of (y^ - y)^2 / 2. Where training examples are themselves among the keys, each one finds its own value at distance
/// 0, and a sharper kernel always looks better; leave-one-out training takes the example's own pair away.
/// </para>
/// <para>
/// A query without a key in reach of a kernel of bounded support gets its nearest key's value, which does not change with w: its gradient
/// of w is 0, and training goes on.
/// </para>
/// </remarks>
public abstract partial class KernelRegressionModule : Module, IAttentionModel, ILearnedNumbers
{
    private static readonly PoolingOptions _nearest = new() { NoNeighbour = NoNeighbourPolicy.Nearest };

    private readonly LastWeights _last = new();
    private readonly KeptSamples _kept = new();

    [ComponentName(Name = "w")]
    private readonly Parameter _w;

    [ComponentName(Name = "keys")]
    private readonly Tensor _keys;

    [ComponentName(Name = "values")]
    private readonly Tensor _values;

    /// <summary>Creates the base; it copies keys and values.</summary>
    /// <param name="name">The module's name.</param>
    /// <param name="keys">Keys (keys), or (keys, d) for d features.</param>
    /// <param name="values">Values (keys).</param>
    /// <param name="widths">How many w there are.</param>
    /// <param name="options">The kernel and how it is trained.</param>
    /// <exception cref="ArgumentException">Keys or values of other shapes, fewer than 2 keys to leave one out of, or the boxcar
    /// kernel.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The learning rate or the first w is not positive and finite, or the keys' number type has no such w.
    /// </exception>
    protected KernelRegressionModule(string name, Tensor keys, Tensor values, long widths, KernelModelOptions options)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options.Checked();
        CheckPairs(keys, values);
        if (options.LeaveOneOut && keys.shape[0] < 2)
        {
            throw new ArgumentException("Leaving one out of 1 key leaves none; expected at least 2.", nameof(keys));
        }

        if (keys.is_floating_point() && options.InitialW > finfo(keys.dtype).max)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.InitialW, $"Expected a first w that the keys' {keys.dtype} holds, got {options.InitialW}.");
        }

        (_keys, Tensor copy) = (keys.CloneWithoutGraph(), values.CloneWithoutGraph());
        _values = options.LearnValues ? nn.Parameter(copy).DetachFromDisposeScope() : copy;
        using Scalar first = options.InitialW;
        _w = nn.Parameter(full(widths, first, keys.dtype, keys.device));
        _w.DetachFromDisposeScope();
    }

    /// <summary>The kernel and how it is trained.</summary>
    public KernelModelOptions Options { get; }

    /// <summary>
    /// The learnable w = 1/h, in 1/units of the keys: one (1), one for each feature (d), or one for each region (regions).
    /// </summary>
    public Parameter W => _w;

    /// <summary>Whether an example is kept from its own pair while training.</summary>
    public bool LeaveOneOut => Options.LeaveOneOut;

    /// <summary>How the pooling is computed; <see cref="AttentionMethod.Auto"/> by default.</summary>
    /// <remarks>
    /// The engine is on the CPU; the streaming form takes one w for all keys, and the Gaussian alone; a forward pass with others is an
    /// <see cref="InvalidOperationException"/>. Where |w| has run away to 1e15 or is no number, every method is the textbook form, whose
    /// output then is none either.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the methods.</exception>
    public AttentionMethod Method
    {
        get;
        set =>
            field = Enum.IsDefined(value)
                ? value
                : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected one of the methods.");
    }

    /// <summary>
    /// The attention weights of the last forward pass: (queries, keys), or (batch, keys - 1) after a leave-one-out training step; null
    /// before the first. Where the pass needed no such matrix, it is made now. They are no part of the saved state, and the module disposes
    /// them at the next pass.
    /// </summary>
    public Tensor? AttentionWeights => _last.Value;

    /// <summary>The keys (keys), or (keys, d).</summary>
    protected Tensor Keys => _keys;

    /// <summary>The values (keys).</summary>
    protected Tensor Values => _values;

    /// <inheritdoc/>
    public abstract IReadOnlyList<(string Name, double Value)> LearnedNumbers();

    /// <summary>The feature that a learned number is a w of; null where several share it.</summary>
    internal virtual int? FeatureOf(int width) => _keys.dim() == 1 || _keys.size(1) == 1 ? 0 : null;

    /// <inheritdoc/>
    public sealed override Tensor Loss(Tensor yHat, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(yHat);
        ArgumentNullException.ThrowIfNull(y);
        using DisposeScope scope = NewDisposeScope();
        return nn.functional.mse_loss(Flat(yHat), Flat(y)).div(Held.Two).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public sealed override Tensor TrainingStep(Batch batch) =>
        LeaveOneOut ? Loss(PredictWithout(batch), batch.Y) : base.TrainingStep(batch);

    /// <inheritdoc/>
    public sealed override optim.Optimizer ConfigureOptimizers() => new HeldSgd(parameters(), Options.LearningRate);

    private protected IReadOnlyList<(string Name, double Value)> Numbered() => [.. _w.ToDoubles().Select((w, i) => ($"w_{i + 1}", w))];

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _last.Dispose();
        }

        base.Dispose(disposing);
    }
}
