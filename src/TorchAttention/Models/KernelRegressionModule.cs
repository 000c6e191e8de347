using TorchAttention.Data;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Models;

/// <summary>
/// Nadaraya-Watson kernel regression whose kernel is learned: f(q) = sum_i softmax_i(-((q - k_i) w_i)^2 / 2) v_i. What w is made of is the
/// derived model's matter.
/// </summary>
/// <remarks>
/// The loss is the mean of (y^ - y)^2 / 2. Where training examples are themselves among the keys, each one finds its own value at distance 0,
/// and a sharper kernel always looks better; leave-one-out training takes the example's own pair away.
/// </remarks>
public abstract class KernelRegressionModule : Module
{
    private readonly LastWeights _last = new();

    [ComponentName(Name = "keys")]
    private readonly Tensor _keys;

    [ComponentName(Name = "values")]
    private readonly Tensor _values;

    private readonly double _lr;

    /// <summary>Creates the base; it copies keys and values.</summary>
    /// <param name="name">The module's name.</param>
    /// <param name="keys">Keys (keys).</param>
    /// <param name="values">Values (keys).</param>
    /// <param name="lr">The learning rate of plain SGD; positive.</param>
    /// <param name="leaveOneOut">Whether an example is kept from its own pair while training; keys and training examples must then be the same set.</param>
    protected KernelRegressionModule(string name, Tensor keys, Tensor values, double lr, bool leaveOneOut)
        : base(name)
    {
        _lr = Guard.Positive(lr);
        LeaveOneOut = leaveOneOut;
        (_keys, _values) = CopyPairs(keys, values);
        if (leaveOneOut && _keys.shape[0] < 2)
        {
            throw new ArgumentException("Leaving one out of 1 key leaves none; expected at least 2.", nameof(keys));
        }
    }

    /// <summary>Whether an example is kept from its own pair while training.</summary>
    public bool LeaveOneOut { get; }

    /// <summary>How the pooling is computed; <see cref="AttentionMethod.Auto"/> by default.</summary>
    /// <remarks>
    /// The engine and the streaming form take one w for all keys; a forward pass with several is an <see cref="InvalidOperationException"/>. Where |w| has
    /// run away to 1e15 or is no number, every method is the textbook form, whose output then is none either.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the methods.</exception>
    public AttentionMethod Method
    {
        get;
        set => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected one of the methods.");
    }

    /// <summary>
    /// The attention weights of the last forward pass: (queries, keys), or (batch, keys - 1) after a leave-one-out training step; null before
    /// the first. Where the pass needed no such matrix, it is made now. They are no part of the saved state, and the module disposes them at the next pass.
    /// </summary>
    public Tensor? AttentionWeights => _last.Value;

    /// <summary>The keys (keys).</summary>
    protected Tensor Keys => _keys;

    /// <summary>The values (keys).</summary>
    protected Tensor Values => _values;

    /// <summary>The learning rate of plain SGD.</summary>
    protected double Lr => _lr;

    /// <inheritdoc/>
    /// <param name="input">Queries (queries).</param>
    /// <returns>Predictions (queries).</returns>
    public sealed override Tensor forward(Tensor input)
    {
        Guard.Vector(input);
        using DisposeScope scope = NewDisposeScope();
        Tensor w = InverseBandwidths();
        AttentionMethod method = AttentionChoice.For(Method, input, _keys, w, out double sharedW);
        if (method == AttentionMethod.Textbook)
        {
            return Attend(AttentionPooling.Diff(input, _keys) * w, _values).MoveToOuterDisposeScope();
        }

        var pass = new LastPass(input, sharedW, null);
        _last.KeepFor(() => AttentionPooling.Weights(AttentionPooling.Diff(pass.Queries(), _keys) * pass.W()));
        return Pool(method, input, w, null).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public sealed override Tensor Loss(Tensor yHat, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(yHat);
        ArgumentNullException.ThrowIfNull(y);
        return nn.functional.mse_loss(Flat(yHat), Flat(y)) / 2;
    }

    /// <inheritdoc/>
    public sealed override Tensor TrainingStep(Batch batch) => LeaveOneOut ? Loss(PredictWithout(batch), batch.Y) : base.TrainingStep(batch);

    /// <inheritdoc/>
    public sealed override optim.Optimizer ConfigureOptimizers() => optim.SGD(parameters(), _lr);

    /// <summary>Predicts examples of the training set, each from all pairs but its own.</summary>
    /// <param name="batch">Examples whose indices are places among the keys (batch).</param>
    /// <returns>Predictions (batch).</returns>
    public Tensor PredictWithout(Batch batch)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor w = InverseBandwidths();
        AttentionMethod method = AttentionChoice.For(Method, batch.X, _keys, w, out double sharedW);
        if (method == AttentionMethod.Textbook)
        {
            Tensor others = Others(batch.Indices);
            return Attend(DiffsWithout(batch.X, others, w), _values[others]).MoveToOuterDisposeScope();
        }

        var pass = new LastPass(batch.X, sharedW, batch.Indices);
        _last.KeepFor(() => AttentionPooling.Weights(DiffsWithout(pass.Queries(), Others(pass.Indices()), pass.W())));
        return Pool(method, batch.X, w, batch.Indices).MoveToOuterDisposeScope();
    }

    /// <summary>The learned w = 1/h: one for all keys (1), or each key's own (keys).</summary>
    protected abstract Tensor InverseBandwidths();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _last.Dispose();
        }

        base.Dispose(disposing);
    }

    internal static (Tensor Keys, Tensor Values) CopyPairs(Tensor keys, Tensor values)
    {
        Guard.Vector(keys);
        Guard.Vector(values);
        return keys.shape[0] == values.shape[0]
            ? (keys.CloneWithoutGraph(), values.CloneWithoutGraph())
            : throw new ArgumentException($"Expected as many values as keys ({keys.shape[0]}), got {values.shape[0]}.", nameof(values));
    }

    private static Tensor Flat(Tensor tensor) => tensor.dim() == 1 ? tensor : tensor.reshape(-1);

    private Tensor Pool(AttentionMethod method, Tensor queries, Tensor w, Tensor? excluded) =>
        method == AttentionMethod.Engine
            ? EnginePooling.Pool<Gaussian>(queries, _keys, _values, w, excluded)
            : StreamingPooling.Pool(queries, _keys, _values, w, excluded);

    // Row i lists 0 .. n - 1 without the example's own index: (batch, n - 1).
    private Tensor Others(Tensor indices)
    {
        Tensor places = arange(_keys.shape[0] - 1, ScalarType.Int64, _keys.device).unsqueeze(0);
        return places + (places >= indices.unsqueeze(1)).to(ScalarType.Int64);
    }

    private Tensor DiffsWithout(Tensor queries, Tensor others, Tensor w) =>
        (queries.unsqueeze(1) - _keys[others]) * (w.shape[0] == 1 ? w : w[others]);

    private Tensor Attend(Tensor scaledDiffs, Tensor values)
    {
        (Tensor output, Tensor attentionWeights) = AttentionPooling.AttentionPool(scaledDiffs, values);
        _last.Keep(attentionWeights);
        return output;
    }
}
