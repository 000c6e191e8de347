using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// Local constant or linear regression on two or three features with the Gaussian kernel from moments: the bandwidths, the errors, and
/// predictions anywhere, as <see cref="KernelRegression"/> has them from rows, whatever the number of rows. Moments are for both degrees.
/// </summary>
/// <remarks>No bound is proved of these numbers; docs/certificates.md says what they are off by.</remarks>
public sealed partial class BoxRegression : IPredictor
{
    // A bandwidth so much narrower than a box asks more of 16 terms than they have.
    private const double LeastInBoxes = 1 / 1.5;

    // So wide a bandwidth weighs all rows the same to one part in a hundred.
    private const double MostInRanges = 8;

    // Of the square of the values' unit: errors below are what sums are rounded to.
    private const double Rounding = 1e-14;

    private readonly BoxLevels _levels;
    private readonly MomentOptions _options;
    private readonly (double Least, double Most)[] _ranges;
    private readonly double _leastSquare;
    private readonly double _weight;
    private double[] _bandwidths = [];

    private BoxRegression(BoxMoments moments, MomentOptions options)
    {
        _options = options;
        Degree = options.Degree;
        _levels = new BoxLevels(moments);
        _ranges = [.. moments.Ranges];
        Classes = moments.Classes;
        Columns = _levels.Finest.Columns;
        _leastSquare = Rounding * Enumerable.Range(0, Columns).Sum(c => Math.Pow(moments.Grid.ValueUnitAt(c), 2));
        Widths = moments.Grid.Widths;
        Count = moments.Count;
        _weight = _levels.Finest.Weights.Sum();
        Diagnostics = null!;
        AreThin = Degree > 0 && BoxSpan.IsThin(_levels.Finest);
    }

    /// <summary>0 for means, 1 for planes.</summary>
    public int Degree { get; }

    /// <summary>The bandwidths (d), given or found.</summary>
    public IReadOnlyList<double> Bandwidths => _bandwidths;

    /// <summary>How they were found; null where they were given.</summary>
    public BandwidthSearch? Search { get; private set; }

    /// <inheritdoc/>
    public Diagnostics Diagnostics { get; private set; }

    /// <summary>n, the number of rows.</summary>
    public long Count { get; }

    /// <summary>
    /// Rows that no other is near of, so that the others' weights at them are below 1e-10 in sum: the nearest speak for them.
    /// </summary>
    public long LonelyRows { get; private set; }

    /// <summary>
    /// Boxes of 64 rows or more that lie close together or nearly on a line beside the bandwidths, so that their sums say too little of
    /// planes next to them: what is said of their rows' errors is an estimate, and of some by means.
    /// </summary>
    public int UncertainBoxes { get; private set; }

    /// <summary>The least and the largest key of each feature (d).</summary>
    public IReadOnlyList<(double Least, double Most)> Ranges => _ranges;

    /// <inheritdoc/>
    public int Features => _ranges.Length;

    /// <inheritdoc/>
    public int Columns { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; }

    /// <inheritdoc cref="MomentRegression.LeaveOneOutLogLoss"/>
    public double LeaveOneOutLogLoss { get; private set; } = double.NaN;

    /// <summary>What the rows weigh.</summary>
    internal double TotalWeight => _weight;

    private IReadOnlyList<double> Widths { get; }

    /// <summary>Fits.</summary>
    /// <param name="moments">The moments; later changes of them do not matter.</param>
    /// <param name="options">The defaults where null.</param>
    /// <param name="progress">Told the part of the search done, roughly, from 0 to 1.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <exception cref="ArgumentException">
    /// A degree above 1, or above 0 for classes, a rule that moments do not answer, folds that the moments' grid has not, or bandwidths of
    /// another number than the features'.
    /// </exception>
    /// <exception cref="RegressionDataException">There are no rows, or a feature that does not vary.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static BoxRegression Fit(
        BoxMoments moments,
        MomentOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default) => Fit(moments, options, null, progress, cancellationToken);

    /// <summary>The same, where all rows may be at hand: these are fitted where that is quicker or sums say too little.</summary>
    internal static BoxRegression Fit(
        BoxMoments moments,
        MomentOptions? options,
        RowsOfBoxes? rows,
        IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(moments);
        options ??= new MomentOptions();
        RegressionCheck.NoShare(options.Bandwidth);
        int given = options.Bandwidth.Values.Count;
        if (options.Degree is not (0 or 1) || (options.Degree > 0 && moments.Grid.HasClasses))
        {
            string expected = moments.Grid.HasClasses ? "the degree 0 for classes" : "the degree 0 or 1";
            throw new ArgumentException($"Expected {expected}, got {options.Degree}.", nameof(options));
        }

        if (options.Bandwidth.Rule is null && given != 1 && given != moments.Grid.Features)
        {
            throw new ArgumentException($"Expected one bandwidth or {moments.Grid.Features}, got {given}.", nameof(options));
        }

        // One row is fitted as a row.
        if (moments.Count < (options.Bandwidth.Rule == BandwidthRule.KFold ? 2 : 1))
        {
            throw new RegressionDataException(
                RegressionProblem.NoSpread, "at least two rows that count in one pass", $"{moments.Count}");
        }

        var model = new BoxRegression(moments, options);
        bool areAtHand = (rows is not null || model._levels.AreRows) && options.Bandwidth.Rule != BandwidthRule.KFold;
        if (areAtHand && (model.AreFew || (model.AreThin && model.Count <= MostOfThin)))
        {
            model.OfRows = model.FitRows(rows ?? model.RowsOfMoments(moments.Grid.HasWeights), progress, cancellationToken);
            model._bandwidths = [.. model.OfRows.Bandwidths];
            (model.Search, model.Diagnostics) = (model.OfRows.Search, model.OfRows.Diagnostics);
        }
        else if (options.Bandwidth.Rule is { } rule)
        {
            BoxFolds? folds = rule == BandwidthRule.KFold ? BoxFolds.Create(moments, options.Bandwidth, options.Degree) : null;
            model.Find(rule, folds, progress, cancellationToken);
        }
        else
        {
            model._bandwidths = [.. model._ranges.Select((_, j) => options.Bandwidth.Values[given == 1 ? 0 : j])];
            foreach ((int j, double h) in model._bandwidths.Index())
            {
                RegressionCheck.Bandwidth(h, model._ranges[j].Most - model._ranges[j].Least, j);
            }
        }

        if (model.OfRows is null)
        {
            model.Describe(cancellationToken);
        }

        if (moments.Grid.HasClasses)
        {
            model.LeaveOneOutLogLoss = new BoxLogLoss(model._levels.For(model._bandwidths), model._bandwidths, options.Threads)
                .Sum(moments, cancellationToken) / model._weight;
        }

        progress?.Report(1);
        return model;
    }

    /// <summary>The bandwidths.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"gaussian kernel, degree {Degree}, h = {string.Join(" ", Bandwidths)}, {Count} rows");

    private BoxScore Score(double[] h, BoxSumsKind kind, bool isRough, CancellationToken cancellationToken) =>
        new BoxFit(_levels.ForFew(h, isRough && Degree == 0), h, kind, Degree).Score(_options.Threads, cancellationToken);

    private void Find(BandwidthRule rule, BoxFolds? folds, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        ScoreRule.Check(rule, hasFolds: true);
        (double Least, double Most)[] bounds = [.. _ranges.Select((range, j) => range.Most > range.Least
            ? (Math.Log(LeastInBoxes * Widths[j]),
                Math.Max(Math.Log(Widths[j]), Math.Log(MostInRanges * (range.Most - range.Least))))
            : throw new RegressionDataException(RegressionProblem.NoSpread, "numbers that vary", $"{range.Least:R} everywhere")
            {
                Feature = j,
            })];
        var trials = new List<BandwidthTrial>();
        BandwidthTrial[] bottoms = [.. new BoxSearch(At, bounds, isCoarse: Degree > 0)
            .Run(score => rule == BandwidthRule.AICc ? 1 : Math.Abs(score), progress)
            .Select(valley => new BandwidthTrial(Array.ConvertAll(valley.Logs, Math.Exp), valley.Score, IsEstimate: false))];
        Search = BandwidthSearch.Of(rule, trials, bottoms, [.. bounds.Select(bound => (Math.Exp(bound.Least), Math.Exp(bound.Most)))])
            ?? throw new RegressionDataException(
                RegressionProblem.NoBandwidth,
                $"rows for which the rule {rule} is finite at some bandwidth",
                $"{Count} for which it is not");
        _bandwidths = [.. Search.Bandwidths];

        (double Score, double[] Slopes) At(double[] logs, bool hasSlopes, bool isRough)
        {
            cancellationToken.ThrowIfCancellationRequested();
            double[] h = Array.ConvertAll(logs, Math.Exp);
            (double value, double[] slopes) = folds is null
                ? ByRule(rule, Score(h, hasSlopes ? BoxSumsKind.Slopes : BoxSumsKind.Plain, isRough, cancellationToken))
                : ByFolds(folds.At(h, hasSlopes, isRough, _options.Threads, cancellationToken));
            value = double.IsFinite(value) ? value : double.PositiveInfinity;
            trials.Add(new BandwidthTrial(h, value, isRough));
            return (value, slopes);
        }
    }

    private (double Score, double[] Slopes) ByFolds((double Squares, double[] ByLog) sum) =>
        (Math.Max(sum.Squares / _weight, _leastSquare), [.. sum.ByLog.Select(slope => slope / _weight)]);

    private (double Score, double[] Slopes) ByRule(BandwidthRule rule, BoxScore score)
    {
        double n = Count;
        double value = ScoreRule.Value(
            rule, Math.Max(score.LeaveOneOut / _weight, _leastSquare), Math.Max(score.Residual / _weight, _leastSquare), score.Trace, n);
        return (value, [.. Enumerable.Range(0, Features).Select(j => ScoreRule.Slope(
            rule,
            value,
            score.LeaveOneOutByLog[j] / _weight,
            score.ResidualByLog[j] / score.Residual,
            score.Trace,
            score.TraceByLog[j],
            n))]);
    }

    private void Describe(CancellationToken cancellationToken)
    {
        BoxScore score = Score(_bandwidths, BoxSumsKind.Squares, isRough: false, cancellationToken);
        double[] totals = [.. Enumerable.Range(0, Columns).Select(c => SquaresAboutMean(_levels.Finest, c))];
        Diagnostics = ScoreRule.Describe(
            Count, _weight, score.Trace, score.TraceOfSquare, score.LeaveOneOut, score.Residuals, totals);
        (LonelyRows, UncertainBoxes) = (score.Lonely, score.Uncertain);
    }

    private static double SquaresAboutMean(BoxLevel level, int column)
    {
        int terms = level.Terms.Count;
        double mean = level.Origins[column]
            + (Enumerable.Range(0, level.Count).Sum(i => level.Products[column][i * terms]) / level.Weights.Sum());
        double squares = 0;
        for (int i = 0; i < level.Count; i++)
        {
            double apart = level.Levels[column][i] - mean;
            squares += level.All.Q[column][i * terms] + (2 * apart * level.All.V[column][i * terms]) + (apart * apart * level.Weights[i]);
        }

        return squares;
    }
}
