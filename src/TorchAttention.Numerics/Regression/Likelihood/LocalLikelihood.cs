using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <summary>
/// Local likelihood: the mean mu(q) of values that are 0 or 1, or counts, as a curve or surface on the scale of a link eta = g(mu), logit
/// or logarithm. Near each query eta is a polynomial, and beta_0 of the largest
/// sum_i s_i K(u_i) l(y_i, z_i' beta) - (L V / 2) sum_(k>=1) beta_k^2 is eta(q) (R. Tibshirani and T. Hastie, 1987; C. Loader, 1999).
/// </summary>
/// <example>
/// <code>
/// LocalLikelihood model = LocalLikelihood.Fit(age, isIll, ResponseFamily.Binomial);
/// Predictions at = model.Predict([40, 60]);
/// Console.WriteLine($"{at.Mean[1]:P0}, from {at.Lower[1]:P0} to {at.Upper[1]:P0}");
/// </code>
/// </example>
/// <remarks>
/// <para>u = (x - q) / h, z the products of u up to the degree, l the logarithm of a value's probability; L is the ridge of
/// <see cref="KernelRegressionOptions.Ridge"/>, and V the variance of a value of the mean of all, so that L counts rows as it does
/// there. Of degree 0 the mean is the weighted mean of the values, the Nadaraya-Watson estimate.</para>
/// <para>Where values of one kind alone are in reach, all 0 or all 1, nothing is largest: eta is 20 below or above that of one half (of
/// counts, 20 below the logarithm of the mean of all), which is a probability of 2e-9 or 1 - 2e-9. No eta is farther off than that.</para>
/// <para>Every pair of query and example in reach is computed, some five times. A model never changes; its methods may be called from
/// several threads at once.</para>
/// </remarks>
public sealed partial class LocalLikelihood : IPredictor
{
    private readonly LikelihoodProblem _problem;
    private readonly Lazy<LikelihoodProblem> _corrected;

    private LocalLikelihood(
        LikelihoodProblem problem, KernelRegressionOptions options, LikelihoodDiagnostics diagnostics, BandwidthSearch? search,
        double[] fitted)
    {
        (_problem, Options, Likelihood, Search, Fitted) = (problem, options, diagnostics, search, fitted);
        _corrected = new(() => LikelihoodIntervals.Corrected(problem));
        double n = problem.Data.Examples;
        double freedom = n - diagnostics.EffectiveDegreesOfFreedom;
        Diagnostics = new Diagnostics
        {
            EffectiveDegreesOfFreedom = diagnostics.EffectiveDegreesOfFreedom,
            ResidualDegreesOfFreedom = freedom,
            ResidualStandardError = [double.NaN],
            RSquared = [1 - (diagnostics.Deviance / diagnostics.NullDeviance)],
            LeaveOneOutError = diagnostics.LeaveOneOutError,
            AICc = double.NaN,
            GCV = double.NaN,
        };
    }

    /// <summary>The family.</summary>
    public ResponseFamily Family => _problem.Family;

    /// <summary>What it was fitted with; the degree is the one found.</summary>
    public KernelRegressionOptions Options { get; }

    /// <summary>The bandwidths (d), given or found.</summary>
    public IReadOnlyList<double> Bandwidths => _problem.Bandwidths;

    /// <summary>How the bandwidths were found, by the leave-one-out deviance; null where they were given or the model was loaded.</summary>
    public BandwidthSearch? Search { get; }

    /// <summary>
    /// The degrees that were chosen from, with their leave-one-out deviances; empty where the degree was given or the model was loaded.
    /// </summary>
    public IReadOnlyList<(int Degree, double LeaveOneOutDeviance)> DegreeTrials { get; private init; } = [];

    /// <summary>How the fit describes its data.</summary>
    public LikelihoodDiagnostics Likelihood { get; }

    /// <summary>
    /// The same as of other fits: the freedom left is n - k, R squared is the part of the deviance that is explained, the leave-one-out
    /// error that of the mean's square. No residual standard error, AICc or GCV.
    /// </summary>
    public Diagnostics Diagnostics { get; }

    /// <summary>The fitted means (n), in the order that the examples were given in; empty where the model was loaded.</summary>
    public IReadOnlyList<double> Fitted { get; }

    /// <summary>The number of examples n.</summary>
    public int Count => _problem.Data.Count;

    /// <inheritdoc/>
    public int Features => _problem.Data.Features;

    /// <inheritdoc/>
    public int Columns => 1;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes => [];

    /// <summary>How many features there may be for <see cref="IntervalKind.Mean"/>, by the degree.</summary>
    public int MostFeaturesOfIntervals => Intervals.BiasCorrection.MostFeatures(Options.Degree);

    /// <summary>Fits one feature.</summary>
    /// <param name="x">Keys (n).</param>
    /// <param name="y">Values (n): 0 and 1, or counts.</param>
    /// <param name="family">What the values are.</param>
    /// <param name="options">As of the other method.</param>
    /// <returns>The model; it keeps a copy of the data.</returns>
    /// <inheritdoc cref="Fit(ReadOnlySpan{double}, ReadOnlySpan{double}, int, ResponseFamily, KernelRegressionOptions?,
    /// ReadOnlySpan{double}, IProgress{double}?, CancellationToken)" path="/exception"/>
    public static LocalLikelihood Fit(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, ResponseFamily family, KernelRegressionOptions? options = null) =>
        Fit(x, y, 1, family, options);

    /// <summary>Fits any number of features.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="y">Values (n): 0 and 1, or counts; not all the same of 0 and 1, not all 0 of counts.</param>
    /// <param name="features">d.</param>
    /// <param name="family">What the values are.</param>
    /// <param name="options">
    /// The kernel, the degree or the degrees to choose from, the ridge, bandwidths or a rule that <see cref="IsRule"/> has, bounds for the
    /// search, threads; the defaults where null.
    /// </param>
    /// <param name="weights">How much each example counts (n), not negative; each the same where empty. One of weight 0 is fitted, and
    /// counts in nothing else.</param>
    /// <param name="progress">Told the part done, roughly.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The model; it keeps a copy of the data.</returns>
    /// <exception cref="ArgumentException">
    /// Lengths that do not fit each other, a value that is none of the family's, an option that is not for local likelihood.
    /// </exception>
    /// <exception cref="RegressionDataException">Values of one kind alone, or data for which there is no bandwidth.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static LocalLikelihood Fit(
        ReadOnlySpan<double> x,
        ReadOnlySpan<double> y,
        int features,
        ResponseFamily family,
        KernelRegressionOptions? options = null,
        ReadOnlySpan<double> weights = default,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new KernelRegressionOptions();
        LikelihoodCheck.Options(options, family);
        RegressionCheck.Data(x, y, features, weights);
        LikelihoodCheck.Values(y, x.Length / features, family);
        int rows = y.Length;
        Unweighted unweighted = Unweighted.TakeAway(ref x, ref y, ref weights, features, options, out int[] taken);
        LikelihoodCheck.BothKinds(y, family);
        var data = SmootherData.Create(x, y, RegressionCheck.OfMeanOne(weights), features, out int[]? order);
        double[] values = data.GivenValues();
        KernelRegressionOptions[] asked = options.Degrees.Count == 0 ? [options] : [.. options.Degrees.Select(options.For)];
        foreach (KernelRegressionOptions one in asked)
        {
            RegressionCheck.Terms(one, features);
        }

        var found = new LikelihoodSearch.Found[asked.Length];
        for (int k = 0; k < asked.Length; k++)
        {
            var part = new PartOf(progress, k, asked.Length);
            found[k] = new LikelihoodSearch(family, data, values, asked[k], part, cancellationToken).Find();
        }

        int least = Enumerable.Range(0, asked.Length).MinBy(k => found[k].Score);
        LikelihoodProblem problem = found[least].Problem;
        (LikelihoodDiagnostics diagnostics, double[] means) =
            LikelihoodIntervals.Measure(problem, found[least].Score, found[least].Error, asked[least].Threads, cancellationToken);
        double[] fitted = new double[rows];
        for (int i = 0; i < means.Length; i++)
        {
            int place = order is null ? i : order[i];
            fitted[taken.Length == 0 ? place : taken[place]] = means[i];
        }

        var model = new LocalLikelihood(problem, asked[least], diagnostics, found[least].Search, fitted)
        {
            DegreeTrials = asked.Length == 1 ? [] : [.. found.Zip(asked, (one, its) => (its.Degree, one.Score))],
        };
        unweighted.Predict(model, fitted);
        return model;
    }

    /// <summary>Whether a rule chooses bandwidths here: least leave-one-out deviance, and formulas that do not look at values.</summary>
    /// <param name="rule">The rule; null for none.</param>
    public static bool IsRule(BandwidthRule? rule) =>
        rule is BandwidthRule.LeaveOneOut or BandwidthRule.Silverman or BandwidthRule.Scott;

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Family}, {Options.Kernel} kernel, degree {Options.Degree}, h = {string.Join(", ", Bandwidths)}, {Count} examples");

    private sealed class PartOf(IProgress<double>? whole, int part, int parts) : IProgress<double>
    {
        public void Report(double value) => whole?.Report((part + value) / parts);
    }
}
