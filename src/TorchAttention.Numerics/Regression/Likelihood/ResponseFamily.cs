using System.Runtime.Intrinsics;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <summary>What values are distributed like around their mean mu, and the link g(mu) = eta on whose scale the mean is fitted.</summary>
public enum ResponseFamily
{
    /// <summary>0 or 1, with the probability mu of 1; the logit, eta = ln(mu / (1 - mu)).</summary>
    Binomial,

    /// <summary>Counts 0, 1, 2, .. of the mean mu; the logarithm, eta = ln mu.</summary>
    Poisson,
}

/// <summary>The formulas of a family.</summary>
internal static class Families
{
    /// <summary>mu.</summary>
    public static double Mean(this ResponseFamily family, double eta) => At(family, Vector256.Create(eta)).Mean.ToScalar();

    /// <summary>
    /// mu and the normaliser b of eta: the logarithm of a value's probability is y eta - b, and mu is b's derivative.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<double> Mean, Vector256<double> Normaliser) At(this ResponseFamily family, Vector256<double> eta)
    {
        if (family == ResponseFamily.Poisson)
        {
            Vector256<double> exponential = Vector256.Exp(eta);
            return (exponential, exponential);
        }

        // Of the smaller of the two probabilities, so that neither is a difference.
        Vector256<double> odds = Vector256.Exp(-Vector256.Abs(eta));
        Vector256<double> larger = Vector256<double>.One / (Vector256<double>.One + odds);
        Vector256<double> mean = Vector256.ConditionalSelect(
            Vector256.GreaterThanOrEqual(eta, Vector256<double>.Zero), larger, odds * larger);
        return (mean, Vector256.Max(eta, Vector256<double>.Zero) + Vector256.Log(Vector256<double>.One + odds));
    }

    /// <summary>eta.</summary>
    public static double Link(this ResponseFamily family, double mean) =>
        family == ResponseFamily.Binomial ? Math.Log(mean) - Math.Log(1 - mean) : Math.Log(mean);

    /// <summary>The variance of a value, which is the derivative of the mean by eta as well.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Variance(this ResponseFamily family, double mean) =>
        family == ResponseFamily.Binomial ? mean * (1 - mean) : mean;

    /// <inheritdoc cref="Variance(ResponseFamily, double)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<double> Variance(this ResponseFamily family, Vector256<double> mean) =>
        family == ResponseFamily.Binomial ? mean * (Vector256<double>.One - mean) : mean;

    /// <summary>Twice what the logarithm of a value's probability is less than at mu = y.</summary>
    public static double Deviance(this ResponseFamily family, double y, double eta)
    {
        double saturated = family == ResponseFamily.Poisson && y > 0 ? y * (Math.Log(y) - 1) : 0;
        return Math.Max(0, 2 * (saturated - (y * eta) + At(family, Vector256.Create(eta)).Normaliser.ToScalar()));
    }

    /// <summary>Whether something is a value.</summary>
    public static bool IsValue(this ResponseFamily family, double y) =>
        family == ResponseFamily.Binomial ? y is 0 or 1 : y >= 0 && y == Math.Floor(y) && double.IsFinite(y);

    /// <summary>What values are, for messages.</summary>
    public static string Values(this ResponseFamily family) =>
        family == ResponseFamily.Binomial ? "0 or 1" : "whole numbers of at least 0";
}
