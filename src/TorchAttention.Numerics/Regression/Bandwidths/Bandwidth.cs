using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>The bandwidth of a kernel regression: numbers, the rule that finds them, or the freedom that the fit is to have.</summary>
/// <remarks>
/// h divides the distance, u = (q - k)/h, in the units of each feature. A number becomes a bandwidth by itself: <c>Bandwidth = 0.5</c>.
/// </remarks>
public sealed record Bandwidth
{
    private Bandwidth(BandwidthRule? rule, IReadOnlyList<double> values)
    {
        Rule = rule;
        Values = values;
    }

    /// <inheritdoc cref="BandwidthRule.LeaveOneOut"/>
    public static Bandwidth LeaveOneOut { get; } = new(BandwidthRule.LeaveOneOut, []);

    /// <inheritdoc cref="BandwidthRule.AICc"/>
    public static Bandwidth AICc { get; } = new(BandwidthRule.AICc, []);

    /// <inheritdoc cref="BandwidthRule.GCV"/>
    public static Bandwidth GCV { get; } = new(BandwidthRule.GCV, []);

    /// <inheritdoc cref="BandwidthRule.Silverman"/>
    public static Bandwidth Silverman { get; } = new(BandwidthRule.Silverman, []);

    /// <inheritdoc cref="BandwidthRule.Scott"/>
    public static Bandwidth Scott { get; } = new(BandwidthRule.Scott, []);

    /// <inheritdoc cref="BandwidthRule.PlugIn"/>
    public static Bandwidth PlugIn { get; } = new(BandwidthRule.PlugIn, []);

    /// <summary>The rule; null where numbers or degrees of freedom were given.</summary>
    public BandwidthRule? Rule { get; }

    /// <summary>The numbers, one for all features or one for each; empty where they are to be found.</summary>
    public IReadOnlyList<double> Values { get; }

    /// <summary>The effective degrees of freedom that the fit is to have; null where it is not asked for by these.</summary>
    public double? EffectiveDegreesOfFreedom { get; private init; }

    /// <summary>
    /// Whether it is a share of the examples: h at a query is the distance to the farthest of so many nearest examples.
    /// </summary>
    public bool IsShare { get; private init; }

    /// <summary>For <see cref="BandwidthRule.KFold"/>: the number of folds.</summary>
    public int Folds { get; private init; }

    /// <summary>For <see cref="BandwidthRule.KFold"/>: what the examples are dealt to the folds by.</summary>
    public int Seed { get; private init; }

    /// <summary>A given bandwidth for all features.</summary>
    /// <param name="value">Positive and finite.</param>
    /// <exception cref="ArgumentException">It is not.</exception>
    public static Bandwidth Fixed(double value) => Fixed([value]);

    /// <summary>Given bandwidths.</summary>
    /// <param name="values">One for all features, or one for each; positive and finite.</param>
    /// <exception cref="ArgumentException">There is none, or one is not positive and finite.</exception>
    public static Bandwidth Fixed(params ReadOnlySpan<double> values)
    {
        if (values.IsEmpty)
        {
            throw new ArgumentException("Expected at least one bandwidth, got none.", nameof(values));
        }

        foreach (double h in values)
        {
            if (!(h > 0 && double.IsFinite(h)))
            {
                throw new ArgumentException(
                    string.Create(CultureInfo.InvariantCulture, $"Expected positive, finite bandwidths, got {h}."), nameof(values));
            }
        }

        return new Bandwidth(null, values.ToArray());
    }

    /// <summary>
    /// The bandwidths at which the fit has so many effective degrees of freedom, tr H. Those of several features are in proportion to the
    /// standard deviations of their keys. Where tr H jumps, as with the boxcar, it jumps over the number there.
    /// </summary>
    /// <param name="count">
    /// More than the fit has at the widest bandwidth, which is the number of its polynomial's terms, or 1 with a ridge; fewer than there
    /// are different keys.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">It is not at least 1, or not finite.</exception>
    public static Bandwidth DegreesOfFreedom(double count) => count >= 1 && double.IsFinite(count)
        ? new Bandwidth(null, []) { EffectiveDegreesOfFreedom = count }
        : throw new ArgumentOutOfRangeException(nameof(count), count, "Expected degrees of freedom of at least 1, and finite.");

    /// <summary>
    /// A bandwidth that reaches a share of the n examples: at each query h is the distance to the k-th nearest of them, k = floor(share n +
    /// 1e-5), as R's loess and statsmodels' lowess have it with the tricube (W. S. Cleveland, 1979). For one feature. An example left out
    /// is left out of the sums, not of those that h is measured by.
    /// </summary>
    /// <param name="share">
    /// Above 0, at most 1: k must be at least the degree and 2, for the k-th example weighs nothing where the kernel ends.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public static Bandwidth Nearest(double share) => share is > 0 and <= 1
        ? new Bandwidth(null, [share]) { IsShare = true }
        : throw new ArgumentOutOfRangeException(nameof(share), share, "Expected a share above 0 and at most 1.");

    /// <summary>How many of n examples a share is: k.</summary>
    /// <param name="share">The share.</param>
    /// <param name="examples">n.</param>
    public static int NearestCount(double share, int examples) => NearestKeys.CountFor(share, examples);

    /// <summary>The share of the examples, as <see cref="Nearest"/> has it, that a rule finds.</summary>
    /// <param name="rule">A rule that searches.</param>
    /// <exception cref="ArgumentException">The rule has a formula, which is for bandwidths.</exception>
    public static Bandwidth NearestBy(BandwidthRule rule) => BandwidthRules.CriterionOf(rule) is not null
        ? By(rule) with { IsShare = true }
        : throw new ArgumentException($"Expected a rule that searches, got {rule}, a formula for bandwidths.", nameof(rule));

    /// <summary>Cross-validation over folds.</summary>
    /// <param name="folds">How many, at least 2.</param>
    /// <param name="seed">What the examples are dealt to the folds by.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 2 folds.</exception>
    public static Bandwidth KFold(int folds = 10, int seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(folds, 2);
        return new Bandwidth(BandwidthRule.KFold, []) { Folds = folds, Seed = seed };
    }

    /// <summary>The bandwidth that a rule finds, with its defaults.</summary>
    /// <param name="rule">The rule.</param>
    public static Bandwidth By(BandwidthRule rule) => rule == BandwidthRule.KFold ? KFold() : new Bandwidth(rule, []);

    /// <summary>One bandwidth for all features.</summary>
    /// <param name="value">The bandwidth.</param>
    public static implicit operator Bandwidth(double value) => Fixed(value);

    /// <inheritdoc/>
    public override string ToString() => IsShare ? $"nn={Numbers}" : Numbers;

    private string Numbers =>
        Rule?.ToString()
        ?? (EffectiveDegreesOfFreedom is double freedom ? string.Create(CultureInfo.InvariantCulture, $"df={freedom}")
            : string.Join(", ", Values.Select(h => h.ToString(CultureInfo.InvariantCulture))));
}
