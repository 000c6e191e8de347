using TorchAttention.Numerics.Regression;

namespace TorchAttention.Benchmarks.Suite;

/// <summary>
/// How far fits are from the true curves of <see cref="CurveSet"/>: the root of the mean squared error at the fresh places, beside that of
/// the local line whose bandwidth is the best there is for the draw, which nobody knows who does not know the curve.
/// </summary>
internal static class CurveSuite
{
    // From one bandwidth of the best line to the next.
    private const double Step = 1.15;

    private static readonly PredictionOptions _mean = new() { HasErrors = false };

    /// <summary>What is compared, by the options of a fit; bandwidths are found by leave-one-out.</summary>
    public static IReadOnlyList<(string Name, KernelRegressionOptions Options)> Rules { get; } =
    [
        ("degree 0", new()),
        ("degree 1", new() { Degree = 1 }),
        ("degree 1, ridge", new() { Degree = 1, Ridge = 0.25 }),
        ("degree 2, ridge", new() { Degree = 2 }),
        ("degree 3, ridge", new() { Degree = 3 }),
        ("auto: 1 or 2, ridge", new() { Degrees = [1, 2] }),
    ];

    /// <summary>
    /// For each rule the median over repetitions of its error, divided by the median error of the best line.
    /// </summary>
    /// <param name="set">The set.</param>
    /// <param name="repetitions">How many draws.</param>
    public static double[] Measure(CurveSet set, int repetitions)
    {
        double[] best = new double[repetitions];
        double[][] errors = [.. Rules.Select(_ => new double[repetitions])];
        Parallel.For(0, repetitions, repetition =>
        {
            CurveDraw draw = set.Draw(repetition);
            best[repetition] = BestLine(set, draw);
            foreach ((int rule, (_, KernelRegressionOptions options)) in Rules.Index())
            {
                errors[rule][repetition] = Error(set, draw, options with { Threads = 1 });
            }
        });
        return [.. errors.Select(error => Median(error) / Median(best))];
    }

    public static double Median(double[] numbers)
    {
        double[] sorted = [.. numbers.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>The error of the line whose bandwidth is the best there is.</summary>
    public static double BestLine(CurveSet set, CurveDraw draw)
    {
        double range = draw.X.Max() - draw.X.Min();
        double least = range * Math.Max(0.5 / draw.X.Length, 1e-3);
        int steps = (int)Math.Ceiling(Math.Log(8 * range / least, Step));
        return Enumerable.Range(0, steps + 1)
            .Select(i => least * Math.Pow(8 * range / least, (double)i / steps))
            .Min(h => Error(set, draw, new KernelRegressionOptions { Degree = 1, Threads = 1, Bandwidth = h }));
    }

    private static double Error(CurveSet set, CurveDraw draw, KernelRegressionOptions options)
    {
        double[] mean = KernelRegression.Fit(draw.X, draw.Y, options).Predict(draw.Fresh, _mean).Mean;
        return Math.Sqrt(mean.Zip(draw.Fresh, (fitted, x) => Math.Pow(fitted - set.At(x), 2)).Average());
    }
}
