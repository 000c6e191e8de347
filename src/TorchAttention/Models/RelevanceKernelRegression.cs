namespace TorchAttention.Models;

/// <summary>
/// Kernel regression on several features with a w of each, f(q) = sum_i K(r_i) v_i / sum_i K(r_i) with r_i^2 = sum_j ((q_j - k_ij) w_j)^2:
/// automatic relevance determination.
/// </summary>
/// <remarks>
/// A feature that says nothing about the target learns a w near 0, an endless bandwidth, and drops out of the distance; where the examples
/// are few, as near as the patterns of chance in them let it. That takes leave-one-out training: with its own pair among the keys, an
/// example gains by every w that grows. Features of very different scales are standardised first. R. M. Neal (1996) has the idea for
/// networks. State: <c>w</c> (d), <c>keys</c> (keys, d), <c>values</c> (keys).
/// </remarks>
public sealed class RelevanceKernelRegression : KernelRegressionModule
{
    internal static ModelKind Kind { get; } = new KernelModelKind<RelevanceKernelRegression>(
        "relevance_kernel_regression", state => state.Features,
        (keys, values, options, _) => new RelevanceKernelRegression(keys, values, options));

    /// <summary>Creates the model; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys, d), or (keys) for one feature: the training inputs.</param>
    /// <param name="values">Values (keys): the training targets.</param>
    /// <param name="options">The kernel and how it is trained; the defaults where null.</param>
    /// <exception cref="ArgumentException">Keys or values of other shapes or lengths, fewer than 2 keys to leave one out of, or the boxcar
    /// kernel.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate or the first w is not positive and finite.</exception>
    public RelevanceKernelRegression(Tensor keys, Tensor values, KernelModelOptions? options = null)
        : base(
            nameof(RelevanceKernelRegression), keys, values, Guard.Rows(keys).dim() == 1 ? 1 : keys.size(1),
            options ?? new KernelModelOptions())
    {
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <remarks>One for each feature: <c>w_1</c> to <c>w_d</c>. Its sign means nothing.</remarks>
    public override IReadOnlyList<(string Name, double Value)> LearnedNumbers() => Numbered();

    internal override int? FeatureOf(int width) => width;
}
