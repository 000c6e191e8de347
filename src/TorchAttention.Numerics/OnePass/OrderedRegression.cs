using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// Kernel regression of one feature with a kernel that ends, of more rows than memory holds: rows in the order of their keys are fitted a
/// stretch at a time, with those in reach on both sides, by the same engine as in memory. Every number is that of a fit in memory.
/// </summary>
/// <remarks>
/// A bandwidth is one pass over the ordered rows, and a search some thirty: a fit in memory to some of the rows says where to look. Memory
/// grows with the rows in reach of a key, 2 million at most.
/// </remarks>
public sealed partial class OrderedRegression
{
    private const int RowsOfStretch = 1 << 18;
    private const int StretchesInReach = 8;
    private const int AloneForAnother = FarEnds.AloneForAnother;

    private readonly OrderedRows _rows;
    private readonly KernelRegressionOptions _options;
    private readonly int _stretch;
    private readonly List<BandwidthTrial> _trials = [];
    private readonly CancellationToken _cancellationToken;

    // The narrowest bandwidth that has too many rows in reach of a key, and how many.
    private double _tooWide = double.PositiveInfinity;
    private long _mostInReach;

    private OrderedRegression(OrderedRows rows, KernelRegressionOptions options, int stretch, CancellationToken cancellationToken)
    {
        (_rows, _options, _stretch, _cancellationToken) = (rows, options, stretch, cancellationToken);
        rows.Order(cancellationToken);
        Diagnostics = null!;
        if (rows.Count < 2 || !(rows.KeyAt(rows.Count - 1) > rows.KeyAt(0)))
        {
            throw new RegressionDataException(RegressionProblem.NoSpread, "keys that vary", $"{rows.Count} that do not");
        }

        (LeastX, MostX) = (rows.KeyAt(0), rows.KeyAt(rows.Count - 1));
    }

    /// <summary>h.</summary>
    public double Bandwidth { get; private set; }

    /// <summary>How it was found; null where it was given.</summary>
    public BandwidthSearch? Search { get; private set; }

    /// <summary>How the fit describes its rows.</summary>
    public Diagnostics Diagnostics { get; private set; }

    /// <summary>The least key.</summary>
    public double LeastX { get; }

    /// <summary>The largest key.</summary>
    public double MostX { get; }

    /// <summary>Fits.</summary>
    /// <param name="rows">The rows; they are put in order, and no more can be added.</param>
    /// <param name="someX">Keys of some rows, from many places of all of them.</param>
    /// <param name="someY">Their values.</param>
    /// <param name="options">A kernel that ends, the degree, and one bandwidth or leave-one-out, GCV or AICc.</param>
    /// <param name="progress">Told the part of the search done, roughly, from 0 to 1.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentException">A kernel without an end, or a rule that is not answered.</exception>
    /// <exception cref="RegressionDataException">Keys that do not vary, or a bandwidth that more than 2 million rows are in reach
    /// of.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static OrderedRegression Fit(
        OrderedRows rows,
        ReadOnlySpan<double> someX,
        ReadOnlySpan<double> someY,
        KernelRegressionOptions options,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default) =>
        Fit(rows, someX, someY, options, RowsOfStretch, progress, cancellationToken);

    /// <summary>The same with stretches of so many rows.</summary>
    internal static OrderedRegression Fit(
        OrderedRows rows,
        ReadOnlySpan<double> someX,
        ReadOnlySpan<double> someY,
        KernelRegressionOptions options,
        int stretch,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(options);
        BandwidthRule? rule = options.Bandwidth.Rule;
        if (double.IsInfinity(options.Kernel.Support))
        {
            throw new ArgumentException($"Expected a kernel that ends, got {options.Kernel}.", nameof(options));
        }

        if (options.WeightsAre == WeightMeaning.Frequencies)
        {
            throw new ArgumentException($"Expected weights that are precisions, got {options.WeightsAre}.", nameof(options));
        }

        if (options.Periods.Any(double.IsFinite))
        {
            throw new ArgumentException("Expected a feature that does not repeat, got a period.", nameof(options));
        }

        RegressionCheck.NoShare(options.Bandwidth);
        if (rule is not (null or BandwidthRule.LeaveOneOut or BandwidthRule.GCV or BandwidthRule.AICc)
            || (rule is null && options.Bandwidth.Values.Count != 1))
        {
            throw new ArgumentException(
                $"Expected one bandwidth or the rule LeaveOneOut, GCV or AICc, got {options.Bandwidth}.", nameof(options));
        }

        var model = new OrderedRegression(rows, options, stretch, cancellationToken);
        model.Bandwidth = rule is null ? options.Bandwidth.Values[0] : model.Find(rule.Value, someX, someY, progress);
        model.Describe();
        progress?.Report(1);
        return model;
    }

    /// <summary>The curve at some places.</summary>
    /// <param name="queries">Queries (m), ascending.</param>
    /// <param name="level">Of the bands.</param>
    /// <returns>The predictions (m).</returns>
    /// <exception cref="ArgumentException">Queries that are not ascending.</exception>
    /// <exception cref="RegressionDataException">More than 2 million rows are in reach of one.</exception>
    public Predictions Predict(ReadOnlySpan<double> queries, double level)
    {
        for (int i = 1; i < queries.Length; i++)
        {
            if (!(queries[i] > queries[i - 1]))
            {
                throw new ArgumentException($"Expected ascending queries, got {queries[i]} after {queries[i - 1]}.", nameof(queries));
            }
        }

        var points = new Dictionary<double, CurvePoint>();
        for (int start = 0, end; start < queries.Length; start = end)
        {
            // As many as have rows in reach that are no more than a stretch.
            (long first, long last) = InReach(queries[start], queries[start], Bandwidth);
            for (end = start + 1; end < queries.Length; end++)
            {
                (_, long next) = InReach(queries[end], queries[end], Bandwidth);
                if (next - first > _stretch)
                {
                    break;
                }

                last = next;
            }

            AddPoints(queries[start..end], first, last, points);
        }

        return CurvePredictions.Create(
            queries, [x => points[x]], Diagnostics, (LeastX, MostX), new PredictionOptions { Level = level }, _cancellationToken);
    }

    private void AddPoints(ReadOnlySpan<double> queries, long first, long end, Dictionary<double, CurvePoint> points)
    {
        double[] means = new double[queries.Length];
        double[] neighbours = new double[queries.Length];
        bool[] hasNeighbour = new bool[queries.Length];
        if (end > first)
        {
            SmootherData data = Take(first, end) ?? throw TooMany(end - first);
            _options.Kernel.Pool(
                data.Samples<double>(),
                new PoolingWidths { Bandwidths = [Bandwidth] },
                queries,
                new PoolingOutput<double> { Values = means, EffectiveNeighbours = neighbours, HasNeighbour = hasNeighbour },
                null,
                new PoolingOptions { Degree = _options.Degree, Threads = _options.Threads },
                null,
                _cancellationToken);
            data.AddOffsets(means);
        }

        for (int i = 0; i < queries.Length; i++)
        {
            points[queries[i]] = hasNeighbour[i]
                ? new CurvePoint(means[i], neighbours[i], double.NaN, double.PositiveInfinity, IsFar: false)
                : new CurvePoint(double.NaN, double.NaN, double.NaN, double.PositiveInfinity, IsFar: true);
        }
    }

    private void Describe()
    {
        Sums sums = Pass(Bandwidth, isFinal: true, leaveOut: true) ?? throw TooMany(_mostInReach);
        double n = _rows.Count;
        double trace = sums.Trace.Sum;
        double freedom = n - (2 * trace) + sums.TraceOfSquare.Sum;
        double mean = sums.Residual.Sum / n;
        double average = sums.Values.Sum / n;
        double total = sums.Squares.Sum - (n * average * average);
        Diagnostics = new Diagnostics
        {
            EffectiveDegreesOfFreedom = trace,
            ResidualDegreesOfFreedom = freedom,
            ResidualStandardError = [freedom > 1e-9 * n ? Math.Sqrt(sums.Residual.Sum / freedom) : double.NaN],
            RSquared = [total > 0 ? 1 - (sums.Residual.Sum / total) : double.NaN],
            LeaveOneOutError = sums.Alone > n / AloneForAnother ? double.PositiveInfinity : sums.LeaveOneOut.Sum / n,
            AICc = AICcCriterion.Compute(mean, trace, n),
            GCV = GcvCriterion.Compute(mean, trace, n),
        };
    }

    // All rows, a stretch at a time, each with those in reach on both sides; null where these are too many.
    private Sums? Pass(double h, bool isFinal, bool leaveOut)
    {
        var smoother = new Smoother(_options.Kernel, _options.Degree, 0, _options.Threads, _cancellationToken);
        var sums = default(Sums);
        double level = double.NaN;
        for (long first = 0; first < _rows.Count; first += _stretch)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            long end = Math.Min(_rows.Count, first + _stretch);
            (long low, long high) = InReach(_rows.KeyAt(first), _rows.KeyAt(end - 1), h);

            // The nearest rows speak for one that has none in reach.
            low = low == first && first > 0 ? _rows.FirstFrom(_rows.KeyAt(first - 1), 0, first) : low;
            high = high == end && end < _rows.Count ? _rows.FirstFrom(_rows.KeyAt(end), end, _rows.Count, isAbove: true) : high;
            if (Take(low, high) is not { } data)
            {
                (_tooWide, _mostInReach) = (Math.Min(_tooWide, h), high - low);
                return null;
            }

            Smoother.Fit fit = smoother.At<double>(data, [h], leaveOut, isFinal);
            double offset = data.Offsets[0];
            level = double.IsNaN(level) ? offset + data.Values[0] : level;
            for (int i = (int)(first - low); i < (int)(end - low); i++)
            {
                double y = data.Values[i];
                sums.Residual.Add((y - fit.Fitted[i]) * (y - fit.Fitted[i]));
                sums.Trace.Add(fit.Leverage[i]);
                sums.Alone += IsAlone(data.Keys, i, h) ? 1 : 0;
                if (leaveOut)
                {
                    sums.LeaveOneOut.Add((y - fit.WithoutOwn[i]) * (y - fit.WithoutOwn[i]));
                }

                if (isFinal)
                {
                    sums.TraceOfSquare.Add(1 / fit.EffectiveNeighbours[i]);
                    double apart = y + offset - level;
                    sums.Values.Add(apart);
                    sums.Squares.Add(apart * apart);
                }
            }
        }

        return sums;
    }

    private bool IsAlone(double[] keys, int i, double h) =>
        !(i > 0 && (keys[i] - keys[i - 1]) / h < _options.Kernel.Support)
        && !(i + 1 < keys.Length && (keys[i + 1] - keys[i]) / h < _options.Kernel.Support);

    private (long First, long End) InReach(double from, double to, double h)
    {
        // A key more than in reach, for rounding.
        double reach = h * _options.Kernel.Support * (1 + 1e-12);
        long first = _rows.FirstFrom(from - reach, 0, _rows.Count);
        long end = _rows.FirstFrom(to + reach, first, _rows.Count, isAbove: true);
        return (first, end);
    }

    private long MostInReach => (long)StretchesInReach * _stretch;

    private RegressionDataException TooMany(long rows) => new(
        RegressionProblem.TooMany,
        $"at most {MostInReach} rows in reach of a key",
        $"some {rows}: choose a narrower bandwidth, or the gaussian kernel");

    private SmootherData? Take(long first, long end)
    {
        if (end - first > MostInReach)
        {
            return null;
        }

        double[] keys = new double[end - first];
        double[] values = new double[end - first];
        _rows.Read(first, keys, values);
        double[] offsets = SmootherData.TakeOffsets(values, 1);
        return new SmootherData
        {
            Features = 1,
            Columns = 1,
            Keys = keys,
            Values = values,
            Offsets = offsets,
            Weights = [],
            Examples = keys.Length,
        };
    }

    /// <summary>What a pass sums.</summary>
    private struct Sums
    {
        public Compensated LeaveOneOut, Residual, Trace, TraceOfSquare, Values, Squares;
        public long Alone;
    }
}
