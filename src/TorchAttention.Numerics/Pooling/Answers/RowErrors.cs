namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>What the sums of a row may be off by, where keys were left out or summed through cells.</summary>
internal readonly record struct RowErrors
{
    /// <summary>What the sum of weights may be off by.</summary>
    public double WeightSum { get; init; }

    /// <summary>What the sum of squared weights may be off by, where it is a sum of its own.</summary>
    public double SquaredWeightSum { get; init; }

    /// <summary>What the keys that were left out weigh, times their squared distance in bandwidths.</summary>
    public double Elsewhere { get; init; }

    /// <summary>Whether the other sums are off as well, each by as much, so that derivatives and planes are off by more.</summary>
    public bool AreInAllSums { get; init; }

    /// <summary>How many times further the sums for the derivatives of planes may be off.</summary>
    public double PlaneGradientFactor { get; init; }
}
