using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Pooling;

namespace TorchAttention.Models;

/// <summary>Nadaraya-Watson kernel regression with a Gaussian kernel of fixed bandwidth h: f(q) = sum_i softmax_i(-((q - k_i)/h)^2 / 2) v_i.</summary>
/// <remarks>E. A. Nadaraya (1964), G. S. Watson (1964). The chapter's form has h = 1.</remarks>
public sealed class NonparametricAttentionPooling : nn.Module<Tensor, Tensor>, IAttentionModel
{
    private readonly LastWeights _last = new();

    [ComponentName(Name = "keys")]
    private readonly Tensor _keys;

    [ComponentName(Name = "values")]
    private readonly Tensor _values;

    /// <summary>Creates the estimator; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys).</param>
    /// <param name="values">Values (keys).</param>
    /// <param name="bandwidth">h, in the units of the keys; positive, 1 by default.</param>
    /// <exception cref="ArgumentException">Keys or values are no vectors, or differ in length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The bandwidth is not positive and finite.</exception>
    public NonparametricAttentionPooling(Tensor keys, Tensor values, double bandwidth = 1)
        : base(nameof(NonparametricAttentionPooling))
    {
        Bandwidth = Guard.Positive(bandwidth);
        KernelRegressionModule.CheckPairs(Guard.Vector(keys), values);
        (_keys, _values) = (keys.CloneWithoutGraph(), values.CloneWithoutGraph());
        RegisterComponents();
    }

    /// <summary>The bandwidth h, in the units of the keys.</summary>
    public double Bandwidth { get; }

    /// <summary>How the pooling is computed; picked by size and device by default.</summary>
    public AttentionMethod Method { get; set; }

    /// <summary>
    /// The attention weights of the last forward pass (queries, keys); null before the first. Where the pass needed no such matrix, it is made now. The
    /// module disposes them at the next one.
    /// </summary>
    public Tensor? AttentionWeights => _last.Value;

    /// <inheritdoc/>
    /// <param name="input">Queries (queries).</param>
    /// <returns>Predictions (queries).</returns>
    public override Tensor forward(Tensor input)
    {
        Guard.Vector(input);
        using DisposeScope scope = NewDisposeScope();
        Tensor w = tensor([1 / Bandwidth], _keys.dtype, _keys.device);
        AttentionMethod method = AttentionChoice.For(Method, SmoothingKernel.Gaussian, input, _keys, w, out double[] sharedW);
        if (method == AttentionMethod.Textbook)
        {
            (Tensor output, Tensor attentionWeights) = AttentionPooling.AttentionPool(AttentionPooling.Diff(input, _keys) / Bandwidth, _values);
            _last.Keep(attentionWeights);
            return output.MoveToOuterDisposeScope();
        }

        var pass = new LastPass(input, sharedW, null);
        _last.KeepFor(() => AttentionPooling.Weights(AttentionPooling.Diff(pass.Queries(), _keys) / Bandwidth));
        return (method == AttentionMethod.Engine
            ? EnginePooling.Pool<Gaussian>(input, _keys, _values, w)
            : StreamingPooling.Pool(input, _keys, _values, w)).MoveToOuterDisposeScope();
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
