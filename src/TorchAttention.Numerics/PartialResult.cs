namespace TorchAttention.Numerics;

/// <summary>
/// What is known of one query's answer after some of the keys. Results over disjoint sets of keys merge in any order into the result over
/// all: tiles, threads, chunks of a file, devices are each one more of these.
/// </summary>
/// <remarks>
/// Weights are kept relative to the best score, w_i = exp(score_i - max score), the online softmax: a query far from all data still has a
/// weight of 1 for its nearest key, and never 0/0.
/// </remarks>
/// <param name="MaxScore">The best score so far; minus infinity where no key has a weight yet.</param>
/// <param name="WeightSum">sum w_i.</param>
/// <param name="SquaredWeightSum">sum w_i^2.</param>
/// <param name="WeightedSum">sum w_i v_i.</param>
public readonly record struct PartialResult(double MaxScore, double WeightSum, double SquaredWeightSum, double WeightedSum)
{
    /// <summary>The result over no key at all.</summary>
    public static PartialResult Empty { get; } = new(double.NegativeInfinity, 0, 0, 0);

    /// <summary>Whether any key has a weight.</summary>
    public bool HasNeighbour => WeightSum > 0;

    /// <summary>The pooled value, sum w_i v_i / sum w_i; NaN where there is no neighbour.</summary>
    public double Output => HasNeighbour ? WeightedSum / WeightSum : double.NaN;

    /// <summary>log sum exp(score_i); minus infinity where there is no neighbour.</summary>
    public double LogWeightSum => MaxScore + Math.Log(WeightSum);

    /// <summary>
    /// The effective number of neighbours, (sum w_i)^2 / sum w_i^2: n for n equal weights, 1 where one has it all, 0 where there is none.
    /// </summary>
    public double EffectiveNeighbours => HasNeighbour ? WeightSum * WeightSum / SquaredWeightSum : 0;

    /// <summary>The result over one key.</summary>
    /// <param name="score">Its score; minus infinity for no weight.</param>
    /// <param name="value">Its value.</param>
    public static PartialResult Of(double score, double value) =>
        double.IsNegativeInfinity(score) ? Empty : new PartialResult(score, 1, 1, value);

    /// <summary>The result over the keys of both.</summary>
    /// <param name="other">A result over other keys.</param>
    public PartialResult Merge(PartialResult other)
    {
        if (!HasNeighbour || !other.HasNeighbour)
        {
            return HasNeighbour ? this : other;
        }

        double max = Math.Max(MaxScore, other.MaxScore);
        double here = Math.Exp(MaxScore - max);
        double there = Math.Exp(other.MaxScore - max);
        return new PartialResult(
            max,
            here * WeightSum + there * other.WeightSum,
            here * here * SquaredWeightSum + there * there * other.SquaredWeightSum,
            here * WeightedSum + there * other.WeightedSum);
    }
}
