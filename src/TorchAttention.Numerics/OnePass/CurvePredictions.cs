using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Intervals;

namespace TorchAttention.Numerics.OnePass;

/// <summary>The curve at a place.</summary>
/// <param name="Mean">f(x).</param>
/// <param name="EffectiveNeighbours">1 / sum_i l_i(x)^2; NaN where rows are too far away to tell.</param>
/// <param name="Slope">df/dx; NaN likewise.</param>
/// <param name="Bound">What the mean is off by at most; infinite where it is an estimate.</param>
/// <param name="IsFar">Whether the rows that speak are more than three bandwidths away.</param>
internal readonly record struct CurvePoint(double Mean, double EffectiveNeighbours, double Slope, double Bound, bool IsFar);

/// <summary>Predictions of curves of one feature.</summary>
internal static class CurvePredictions
{
    /// <summary>Predicts.</summary>
    /// <param name="queries">Queries (m).</param>
    /// <param name="curves">The curve of each column (v) at a query.</param>
    /// <param name="diagnostics">Of the fit.</param>
    /// <param name="range">The least and the largest key.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static Predictions Create(
        ReadOnlySpan<double> queries,
        Func<double, CurvePoint>[] curves,
        Diagnostics diagnostics,
        (double Least, double Most) range,
        PredictionOptions options,
        CancellationToken cancellationToken)
    {
        const int Chunk = 4096;
        RegressionCheck.Prediction(options, 1);
        if (options.Interval != IntervalKind.MeanWithoutBias)
        {
            throw new ArgumentException(
                $"Expected the interval {IntervalKind.MeanWithoutBias} of a curve without rows, got {options.Interval}, which is made of "
                    + "their residuals.", nameof(options));
        }

        if (options.IsSimultaneous)
        {
            throw new ArgumentException("Expected pointwise bands, got simultaneous ones, which need the examples.", nameof(options));
        }

        int m = queries.Length;
        double quantile = StudentBand.Quantile(options.Level, diagnostics.ResidualDegreesOfFreedom);
        int columns = curves.Length;
        int all = m * columns;
        int errors = options.HasErrors ? all : 0;
        var predictions = new Predictions
        {
            Mean = new double[all],
            StandardError = new double[errors],
            Lower = new double[errors],
            Upper = new double[errors],
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

            double x = double.IsFinite(queries[i]) ? queries[i]
                : throw new ArgumentException($"Expected finite queries, got {queries[i]} at {i}.", nameof(queries));
            predictions.HasNeighbour[i] = true;
            predictions.IsOutside[i] = x < range.Least || x > range.Most;
            for (int c = 0; c < columns; c++)
            {
                int at = (i * columns) + c;
                CurvePoint point = curves[c](x);
                predictions.Mean[at] = point.Mean;
                predictions.IsInGap[i] |= point.IsFar && !predictions.IsOutside[i];
                if (options.HasErrors)
                {
                    double error = diagnostics.ResidualStandardError[c] / Math.Sqrt(point.EffectiveNeighbours);
                    predictions.EffectiveNeighbours[i] = c == 0 ? point.EffectiveNeighbours : predictions.EffectiveNeighbours[i];
                    predictions.StandardError[at] = error;
                    predictions.Lower[at] = point.Mean - (quantile * error);
                    predictions.Upper[at] = point.Mean + (quantile * error);
                }

                if (options.HasSlopes)
                {
                    predictions.Slopes[at] = point.Slope;
                }
            }
        }

        return predictions;
    }
}
