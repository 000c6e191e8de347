using TorchAttention.Pooling;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// Several dot-product attentions side by side, each on its own projection of queries, keys and values, and a projection of them all
/// together: the book's
/// <c>MultiHeadAttention</c>.
/// </summary>
/// <remarks>
/// State: <c>W_q.weight</c> (hiddens, q), <c>W_k.weight</c> (hiddens, k), <c>W_v.weight</c> (hiddens, v), <c>W_o.weight</c> (hiddens,
/// hiddens), and biases where asked for.
/// </remarks>
public sealed class MultiHeadAttention : nn.Module<Tensor, Tensor, Tensor, Tensor?, Tensor>
{
    private readonly LastWeights _last = new();
    private readonly int _heads;
    private readonly EmptyRowPolicy _emptyRows;

    [ComponentName(Name = "attention")]
    private readonly DotProductAttention _attention;

    [ComponentName(Name = "W_q")]
    private readonly Linear _wq;

    [ComponentName(Name = "W_k")]
    private readonly Linear _wk;

    [ComponentName(Name = "W_v")]
    private readonly Linear _wv;

    [ComponentName(Name = "W_o")]
    private readonly Linear _wo;

    /// <summary>Creates the module with PyTorch's initial weights.</summary>
    /// <param name="querySize">The length of a query.</param>
    /// <param name="keySize">The length of a key.</param>
    /// <param name="valueSize">The length of a value.</param>
    /// <param name="numHiddens">The length of all heads together.</param>
    /// <param name="numHeads">The heads; the hidden length is a multiple of them.</param>
    /// <param name="dropout">The part of the weights that is set to 0 while training, from 0 up to 1; 0 by default.</param>
    /// <param name="bias">Whether the projections have biases.</param>
    /// <param name="emptyRows">What each head of a query gets that no key counts for; 0 by default, and so the last bias.</param>
    /// <exception cref="ArgumentException">The hidden length is no multiple of the heads.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A length below 1, a part below 0 or not below 1, or another policy.</exception>
    public MultiHeadAttention(
        int querySize, int keySize, int valueSize, int numHiddens, int numHeads, double dropout = 0, bool bias = false,
        EmptyRowPolicy emptyRows = EmptyRowPolicy.Zero)
        : base(nameof(MultiHeadAttention))
    {
        _emptyRows = Guard.Defined(emptyRows);
        _heads = Guard.AtLeast(numHeads, 1);
        if (Guard.AtLeast(numHiddens, 1) % numHeads != 0)
        {
            throw new ArgumentException($"Expected a multiple of {numHeads} heads, got {numHiddens}.", nameof(numHiddens));
        }

        _attention = new DotProductAttention(dropout);
        _wq = nn.Linear(Guard.AtLeast(querySize, 1), numHiddens, bias);
        _wk = nn.Linear(Guard.AtLeast(keySize, 1), numHiddens, bias);
        _wv = nn.Linear(Guard.AtLeast(valueSize, 1), numHiddens, bias);
        _wo = nn.Linear(numHiddens, numHiddens, bias);
        RegisterComponents();
    }

    /// <summary>
    /// The attention weights of the last forward pass (batch x heads, queries, keys), an example's heads one after the other; null before
    /// the first.
    /// </summary>
    public Tensor? AttentionWeights => _last.Value;

    /// <inheritdoc/>
    /// <param name="input1">Queries (batch, queries, q).</param>
    /// <param name="input2">Keys (batch, keys, k).</param>
    /// <param name="input3">Values (batch, keys, v).</param>
    /// <param name="input4">How many keys count, whole numbers from 0 to keys: (batch) or (batch, queries); all where null.</param>
    /// <returns>Outputs (batch, queries, hiddens).</returns>
    /// <exception cref="ArgumentException">Shapes that do not fit each other, or lengths that are not from 0 to keys.</exception>
    public override Tensor forward(Tensor input1, Tensor input2, Tensor input3, Tensor? input4)
    {
        using DisposeScope scope = NewDisposeScope();
        ValidLengths? lengths = Attention.Checked(input1, input2, input3, input4, _emptyRows);
        (Tensor output, Tensor weights) = ValidLengths.Attend(input1, input2, input3, lengths, Attend);
        _last.Keep(weights);
        return output.MoveToOuterDisposeScope();
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

    private (Tensor Output, Tensor Weights) Attend(Tensor queries, Tensor keys, Tensor values, ValidLengths? lengths)
    {
        (long batch, long places) = (queries.shape[0], queries.shape[1]);
        (Tensor heads, Tensor weights) = _attention.Attend(
            Split(_wq.call(queries)), Split(_wk.call(keys)), Split(_wv.call(values)), lengths?.ForHeads(_heads));
        long length = heads.shape[2];
        Tensor together = heads.reshape(batch, _heads, places, length).transpose(1, 2).reshape(batch, places, _heads * length);
        return (_wo.call(together), weights);
    }

    // (batch, places, hiddens) to (batch x heads, places, hiddens / heads).
    private Tensor Split(Tensor projected)
    {
        (long batch, long places, long length) = (projected.shape[0], projected.shape[1], projected.shape[2] / _heads);
        return projected.reshape(batch, places, _heads, length).transpose(1, 2).reshape(batch * _heads, places, length);
    }
}
