using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Intervals;

namespace TorchAttention.Numerics.OnePass;

/// <summary>The curve at a place.</summary>
/// <param name="Mean">f(x).</param>
/// <param name="EffectiveNeighbours">1 / sum_i l_i(x)^2 / s_i, of weights of mean 1; NaN where rows are too far away to tell.</param>
/// <param name="Slope">df/dx; NaN likewise.</param>
/// <param name="Bound">What the mean is off by at most; infinite where it is an estimate.</param>
/// <param name="IsFar">Whether the rows that speak are more than three bandwidths away.</param>
internal readonly record struct CurvePoint(double Mean, double EffectiveNeighbours, double Slope, double Bound, bool IsFar)
{
    /// <summary>The local variance of the noise, of rows of the weight that they have there; NaN where it is not known.</summary>
    public double Variance { get; init; } = double.NaN;

    /// <summary>Where no row is in a kernel's reach.</summary>
    public static CurvePoint OfNothing { get; } = new(double.NaN, 0, double.NaN, double.PositiveInfinity, IsFar: true);
}

/// <summary>Predictions of curves and surfaces without rows.</summary>
internal static class CurvePredictions
{
    private const int Chunk = 4096;

    /// <summary>Predicts for one feature.</summary>
    /// <param name="queries">Queries (m).</param>
    /// <param name="curves">The curve of each column (v) at a query.</param>
    /// <param name="diagnostics">Of the fit.</param>
    /// <param name="range">The least and the largest key.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="hasVariance">Whether the curves know the noise's local variance.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static Predictions Create(
        ReadOnlySpan<double> queries,
        Func<double, CurvePoint>[] curves,
        Diagnostics diagnostics,
        (double Least, double Most) range,
        PredictionOptions options,
        bool hasVariance,
        CancellationToken cancellationToken)
    {
        double[] places = Checked(queries, 1, options, hasVariance);
        return Create(places, [range], (i, c) => curves[c](places[i]), diagnostics, options, cancellationToken);
    }

    /// <summary>The queries, where all can be answered.</summary>
    public static double[] Checked(ReadOnlySpan<double> queries, int features, PredictionOptions options, bool hasVariance = false)
    {
        RegressionCheck.Prediction(options, features);
        if (options.Interval != IntervalKind.MeanWithoutBias && !(hasVariance && options.Interval == IntervalKind.NewObservation))
        {
            string other = hasVariance ? $" or {IntervalKind.NewObservation}" : "";
            throw new ArgumentException(
                $"Expected the interval {IntervalKind.MeanWithoutBias}{other} of a curve without rows, got {options.Interval}, which is "
                    + "made of their residuals.", nameof(options));
        }

        if (options.IsSimultaneous)
        {
            throw new ArgumentException("Expected pointwise bands, got simultaneous ones, which need the examples.", nameof(options));
        }

        if (options.HasSlopes && features > 1)
        {
            throw new ArgumentException("Expected no slopes of a surface without rows, got HasSlopes.", nameof(options));
        }

        if (queries.Length % features != 0)
        {
            throw new ArgumentException($"Expected queries (m, {features}), got {queries.Length} numbers.", nameof(queries));
        }

        for (int i = 0; i < queries.Length; i++)
        {
            if (!double.IsFinite(queries[i]))
            {
                throw new ArgumentException($"Expected finite queries, got {queries[i]} at {i / features}.", nameof(queries));
            }
        }

        return queries.ToArray();
    }

    /// <summary>Predicts for any number of features.</summary>
    /// <param name="queries">Queries (m, d).</param>
    /// <param name="ranges">The least and the largest key of each feature (d).</param>
    /// <param name="at">What is said at a query of a column.</param>
    /// <param name="diagnostics">Of the fit.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static Predictions Create(
        double[] queries,
        (double Least, double Most)[] ranges,
        Func<int, int, CurvePoint> at,
        Diagnostics diagnostics,
        PredictionOptions options,
        CancellationToken cancellationToken)
    {
        int features = ranges.Length;
        int m = queries.Length / features;
        double quantile = StudentBand.Quantile(options.Level, diagnostics.ResidualDegreesOfFreedom);
        int columns = diagnostics.ResidualStandardError.Count;
        int all = m * columns;
        int errors = options.HasErrors ? all : 0;
        bool isNew = options.Interval == IntervalKind.NewObservation;
        var predictions = new Predictions
        {
            Mean = new double[all],
            StandardError = new double[errors],
            Lower = new double[errors],
            Upper = new double[errors],
            NoiseDeviation = new double[isNew ? errors : 0],
            Quantile = options.HasErrors ? quantile : double.NaN,
            EffectiveNeighbours = new double[options.HasErrors ? m : 0],
            Slopes = new double[options.HasSlopes ? all : 0],
            HasNeighbour = new bool[m],
            IsOutside = new bool[m],
            IsInGap = new bool[m],
            IsLevel = new bool[m],
        };
        for (int i = 0; i < m; i++)
        {
            if (i % Chunk == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            for (int j = 0; j < features; j++)
            {
                double x = queries[(i * features) + j];
                predictions.IsOutside[i] |= x < ranges[j].Least || x > ranges[j].Most;
            }

            for (int c = 0; c < columns; c++)
            {
                int place = (i * columns) + c;
                CurvePoint point = at(i, c);
                predictions.Mean[place] = point.Mean;
                predictions.HasNeighbour[i] = !double.IsNaN(point.Mean);
                predictions.IsInGap[i] |= point.IsFar && !predictions.IsOutside[i];
                if (options.HasErrors)
                {
                    double error = double.IsNaN(point.Mean) ? double.NaN
                        : isNew ? Math.Sqrt(point.Variance * (1 + (1 / point.EffectiveNeighbours)))
                        : diagnostics.ResidualStandardError[c] / Math.Sqrt(point.EffectiveNeighbours);
                    if (isNew)
                    {
                        predictions.NoiseDeviation[place] = Math.Sqrt(point.Variance);
                    }

                    predictions.EffectiveNeighbours[i] = c == 0 ? point.EffectiveNeighbours : predictions.EffectiveNeighbours[i];
                    predictions.StandardError[place] = error;
                    predictions.Lower[place] = point.Mean - (quantile * error);
                    predictions.Upper[place] = point.Mean + (quantile * error);
                }

                if (options.HasSlopes)
                {
                    predictions.Slopes[place] = point.Slope;
                }
            }
        }

        return predictions;
    }
}
