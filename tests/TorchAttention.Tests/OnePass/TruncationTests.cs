using System.Numerics;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Tests.OnePass;

/// <summary>What a Gaussian's series leaves out, and the table that makes two cells one.</summary>
public sealed class TruncationTests
{
    // mpmath 1.3.0: the sum of b_k over k > p, of 99 terms in 50 digits.
    [Theory]
    [InlineData(0.25, 11, 1.568634e-19)]
    [InlineData(0.25, 15, 1.066309e-26)]
    [InlineData(0.5, 11, 6.538014e-16)]
    [InlineData(0.5, 15, 7.095624e-22)]
    [InlineData(0.5, 19, 4.797629e-28)]
    [InlineData(1, 11, 2.775301e-12)]
    [InlineData(1, 15, 4.797537e-17)]
    [InlineData(1, 19, 5.173719e-22)]
    [InlineData(1.5, 11, 3.736257e-10)]
    [InlineData(1.5, 15, 3.254132e-14)]
    [InlineData(1.5, 19, 1.77067e-18)]
    [InlineData(2, 11, 1.225448e-8)]
    [InlineData(2, 15, 3.356174e-12)]
    [InlineData(2, 19, 5.751395e-16)]
    public void Bound_IsThatOfTheFormula(double widthInBandwidths, int degree, double expected) =>
        Assert.InRange(Truncation.Anywhere(widthInBandwidths / 2, degree, 0) / expected, 1 - 1e-6, 1 + 1e-6);

    // The most that is left out, of all places of a row and a query, and at no distance more.
    [Theory]
    [InlineData(1, 7, 0.6)]
    [InlineData(2, 15, 0.5)]
    public void WhatIsLeftOut_IsWithinTheBoundAndNearIt(double widthInBandwidths, int degree, double least)
    {
        double a = widthInBandwidths / 2;
        double bound = Truncation.Anywhere(a, degree, 0);
        double near = 0;
        double anywhere = 0;
        double[] nodes = Chebyshev.Nodes(64);
        double[] toCoefficients = Chebyshev.Coefficients(64, degree + 1);
        for (double z = -6; z <= 6; z += 1.0 / 64)
        {
            double[] coefficients = new double[degree + 1];
            Chebyshev.Combine([.. nodes.Select(t => Kernel(a * (z - t)))], toCoefficients, coefficients);
            for (double t = -1; t <= 1; t += 1.0 / 64)
            {
                double left = Math.Abs(Kernel(a * (z - t)) - Chebyshev.At(coefficients, t));
                anywhere = Math.Max(anywhere, left);
                near = Math.Abs(z) <= 1 ? Math.Max(near, left) : near;
            }
        }

        Assert.InRange(near / bound, least, 1);
        Assert.InRange(anywhere / bound, least, 1);

        static double Kernel(double v) => Math.Exp(-0.5 * v * v);
    }

    // T_k((t + s) / 2) = sum_j h_kj T_j(t) in whole numbers: h_kj 2^k is one, and with t = a/8 so are 16^k T_k and 8^j T_j.
    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public void HalvesOfACell_AreExactInWholeNumbers(int side)
    {
        double[] halves = MomentLevel.Halves(side);
        for (int k = 0; k < MomentLevel.MostTerms; k++)
        {
            for (int place = -8; place <= 8; place++)
            {
                BigInteger sum = 0;
                for (int j = 0; j <= k; j++)
                {
                    double entry = Math.ScaleB(halves[(k * MomentLevel.MostTerms) + j], k);
                    Assert.Equal(Math.Round(entry), entry);
                    sum += (BigInteger)entry * Polynomial(j, place, 8) * BigInteger.Pow(8, k - j);
                }

                Assert.Equal(Polynomial(k, place + (8 * side), 16), sum);
            }
        }
    }

    // b^k T_k(a / b).
    private static BigInteger Polynomial(int k, int a, int b)
    {
        (BigInteger before, BigInteger now) = (1, a);
        for (int i = 1; i < k; i++)
        {
            (before, now) = (now, (2 * a * now) - (b * b * before));
        }

        return k == 0 ? before : now;
    }
}
