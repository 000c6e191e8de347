using TorchAttention.Data;
using TorchAttention.Training;

namespace TorchAttention.Models;

/// <summary>
/// Regression by pooling the training pairs: each query sees all keys, and what it makes of them is learned. The loss is the mean of
/// (y^ - y)^2 / 2.
/// </summary>
/// <remarks>
/// Where training examples are themselves among the keys, each one finds its own value at distance 0, and a sharper look at itself always
/// seems better; leave-one-out training takes the example's own pair away.
/// </remarks>
public abstract class PairRegression : Module, IAttentionModel, ILearnedNumbers
{
    [ComponentName(Name = "keys")]
    private readonly Tensor _keys;

    [ComponentName(Name = "values")]
    private readonly Tensor _values;

    /// <summary>
    /// Creates the base; it copies keys and values, and the derived constructor calls <c>RegisterComponents()</c> once its fields are set.
    /// </summary>
    /// <param name="name">The module's name.</param>
    /// <param name="keys">Keys (keys), or (keys, d) for d features.</param>
    /// <param name="values">Values (keys).</param>
    /// <param name="leaveOneOut">Whether an example is kept from its own pair while training.</param>
    /// <param name="learnValues">Whether the values are a parameter.</param>
    /// <exception cref="ArgumentException">Keys or values of other shapes, or fewer than 2 keys to leave one out of.</exception>
    protected PairRegression(string name, Tensor keys, Tensor values, bool leaveOneOut, bool learnValues = false)
        : base(name)
    {
        Check(keys, values);
        LeaveOneOut = !leaveOneOut || keys.shape[0] >= 2
            ? leaveOneOut
            : throw new ArgumentException("Leaving one out of 1 key leaves none; expected at least 2.", nameof(keys));
        (_keys, Tensor copy) = (keys.CloneWithoutGraph(), values.CloneWithoutGraph());
        _values = learnValues ? nn.Parameter(copy).DetachFromDisposeScope() : copy;
    }

    /// <summary>Whether an example is kept from its own pair while training.</summary>
    public bool LeaveOneOut { get; }

    /// <summary>
    /// The attention weights of the last forward pass, before dropout: (queries, keys), or (batch, keys - 1) after a leave-one-out training
    /// step, with the heads before them where there are several; null before the first. Where the pass needed no such matrix, it is made
    /// now. They are no part of the saved state, and the module disposes them at the next pass.
    /// </summary>
    public Tensor? AttentionWeights => Last.Value;

    /// <summary>The keys (keys), or (keys, d).</summary>
    protected Tensor Keys => _keys;

    /// <summary>The values (keys).</summary>
    protected Tensor Values => _values;

    private protected LastWeights Last { get; } = new();

    /// <inheritdoc/>
    public abstract IReadOnlyList<(string Name, double Value)> LearnedNumbers();

    /// <inheritdoc/>
    /// <param name="input">Queries (queries), or (queries, d) as the keys are.</param>
    /// <returns>Predictions (queries).</returns>
    /// <exception cref="ArgumentException">Queries of other features than the keys'.</exception>
    public sealed override Tensor forward(Tensor input) => Predict(input, null);

    /// <summary>Predicts examples of the training set, each from all pairs but its own.</summary>
    /// <param name="batch">Examples whose indices are places among the keys (batch).</param>
    /// <returns>Predictions (batch).</returns>
    /// <exception cref="ArgumentException">Examples of other features than the keys'.</exception>
    public Tensor PredictWithout(Batch batch) => Predict(batch.X, batch.Indices);

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

    /// <summary>Pools the values at queries of the keys' features; the base disposes what it makes besides.</summary>
    /// <param name="queries">Queries (m), or (m, d).</param>
    /// <param name="own">The places of the queries among the keys, where each leaves out its own pair (m); null where none does.</param>
    /// <returns>Predictions (m).</returns>
    protected abstract Tensor Pool(Tensor queries, Tensor? own);

    /// <summary>Keeps the attention weights of this pass.</summary>
    /// <param name="attentionWeights">Weights (m, keys), or (m, keys - 1) without the own pairs; the base copies nothing.</param>
    protected void Keep(Tensor attentionWeights) => Last.Keep(attentionWeights);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Last.Dispose();
        }

        base.Dispose(disposing);
    }

    internal static void Check(Tensor keys, Tensor values)
    {
        Guard.Rows(keys);
        Guard.Vector(values);
        if (keys.shape[0] != values.shape[0])
        {
            throw new ArgumentException($"Expected as many values as keys ({keys.shape[0]}), got {values.shape[0]}.", nameof(values));
        }
    }

    internal static void CheckTypes(Tensor keys, Tensor values)
    {
        if (keys.dtype is not (ScalarType.Float32 or ScalarType.Float64) || values.dtype != keys.dtype)
        {
            throw new ArgumentException(
                $"Expected keys and values as Float32 or Float64, got {keys.dtype} and {values.dtype}.", nameof(values));
        }
    }

    internal static void CheckQueries(Tensor queries, Tensor keys)
    {
        ArgumentNullException.ThrowIfNull(queries);
        bool fits = queries.dim() == keys.dim() && (keys.dim() == 1 || queries.size(1) == keys.size(1));
        if (!fits)
        {
            throw new ArgumentException(
                $"Expected queries {(keys.dim() == 1 ? "(m)" : $"(m, {keys.size(1)})")} for keys {Guard.Shape(keys)}, got shape "
                    + $"{Guard.Shape(queries)}.", nameof(queries));
        }
    }

    // Row i lists 0 .. n - 1 without the example's own index: (batch, n - 1).
    internal static Tensor Others(Tensor indices, long keys)
    {
        Tensor places = Held.Range(keys - 1, indices.device).unsqueeze(0);
        return places.Plus((places >= indices.unsqueeze(1)).to(ScalarType.Int64));
    }

    private static Tensor Flat(Tensor tensor) => tensor.dim() == 1 ? tensor : tensor.reshape(-1);

    private Tensor Predict(Tensor queries, Tensor? own)
    {
        CheckQueries(queries, _keys);
        using DisposeScope scope = NewDisposeScope();
        return Pool(queries, own).MoveToOuterDisposeScope();
    }
}
