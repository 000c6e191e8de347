using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass;

/// <summary>How a curve is fitted to moments.</summary>
public sealed record MomentOptions
{
    /// <summary>0 for weighted means (Nadaraya-Watson), 1 for lines, of moments whose grid is for them.</summary>
    public int Degree { get; init; }

    /// <summary>
    /// The bandwidth, or the rule that finds it: leave-one-out by default, GCV, AICc, or folds where the moments' grid has as many.
    /// </summary>
    public Bandwidth Bandwidth { get; init; } = Bandwidth.LeaveOneOut;

    /// <summary>The most threads; all of the machine's where null.</summary>
    public int? Threads { get; init; }
}

/// <summary>
/// Local constant or linear regression with the Gaussian kernel from moments: the bandwidth, errors with their bound, and predictions
/// anywhere, as <see cref="KernelRegression"/> has them from rows, whatever the number of rows.
/// </summary>
public sealed partial class MomentRegression : IPredictor
{
    private const double CellsOfMean = 2;
    private const double CellsOfLine = 4;

    private readonly MomentLevels _all;

    // What the bandwidth is found by.
    private readonly MomentLevels _near;
    private readonly double[] _totals;
    private readonly int? _threads;

    private MomentRegression(Moments moments, MomentOptions options)
    {
        _options = options;
        Degree = options.Degree;
        Classes = moments.Classes;
        (_all, _near) = MomentLevels.Create(moments);
        _threads = options.Threads;
        (LeastX, MostX) = (moments.LeastX, moments.MostX);
        (double Mean, double Squares)[] spreads = [.. _all.FinestOfColumns.Select(level => SpreadOf(level, _all.Weight))];
        MeansY = [.. spreads.Select(spread => spread.Mean)];
        _totals = [.. spreads.Select(spread => spread.Squares)];
        Count = moments.Count;
        Bandwidth = double.NaN;
        Diagnostics = null!;
        Certificate = null!;
    }

    /// <summary>0 for means, 1 for lines.</summary>
    public int Degree { get; }

    /// <summary>h.</summary>
    public double Bandwidth { get; private set; }

    /// <summary>How it was found; null where it was given.</summary>
    public BandwidthSearch? Search { get; private set; }

    /// <summary>How the fit describes its rows.</summary>
    public Diagnostics Diagnostics { get; private set; }

    /// <summary>What the leave-one-out error is off by at most.</summary>
    public Certificate Certificate { get; private set; }

    /// <summary>n, the number of rows.</summary>
    public long Count { get; }

    /// <summary>What the rows weigh.</summary>
    internal double TotalWeight => _all.Weight;

    /// <inheritdoc/>
    public int Features => 1;

    /// <inheritdoc/>
    public int Columns => MeansY.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>
    /// The mean of -log p, with p the probability that the others give to a row's own class; it counts as 2^-52 where it is less. NaN
    /// where there are no classes. An estimate: it has no certificate.
    /// </summary>
    public double LeaveOneOutLogLoss { get; private set; } = double.NaN;

    /// <summary>
    /// How many rows stand farther from all others than three times what these span: the bandwidth was chosen without them, since no other
    /// row says anything about them. They are in the fit like all others.
    /// </summary>
    public long SetAside => Search is null ? 0 : Count - (long)_near.Rows;

    /// <summary>The least key.</summary>
    public double LeastX { get; }

    /// <summary>The largest key.</summary>
    public double MostX { get; }

    /// <summary>The mean of the values of each column (v).</summary>
    internal double[] MeansY { get; }

    /// <summary>The moments that the bandwidth is answered from, of each column (v).</summary>
    internal MomentLevel[] Levels => _all.For(Bandwidth);

    /// <summary>
    /// How wide a cell is that pieces of a curve are made of: no piece is narrower, and lines change faster than means at their ends.
    /// </summary>
    internal static double CellOfPieces(double h, int degree) => h / (degree == 0 ? CellsOfMean : CellsOfLine);

    /// <summary>The moments that the curves are condensed from (v).</summary>
    internal MomentLevel[] LevelsOfPieces => _all.For(CellOfPieces(Bandwidth, Degree));

    /// <summary>Fits.</summary>
    /// <param name="moments">The moments; later changes of them do not matter.</param>
    /// <param name="options">The defaults where null.</param>
    /// <param name="progress">Told the part of the search done, roughly, from 0 to 1.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <exception cref="ArgumentException">
    /// A rule that moments do not answer, several bandwidths, or a degree that the moments' grid is not for.
    /// </exception>
    /// <exception cref="RegressionDataException">There are no rows, or keys that do not vary.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static MomentRegression Fit(
        Moments moments,
        MomentOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(moments);
        options ??= new MomentOptions();
        if (moments.Count < 2)
        {
            throw moments.Count == 1 && options.Bandwidth.Rule is not null
                ? new RegressionDataException(
                    RegressionProblem.NoSpread, "numbers that vary", $"{moments.LeastX:R} everywhere: no bandwidth can be chosen by it")
                {
                    Feature = 0,
                }
                : new RegressionDataException(
                    RegressionProblem.NoSpread, "at least two rows that count in one pass", $"{moments.Count}");
        }

        if (options.Degree < 0 || options.Degree > moments.Grid.Degree)
        {
            throw new ArgumentException(
                $"Expected a degree from 0 to {moments.Grid.Degree}, as the moments' grid is for, got {options.Degree}.", nameof(options));
        }

        RegressionCheck.NoShare(options.Bandwidth);
        if (options.Bandwidth.Rule is null && options.Bandwidth.Values.Count != 1)
        {
            string got = options.Bandwidth.Values.Count == 0 ? $"{options.Bandwidth}" : $"{options.Bandwidth.Values.Count}";
            throw new ArgumentException($"Expected one bandwidth, got {got}.", nameof(options));
        }

        var model = new MomentRegression(moments, options);
        model.Fit(
            options.Bandwidth.Rule == BandwidthRule.KFold ? model.FoldsOf(moments, options.Bandwidth) : null, progress, cancellationToken);
        if (moments.Grid.HasClasses)
        {
            model.LeaveOneOutLogLoss = model.LogLoss(moments);
        }

        return model;
    }

    /// <summary>Predicts.</summary>
    /// <param name="queries">Queries (m).</param>
    /// <param name="options">The defaults where null; bands are pointwise.</param>
    /// <param name="progress">Not told anything.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The predictions (m).</returns>
    /// <exception cref="ArgumentException">
    /// A number that is not finite, an option out of its range or that moments do not answer.
    /// </exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public Predictions Predict(
        ReadOnlySpan<double> queries,
        PredictionOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new PredictionOptions();
        Func<double, CurvePoint>[] curves = [.. Levels.Select<MomentLevel, Func<double, CurvePoint>>(
            level => new MomentCurve(level, Bandwidth, Degree).At)];
        return CurvePredictions.Create(queries, curves, Diagnostics, (LeastX, MostX), options, hasVariance: true, cancellationToken);
    }

    /// <summary>The curve as pieces of polynomials with a proved bound: kilobytes that predict as this does.</summary>
    /// <param name="tolerance">What a mean may be off by, as a part of the range of the means.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not between 1e-14 and 1.</exception>
    /// <exception cref="NotSupportedException">
    /// There are several columns of values, or classes: <see cref="CondenseColumns"/> has a curve for each.
    /// </exception>
    public CondensedCurve Condense(double tolerance = 1e-10) => Columns == 1 && Classes.Count == 0 ? CondensedCurve.Create(this, tolerance)
        : throw new NotSupportedException($"Expected one column of values, got {Columns}; CondenseColumns has a curve for each.");

    /// <summary>The curves of all columns.</summary>
    /// <inheritdoc cref="Condense" path="/param"/>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not between 1e-14 and 1.</exception>
    public CondensedCurves CondenseColumns(double tolerance = 1e-10) => CondensedCurves.Create(this, tolerance);

    /// <summary>The bandwidth, and what its error is known to.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"gaussian kernel, degree {Degree}, h = {Bandwidth}, {Count} rows, leave-one-out error {Certificate}");

    private void Fit(MomentFolds? folds, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        if (_options.Bandwidth.Rule is { } rule)
        {
            Find(rule, folds, progress, cancellationToken);
        }
        else
        {
            Bandwidth = _options.Bandwidth.Values[0];
            RegressionCheck.Bandwidth(Bandwidth, MostX - LeastX, 0);
        }

        Describe(cancellationToken);
        progress?.Report(1);
    }

    private static (double Mean, double Squares) SpreadOf(MomentLevel level, double weight)
    {
        int terms = level.K;
        double origin = level.Count == 0 ? 0 : level.Levels[0];
        double sum = 0;
        for (int i = 0; i < level.Count; i++)
        {
            sum += level.All.V[i * terms] + ((level.Levels[i] - origin) * level.Weights[i]);
        }

        double mean = origin + (sum / weight);
        double squares = 0;
        for (int i = 0; i < level.Count; i++)
        {
            double apart = level.Levels[i] - mean;
            squares += level.All.Q[i * terms] + (2 * apart * level.All.V[i * terms]) + (apart * apart * level.Weights[i]);
        }

        return (mean, squares);
    }

    private MomentScore[] Scores(MomentLevels levels, double h, bool isCertified, CancellationToken cancellationToken)
    {
        MomentFit[] fits = [.. levels.For(h).Zip(
            levels.AtHand, (level, atHand) => new MomentFit(level, h, Degree, isCertified, atHand))];
        MomentScore[] scores = Array.ConvertAll(fits, fit => fit.Score(_threads, cancellationToken));
        _open = isCertified ? [.. fits.SelectMany(fit => fit.Open)] : _open;
        return scores;
    }

    private static MomentScore Sum(MomentScore[] columns) => columns.Aggregate((sum, column) => sum.With(column));

    private void Describe(CancellationToken cancellationToken)
    {
        MomentScore[] columns = Scores(_all, Bandwidth, isCertified: true, cancellationToken);
        MomentScore score = Sum(columns);
        double[] residuals = Array.ConvertAll(columns, column => column.Residual);
        Diagnostics = ScoreRule.Describe(
            _all.Rows, _all.Weight, score.Trace, score.TraceOfSquare, score.LeaveOneOut, residuals, _totals);
        Certificate = new Certificate
        {
            Truncation = score.Truncation / _all.Weight,
            Propagation = score.Propagation / _all.Weight,
            Rounding = score.RoundingError / _all.Weight,
            KeptRows = score.KeptRows / _all.Weight,
            LonelyRows = score.Lonely,
            UncertainCells = score.Uncertain,
            SettledRows = score.Settled,
        };
    }
}
