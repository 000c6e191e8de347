using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>A rule that chooses a bandwidth by the data.</summary>
public enum BandwidthRule
{
    /// <summary>
    /// Least squares cross-validation: the least mean of (y_i - f_-i(x_i))^2, where f_-i is fitted without example i. With a fixed
    /// bandwidth f_-i needs no fit of its own: the residual is (y_i - f(x_i)) / (1 - H_ii).
    /// </summary>
    LeaveOneOut,

    /// <summary>
    /// The corrected information criterion, ln(RSS/n) + 1 + 2 (tr H + 1) / (n - tr H - 2) (C. M. Hurvich, J. S. Simonoff and C.-L. Tsai,
    /// 1998).
    /// </summary>
    AICc,

    /// <summary>Generalised cross-validation, (RSS/n) / (1 - tr H / n)^2 (P. Craven and G. Wahba, 1979).</summary>
    GCV,

    /// <summary>
    /// The rule of thumb 0.9 min(s, IQR / 1.34) n^(-1/5) for one feature, (4 / (d + 2))^(1 / (d + 4)) s_j n^(-1 / (d + 4)) for several (B.
    /// W. Silverman, 1986). Made for densities: it does not look at y.
    /// </summary>
    Silverman,

    /// <summary>The rule of thumb s_j n^(-1 / (d + 4)) (D. W. Scott, 1992). Made for densities: it does not look at y.</summary>
    Scott,

    /// <summary>
    /// For one feature: the bandwidth that would be best for a local linear fit were the curve a polynomial of degree 4 fitted to all data,
    /// its noise the fit's (J. Fan and I. Gijbels, 1996, section 4.2).
    /// </summary>
    PlugIn,

    /// <summary>Cross-validation over a few folds: each is predicted from the others.</summary>
    KFold,
}

/// <summary>
/// The rules for bandwidths: what each is called, and what finds its bandwidths. A rule is added here and in a class of its own.
/// </summary>
public static class BandwidthRules
{
    private static readonly Entry[] _entries =
    [
        new(BandwidthRule.LeaveOneOut, "loo", "leave-one-out mean squared error")
        {
            Create = (smoother, _, ties) => new LeaveOneOutCriterion(smoother, ties),
        },
        new(BandwidthRule.AICc, "aicc", "AICc") { Create = (smoother, _, ties) => new AICcCriterion(smoother, ties) },
        new(BandwidthRule.GCV, "gcv", "GCV") { Create = (smoother, _, ties) => new GcvCriterion(smoother, ties) },
        new(BandwidthRule.Silverman, "silverman") { Formula = RulesOfThumb.Silverman },
        new(BandwidthRule.Scott, "scott") { Formula = RulesOfThumb.Scott },
        new(BandwidthRule.PlugIn, "plugin") { Formula = PlugInRule.Find, MostFeatures = 1 },
        new(BandwidthRule.KFold, "kfold", "cross-validated mean squared error")
        {
            Create = (smoother, asked, ties) => new FoldsCriterion(smoother, ties, asked.Folds, asked.Seed),
        },
    ];

    /// <summary>Every rule.</summary>
    public static IReadOnlyList<BandwidthRule> All { get; } = Array.ConvertAll(_entries, entry => entry.Rule);

    /// <summary>The name to ask for a rule by, such as <c>loo</c>.</summary>
    /// <param name="rule">The rule.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the rules.</exception>
    public static string NameOf(BandwidthRule rule) => EntryOf(rule).Name;

    /// <summary>The rule of a name.</summary>
    /// <param name="name">The name, in letters of either case.</param>
    /// <returns>The rule; null where there is none of this name.</returns>
    public static BandwidthRule? Find(string name) =>
        Array.Find(_entries, entry => entry.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Rule;

    /// <summary>What a rule makes small, as a title; null for a formula, which searches for nothing and takes no bounds.</summary>
    /// <param name="rule">The rule.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the rules.</exception>
    public static string? CriterionOf(BandwidthRule rule) => EntryOf(rule).Criterion;

    /// <summary>For how many features a rule is made at most.</summary>
    /// <param name="rule">The rule.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the rules.</exception>
    public static int MostFeaturesOf(BandwidthRule rule) => EntryOf(rule).MostFeatures;

    /// <summary>The criterion of a rule that searches.</summary>
    internal static Criterion Create(Bandwidth asked, Smoother smoother, bool leaveOutTies) =>
        EntryOf(asked.Rule!.Value).Create!(smoother, asked, leaveOutTies);

    /// <summary>The bandwidths (d) of a rule with a formula; null for one that searches.</summary>
    /// <exception cref="RegressionDataException">The data does not have what the rule needs.</exception>
    internal static double[]? FromFormula(BandwidthRule rule, SmootherData data, SmoothingKernel kernel) => EntryOf(rule).Formula switch
    {
        null => null,
        _ when !double.IsFinite(kernel.SecondMoment) => throw new RegressionDataException(
            RegressionProblem.NoBandwidth, $"a kernel that has a second moment for the rule {rule}", $"{kernel.Name}, whose is infinite"),
        _ when data.Periods.Length > 0 => throw new RegressionDataException(
            RegressionProblem.NoBandwidth, $"features that do not repeat for the rule {rule}", "periods; loo and the like search"),
        { } formula => formula(data, kernel),
    };

    private static Entry EntryOf(BandwidthRule rule) => Array.Find(_entries, entry => entry.Rule == rule)
        ?? throw new ArgumentOutOfRangeException(nameof(rule), rule, $"Expected one of the rules {string.Join(", ", All)}.");

    /// <summary>A rule: one that searches makes a criterion, the others have a formula.</summary>
    private sealed record Entry(BandwidthRule Rule, string Name, string? Criterion = null)
    {
        public Func<Smoother, Bandwidth, bool, Criterion>? Create { get; init; }

        public Func<SmootherData, SmoothingKernel, double[]>? Formula { get; init; }

        public int MostFeatures { get; init; } = int.MaxValue;
    }
}
