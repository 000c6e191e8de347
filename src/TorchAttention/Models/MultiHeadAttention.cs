using TorchAttention.Pooling;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// Several dot-product attentions side by side, each on its own projection of queries, keys and values, and a projection of them all
/// together: the book's <c>MultiHeadAttention</c>, and PyTorch's.
/// </summary>
/// <remarks>
/// Call it with valid lengths as the book does, or <see cref="Attend(Tensor, Tensor, Tensor, AttentionMasks?, Tensor?, Tensor?)"/> with
/// masks. State: <c>W_q.weight</c> (hiddens, q), <c>W_k.weight</c> (key hiddens, k), <c>W_v.weight</c> (key hiddens, v), <c>W_o.weight</c>
/// (hiddens, hiddens), and biases, <c>bias_k</c> and <c>bias_v</c> (1, 1, key hiddens) where asked for.
/// </remarks>
public sealed partial class MultiHeadAttention : nn.Module<Tensor, Tensor, Tensor, Tensor?, Tensor>
{
    private readonly LastWeights _last = new();
    private readonly MultiHeadOptions _options;
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

    [ComponentName(Name = "bias_k")]
    private readonly Parameter? _biasKey;

    [ComponentName(Name = "bias_v")]
    private readonly Parameter? _biasValue;

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
        : this(
            new MultiHeadOptions
            {
                QuerySize = querySize,
                KeySize = keySize,
                ValueSize = valueSize,
                Hiddens = numHiddens,
                Heads = numHeads,
                Dropout = dropout,
                HasBias = bias,
            },
            emptyRows)
    {
    }

    /// <summary>Creates the module with PyTorch's initial weights of linear layers, and bias keys of variance 1 / hiddens.</summary>
    /// <param name="options">Sizes and parts.</param>
    /// <param name="emptyRows">What each head of a query gets that no key counts for where lengths say so; 0 by default.</param>
    /// <exception cref="ArgumentException">Heads that do not divide.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A length below 1, a part below 0 or not below 1, or another policy.</exception>
    public MultiHeadAttention(MultiHeadOptions options, EmptyRowPolicy emptyRows = EmptyRowPolicy.Zero)
        : base(nameof(MultiHeadAttention))
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Checked();
        _emptyRows = Guard.Defined(emptyRows);
        (int hiddens, int keyHiddens) = (options.AllHiddens, options.KeyHiddens);
        _attention = new DotProductAttention(options.Dropout);
        _wq = nn.Linear(options.QuerySize, hiddens, options.HasBias);
        _wk = nn.Linear(options.KeySize ?? options.QuerySize, keyHiddens, options.HasBias);
        _wv = nn.Linear(options.ValueSize ?? options.QuerySize, keyHiddens, options.HasBias);
        _wo = nn.Linear(hiddens, hiddens, options.HasBias);
        if (options.HasBiasKey)
        {
            _biasKey = Drawn(keyHiddens);
            _biasValue = Drawn(keyHiddens);
        }

        RegisterComponents();
    }

    /// <summary>
    /// The attention weights of the last pass, before dropout: (batch x heads, queries, keys), an example's heads one after the other, of a
    /// call with lengths; see there for those of one with masks. Null before the first, and where none are kept.
    /// </summary>
    public Tensor? AttentionWeights => _last.Value;

    /// <inheritdoc/>
    /// <remarks>For modules with the batch first, no bias key, no zero key, and as many heads of keys as heads.</remarks>
    /// <param name="input1">Queries (batch, queries, q).</param>
    /// <param name="input2">Keys (batch, keys, k).</param>
    /// <param name="input3">Values (batch, keys, v).</param>
    /// <param name="input4">How many keys count, whole numbers from 0 to keys: (batch) or (batch, queries); all where null.</param>
    /// <returns>Outputs (batch, queries, hiddens).</returns>
    /// <exception cref="ArgumentException">Shapes that do not fit each other, or lengths that are not from 0 to keys.</exception>
    public override Tensor forward(Tensor input1, Tensor input2, Tensor input3, Tensor? input4)
    {
        CheckBook();
        using DisposeScope scope = NewDisposeScope();
        ValidLengths? lengths = Attention.Checked(input1, input2, input3, input4, _emptyRows);
        (Tensor output, Tensor weights) = ValidLengths.Attend(input1, input2, input3, lengths, Attend);
        if (_options.Weights == KeptWeights.Averaged)
        {
            weights = weights.reshape(-1, _options.Heads, weights.size(1), weights.size(2));
        }

        Keep(weights, headSide: 1);
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

    private static Parameter Drawn(int hiddens)
    {
        Tensor first = zeros(1, 1, hiddens);
        nn.init.xavier_normal_(first);
        return nn.Parameter(first);
    }

    private void CheckBook()
    {
        if (!_options.IsBatchFirst || _biasKey is not null || _options.HasZeroKey || _options.Scale is not null
            || _options.KeyHiddens != _options.AllHiddens)
        {
            throw new InvalidOperationException(
                $"Expected a module with the batch first, no keys of its own, one scale and as many heads of keys as heads for a call with "
                    + $"lengths; {nameof(Attend)} takes masks for the others.");
        }
    }

    private (Tensor Output, Tensor Weights) Attend(Tensor queries, Tensor keys, Tensor values, ValidLengths? lengths)
    {
        (long batch, long places) = (queries.shape[0], queries.shape[1]);
        (Tensor heads, Tensor weights) = _attention.Attend(
            Split(_wq.call(queries)), Split(_wk.call(keys)), Split(_wv.call(values)), lengths?.ForHeads(_options.Heads));
        long length = heads.shape[2];
        Tensor together = heads.reshape(batch, _options.Heads, places, length).transpose(1, 2);
        return (_wo.call(together.flatten(2)), weights);
    }

    // (batch, places, hiddens) to (batch x heads, places, hiddens / heads).
    private Tensor Split(Tensor projected)
    {
        (long batch, long places, long length) = (projected.shape[0], projected.shape[1], projected.shape[2] / _options.Heads);
        return projected.reshape(batch, places, _options.Heads, length).transpose(1, 2).reshape(batch * _options.Heads, places, length);
    }
}
