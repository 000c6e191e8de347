namespace TorchAttention.Models;

/// <summary>
/// A parametric attention pooling with a width for each region of the keys (the chapter's exercise 4): the sorted keys are cut into regions
/// of equal count, and f(q) = sum_i softmax_i(-((q - k_i) w_r(i))^2 / 2) v_i, or with another kernel, with r(i) the region of key i.
/// </summary>
/// <remarks>
/// Where the function bends sharply a region can learn a narrow kernel without making the rest of the curve ragged. One region is
/// <see cref="NWKernelRegression"/>; as many regions as keys give each key its own width. State: <c>w</c> (regions), <c>regions</c>,
/// <c>keys</c> and <c>values</c> (keys).
/// </remarks>
public sealed class RegionalKernelRegression : KernelRegressionModule
{
    private const int MostNumbers = 16;

    internal static ModelKind Kind { get; } = new KernelModelKind<RegionalKernelRegression>(
        "regional_kernel_regression", state => state.Widths,
        (keys, values, options, regions) => new RegionalKernelRegression(keys, values, regions, options), hasRegions: true);

    [ComponentName(Name = "regions")]
    private readonly Tensor _regions;

    /// <summary>Creates the model with the Gaussian; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys): the training inputs.</param>
    /// <param name="values">Values (keys): the training targets.</param>
    /// <param name="regions">The number of regions, from 1 to the number of keys.</param>
    /// <param name="lr">The learning rate of plain SGD; positive, 1 by default.</param>
    /// <param name="leaveOneOut">Whether an example is kept from its own pair while training.</param>
    /// <exception cref="ArgumentException">Keys or values are no vectors, or differ in length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of regions or the learning rate is out of range.</exception>
    public RegionalKernelRegression(Tensor keys, Tensor values, int regions, double lr = 1, bool leaveOneOut = false)
        : this(keys, values, regions, new KernelModelOptions { LearningRate = lr, LeaveOneOut = leaveOneOut })
    {
    }

    /// <summary>Creates the model; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys): the training inputs.</param>
    /// <param name="values">Values (keys): the training targets.</param>
    /// <param name="regions">The number of regions, from 1 to the number of keys.</param>
    /// <param name="options">The kernel and how it is trained.</param>
    /// <exception cref="ArgumentException">Keys or values are no vectors, or differ in length, fewer than 2 keys to leave one out of, or
    /// the boxcar kernel.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of regions, the learning rate or the first w is out of range.</exception>
    public RegionalKernelRegression(Tensor keys, Tensor values, int regions, KernelModelOptions options)
        : base(nameof(RegionalKernelRegression), keys, values, Checked(keys, regions), options)
    {
        using DisposeScope scope = NewDisposeScope();
        using Scalar count = regions;
        using Scalar most = keys.shape[0];
        Tensor ranks = Keys.argsort().argsort();
        _regions = ranks.mul(count).div(most, RoundingMode.floor).to(ScalarType.Int64).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>The region of each key, int64 (keys), from the lowest keys to the highest.</summary>
    public Tensor Regions => _regions;

    /// <inheritdoc/>
    /// <remarks>
    /// One for each region, <c>w_1</c> to <c>w_16</c>; of more than 16 regions the least |w|, the median and the largest, <c>w_least</c>,
    /// <c>w_median</c> and <c>w_most</c>.
    /// </remarks>
    public override IReadOnlyList<(string Name, double Value)> LearnedNumbers()
    {
        if (W.size(0) <= MostNumbers)
        {
            return Numbered();
        }

        double[] widths = [.. W.ToDoubles().Select(Math.Abs).Order()];
        return [("w_least", widths[0]), ("w_median", (widths[(widths.Length - 1) / 2] + widths[widths.Length / 2]) / 2),
            ("w_most", widths[^1])];
    }

    private protected override Tensor? RegionsOfKeys => _regions;

    /// <inheritdoc/>
    protected override Tensor InverseBandwidths() => W[_regions];

    private static int Checked(Tensor keys, int regions) => regions >= 1 && regions <= Guard.Vector(keys).shape[0]
        ? regions
        : throw new ArgumentOutOfRangeException(nameof(regions), regions, $"Expected 1 to {keys.shape[0]} regions, got {regions}.");
}
