using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Intervals;

namespace TorchAttention.Numerics.Regression;

/// <content>Predictions.</content>
public sealed partial class KernelRegression
{
    // Of an example three bandwidths away.
    private const double SquareInGap = 9;

    private readonly Lock _bandLock = new();
    private readonly Lock _poolerLock = new();
    private readonly Dictionary<NoNeighbourPolicy, object> _poolers = [];
    private double? _bandLength;
    private (double Least, double Most)[]? _ranges;

    /// <inheritdoc cref="Predict(ReadOnlySpan{double}, PredictionOptions?, IProgress{double}?, CancellationToken)"/>
    public Predictions Predict(
        double[] queries,
        PredictionOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default) =>
        Predict(queries.AsSpan(), options, progress, cancellationToken);

    /// <summary>Predicts.</summary>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="options">The defaults where null.</param>
    /// <param name="progress">Told the part done, from 0 to 1, now and then.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The predictions (m, v).</returns>
    /// <exception cref="ArgumentException">Queries of other features, a number that is not finite, an option out of its range.</exception>
    /// <exception cref="NoNeighbourException">A query has no neighbour, and the model's policy is to stop there.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public Predictions Predict(
        ReadOnlySpan<double> queries,
        PredictionOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new PredictionOptions();
        RegressionCheck.Prediction(options, Features);
        CheckInterval(options);
        if (options.HasSlopes && Options is { Degree: 0, Bandwidth.IsShare: true })
        {
            throw new ArgumentException(
                "Expected a degree of at least 1 for slopes where the bandwidth is a share of the examples, got 0.", nameof(options));
        }

        queries = _data.Wrapped(queries);
        return Options.Precision == NumberPrecision.Float32 && !Options.IsPolynomial
            ? Predict<float>(queries, options, progress, cancellationToken)
            : Predict<double>(queries, options, progress, cancellationToken);
    }

    private Predictions Predict<T>(
        ReadOnlySpan<double> queries, PredictionOptions options, IProgress<double>? progress, CancellationToken cancellationToken)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int m = queries.Length / Features;
        T[] mean = new T[m * Columns];
        T[] neighbours = new T[options.HasErrors ? m : 0];
        T[] slopes = new T[options.HasSlopes ? m * Columns * Features : 0];
        double[] bandwidths = _data.BandwidthsAs<T>(_bandwidths);
        T[] logWeightGradient = new T[double.IsPositiveInfinity(Options.Kernel.Support) ? m * Features : 0];
        bool[] hasNeighbour = new bool[m];
        bool[] isLevel = new bool[m];
        NoNeighbourPolicy noNeighbour = options.NoNeighbour ?? Options.NoNeighbour;
        var output = new PoolingOutput<T>
        {
            Values = mean,
            EffectiveNeighbours = neighbours,
            LogWeightSumGradient = logWeightGradient,
            HasNeighbour = hasNeighbour,
            IsLevel = Options.Degree > 0 ? isLevel : [],
            Slopes = Options.Degree > 0 ? slopes : [],
            QueryGradient = Options.Degree == 0 ? slopes : [],
        };
        if (Options.IsPolynomial)
        {
            _polynomials.Value.At(_data.QueriesAs<T>(queries), output, noNeighbour, [], progress, cancellationToken);
        }
        else
        {
            PoolerFor<T>(noNeighbour).At(_data.QueriesAs<T>(queries), output, progress: progress, cancellationToken: cancellationToken);
            if (options.HasErrors)
            {
                _smoother.WeightedNeighbours(_data, queries, _polynomials, neighbours);
            }
        }

        for (int i = 0; i < slopes.Length; i++)
        {
            slopes[i] = hasNeighbour[i / (Columns * Features)] ? slopes[i] : T.NaN;
        }

        double[] wide = _data.Wide(mean);
        _data.AddOffsets(wide);
        bool[] isOutside = Outside(queries);
        var predictions = new Predictions
        {
            Mean = wide,
            EffectiveNeighbours = Array.ConvertAll(neighbours, double.CreateTruncating),
            Slopes = _data.WideSlopes(slopes),
            HasNeighbour = hasNeighbour,
            IsOutside = isOutside,
            IsInGap = InGap(logWeightGradient, bandwidths, isOutside),
            IsLevel = isLevel,
        };
        return !options.HasErrors ? predictions
            : options.Interval == IntervalKind.MeanWithoutBias ? WithErrors(predictions, queries, options, cancellationToken)
            : WithInterval(predictions, queries, options, cancellationToken);
    }

    // What predictions need of the examples is prepared by the first.
    private Pooler<T> PoolerFor<T>(NoNeighbourPolicy policy)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        lock (_poolerLock)
        {
            if (!_poolers.TryGetValue(policy, out object? pooler))
            {
                pooler = new Pooler<T>(
                    Options.Kernel,
                    _weighted.Samples<T>(),
                    new PoolingWidths { Bandwidths = _data.BandwidthsAs<T>(_bandwidths) },
                    new PoolingOptions { Degree = Options.Degree, NoNeighbour = policy, Threads = Options.Threads });
                _poolers.Add(policy, pooler);
            }

            return (Pooler<T>)pooler;
        }
    }

    private Predictions WithErrors(
        Predictions predictions, ReadOnlySpan<double> queries, PredictionOptions options, CancellationToken cancellationToken)
    {
        double quantile = options.IsSimultaneous
            ? SimultaneousBand.Quantile(options.Level, BandLength(), Diagnostics.ResidualDegreesOfFreedom)
            : StudentBand.Quantile(options.Level, Diagnostics.ResidualDegreesOfFreedom);
        predictions = predictions.WithErrors(
            _robust is null ? Diagnostics.ResidualStandardError : [.. Enumerable.Repeat(double.NaN, Columns)], quantile);
        return !HasSlopeErrors(options) ? predictions : WithSlopeErrors(
            predictions, _polynomials.Value, queries, (_, column) => Math.Pow(Diagnostics.ResidualStandardError[column], 2),
            _ => StudentBand.Quantile(options.Level, Diagnostics.ResidualDegreesOfFreedom), cancellationToken);
    }

    // The derivative of the log of the sum of weights by w_j = 1 / h_j is -sum_i p_i u_ij^2 / w_j: it has the mean square of the distances.
    internal static bool[] InGap<T>(T[] logWeightGradient, double[] bandwidths, bool[] isOutside)
        where T : IBinaryFloatingPointIeee754<T>
    {
        bool[] isInGap = new bool[isOutside.Length];
        for (int i = 0; i < isInGap.Length && logWeightGradient.Length > 0; i++)
        {
            double square = 0;
            for (int j = 0; j < bandwidths.Length; j++)
            {
                square -= double.CreateTruncating(logWeightGradient[(i * bandwidths.Length) + j]) / bandwidths[j];
            }

            isInGap[i] = square > SquareInGap && !isOutside[i];
        }

        return isInGap;
    }

    private bool[] Outside(ReadOnlySpan<double> queries)
    {
        (double Least, double Most)[] ranges = _ranges ??= [.. Enumerable.Range(0, Features)
            .Select(j => double.IsFinite(_data.PeriodOf(j)) ? (0, _data.PeriodOf(j)) : _data.RangeOf(j))];
        bool[] isOutside = new bool[queries.Length / Features];
        for (int i = 0; i < queries.Length; i++)
        {
            (double least, double most) = ranges[i % Features];
            isOutside[i / Features] |= queries[i] < least || queries[i] > most;
        }

        return isOutside;
    }

    private double BandLength()
    {
        lock (_bandLock)
        {
            return _bandLength ??= SimultaneousBand.Length(
                _data, Options.Kernel, Options.Degree, _bandwidths[0], Options.IsPolynomial ? _polynomials.Value : null);
        }
    }
}
