namespace TorchAttention.Numerics.Regression;

/// <summary>One step of a search.</summary>
/// <param name="Bandwidths">The bandwidths tried (d).</param>
/// <param name="Score">The criterion; infinite where they are not admissible.</param>
/// <param name="IsEstimate">Whether the score was estimated from a part of the data or from data put together in cells: such scores guide the search, no answer rests on them.</param>
public sealed record BandwidthTrial(IReadOnlyList<double> Bandwidths, double Score, bool IsEstimate);

/// <summary>How bandwidths were chosen.</summary>
public sealed record BandwidthSearch
{
    /// <summary>The rule.</summary>
    public required BandwidthRule Rule { get; init; }

    /// <summary>The bandwidths found (d).</summary>
    public required IReadOnlyList<double> Bandwidths { get; init; }

    /// <summary>The criterion there, over all data in float64; NaN for a rule without one.</summary>
    public required double Score { get; init; }

    /// <summary>The least and the largest bandwidths that could have been chosen (d); empty for a rule without a search.</summary>
    public required IReadOnlyList<(double Least, double Most)> Bounds { get; init; }

    /// <summary>Everything that was tried, in order.</summary>
    public required IReadOnlyList<BandwidthTrial> Trials { get; init; }

    /// <summary>Whether a bandwidth stands at one of its bounds: the criterion would have it smaller or larger still.</summary>
    public bool IsAtBound => Bandwidths.Zip(Bounds).Any(pair => pair.First <= pair.Second.Least * 1.001 || pair.First >= pair.Second.Most / 1.001);
}
