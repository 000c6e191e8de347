using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Intervals;

/// <summary>Bands that cover a whole curve at once.</summary>
/// <remarks>
/// J. Sun and C. R. Loader (1994): with T(x) = l(x) / |l(x)| and its length kappa = int |T'(x)| dx over the range of the keys, the curve
/// leaves its band of c standard errors somewhere with a probability of about kappa / pi (1 + c^2 / nu)^(-nu / 2) + P(|t_nu| > c), for nu
/// degrees of freedom.
/// </remarks>
internal static class SimultaneousBand
{
    private const int Places = 400;

    // The step of the derivative, in bandwidths: small beside the curvature of T, large beside the rounding of its inner products.
    private const double Step = 1e-3;

    /// <summary>How many standard errors a band is wide.</summary>
    /// <param name="level">The probability that the curve is within.</param>
    /// <param name="length">kappa.</param>
    /// <param name="freedom">nu.</param>
    public static double Quantile(double level, double length, double freedom)
    {
        return freedom > 0 && double.IsFinite(length) ? StudentBand.Solve(Outside, 1 - level) : double.NaN;

        double Outside(double c) =>
            (length / Math.PI * Math.Exp(-freedom / 2 * Math.Log(1 + (c / freedom * c)))) + StudentBand.Outside(c, freedom);
    }

    /// <summary>kappa, by the distance of T at neighbouring points.</summary>
    /// <param name="data">The data, of one feature.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="degree">The degree.</param>
    /// <param name="h">The bandwidth.</param>
    /// <param name="polynomials">The fit where it is a polynomial; null for the engine's means and lines.</param>
    /// <param name="deviations">The deviation of the noise at each example (n), which its weight is multiplied by; all alike where null.
    /// </param>
    public static double Length(
        SmootherData data, SmoothingKernel kernel, int degree, double h, LocalPolynomials? polynomials, double[]? deviations = null)
    {
        (double least, double most) = data.RangeOf(0);
        double sum = 0;
        for (int place = 0; place < Places; place++)
        {
            double x = least + ((place + 0.5) / Places * (most - least));
            h = polynomials is null ? h : polynomials.WidthAt([x], 0);
            double reach = Reach(kernel, h);
            int first = SortedNumbers.FirstNotBelow(data.Keys, x - reach - h);
            int end = SortedNumbers.FirstNotBelow(data.Keys, x + reach + h);
            double[] before = At(x - (Step * h), first, end);
            double[] after = At(x + (Step * h), first, end);
            double distance = 0;
            for (int i = 0; i < before.Length; i++)
            {
                distance += (after[i] - before[i]) * (after[i] - before[i]);
            }

            sum += double.IsFinite(distance) ? Math.Sqrt(distance) / (2 * Step * h) : 0;
        }

        return sum / Places * (most - least);

        double[] At(double place, int first, int end)
        {
            double[] weights = polynomials is null ? Weights(data, kernel, degree, h, place, first, end) : new double[end - first];
            polynomials?.HatWeights([place], weights, first);
            for (int i = 0; i < weights.Length; i++)
            {
                weights[i] *= (deviations?[first + i] ?? 1) / Math.Sqrt(data.WeightAt(first + i));
            }

            return OfLengthOne(weights);
        }
    }

    /// <summary>How far from a query an example's weight is more than rounding.</summary>
    public static double Reach(SmoothingKernel kernel, double h) => double.IsInfinity(kernel.Support) ? 9 * h : h;

    // The weights of some neighbouring keys in the fit at x, up to a factor.
    private static double[] Weights(SmootherData data, SmoothingKernel kernel, int degree, double h, double x, int first, int end)
    {
        double[] weights = new double[end - first];
        (double s0, double s1, double s2) = (0, 0, 0);
        for (int i = 0; i < weights.Length; i++)
        {
            double u = (data.Keys[first + i] - x) / h;
            weights[i] = data.WeightAt(first + i) * kernel.Weight(u * u);
            s0 += weights[i];
            s1 += weights[i] * u;
            s2 += weights[i] * u * u;
        }

        bool isPlane = degree == 1 && (s0 * s2) - (s1 * s1) > 1e-12 * s0 * s2;
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] *= isPlane ? s2 - (s1 * (data.Keys[first + i] - x) / h) : 1;
        }

        return weights;
    }

    // T(x).
    private static double[] OfLengthOne(double[] weights)
    {
        double length = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            length += weights[i] * weights[i];
        }

        length = Math.Sqrt(length);
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] /= length;
        }

        return weights;
    }
}
