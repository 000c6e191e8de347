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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Mean(this ResponseFamily family, double eta) =>
        family == ResponseFamily.Binomial ? 1 / (1 + Math.Exp(-eta)) : Math.Exp(eta);

    /// <summary>eta.</summary>
    public static double Link(this ResponseFamily family, double mean) =>
        family == ResponseFamily.Binomial ? Math.Log(mean) - Math.Log(1 - mean) : Math.Log(mean);

    /// <summary>The variance of a value, which is the derivative of the mean by eta as well.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Variance(this ResponseFamily family, double mean) =>
        family == ResponseFamily.Binomial ? mean * (1 - mean) : mean;

    /// <summary>The logarithm of a value's probability, but for what does not depend on eta.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double LogLikelihood(this ResponseFamily family, double y, double eta, double mean) =>
        (y * eta) - (family == ResponseFamily.Binomial ? Math.Max(eta, 0) + double.LogP1(Math.Exp(-Math.Abs(eta))) : mean);

    /// <summary>Twice what the logarithm of a value's probability is less than at mu = y.</summary>
    public static double Deviance(this ResponseFamily family, double y, double eta)
    {
        double saturated = family == ResponseFamily.Poisson && y > 0 ? y * (Math.Log(y) - 1) : 0;
        return Math.Max(0, 2 * (saturated - family.LogLikelihood(y, eta, family.Mean(eta))));
    }

    /// <summary>Whether something is a value.</summary>
    public static bool IsValue(this ResponseFamily family, double y) =>
        family == ResponseFamily.Binomial ? y is 0 or 1 : y >= 0 && y == Math.Floor(y) && double.IsFinite(y);

    /// <summary>What values are, for messages.</summary>
    public static string Values(this ResponseFamily family) =>
        family == ResponseFamily.Binomial ? "0 or 1" : "whole numbers of at least 0";
}
