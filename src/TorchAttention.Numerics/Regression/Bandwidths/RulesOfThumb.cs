using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>Bandwidths by formulas that know the keys alone.</summary>
internal static class RulesOfThumb
{
    // Of the standard normal distribution.
    private const double NormalInterquartileRange = 1.34;

    /// <summary>Silverman's rule (d).</summary>
    /// <exception cref="RegressionDataException">The keys do not vary.</exception>
    public static double[] Silverman(SmootherData data, SmoothingKernel kernel) => ForKernel(data, kernel, Silverman);

    /// <summary>Scott's rule (d).</summary>
    /// <exception cref="RegressionDataException">The keys do not vary.</exception>
    public static double[] Scott(SmootherData data, SmoothingKernel kernel) => ForKernel(data, kernel, Scott);

    // The formulas are for the Gaussian.
    private static double[] ForKernel(SmootherData data, SmoothingKernel kernel, Func<SmootherData, int, double> formula) =>
    [
        .. Enumerable.Range(0, data.Features)
            .Select(j => Checked(formula(data, j), j) * kernel.CanonicalBandwidth / SmoothingKernel.Gaussian.CanonicalBandwidth),
    ];

    private static double Silverman(SmootherData data, int feature)
    {
        double deviation = data.DeviationOf(feature);
        if (data.Features > 1)
        {
            return deviation * Math.Pow(4.0 / (data.Features + 2), 1.0 / (data.Features + 4))
                * Math.Pow(data.Count, -1.0 / (data.Features + 4));
        }

        double range = (Quantile(data, 0.75) - Quantile(data, 0.25)) / NormalInterquartileRange;
        return 0.9 * (range > 0 ? Math.Min(deviation, range) : deviation) * Math.Pow(data.Count, -0.2);
    }

    private static double Scott(SmootherData data, int feature) =>
        data.DeviationOf(feature) * Math.Pow(data.Count, -1.0 / (data.Features + 4));

    // R's type 7, over keys that are in order.
    private static double Quantile(SmootherData data, double part)
    {
        double place = part * (data.Count - 1);
        int below = (int)place;
        double least = data.Keys[below];
        return least + ((place - below) * (data.Keys[Math.Min(below + 1, data.Count - 1)] - least));
    }

    private static double Checked(double bandwidth, int feature) =>
        bandwidth > 0 && double.IsFinite(bandwidth)
            ? bandwidth
            : throw new RegressionDataException(
                RegressionProblem.NoSpread, "numbers that vary", $"a bandwidth of {bandwidth:R} by their spread")
            {
                Feature = feature,
            };
}
