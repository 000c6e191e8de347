namespace TorchAttention.Numerics.Tables;

/// <summary>The affine map z = (x - mean) / deviation that gives a column mean 0 and deviation 1, and its inverse.</summary>
/// <param name="Mean">The mean, in the column's units.</param>
/// <param name="Deviation">The standard deviation, in the column's units; positive.</param>
public readonly record struct Standardization(double Mean, double Deviation)
{
    /// <summary>The map that changes nothing.</summary>
    public static Standardization None { get; } = new(0, 1);

    /// <summary>Measures a column: its mean and its sample standard deviation (divisor n - 1).</summary>
    /// <param name="values">Finite numbers, at least two of them different.</param>
    /// <returns>The map.</returns>
    /// <exception cref="ArgumentException">
    /// Fewer than two values, all of them equal, or a spread that float64 cannot hold.
    /// </exception>
    public static Standardization Measure(ReadOnlySpan<double> values) =>
        TryOf(values, out Standardization scale, out (string Expected, string Got) problem) ? scale
        : throw new ArgumentException($"Expected {problem.Expected}, got {problem.Got}.", nameof(values));

    /// <summary>Measures a column where that can be done.</summary>
    /// <param name="values">Finite numbers.</param>
    /// <param name="scale">The map.</param>
    /// <param name="problem">What was expected and what came where it cannot be done, each as part of a sentence.</param>
    /// <returns>Whether it can.</returns>
    public static bool TryOf(ReadOnlySpan<double> values, out Standardization scale, out (string Expected, string Got) problem)
    {
        (scale, problem) = (None, default);
        if (values.Length < 2)
        {
            problem = ("at least 2 values", $"{values.Length}");
            return false;
        }

        if (values.IndexOfAnyExcept(values[0]) < 0)
        {
            problem = ("values that vary", $"{values[0]:R} everywhere");
            return false;
        }

        double mean = 0;
        double squares = 0;
        for (int i = 0; i < values.Length; i++)
        {
            double fromMean = values[i] - mean;
            mean += fromMean / (i + 1);
            squares += fromMean * (values[i] - mean);
        }

        double deviation = Math.Sqrt(squares / (values.Length - 1));
        if (!double.IsNormal(deviation) || !double.IsFinite(mean))
        {
            problem = ("a spread that float64 can hold", "values that are too large or too close together");
            return false;
        }

        scale = new Standardization(mean, deviation);
        return true;
    }

    /// <summary>Into deviations from the mean.</summary>
    /// <param name="value">A value in the column's units.</param>
    public double Apply(double value) => (value - Mean) / Deviation;

    /// <summary>Back into the column's units.</summary>
    /// <param name="standardized">A value in deviations from the mean.</param>
    public double Invert(double standardized) => Mean + Deviation * standardized;
}
