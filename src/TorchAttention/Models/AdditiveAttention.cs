using TorchAttention.Pooling;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// Additive attention, score(q, k) = w_v . tanh(W_q q + W_k k), for queries and keys of different lengths: the book's
/// <c>AdditiveAttention</c>.
/// </summary>
/// <remarks>State: <c>W_q.weight</c> (hiddens, q), <c>W_k.weight</c> (hiddens, k), <c>w_v.weight</c> (1, hiddens).</remarks>
public sealed class AdditiveAttention : Attention
{
    [ComponentName(Name = "W_q")]
    private readonly Linear _wq;

    [ComponentName(Name = "W_k")]
    private readonly Linear _wk;

    [ComponentName(Name = "w_v")]
    private readonly Linear _wv;

    /// <summary>Creates the module with PyTorch's initial weights.</summary>
    /// <param name="querySize">The length of a query.</param>
    /// <param name="keySize">The length of a key.</param>
    /// <param name="numHiddens">The length of the hidden layer.</param>
    /// <param name="dropout">The part of the weights that is set to 0 while training, from 0 up to 1; 0 by default.</param>
    /// <param name="emptyRows">What a query gets that no key counts for; 0 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">A length below 1, a part below 0 or not below 1, or another policy.</exception>
    public AdditiveAttention(int querySize, int keySize, int numHiddens, double dropout = 0, EmptyRowPolicy emptyRows = EmptyRowPolicy.Zero)
        : base(nameof(AdditiveAttention), dropout, emptyRows)
    {
        _wq = nn.Linear(Guard.AtLeast(querySize, 1), Guard.AtLeast(numHiddens, 1), hasBias: false);
        _wk = nn.Linear(Guard.AtLeast(keySize, 1), numHiddens, hasBias: false);
        _wv = nn.Linear(numHiddens, 1, hasBias: false);
        RegisterComponents();
    }

    /// <inheritdoc/>
    protected override Tensor Scores(Tensor queries, Tensor keys) =>
        _wv.call(tanh(_wq.call(queries).unsqueeze(2).Plus(_wk.call(keys).unsqueeze(1)))).squeeze(-1);
}
