using MathNet.Numerics.RootFinding;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>Finds the bandwidths at which a fit has so many effective degrees of freedom.</summary>
internal static class FreedomSearch
{
    // Of log h.
    private const double Tolerance = 1e-10;
    private const int MostSteps = 200;

    // Powers of 2 away from the deviation of the keys: a fit has all the freedom that it can, or none, long before.
    private const int MostDoublings = 300;

    /// <summary>Finds them (d): the same multiple of each feature's standard deviation.</summary>
    /// <param name="data">The data.</param>
    /// <param name="smoother">The kernel and the degree.</param>
    /// <param name="freedom">tr H.</param>
    /// <exception cref="RegressionDataException">
    /// Keys that do not vary; more freedom than they allow, or less than the degree takes.
    /// </exception>
    public static double[] Find(SmootherData data, Smoother smoother, double freedom)
    {
        if (data.Periods.Length > 0)
        {
            throw new RegressionDataException(
                RegressionProblem.NoBandwidth, "features that do not repeat for degrees of freedom", "periods; loo and the like search");
        }

        int least = smoother.Ridge > 0 ? 1 : Monomials.CountOf(data.Features, smoother.Degree);
        int places = data.TiesTogether().Count;
        double[] deviations = [.. Enumerable.Range(0, data.Features).Select(j => Checked(data.DeviationOf(j), j))];
        if (!(freedom > least && freedom < places))
        {
            throw Outside();
        }

        double low = 0;
        for (int i = 0; ExcessAt(low) < 0; low -= Math.Log(2))
        {
            ThrowAfter(i++);
        }

        double high = low;
        for (int i = 0; ExcessAt(high) > 0; high += Math.Log(2))
        {
            ThrowAfter(i++);
        }

        _ = Brent.TryFindRoot(ExcessAt, Math.Max(low, high - Math.Log(2)), high, Tolerance, MostSteps, out double found);
        return BandwidthsAt(found);

        double ExcessAt(double log) => smoother.At<double>(data, BandwidthsAt(log), leaveOut: false).Trace() - freedom;

        double[] BandwidthsAt(double log) => Array.ConvertAll(deviations, deviation => deviation * Math.Exp(log));

        void ThrowAfter(int steps)
        {
            smoother.Cancellation.ThrowIfCancellationRequested();
            if (steps > MostDoublings)
            {
                throw Outside();
            }
        }

        RegressionDataException Outside() => new(
            RegressionProblem.NoBandwidth,
            $"degrees of freedom above {least}, as the widest bandwidth has, and below {places}, the number of different keys",
            string.Create(CultureInfo.InvariantCulture, $"{freedom}"),
            "options");
    }

    private static double Checked(double deviation, int feature) => deviation > 0 ? deviation
        : throw new RegressionDataException(RegressionProblem.NoSpread, "numbers that vary", "the same number everywhere")
        {
            Feature = feature,
        };
}
