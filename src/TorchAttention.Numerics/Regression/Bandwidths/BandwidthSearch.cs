using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>One step of a search.</summary>
/// <param name="Bandwidths">The bandwidths tried (d).</param>
/// <param name="Score">The criterion; infinite where they are not admissible.</param>
/// <param name="IsEstimate">
/// Whether the score was estimated from a part of the data or from data put together in cells: such scores guide the search, no answer
/// rests on them.
/// </param>
public sealed record BandwidthTrial(IReadOnlyList<double> Bandwidths, double Score, bool IsEstimate);

/// <summary>How bandwidths were chosen.</summary>
public sealed record BandwidthSearch
{
    // A search ends within a part in 1e4 of the bandwidth that it goes to.
    private const double AtBound = 1.001;

    // Two scores this close are off from each other by the rounding of their sums.
    private const double EqualScores = 1e-12;

    // Around the bottom of a valley scores are equal in less than a hundredth of h; farther apart they are of a plateau.
    private const double PlateauFrom = 1.01;

    /// <summary>How many times the least one the largest of equally good bandwidths is where the criterion counts as flat.</summary>
    internal const double FlatFrom = 4;

    /// <summary>The rule.</summary>
    public required BandwidthRule Rule { get; init; }

    /// <summary>Whether the bandwidths are shares of the examples, as <see cref="Bandwidth.Nearest"/> has them.</summary>
    public bool IsShare { get; init; }

    /// <summary>The bandwidths found (d).</summary>
    public required IReadOnlyList<double> Bandwidths { get; init; }

    /// <summary>The criterion there, over all data in float64; NaN for a rule without one.</summary>
    public required double Score { get; init; }

    /// <summary>The least and the largest bandwidths that could have been chosen (d); empty for a rule without a search.</summary>
    public required IReadOnlyList<(double Least, double Most)> Bounds { get; init; }

    /// <summary>Everything that was tried, in order.</summary>
    public required IReadOnlyList<BandwidthTrial> Trials { get; init; }

    /// <summary>
    /// The least and the largest bandwidth of each feature among those tried whose score is the least one, up to rounding (d); of them the
    /// widest were chosen, or in a valley those where the slope is zero. Empty for a rule without a search.
    /// </summary>
    public required IReadOnlyList<(double Least, double Most)> EquallyGood { get; init; }

    /// <summary>
    /// Examples, counted in the order given, that stand farther from all others than three times what these span, in one feature: the
    /// bandwidths were chosen without them, since no other example says anything about them. They are in the fit like all others.
    /// </summary>
    public IReadOnlyList<int> SetAside { get; init; } = [];

    /// <summary>
    /// Whether the criterion does not tell narrow bandwidths from wide ones, as on values that are constant or, for the degree 1, a
    /// straight line: the widest were chosen.
    /// </summary>
    public bool IsFlat => EquallyGood.Any(span => span.Most >= FlatFrom * span.Least);

    /// <summary>
    /// Whether a bandwidth at one of its bounds is as good as the one chosen: the criterion would have it smaller or larger still.
    /// </summary>
    public bool IsAtBound =>
        EquallyGood.Zip(Bounds).Any(pair => IsAtLeast(pair.First.Least, pair.Second.Least) || IsAtMost(pair.First.Most, pair.Second.Most));

    /// <summary>Whether the least bandwidth allowed for a feature is as good as the one chosen.</summary>
    /// <param name="feature">The feature.</param>
    public bool IsAtLeastBound(int feature) => EquallyGood.Count > 0 && IsAtLeast(EquallyGood[feature].Least, Bounds[feature].Least);

    /// <summary>Whether the largest bandwidth allowed for a feature is as good as the one chosen.</summary>
    /// <param name="feature">The feature.</param>
    public bool IsAtMostBound(int feature) => EquallyGood.Count > 0 && IsAtMost(EquallyGood[feature].Most, Bounds[feature].Most);

    /// <summary>What was found, and what the search knows of it.</summary>
    public override string ToString()
    {
        string end = IsFlat ? ", where the rule is flat" : IsAtBound ? ", at the end of what was looked at" : "";
        string tried = Trials.Count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {Trials.Count} tried");
        return $"h = {ResultText.Short(Bandwidths)} by {BandwidthRules.NameOf(Rule)}{end}{tried}";
    }

    /// <summary>What trials say: of equals the smoothest, but around the bottom of a valley that which the slope says.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="trials">All trials, in order.</param>
    /// <param name="bottoms">Those where a way down ended by its slope, of every valley.</param>
    /// <param name="bounds">The bounds (d).</param>
    /// <returns>The search; null where no score is finite.</returns>
    internal static BandwidthSearch? Of(
        BandwidthRule rule,
        IReadOnlyList<BandwidthTrial> trials,
        IEnumerable<BandwidthTrial> bottoms,
        IReadOnlyList<(double Least, double Most)> bounds)
    {
        BandwidthTrial[] exact = [.. trials.Where(trial => !trial.IsEstimate && double.IsFinite(trial.Score))];
        if (exact.Length == 0)
        {
            return null;
        }

        double least = exact.Min(trial => trial.Score);
        double equalTo = least + (EqualScores * Math.Abs(least));
        BandwidthTrial[] equal = [.. exact.Where(trial => trial.Score <= equalTo)];
        var found = new BandwidthSearch
        {
            Rule = rule,
            Bandwidths = Smoothest(equal),
            Score = least,
            Bounds = bounds,
            EquallyGood = [.. bounds.Select((_, j) => (equal.Min(trial => trial.Bandwidths[j]), equal.Max(trial => trial.Bandwidths[j])))],
            Trials = trials,
        };
        BandwidthTrial[] deepest = [.. bottoms.Where(bottom => bottom.Score <= equalTo)];
        bool isPlateau = found.EquallyGood.Any(span => span.Most > PlateauFrom * span.Least);
        return deepest.Length == 0 || isPlateau ? found : found with { Bandwidths = Smoothest(deepest) };
    }

    private static IReadOnlyList<double> Smoothest(BandwidthTrial[] trials) =>
        trials.MaxBy(trial => trial.Bandwidths.Sum(Math.Log))!.Bandwidths;

    private static bool IsAtLeast(double bandwidth, double bound) => bandwidth <= bound * AtBound;

    private static bool IsAtMost(double bandwidth, double bound) => bandwidth >= bound / AtBound;
}
