using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Intervals;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Regression.Categories;

/// <content>Predictions.</content>
public sealed partial class MixedRegression
{
    // Of fewer the residuals say too little of their tails.
    private const int LeastExamples = 19;

    /// <summary>How many columns of numbers there may be for <see cref="IntervalKind.Mean"/>, by the degree.</summary>
    public int MostNumbersOfIntervals => BiasCorrection.MostFeatures(Options.Degree);

    /// <summary>Whether there are slopes: of degrees above 0, and of the degree 0 with the Gaussian.</summary>
    public bool HasSlopes =>
        Options.Degree > 0 || (Options.Kernel == SmoothingKernel.Gaussian && _numbers.Length < LocalPolynomials.MostTerms);

    /// <summary>
    /// Whether predictions have standard errors and intervals of the slopes: of <see cref="IntervalKind.MeanWithoutBias"/>, and of
    /// <see cref="IntervalKind.Mean"/> in up to three columns of numbers.
    /// </summary>
    /// <param name="options">What is asked for.</param>
    public bool HasSlopeErrors(PredictionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options is { HasSlopes: true, HasErrors: true } && HasSlopes && options.Interval switch
        {
            IntervalKind.Mean => _numbers.Length <= BiasCorrection.MostFeaturesOfSlopes(Options.Degree),
            IntervalKind.MeanWithoutBias => true,
            _ => false,
        };
    }

    /// <inheritdoc cref="Predict(ReadOnlySpan{double}, PredictionOptions?, IProgress{double}?, CancellationToken)"/>
    public Predictions Predict(double[] queries, PredictionOptions? options = null) => Predict(queries.AsSpan(), options);

    /// <summary>Predicts.</summary>
    /// <param name="queries">
    /// Queries (m, d), row by row; of a category the level's place among its levels, or NaN for a level that is none of them: there all
    /// levels count alike.
    /// </param>
    /// <param name="options">
    /// The defaults where null. Of intervals there are <see cref="IntervalKind.MeanWithoutBias"/>, <see cref="IntervalKind.Mean"/>,
    /// f -/+ t sqrt(s^2 sum c_i^2 + (g - f)^2) with a polynomial g in the numbers of weights c and the same lambdas, and
    /// <see cref="IntervalKind.NewObservation"/>, f -/+ Q s sqrt(1 + sum l_i^2) with the quantile Q of
    /// abs(y_i - f(x_i)) / (s sqrt(1 - h_ii)). Slopes are by the numbers, at the query's levels; those of categories are NaN.
    /// </param>
    /// <param name="progress">Not told.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The predictions (m).</returns>
    /// <exception cref="ArgumentException">
    /// Queries of other features, a number that is not finite, a level that is none, what is not for categories.
    /// </exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public Predictions Predict(
        ReadOnlySpan<double> queries,
        PredictionOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new PredictionOptions();
        RegressionCheck.Prediction(options, Features);
        CheckPrediction(options);
        (double[] numbers, int[] levels) = Take(queries, Categories, mayBeUnseen: true, nameof(queries));
        PoolingCheck.Finite(numbers, _numbers.Length, nameof(queries));
        MixedSums SumsOf(MixedSettings settings) =>
            _data.At(settings, numbers, levels, options.HasErrors, cancellationToken);
        var own = new MixedSettings(Options, _bandwidths, _lambdas);
        MixedSums sums = SumsOf(own);
        bool isMean = options is { HasErrors: true, Interval: IntervalKind.Mean };
        MixedSums? corrected = isMean ? SumsOf(Corrected(BiasCorrection.Of(Options.Degree))) : null;
        int m = queries.Length / Features;
        bool isNew = options.Interval == IntervalKind.NewObservation;
        double s = Diagnostics.ResidualStandardError[0];
        double student = StudentBand.Quantile(options.Level, Diagnostics.ResidualDegreesOfFreedom);
        double quantile = isNew ? NewQuantile(options.Level) : student;
        (double Least, double Most)[] ranges = [.. _numbers.Select((_, j) => _data.Numbers.RangeOf(j))];
        int count = options.HasErrors ? m : 0;
        var predictions = new Predictions
        {
            Mean = new double[m],
            StandardError = new double[count],
            Lower = new double[count],
            Upper = new double[count],
            NoiseDeviation = isNew ? [.. Enumerable.Repeat(s, count)] : [],
            EffectiveNeighbours = new double[count],
            Quantile = quantile,
            HasNeighbour = new bool[m],
            IsOutside = new bool[m],
            IsInGap = new bool[m],
            IsLevel = new bool[m],
        };
        for (int i = 0; i < m; i++)
        {
            MixedFit fit = sums.Fit(i);
            (predictions.HasNeighbour[i], predictions.IsLevel[i]) = (fit.HasNeighbour, fit.IsLevel);
            double mean = fit.Mean + _data.Numbers.Offsets[0];
            predictions.Mean[i] = mean;
            for (int j = 0; j < ranges.Length; j++)
            {
                double at = numbers[(i * ranges.Length) + j];
                predictions.IsOutside[i] |= at < ranges[j].Least || at > ranges[j].Most;
            }

            if (options.HasErrors)
            {
                double error = !fit.HasNeighbour ? double.NaN
                    : corrected is null ? s * Math.Sqrt((isNew ? 1 : 0) + (1 / fit.Neighbours))
                    : corrected.Fit(i) is var other ? double.Hypot(s / Math.Sqrt(other.Neighbours), other.Mean - fit.Mean) : double.NaN;
                predictions.EffectiveNeighbours[i] = fit.Neighbours;
                predictions.StandardError[i] = error;
                predictions.Lower[i] = mean - (quantile * error);
                predictions.Upper[i] = mean + (quantile * error);
            }
        }

        if (!options.HasSlopes)
        {
            return predictions;
        }

        // The sums of a line have what the derivative of a mean needs.
        bool ofMean = Options.Degree == 0;
        MixedSettings ofSlopes = own with { Degree = Math.Max(1, own.Degree) };
        (double[] slopes, double[] squares) = Slopes(ofMean ? SumsOf(ofSlopes) : sums, ofSlopes, ofMean);
        bool hasErrors = HasSlopeErrors(options);
        MixedSettings ofOther = hasErrors && isMean ? Corrected(BiasCorrection.OfSlopes(Options.Degree)) : ofSlopes;
        (double[] others, double[] ofOthers) = hasErrors && isMean ? Slopes(SumsOf(ofOther), ofOther, ofMean: false) : (slopes, squares);
        double[] errors = [.. slopes.Select((slope, i) => double.Hypot(s * Math.Sqrt(ofOthers[i]), others[i] - slope))];
        return predictions with
        {
            Slopes = slopes,
            SlopeErrors = hasErrors ? errors : [],
            SlopeLower = hasErrors ? [.. slopes.Zip(errors, (slope, error) => slope - (student * error))] : [],
            SlopeUpper = hasErrors ? [.. slopes.Zip(errors, (slope, error) => slope + (student * error))] : [],
        };

        (double[] Slopes, double[] Squares) Slopes(MixedSums of, MixedSettings settings, bool ofMean)
        {
            double[] found = new double[m * Features];
            double[] ofWeights = new double[m * Features];
            Array.Fill(found, double.NaN);
            Array.Fill(ofWeights, double.NaN);
            Span<double> slope = new double[_numbers.Length];
            Span<double> square = new double[_numbers.Length];
            for (int i = 0; i < m; i++)
            {
                ((MixedPolynomials)of).Slopes(i, settings.Bandwidths, ofMean, slope, square);
                for (int j = 0; j < _numbers.Length; j++)
                {
                    (found[(i * Features) + _numbers[j]], ofWeights[(i * Features) + _numbers[j]]) = (slope[j], square[j]);
                }
            }

            return (found, ofWeights);
        }
    }

    private MixedSettings Corrected((int Degree, double Times, double Ridge) by) => new(
        Options.Kernel, [.. _bandwidths.Select(h => by.Times * h)], _lambdas, by.Degree, by.Ridge, Options.Threads);

    private void CheckPrediction(PredictionOptions options)
    {
        string? other = options.IsSimultaneous ? "a simultaneous band"
            : options.HasSlopes && !HasSlopes ? $"slopes of the degree 0 with the {Options.Kernel} kernel"
            : options.Interval is not (IntervalKind.MeanWithoutBias or IntervalKind.Mean or IntervalKind.NewObservation)
                ? $"the interval {options.Interval}"
            : options.Interval == IntervalKind.Mean && _numbers.Length > MostNumbersOfIntervals
                ? $"the interval {IntervalKind.Mean} in {_numbers.Length} columns of numbers"
            : null;
        if (other is not null)
        {
            throw new ArgumentException($"Expected what a fit with categories predicts, got {other}.", nameof(options));
        }
    }

    private double NewQuantile(double level)
    {
        double rank = Math.Ceiling((_studentised.Length + 1) * level);
        return _studentised.Length < LeastExamples || rank > _studentised.Length
            ? StudentBand.Quantile(level, Diagnostics.ResidualDegreesOfFreedom) : _studentised[(int)rank - 1];
    }
}
