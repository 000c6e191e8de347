namespace TorchAttention.Models;

/// <summary>What each w = 1/h of a kernel model belongs to.</summary>
public enum KernelWidths
{
    /// <summary>All keys and features share one: the chapter's model.</summary>
    Shared,

    /// <summary>Each feature has its own, r^2 = sum_j ((q_j - k_ij) w_j)^2: automatic relevance determination.</summary>
    /// <remarks>
    /// A feature that says nothing about the target learns a w near 0, an endless bandwidth, and drops out of the distance; where the
    /// examples are few, as near as the patterns of chance in them let it. That takes leave-one-out training: with its own pair among the
    /// keys, an example gains by every w that grows. Features of very different scales are standardised first. R. M. Neal (1996) has the
    /// idea for networks.
    /// </remarks>
    PerFeature,

    /// <summary>Each region of the keys has its own, r_i = |q - k_i| w_r(i): the chapter's exercise 4, for one feature.</summary>
    /// <remarks>
    /// The sorted keys are cut into <see cref="KernelModelOptions.Regions"/> of equal count. Where the function bends sharply a region can
    /// learn a narrow kernel without making the rest of the curve ragged. As many regions as keys give each key its own width.
    /// </remarks>
    PerRegion,
}
