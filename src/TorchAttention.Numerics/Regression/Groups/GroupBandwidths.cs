namespace TorchAttention.Numerics.Regression.Groups;

/// <summary>Whose bandwidths the curves of groups have.</summary>
public enum GroupBandwidths
{
    /// <summary>Each group's own, chosen by its examples alone.</summary>
    Own,

    /// <summary>
    /// The same for all groups: those of the least error of all examples, each predicted by the others of its group.
    /// </summary>
    Shared,
}
