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

    // So many columns of values take no less room than they ask for.
    private const int ColumnsOfStretch = 4;
    private const int AloneForAnother = FarEnds.AloneForAnother;

    // As the fit to moments has it.
    private const double LeastProbability = MomentLogLoss.LeastProbability;

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
        rows.Order(cancellationToken);
        Classes = rows.Classes;
        Columns = Math.Max(rows.Columns, Classes.Count);
        (_rows, _options, _cancellationToken) = (rows, options, cancellationToken);
        _stretch = (stretch * ColumnsOfStretch) / Math.Max(ColumnsOfStretch, Columns);
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

    /// <summary>
    /// The weighted mean of -log p, p the probability that the other rows give to a row's own class, at least 2^-52; NaN for values.
    /// </summary>
    public double LeaveOneOutLogLoss { get; private set; } = double.NaN;

    /// <summary>v, the number of columns of values, or of classes.</summary>
    public int Columns { get; }

    /// <summary>The names of the classes; none for values.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>The least key.</summary>
    public double LeastX { get; }

    /// <summary>The largest key.</summary>
    public double MostX { get; }

    /// <summary>Fits.</summary>
    /// <param name="rows">The rows; they are put in order, and no more can be added.</param>
    /// <param name="some">A fit in memory to some of the rows, by which a search begins; null where the bandwidth is given.</param>
    /// <param name="options">A kernel that ends, the degree, and one bandwidth or leave-one-out, GCV or AICc.</param>
    /// <param name="progress">Told the part of the search done, roughly, from 0 to 1.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentException">A kernel without an end, or a rule that is not answered.</exception>
    /// <exception cref="RegressionDataException">Keys that do not vary, or a bandwidth that more than 2 million rows are in reach
    /// of.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static OrderedRegression Fit(
        OrderedRows rows,
        KernelRegression? some,
        KernelRegressionOptions options,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default) =>
        Fit(rows, some, options, RowsOfStretch, progress, cancellationToken);

    /// <summary>The same with stretches of so many rows.</summary>
    internal static OrderedRegression Fit(
        OrderedRows rows,
        KernelRegression? some,
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

        if (rule is not null && some is null)
        {
            throw new ArgumentException($"Expected a fit to some of the rows for the rule {rule}, got none.", nameof(some));
        }

        if (rows.Classes.Count > 0 && options.Degree > 0)
        {
            throw new ArgumentException(
                $"Expected the degree 0 for classes, got {options.Degree}: the probabilities of planes leave 0 to 1.", nameof(options));
        }

        var model = new OrderedRegression(rows, options, stretch, cancellationToken);
        model.Bandwidth = rule is null ? options.Bandwidth.Values[0]
            : model.Find(rule.Value, some!.Bandwidths[0] * Math.Pow(Math.Min(1, (double)some.Count / rows.Count), 0.2), progress);
        model.Describe();
        progress?.Report(1);
        return model;
    }

    private void Describe()
    {
        Sums sums = Pass(Bandwidth, isFinal: true, leaveOut: true) ?? throw TooMany(_mostInReach);
        double n = _rows.Count;
        double[] residuals = [.. sums.Residuals.Select(sum => sum.Sum)];
        double[] totals = [.. sums.Squares.Select((squares, c) => squares.Sum - (sums.Values[c].Sum * sums.Values[c].Sum / n))];
        Diagnostics said = ScoreRule.Describe(n, n, sums.Trace.Sum, sums.TraceOfSquare.Sum, sums.LeaveOneOut.Sum, residuals, totals);
        Diagnostics = sums.Alone > n / AloneForAnother ? said with { LeaveOneOutError = double.PositiveInfinity } : said;
        LeaveOneOutLogLoss = Classes.Count > 0 ? sums.LogLoss.Sum / n : double.NaN;
    }

    // All rows, a stretch at a time, each with those in reach on both sides; null where these are too many.
    private Sums? Pass(double h, bool isFinal, bool leaveOut)
    {
        var smoother = new Smoother(_options.Kernel, _options.Degree, 0, _options.Threads, _cancellationToken);
        var sums = new Sums(Columns);
        double[] levels = [];
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
            levels = levels.Length > 0 ? levels : [.. data.Offsets.Select((offset, c) => offset + data.Values[c])];
            for (int i = (int)(first - low); i < (int)(end - low); i++)
            {
                sums.Trace.Add(fit.Leverage[i]);
                sums.Alone += IsAlone(data.Keys, i, h) ? 1 : 0;
                if (isFinal)
                {
                    sums.TraceOfSquare.Add(data.WeightAt(i) / fit.EffectiveNeighbours[i]);
                }

                AddValues(data, fit, i, levels, isFinal, leaveOut, sums);
            }
        }

        return sums;
    }

    private void AddValues(SmootherData data, Smoother.Fit fit, int row, double[] levels, bool isFinal, bool leaveOut, Sums sums)
    {
        double weight = data.WeightAt(row);
        for (int c = 0; c < Columns; c++)
        {
            int at = (row * Columns) + c;
            double y = data.Values[at];
            sums.Residuals[c].Add(weight * (y - fit.Fitted[at]) * (y - fit.Fitted[at]));
            if (leaveOut)
            {
                sums.LeaveOneOut.Add(weight * (y - fit.WithoutOwn[at]) * (y - fit.WithoutOwn[at]));
            }

            if (isFinal)
            {
                double apart = y + data.Offsets[c] - levels[c];
                sums.Values[c].Add(weight * apart);
                sums.Squares[c].Add(weight * apart * apart);
                if (Classes.Count > 0 && y + data.Offsets[c] > 0.5)
                {
                    sums.LogLoss.Add(-weight * Math.Log(Math.Max(LeastProbability, fit.WithoutOwn[at] + data.Offsets[c])));
                }
            }
        }
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

        (double[] keys, double[] values, double[] weights) = _rows.Read(first, (int)(end - first));
        double[] offsets = SmootherData.TakeOffsets(values, Columns);
        return new SmootherData
        {
            Features = 1,
            Columns = Columns,
            Keys = keys,
            Values = values,
            Offsets = offsets,
            Weights = weights,
            Examples = keys.Length,
        };
    }

    /// <summary>What a pass sums.</summary>
    private sealed class Sums(int columns)
    {
        public Compensated LeaveOneOut, Trace, TraceOfSquare, LogLoss;
        public long Alone;

        public Compensated[] Residuals { get; } = new Compensated[columns];

        public Compensated[] Values { get; } = new Compensated[columns];

        public Compensated[] Squares { get; } = new Compensated[columns];
    }
}
