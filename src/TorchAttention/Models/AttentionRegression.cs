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
/// The optimiser is Adam. Time and memory are queries x keys (x h for the additive score, and for the batch of a leave-one-out step).
/// State: <c>keys</c> (keys) or (keys, d), <c>values</c> (keys), and of the parameters those that the score has: <c>features.0</c> and
/// <c>features.2</c>, <c>attention</c>, <c>output</c>.
/// </para>
/// </remarks>
public sealed partial class AttentionRegression : PairRegression
{
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
        : base(nameof(AttentionRegression), keys, values, Checked(options ??= new(), keys, values).LeaveOneOut)
    {
        Options = options;
        int size = keys.dim() == 1 ? 1 : checked((int)keys.shape[1]);
        (_features, _attention, _output) = FirstParameters.Without(() => Layers(size, Options));
        RegisterComponents();
        FirstParameters.Draw(this, Options.Seed);
        this.to(keys.dtype).to(keys.device);
    }

    /// <summary>The score and how it is trained.</summary>
    public AttentionRegressionOptions Options { get; }

    /// <inheritdoc/>
    /// <remarks>None: no parameter means anything by itself.</remarks>
    public override IReadOnlyList<(string Name, double Value)> LearnedNumbers() => [];

    /// <inheritdoc/>
    public override optim.Optimizer ConfigureOptimizers() => new HeldAdam(parameters(), Options.LearningRate);

    // Each pair of an example and a key has a vector of its own, a score for each head, or a score.
    internal override long NumbersInAStep(long batch, long inputs)
    {
        long ofPair = Options.Score switch { AttentionScore.Additive => Options.Hidden, AttentionScore.MultiHead => Options.Heads, _ => 1 };
        return Math.Max(batch * Keys.size(0) * ofPair, base.NumbersInAStep(batch, inputs));
    }

    /// <inheritdoc/>
    protected override Tensor Pool(Tensor queries, Tensor? own)
    {
        if (own is null)
        {
            Tensor all = _attention.call(Features(queries).unsqueeze(0), Features(Keys).unsqueeze(0), Values.reshape(1, -1, 1), null);
            Keep(HasHeads ? Weights : Weights.squeeze(0));
            return Output(all.squeeze(0));
        }

        Tensor others = Others(own, Keys.size(0));
        Tensor pooled = _attention.call(Features(queries).unsqueeze(1), Features(Keys)[others], Values[others].unsqueeze(-1), null);
        Tensor weights = Weights.reshape(others.shape[0], HasHeads ? Options.Heads : 1, others.shape[1]);
        Keep(HasHeads ? weights.transpose(0, 1) : weights.squeeze(1));
        return Output(pooled.squeeze(1));
    }

    private static AttentionRegressionOptions Checked(AttentionRegressionOptions options, Tensor keys, Tensor values)
    {
        options.Checked();
        Check(keys, values);
        CheckTypes(keys, values);
        return options;
    }
}
