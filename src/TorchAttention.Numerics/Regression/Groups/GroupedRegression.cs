using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Regression.Groups;

/// <summary>
/// A curve or surface for each group of examples: f_g(q) is fitted to the examples of group g alone, with bandwidths of its own or the same
/// for all groups.
/// </summary>
/// <example>
/// <code>
/// GroupedRegression stores = GroupedRegression.Fit(store, x, y, features: 1);
/// Predictions at = stores.Predict(["north", "south"], [1.5, 1.5]);
/// </code>
/// </example>
/// <remarks>A model never changes; its methods may be called from several threads at once.</remarks>
public sealed partial class GroupedRegression
{
    /// <summary>A group of fewer examples has no curve.</summary>
    public const int LeastExamples = 3;

    private readonly KernelRegression[] _models;
    private readonly double[] _weights;
    private readonly Dictionary<string, int> _places;

    private GroupedRegression(
        IReadOnlyList<string> groups, KernelRegression[] models, double[] weights, GroupBandwidths bandwidths,
        IReadOnlyList<GroupWithoutCurve> without)
    {
        (Groups, _models, _weights, Bandwidths, WithoutCurve) = (groups, models, weights, bandwidths, without);
        _places = groups.Index().ToDictionary(group => group.Item, group => group.Index);
    }

    /// <summary>The names of the groups that have a curve, in their order.</summary>
    public IReadOnlyList<string> Groups { get; }

    /// <summary>The groups that have none: too few examples, or examples that the bandwidth's rule cannot use.</summary>
    public IReadOnlyList<GroupWithoutCurve> WithoutCurve { get; }

    /// <summary>Whose bandwidths the curves have.</summary>
    public GroupBandwidths Bandwidths { get; }

    /// <summary>The number of features d.</summary>
    public int Features => _models[0].Features;

    /// <summary>The number of examples of all groups that have a curve.</summary>
    public int Count => _models.Sum(model => model.Count);

    /// <summary>
    /// The mean of (y_i - f_-i(x_i))^2 over the examples of all groups that have a curve, where f_-i is the curve of i's group without i.
    /// </summary>
    public double LeaveOneOutError => _models.Zip(_weights, (model, weight) => weight * model.Diagnostics.LeaveOneOutError).Sum()
        / _weights.Sum();

    /// <summary>The curve of a group.</summary>
    /// <param name="group">The group's name.</param>
    /// <exception cref="KeyNotFoundException">There is no curve of this name.</exception>
    public KernelRegression this[string group] =>
        _places.TryGetValue(group, out int place) ? _models[place] : throw new KeyNotFoundException(Unknown(group));

    /// <summary>Whether a group has a curve.</summary>
    /// <param name="group">The group's name.</param>
    public bool Has(string group) => _places.ContainsKey(group);

    /// <summary>Whether a rule chooses bandwidths that groups share: those whose errors have a mean over all groups.</summary>
    /// <param name="rule">The rule; null for none.</param>
    public static bool IsSharedRule(BandwidthRule? rule) => rule is BandwidthRule.LeaveOneOut or BandwidthRule.KFold;

    /// <summary>Fits a curve to each group.</summary>
    /// <param name="groups">The group of each example (n).</param>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="y">Values (n).</param>
    /// <param name="features">d.</param>
    /// <param name="options">How each curve is fitted; the defaults where null.</param>
    /// <param name="bandwidths">Whose bandwidths they have; each group's own by default.</param>
    /// <param name="weights">How much each example counts (n), not negative; each the same where empty.</param>
    /// <param name="progress">Told the part of the groups done, from 0 to 1.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The curves; what cannot have one is in <see cref="WithoutCurve"/>.</returns>
    /// <exception cref="ArgumentException">
    /// Lengths that do not fit each other, a number that is not finite, an option out of its range; shared bandwidths by a rule other than
    /// leave-one-out and folds.
    /// </exception>
    /// <exception cref="RegressionDataException">No group can have a curve.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static GroupedRegression Fit(
        IReadOnlyList<string> groups,
        ReadOnlySpan<double> x,
        ReadOnlySpan<double> y,
        int features,
        KernelRegressionOptions? options = null,
        GroupBandwidths bandwidths = GroupBandwidths.Own,
        ReadOnlySpan<double> weights = default,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(groups);
        options ??= new KernelRegressionOptions();
        RegressionCheck.Options(options);
        RegressionCheck.NotRobust(options, "for groups");
        RegressionCheck.Data(x, y, features, weights);
        if (groups.Count != x.Length / features || y.Length != groups.Count)
        {
            throw new ArgumentException(
                $"Expected a group and a value for each of {x.Length / features} examples, got {groups.Count} and {y.Length}.",
                nameof(groups));
        }

        GroupRows[] rows = GroupRows.Split(groups, x, y, features, weights);
        if (bandwidths == GroupBandwidths.Shared && options.Bandwidth.Values.Count == 0)
        {
            options = SharedBandwidths.Choose([.. rows.Where(one => one.ExamplesBy(options) >= LeastExamples)], options, cancellationToken);
        }

        var models = new KernelRegression?[rows.Length];
        string?[] reasons = new string?[rows.Length];
        int threads = options.Threads ?? Environment.ProcessorCount;

        // Many groups are fitted side by side, few of them one after the other on all threads.
        bool isSideBySide = rows.Length >= 2 * threads;
        new Work(isSideBySide ? threads : 1, progress, cancellationToken).ForEach(rows.Length, g =>
            (models[g], reasons[g]) = FitOne(rows[g], options with { Threads = isSideBySide ? 1 : options.Threads }, cancellationToken));
        int[] fitted = [.. Enumerable.Range(0, rows.Length).Where(g => models[g] is not null)];
        GroupWithoutCurve[] without = [.. rows.Index().Where(it => reasons[it.Index] is not null)
            .Select(it => new GroupWithoutCurve(it.Item.Name, it.Item.Count, reasons[it.Index]!))];
        return fitted.Length > 0
            ? new GroupedRegression(
                [.. fitted.Select(g => rows[g].Name)], [.. fitted.Select(g => models[g]!)], [.. fitted.Select(g => rows[g].TotalWeight)],
                bandwidths, without)
            : throw new RegressionDataException(
                RegressionProblem.TooFew, "a group that can have a curve", $"{without[0].Reason} in '{PlainText.Brief(without[0].Name)}'"
                    + (without.Length == 1 ? "" : $" and the like in {without.Length - 1} more"), nameof(groups));
    }

    /// <summary>Predicts, each query by the curve of its group.</summary>
    /// <param name="groups">The group of each query (m).</param>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="options">The defaults where null.</param>
    /// <param name="progress">Told the part of the groups done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The predictions (m).</returns>
    /// <exception cref="ArgumentException">
    /// A group without a curve, queries of other features, a number that is not finite, an option out of its range.
    /// </exception>
    /// <exception cref="NoNeighbourException">A query has no neighbour, and the model's policy is to stop there.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public Predictions Predict(
        IReadOnlyList<string> groups,
        ReadOnlySpan<double> queries,
        PredictionOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(groups);
        if (groups.Count * (long)Features != queries.Length)
        {
            throw new ArgumentException($"Expected queries ({groups.Count}, {Features}), got {queries.Length} numbers.", nameof(queries));
        }

        if (groups.FirstOrDefault(group => !Has(group)) is string unknown)
        {
            throw new ArgumentException(Unknown(unknown), nameof(groups));
        }

        return PredictKnown(groups, [.. Enumerable.Repeat(true, groups.Count)], queries, options, cancellationToken, progress);
    }

    /// <summary>Predicts those queries whose group has a curve; the others' numbers are NaN.</summary>
    internal Predictions PredictKnown(
        IReadOnlyList<string> groups, bool[] isKnown, ReadOnlySpan<double> queries, PredictionOptions? options,
        CancellationToken cancellationToken, IProgress<double>? progress = null)
    {
        options ??= new PredictionOptions();
        var gathered = new GatheredPredictions(groups.Count, Features, options, _models.All(model => model.HasSlopeErrors(options)));
        IGrouping<int, int>[] parts =
            [.. Enumerable.Range(0, groups.Count).Where(i => isKnown[i]).GroupBy(i => _places[groups[i]])];
        foreach ((int done, IGrouping<int, int> part) in parts.Index())
        {
            int[] rows = [.. part];
            gathered.Put(
                rows, _models[part.Key].Predict(KernelRegression.Rows(queries, rows, Features), options, null, cancellationToken));
            progress?.Report((done + 1.0) / parts.Length);
        }

        return gathered.ToPredictions();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Groups.Count} groups, {_models[0].Options.Kernel} kernel, {Count} examples";

    private static (KernelRegression? Model, string? Reason) FitOne(
        GroupRows rows, KernelRegressionOptions options, CancellationToken cancellationToken)
    {
        if (rows.ExamplesBy(options) < LeastExamples)
        {
            return (null, $"fewer than {LeastExamples} rows");
        }

        try
        {
            return (rows.Fit(options, cancellationToken), null);
        }
        catch (RegressionDataException e)
        {
            return (null, $"expected {e.Expected}{(e.Got is null ? "" : $", got {e.Got}")}");
        }
    }

    private string Unknown(string group) => WithoutCurve.FirstOrDefault(one => one.Name == group) is { } known
        ? $"Expected a group with a curve, got '{PlainText.Brief(group)}', which has none ({known.Reason})."
        : $"Expected one of the model's {Groups.Count} groups{PlainText.DidYouMean(group, Groups)}, got '{PlainText.Brief(group)}'.";
}
