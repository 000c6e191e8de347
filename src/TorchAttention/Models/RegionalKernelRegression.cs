using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// A parametric attention pooling with a width for each region of the keys (the chapter's exercise 4): the sorted keys are cut into regions
/// of equal count, and f(q) = sum_i softmax_i(-((q - k_i) w_r(i))^2 / 2) v_i with r(i) the region of key i.
/// </summary>
/// <remarks>
/// Where the function bends sharply a region can learn a narrow kernel without making the rest of the curve ragged. One region is
/// <see cref="NWKernelRegression"/>; as many regions as keys give each key its own width. State: <c>w</c> (regions), <c>regions</c>,
/// <c>keys</c> and <c>values</c> (keys).
/// </remarks>
public sealed class RegionalKernelRegression : KernelRegressionModule
{
    [ComponentName(Name = "w")]
    private readonly Parameter _w;

    [ComponentName(Name = "regions")]
    private readonly Tensor _regions;

    /// <summary>Creates the model; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys): the training inputs.</param>
    /// <param name="values">Values (keys): the training targets.</param>
    /// <param name="regions">The number of regions, from 1 to the number of keys.</param>
    /// <param name="lr">The learning rate of plain SGD; positive, 1 by default.</param>
    /// <param name="leaveOneOut">Whether an example is kept from its own pair while training.</param>
    /// <exception cref="ArgumentException">Keys or values are no vectors, or differ in length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of regions or the learning rate is out of range.</exception>
    public RegionalKernelRegression(Tensor keys, Tensor values, int regions, double lr = 1, bool leaveOneOut = false)
        : base(nameof(RegionalKernelRegression), keys, values, lr, leaveOneOut)
    {
        if (regions < 1 || regions > keys.shape[0])
        {
            throw new ArgumentOutOfRangeException(nameof(regions), regions, $"Expected 1 to {keys.shape[0]} regions, got {regions}.");
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor ranks = Keys.argsort().argsort();
        _regions = (ranks * regions).div(keys.shape[0], RoundingMode.floor).to(ScalarType.Int64).DetachFromDisposeScope();
        _w = nn.Parameter(ones(regions, keys.dtype, keys.device));
        _w.DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>The learnable widths w = 1/h (regions), in 1/units of the keys, from the lowest keys to the highest.</summary>
    public Parameter W => _w;

    /// <summary>The region of each key, int64 (keys).</summary>
    public Tensor Regions => _regions;

    /// <inheritdoc/>
    protected override Tensor InverseBandwidths() => _w[_regions];
}
