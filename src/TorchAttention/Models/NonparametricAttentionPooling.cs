using TorchAttention.Pooling;

namespace TorchAttention.Models;

/// <summary>
/// Nadaraya-Watson kernel regression of fixed bandwidth h: f(q) = sum_i K(r_i) v_i / sum_i K(r_i) with r_i = |q - k_i| / h; for the
/// Gaussian that is sum_i softmax_i(-r_i^2 / 2) v_i.
/// </summary>
/// <remarks>
/// E. A. Nadaraya (1964), G. S. Watson (1964). The chapter's form has the Gaussian and h = 1. A query without a key in reach of a kernel of
/// bounded support gets its nearest key's value.
/// </remarks>
public sealed class NonparametricAttentionPooling : nn.Module<Tensor, Tensor>, IAttentionModel
{
    private readonly LastWeights _last = new();
    private readonly KernelPass _pass;

    [ComponentName(Name = "keys")]
    private readonly Tensor _keys;

    [ComponentName(Name = "values")]
    private readonly Tensor _values;

    /// <summary>Creates the estimator; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys), or (keys, d) for d features that share one bandwidth.</param>
    /// <param name="values">Values (keys).</param>
    /// <param name="bandwidth">h, in the units of the keys; positive, 1 by default.</param>
    /// <param name="kernel">The kernel; the Gaussian where null.</param>
    /// <exception cref="ArgumentException">Keys or values have other shapes, or differ in length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The bandwidth is not positive and finite.</exception>
    public NonparametricAttentionPooling(Tensor keys, Tensor values, double bandwidth = 1, SmoothingKernel? kernel = null)
        : base(nameof(NonparametricAttentionPooling))
    {
        Bandwidth = Guard.Positive(bandwidth);
        Kernel = kernel ?? SmoothingKernel.Gaussian;
        PairRegression.Check(keys, values);
        (_keys, _values) = (keys.CloneWithoutGraph(), values.CloneWithoutGraph());
        _pass = new KernelPass(Kernel, () => _keys, () => _values, _last);
        RegisterComponents();
    }

    /// <summary>The bandwidth h, in the units of the keys.</summary>
    public double Bandwidth { get; }

    /// <summary>The kernel.</summary>
    public SmoothingKernel Kernel { get; }

    /// <summary>How the pooling is computed; picked by size and device by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the methods.</exception>
    public AttentionMethod Method
    {
        get => _pass.Method;
        set => _pass.Method = value;
    }

    /// <summary>
    /// The attention weights of the last forward pass (queries, keys); null before the first. Where the pass needed no such matrix, it is
    /// made now. The module disposes them at the next one.
    /// </summary>
    public Tensor? AttentionWeights => _last.Value;

    /// <inheritdoc/>
    /// <param name="input">Queries (queries), or (queries, d) as the keys are.</param>
    /// <returns>Predictions (queries).</returns>
    /// <exception cref="ArgumentException">Queries of other features than the keys'.</exception>
    public override Tensor forward(Tensor input)
    {
        PairRegression.CheckQueries(input, _keys);
        using DisposeScope scope = NewDisposeScope();
        Tensor w = tensor([1 / Bandwidth], _keys.dtype, _keys.device);
        return _pass.Pool(input, w, null, bandwidth: Bandwidth).MoveToOuterDisposeScope();
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
