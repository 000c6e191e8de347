using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// h = [R(K) / mu_2^2 s^2 (b - a) / sum m''(x_i)^2]^(1/5) for one feature with keys from a to b, with m a polynomial of degree 4 fitted to
/// all data and s^2 the variance of the values about it; the sums over columns where there are several.
/// </summary>
internal static class PlugInRule
{
    private const int QuarticTerms = 5;

    // Of the values' squares: what rounding leaves of a polynomial's residuals, and of a line's second derivatives.
    private const double NoResidual = 1e-24;
    private const double NoCurvature = 1e-20;

    /// <summary>The bandwidth (1), for the kernel in use.</summary>
    /// <exception cref="RegressionDataException">Several features, too few keys, values without curvature or noise.</exception>
    public static double[] Find(SmootherData data, SmoothingKernel kernel)
    {
        if (data.Features != 1)
        {
            throw new RegressionDataException(
                RegressionProblem.Features, "one feature for the rule plugin", $"{data.Features}");
        }

        (double least, double most) = data.RangeOf(0);
        double halfRange = (most - least) / 2;
        int distinct = 1;
        for (int i = 1; i < data.Count && distinct <= QuarticTerms; i++)
        {
            distinct += data.Keys[i] > data.Keys[i - 1] ? 1 : 0;
        }

        if (distinct <= QuarticTerms || data.Count <= QuarticTerms)
        {
            throw new RegressionDataException(
                RegressionProblem.TooFew,
                $"more than {QuarticTerms} different keys for the rule plugin",
                $"{distinct}");
        }

        double variance = 0;
        double all = 0;

        // In units of half the range, which float64 could not hold the fourth power of.
        double curvature = 0;
        for (int c = 0; c < data.Columns; c++)
        {
            double[] quartic = Quartic(data, c, least + halfRange, halfRange);
            double squares = 0;
            for (int i = 0; i < data.Count; i++)
            {
                double z = (data.Keys[i] - least - halfRange) / halfRange;
                double residual = data.Values[(i * data.Columns) + c] - quartic[0]
                    - (z * (quartic[1] + (z * (quartic[2] + (z * (quartic[3] + (z * quartic[4])))))));
                double second = ((2 * quartic[2]) + (z * ((6 * quartic[3]) + (z * 12 * quartic[4]))));
                squares += data.WeightAt(i) * residual * residual;
                curvature += data.WeightAt(i) * second * second;
                all += data.WeightAt(i) * data.Values[(i * data.Columns) + c] * data.Values[(i * data.Columns) + c];
            }

            variance += squares / (data.Count - QuarticTerms);
        }

        string? without = !(curvature > NoCurvature * all) ? "curvature, for which no bandwidth is too wide"
            : !(variance * (data.Count - QuarticTerms) > NoResidual * all) ? "noise, for which no bandwidth is too narrow"
            : null;
        return without is null
            ? [halfRange * Math.Pow(kernel.Roughness / (kernel.SecondMoment * kernel.SecondMoment) * variance * 2 / curvature, 0.2)]
            : throw new RegressionDataException(
                RegressionProblem.NoSpread, "values with curvature and noise for the rule plugin", $"a curve without {without}");
    }

    // Least squares in Legendre polynomials, whose normal equations are well conditioned; then in powers.
    private static double[] Quartic(SmootherData data, int column, double middle, double halfRange)
    {
        double[,] equations = new double[QuarticTerms, QuarticTerms + 1];
        Span<double> p = stackalloc double[QuarticTerms];
        for (int i = 0; i < data.Count; i++)
        {
            double z = (data.Keys[i] - middle) / halfRange;
            p[0] = 1;
            p[1] = z;
            for (int k = 1; k < QuarticTerms - 1; k++)
            {
                p[k + 1] = ((((2 * k) + 1) * z * p[k]) - (k * p[k - 1])) / (k + 1);
            }

            for (int j = 0; j < QuarticTerms; j++)
            {
                for (int k = 0; k < QuarticTerms; k++)
                {
                    equations[j, k] += data.WeightAt(i) * p[j] * p[k];
                }

                equations[j, QuarticTerms] += data.WeightAt(i) * p[j] * data.Values[(i * data.Columns) + column];
            }
        }

        double[] a = Solve(equations);
        return [a[0] - (a[2] / 2) + (a[4] * 3 / 8), a[1] - (a[3] * 3 / 2), (a[2] * 3 / 2) - (a[4] * 30 / 8), a[3] * 5 / 2, a[4] * 35 / 8];
    }

    private static double[] Solve(double[,] equations)
    {
        int n = equations.GetLength(0);
        for (int j = 0; j < n; j++)
        {
            int best = j;
            for (int row = j + 1; row < n; row++)
            {
                best = Math.Abs(equations[row, j]) > Math.Abs(equations[best, j]) ? row : best;
            }

            for (int k = 0; k <= n; k++)
            {
                (equations[j, k], equations[best, k]) = (equations[best, k], equations[j, k]);
            }

            for (int row = 0; row < n; row++)
            {
                double factor = row == j ? 0 : equations[row, j] / equations[j, j];
                for (int k = j; k <= n; k++)
                {
                    equations[row, k] -= factor * equations[j, k];
                }
            }
        }

        return [.. Enumerable.Range(0, n).Select(j => equations[j, n] / equations[j, j])];
    }
}
