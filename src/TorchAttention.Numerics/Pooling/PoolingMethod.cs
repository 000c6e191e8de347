namespace TorchAttention.Numerics.Pooling;

/// <summary>The ways to compute attention pooling; all give the same numbers within their stated bound.</summary>
public enum PoolingMethod
{
    /// <summary>Picks one by size, number of features and kernel, and says which.</summary>
    Auto,

    /// <summary>
    /// Every pair of query and key, in the vector units: any number of features, any kernel. Time queries x keys x features.
    /// </summary>
    Exact,

    /// <summary>One feature, keys in order: cells of moments (polynomial kernels) or local expansions (Gaussian). Time n log n.</summary>
    Line,

    /// <summary>
    /// A tree over keys and queries, whose branches beyond the kernel's reach are never touched. For two and three features, or few
    /// neighbours.
    /// </summary>
    Tree,
}
