namespace TorchAttention.Numerics;

/// <summary>Why a regression or a bandwidth rule cannot use data.</summary>
public enum RegressionProblem
{
    /// <summary>Numbers are the same everywhere, or without the spread that is needed.</summary>
    NoSpread,

    /// <summary>Numbers reach too far, or lie too close together, for float64.</summary>
    Range,

    /// <summary>There are too few examples, or too few of them at places of their own.</summary>
    TooFew,

    /// <summary>There are too many of something to be held.</summary>
    TooMany,

    /// <summary>The weights are all 0, or their sum is not finite.</summary>
    Weights,

    /// <summary>The rule is for another number of features.</summary>
    Features,

    /// <summary>The rule's criterion is finite at no bandwidth.</summary>
    NoBandwidth,
}
