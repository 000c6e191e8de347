using TorchAttention.Data;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// Regression by attention over the training pairs, f(q) = sum_i softmax_i(score(q, k_i)) v_i, whose score is learned: the line of
/// Nadaraya-Watson kernel regression with the book's next scores in the place of the distance.
/// </summary>
/// <remarks>
/// <para>
/// Dot product: score = phi(q).phi(k) / sqrt(h) with features phi(x) = B tanh(A x + a) + b that queries and keys share. Additive: score =
/// w_v . tanh(W_q q + W_k k) on x itself. Multi-head: both phi and the values are projected for each head, and a linear map of all heads
/// together is the output. The first two answer within the range of the training targets, the third anywhere.
/// </para>
/// <para>
/// The loss is the mean of (y^ - y)^2 / 2, the optimiser Adam. As for kernels, an example that finds itself among the keys learns to look
/// at itself; leave-one-out training takes its own pair away.
/// </para>
/// <para>
/// Time and memory are queries x keys (x h for the additive score, and for the batch of a leave-one-out step). State: <c>keys</c> (keys) or
/// (keys, d), <c>values</c> (keys), and of the parameters those that the score has:
/// <c>features.0</c> and <c>features.2</c>, <c>attention</c>, <c>output</c>.
/// </para>
/// </remarks>
public sealed partial class AttentionRegression : Module, IAttentionModel, ILearnedNumbers
{
    private readonly LastWeights _last = new();

    [ComponentName(Name = "keys")]
    private readonly Tensor _keys;

    [ComponentName(Name = "values")]
    private readonly Tensor _values;

    [ComponentName(Name = "features")]
    private readonly Sequential? _features;

    [ComponentName(Name = "attention")]
    private readonly nn.Module<Tensor, Tensor, Tensor, Tensor?, Tensor> _attention;

    [ComponentName(Name = "output")]
    private readonly Linear? _output;

    /// <summary>Creates the model; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys), or (keys, d) for d features: the training inputs.</param>
    /// <param name="values">Values (keys): the training targets, of the keys' number type and on their device.</param>
    /// <param name="options">The score and how it is trained; the defaults where null.</param>
    /// <exception cref="ArgumentException">
    /// Keys or values of other shapes, lengths or number types, fewer than 2 keys to leave one out of, or a hidden length that is no
    /// multiple of the heads.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public AttentionRegression(Tensor keys, Tensor values, AttentionRegressionOptions? options = null)
        : base(nameof(AttentionRegression))
    {
        Options = (options ?? new AttentionRegressionOptions()).Checked();
        KernelRegressionModule.CheckPairs(keys, values);
        if (Options.LeaveOneOut && keys.shape[0] < 2)
        {
            throw new ArgumentException("Leaving one out of 1 key leaves none; expected at least 2.", nameof(keys));
        }

        if (keys.dtype is not (ScalarType.Float32 or ScalarType.Float64) || values.dtype != keys.dtype)
        {
            throw new ArgumentException(
                $"Expected keys and values as Float32 or Float64, got {keys.dtype} and {values.dtype}.", nameof(values));
        }

        (_keys, _values) = (keys.CloneWithoutGraph(), values.CloneWithoutGraph());
        int size = keys.dim() == 1 ? 1 : checked((int)keys.shape[1]);
        (_features, _attention, _output) = FirstParameters.Without(() => Layers(size, Options));
        RegisterComponents();
        FirstParameters.Draw(this, Options.Seed);
        this.to(keys.dtype).to(keys.device);
    }

    /// <summary>The score and how it is trained.</summary>
    public AttentionRegressionOptions Options { get; }

    /// <summary>
    /// The attention weights of the last forward pass, before dropout: (queries, keys), or (batch, keys - 1) after a leave-one-out training
    /// step, with the heads before them for
    /// <see cref="AttentionScore.MultiHead"/>; null before the first. They are no part of the saved state, and the module disposes them at
    /// the next pass.
    /// </summary>
    public Tensor? AttentionWeights => _last.Value;

    /// <inheritdoc/>
    /// <remarks>None: no parameter means anything by itself.</remarks>
    public IReadOnlyList<(string Name, double Value)> LearnedNumbers() => [];

    /// <inheritdoc/>
    /// <param name="input">Queries (queries), or (queries, d) as the keys are.</param>
    /// <returns>Predictions (queries).</returns>
    /// <exception cref="ArgumentException">Queries of other features than the keys'.</exception>
    public override Tensor forward(Tensor input)
    {
        KernelRegressionModule.CheckQueries(input, _keys);
        using DisposeScope scope = NewDisposeScope();
        Tensor pooled = _attention.call(Features(input).unsqueeze(0), Features(_keys).unsqueeze(0), _values.reshape(1, -1, 1), null);
        _last.Keep(HasHeads ? Weights : Weights.squeeze(0));
        return Output(pooled.squeeze(0)).MoveToOuterDisposeScope();
    }

    /// <summary>Predicts examples of the training set, each from all pairs but its own.</summary>
    /// <param name="batch">Examples whose indices are places among the keys (batch).</param>
    /// <returns>Predictions (batch).</returns>
    /// <exception cref="ArgumentException">Examples of other features than the keys'.</exception>
    public Tensor PredictWithout(Batch batch)
    {
        KernelRegressionModule.CheckQueries(batch.X, _keys);
        using DisposeScope scope = NewDisposeScope();
        Tensor others = KernelRegressionModule.Others(batch.Indices, _keys.size(0));
        Tensor pooled = _attention.call(Features(batch.X).unsqueeze(1), Features(_keys)[others], _values[others].unsqueeze(-1), null);
        Tensor weights = Weights.reshape(others.shape[0], HasHeads ? Options.Heads : 1, others.shape[1]);
        _last.Keep(HasHeads ? weights.transpose(0, 1) : weights.squeeze(1));
        return Output(pooled.squeeze(1)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Loss(Tensor yHat, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(yHat);
        ArgumentNullException.ThrowIfNull(y);
        using DisposeScope scope = NewDisposeScope();
        return nn.functional.mse_loss(yHat.reshape(-1), y.reshape(-1)).div(Held.Two).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor TrainingStep(Batch batch) =>
        Options.LeaveOneOut ? Loss(PredictWithout(batch), batch.Y) : base.TrainingStep(batch);

    /// <inheritdoc/>
    public override optim.Optimizer ConfigureOptimizers() => new HeldAdam(parameters(), Options.LearningRate);

    // Each pair of an example and a key has a vector of its own, a score for each head, or a score.
    internal override long NumbersInAStep(long batch, long inputs)
    {
        long ofPair = Options.Score switch { AttentionScore.Additive => Options.Hidden, AttentionScore.MultiHead => Options.Heads, _ => 1 };
        return Math.Max(batch * _keys.size(0) * ofPair, base.NumbersInAStep(batch, inputs));
    }

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
