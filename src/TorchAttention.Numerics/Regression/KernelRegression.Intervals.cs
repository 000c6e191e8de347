using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression.Intervals;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Regression;

/// <content>Intervals that know the fit's bias and the noise's local variance.</content>
public sealed partial class KernelRegression
{
    private readonly Lazy<Noise[]> _noise;
    private readonly Lazy<BiasCorrection>[] _corrections;

    /// <summary>How many features there may be for <see cref="IntervalKind.Mean"/>, by the degree.</summary>
    public int MostFeaturesOfIntervals => BiasCorrection.MostFeatures(Options.Degree);

    private Noise[] MeasureNoise()
    {
        double[] squares = _smooth.Value.SquaresWithoutOwn(_weighted);
        return [.. Enumerable.Range(0, Columns).Select(c => Noise.Measure(_data, _smooth.Value, squares, c, Options.Threads))];
    }

    /// <summary>
    /// Whether predictions have standard errors and intervals of the slopes: of <see cref="IntervalKind.Mean"/> in up to three features,
    /// and of <see cref="IntervalKind.MeanWithoutBias"/> for degrees above 0, and for the degree 0 with the Gaussian.
    /// </summary>
    /// <param name="options">What is asked for.</param>
    public bool HasSlopeErrors(PredictionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options is { HasSlopes: true, HasErrors: true } && _robust is null && options.Interval switch
        {
            IntervalKind.Mean => Features <= BiasCorrection.MostFeaturesOfSlopes(Options.Degree),
            IntervalKind.MeanWithoutBias => Options.Degree > 0 || Options.Kernel == SmoothingKernel.Gaussian,
            _ => false,
        };
    }

    private void CheckInterval(PredictionOptions options)
    {
        if (options.IsSimultaneous && _robust is not null)
        {
            throw new ArgumentException("Expected no robust iterations for a simultaneous band.", nameof(options));
        }

        if (options.IsSimultaneous && _data.Periods.Length > 0)
        {
            throw new ArgumentException("Expected a feature that does not repeat for a simultaneous band, got a period.", nameof(options));
        }

        IntervalKind kind = options.Interval;
        if (kind == IntervalKind.MeanWithoutBias)
        {
            return;
        }

        if (_robust is not null && kind is IntervalKind.Mean or IntervalKind.JackknifePlus)
        {
            throw new ArgumentException(
                $"Expected an interval of new observations by residuals for a fit with robust iterations, got {kind}: weights that follow "
                + "the residuals leave none that is known to cover.", nameof(options));
        }

        if (Classes.Count > 0)
        {
            throw new ArgumentException($"Expected the interval {IntervalKind.MeanWithoutBias} for classes, got {kind}.", nameof(options));
        }

        if (options.IsSimultaneous && kind != IntervalKind.Mean)
        {
            throw new ArgumentException($"Expected an interval of the mean for all queries at once, got {kind}.", nameof(options));
        }

        if (kind == IntervalKind.JackknifePlus && _data.Periods.Length > 0)
        {
            throw new ArgumentException($"Expected features that do not repeat for the interval {kind}, got a period.", nameof(options));
        }

        if (kind == IntervalKind.Mean && Features > MostFeaturesOfIntervals)
        {
            throw new ArgumentException(
                $"Expected at most {MostFeaturesOfIntervals} features for the interval {kind} of a fit of degree "
                    + $"{Options.Degree}, got {Features}: its bias is not estimated in more.", nameof(options));
        }
    }

    private Predictions WithInterval(
        Predictions predictions, ReadOnlySpan<double> queries, PredictionOptions options, CancellationToken cancellationToken)
    {
        Noise[] noise = _noise.Value;
        double[][] variances = new double[Columns][];
        for (int c = 0; c < Columns; c++)
        {
            variances[c] = noise[c].Variance.At(queries, cancellationToken);
        }

        var interval = new Interval(predictions, variances);
        switch (options.Interval)
        {
            case IntervalKind.Mean:
                BiasCorrection correction = _corrections[(int)(options.IsSimultaneous ? Corrected.Curve : Corrected.Mean)].Value;
                (double[] corrected, double[] squaredWeights) = correction.At(queries, cancellationToken);
                _data.AddOffsets(corrected);
                for (int c = 0; c < Columns; c++)
                {
                    double quantile = options.IsSimultaneous ? correction.QuantileForAll(_data, noise[c], options.Level)
                        : StudentBand.Quantile(options.Level, noise[c].Freedom);
                    double[] least = options.IsSimultaneous ? correction.ResidualVariances(_data, noise[c], queries) : [];
                    interval.SetMean(c, quantile, corrected, squaredWeights, least);
                }

                break;
            case IntervalKind.NewObservation:
                for (int c = 0; c < Columns; c++)
                {
                    double quantile = noise[c].Quantile(options.Level);
                    interval.SetNew(c, _ => (-quantile, quantile));
                }

                break;
            case IntervalKind.JackknifePlus:
                for (int c = 0; c < Columns; c++)
                {
                    interval.SetNew(c, _ => (double.NaN, double.NaN));
                    interval.SetEnds(c, JackknifePlus.At(
                        _polynomials.Value, noise[c], c, queries, options.Level, Options.Threads, cancellationToken), _data.Offsets[c]);
                }

                break;
            default:
                for (int c = 0; c < Columns; c++)
                {
                    (double Lower, double Upper)[] quantiles = noise[c].QuantilesAt(queries, options.Level, cancellationToken);
                    interval.SetNew(c, query => quantiles[query]);
                }

                break;
        }

        return !HasSlopeErrors(options) ? interval.Predictions : WithSlopeErrors(
            interval.Predictions, _corrections[(int)Corrected.Slopes].Value.Polynomials, queries,
            (query, column) => variances[column][query], column => StudentBand.Quantile(options.Level, noise[column].Freedom),
            cancellationToken);
    }

    // The slopes' ends are f' -/+ t sqrt(v sum b_i^2 + (g' - f')^2), g the polynomials; where these are the fit's own, without bias.
    private Predictions WithSlopeErrors(
        Predictions predictions, LocalPolynomials polynomials, ReadOnlySpan<double> queries, Func<int, int, double> variance,
        Func<int, double> quantile, CancellationToken cancellationToken)
    {
        (double[] corrected, double[] squares) = polynomials.SlopesAt(queries.ToArray(), cancellationToken);
        double[] slopes = predictions.Slopes;
        (double[] errors, double[] lower, double[] upper) =
            (new double[slopes.Length], new double[slopes.Length], new double[slopes.Length]);
        double[] wide = [.. Enumerable.Range(0, Columns).Select(quantile)];
        for (int i = 0; i < slopes.Length; i++)
        {
            (int at, int feature) = Math.DivRem(i, Features);
            (int query, int column) = Math.DivRem(at, Columns);
            double bias = polynomials == _polynomials.Value ? 0 : corrected[i] - slopes[i];
            errors[i] = Math.Sqrt((variance(query, column) * squares[(query * Features) + feature]) + (bias * bias));
            (lower[i], upper[i]) = (slopes[i] - (wide[column] * errors[i]), slopes[i] + (wide[column] * errors[i]));
        }

        return predictions with { SlopeErrors = errors, SlopeLower = lower, SlopeUpper = upper };
    }

    /// <summary>Predictions whose interval is written column by column.</summary>
    private sealed class Interval(Predictions predictions, double[][] variances)
    {
        private readonly int _columns = variances.Length;
        private readonly double[] _errors = new double[predictions.Mean.Length];
        private readonly double[] _lower = new double[predictions.Mean.Length];
        private readonly double[] _upper = new double[predictions.Mean.Length];
        private readonly double[] _deviations = new double[predictions.Mean.Length];
        private double? _quantile;

        public Predictions Predictions => predictions with
        {
            StandardError = _errors,
            Lower = _lower,
            Upper = _upper,
            NoiseDeviation = _deviations,
            Quantile = _quantile ?? double.NaN,
        };

        public void SetMean(int column, double quantile, double[] corrected, double[] squaredWeights, double[] least) => Set(
            column,
            (query, at) =>
            {
                double bias = corrected[at] - predictions.Mean[at];
                double noise = Math.Max(variances[column][query] * squaredWeights[query], least.Length > 0 ? least[query] : 0);
                return Math.Sqrt(noise + (bias * bias));
            },
            _ => (-quantile, quantile));

        public void SetNew(int column, Func<int, (double Lower, double Upper)> quantiles) => Set(
            column, (query, _) => Math.Sqrt(variances[column][query] * (1 + (1 / predictions.EffectiveNeighbours[query]))), quantiles);

        public void SetEnds(int column, (double Lower, double Upper)[] ends, double offset)
        {
            for (int query = 0; query < ends.Length; query++)
            {
                int at = (query * _columns) + column;
                (_lower[at], _upper[at]) = (ends[query].Lower + offset, ends[query].Upper + offset);
            }
        }

        private void Set(int column, Func<int, int, double> error, Func<int, (double Lower, double Upper)> quantiles)
        {
            for (int query = 0; query < predictions.HasNeighbour.Length; query++)
            {
                int at = (query * _columns) + column;
                (double lower, double upper) = quantiles(query);
                _deviations[at] = Math.Sqrt(variances[column][query]);
                _errors[at] = predictions.HasNeighbour[query] ? error(query, at) : double.NaN;
                _lower[at] = predictions.Mean[at] + (lower * _errors[at]);
                _upper[at] = predictions.Mean[at] + (upper * _errors[at]);
                _quantile = lower == -upper && (_quantile is null || _quantile == upper) ? upper : double.NaN;
            }
        }
    }
}
