using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Tests.Regression;

/// <summary>Examples of the chapter's curve, of each feature one, with noise of the variance 1/4.</summary>
internal static class Samples
{
    public static double Truth(double x) => (2 * Math.Sin(x)) + Math.Pow(x, 0.8);

    public static (double[] X, double[] Y) Of(int n, int features, int seed, int? useful = null)
    {
        var random = new Random(seed);
        double[] x = [.. Enumerable.Range(0, n * features).Select(_ => 5 * random.NextDouble())];
        double[] y = [.. Enumerable.Range(0, n).Select(i =>
            Enumerable.Range(0, useful ?? features).Sum(j => Truth(x[(i * features) + j]))
                + (0.5 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
        return (x, y);
    }

    /// <summary>The criterion that a search under some options makes small.</summary>
    public static Criterion CriterionOf(KernelRegressionOptions options) => BandwidthRules.Create(
        options.Bandwidth,
        new Smoother(options.Kernel, options.Degree, options.RidgeInUse, options.Threads, CancellationToken.None),
        options.LeaveOutTies);
}
