namespace TorchAttention.Models;

/// <summary>
/// The chapter's parametric attention pooling: one learnable w for all keys, f(q) = sum_i softmax_i(-|(q - k_i) w|^2 / 2) v_i, or with
/// another kernel.
/// </summary>
/// <remarks>
/// w starts at 1, the nonparametric form; 1/w is the bandwidth. State: <c>w</c> (1), <c>keys</c> (keys) or (keys, d), <c>values</c> (keys).
/// </remarks>
public sealed partial class NWKernelRegression : KernelRegressionModule
{
    /// <summary>Creates the book's model; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys): the training inputs.</param>
    /// <param name="values">Values (keys): the training targets.</param>
    /// <param name="lr">The learning rate of plain SGD; positive, 1 by default.</param>
    /// <param name="leaveOneOut">Whether an example is kept from its own pair while training (the book's earlier edition).</param>
    /// <exception cref="ArgumentException">Keys or values are no vectors, or differ in length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate is not positive and finite.</exception>
    public NWKernelRegression(Tensor keys, Tensor values, double lr = 1, bool leaveOneOut = false)
        : this(keys, values, new KernelModelOptions { LearningRate = lr, LeaveOneOut = leaveOneOut })
    {
    }

    /// <summary>Creates the model; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys), or (keys, d) for d features that share one w: the training inputs.</param>
    /// <param name="values">Values (keys): the training targets.</param>
    /// <param name="options">The kernel and how it is trained.</param>
    /// <exception cref="ArgumentException">Keys or values of other shapes or lengths, fewer than 2 keys to leave one out of, or the boxcar
    /// kernel.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate or the first w is not positive and finite.</exception>
    public NWKernelRegression(Tensor keys, Tensor values, KernelModelOptions options)
        : base(nameof(NWKernelRegression), keys, values, 1, options)
    {
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <remarks>One: <c>w</c>.</remarks>
    public override IReadOnlyList<(string Name, double Value)> LearnedNumbers() => [("w", W.ToDouble())];
}
