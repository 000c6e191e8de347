using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>The chapter's parametric attention pooling: one learnable w for all keys, f(q) = sum_i softmax_i(-((q - k_i) w)^2 / 2) v_i.</summary>
/// <remarks>
/// w starts at 1, the nonparametric form; 1/w is the bandwidth. State: <c>w</c> (1), <c>keys</c> and <c>values</c> (keys).
/// </remarks>
public sealed partial class NWKernelRegression : KernelRegressionModule
{
    [ComponentName(Name = "w")]
    private readonly Parameter _w;

    /// <summary>Creates the model; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys): the training inputs.</param>
    /// <param name="values">Values (keys): the training targets.</param>
    /// <param name="lr">The learning rate of plain SGD; positive, 1 by default.</param>
    /// <param name="leaveOneOut">Whether an example is kept from its own pair while training (the book's earlier edition).</param>
    /// <exception cref="ArgumentException">Keys or values are no vectors, or differ in length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate is not positive and finite.</exception>
    public NWKernelRegression(Tensor keys, Tensor values, double lr = 1, bool leaveOneOut = false)
        : base(nameof(NWKernelRegression), keys, values, lr, leaveOneOut)
    {
        _w = nn.Parameter(ones(1, keys.dtype, keys.device));
        _w.DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>The learnable w (1), in 1/units of the keys.</summary>
    public Parameter W => _w;

    /// <inheritdoc/>
    protected override Tensor InverseBandwidths() => _w;
}
