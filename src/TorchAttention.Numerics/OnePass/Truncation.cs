using MathNet.Numerics;

namespace TorchAttention.Numerics.OnePass;

/// <summary>What a Gaussian's Chebyshev series leaves out, docs/certificates.md: bounds that hold wherever the query is.</summary>
internal static class Truncation
{
    // Terms fall faster than 2^-k by then.
    private const int MostTerms = 80;
    private const int MostInner = 30;

    // Twice the constant of Cramer's inequality for Hermite functions.
    private const double Cramer = 2 * 1.086435;

    /// <summary>sum_{k > p} 2 (a^2 / 8)^(k/2) / Gamma(k/2 + 1) at any distance, for v^power K with its moments of Z.</summary>
    /// <param name="a">w / (2 h).</param>
    /// <param name="p">The degree of the last term kept.</param>
    /// <param name="power">0, 1 or 2.</param>
    public static double Anywhere(double a, int p, int power)
    {
        double sum = 0;
        for (int k = p + 1; k < p + MostTerms; k++)
        {
            double ofPower = power switch { 0 => 1, 1 => Math.Sqrt(k + 1), _ => k + 2 };
            sum += 2 * ofPower * Math.Exp((0.5 * k * Math.Log(a * a / 8)) - SpecialFunctions.GammaLn((0.5 * k) + 1));
        }

        return sum;
    }

    /// <summary>The factor of exp(-(a z)^2 / 4) that bounds what is left out of K at a distance.</summary>
    /// <param name="a">w / (2 h).</param>
    /// <param name="p">The degree of the last term kept.</param>
    public static double Far(double a, int p)
    {
        double sum = 0;
        for (int k = p + 1; k < p + MostTerms; k++)
        {
            for (int m = 0; m < MostInner; m++)
            {
                int n = k + (2 * m);
                sum += Cramer * Math.Exp(
                    (n * Math.Log(a / 2)) + (0.5 * SpecialFunctions.GammaLn(n + 1)) - SpecialFunctions.GammaLn(m + 1)
                    - SpecialFunctions.GammaLn(k + m + 1));
            }
        }

        return sum;
    }
}
