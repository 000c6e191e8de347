using System.Runtime.Intrinsics;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>
/// How the Gaussian of a cell of keys looks from a cell of queries: exp(-(D + t - u)^2 / 2) = sum_jk A_jk(D) u^j t^k for keys at u and
/// queries at t from the middles of their cells, D apart, all in bandwidths.
/// </summary>
/// <remarks>
/// A_jk = (-1)^j phi^(j+k)(D) / (j! k!) with phi(z) = exp(-z^2 / 2), whose derivatives are Hermite polynomials: phi^(l)(z) = (-1)^l He_l(z)
/// phi(z). With |phi^(l)| at most 1.09 sqrt(l!) (Cramer's bound) the terms past 16 in both directions are below 2e-16 together for |u|, |t|
/// up to 1/4, and those past 24 for |u|, |t| up to 1/2. Derivatives by t need terms of their own: with 24 up to 1/4 the second one is as
/// good. The idea is the fast Gauss transform's (L. Greengard and J. Strain, 1991), on a line.
/// </remarks>
internal sealed unsafe class HermiteTable : IDisposable
{
    private readonly Scratch _memory;

    /// <summary>Fills the table.</summary>
    /// <param name="cellWidth">The width of a cell in bandwidths, up to 1.</param>
    /// <param name="most">The most cells between a key and a query.</param>
    /// <param name="terms">The terms to keep in u and in t.</param>
    public HermiteTable(double cellWidth, int most, int terms)
    {
        Most = most;
        Terms = terms;
        _memory = new Scratch(((2L * most) + 1) * Terms * Terms * sizeof(double));
        double* derivatives = stackalloc double[2 * Terms];
        double* factors = stackalloc double[Terms * Terms];
        FillFactors(factors, Terms);
        for (int offset = -most; offset <= most; offset++)
        {
            FillDerivatives(offset * cellWidth, derivatives, 2 * Terms);
            double* entry = At(offset);
            for (int j = 0; j < Terms; j++)
            {
                Multiply(derivatives + j, factors + (j * Terms), entry + (j * Terms), Terms);
            }
        }
    }

    /// <summary>The terms kept in u and in t.</summary>
    public int Terms { get; }

    /// <summary>The most cells between a key and a query.</summary>
    public int Most { get; }

    /// <summary>The coefficients A (j, k) for queries some cells to the right of their keys.</summary>
    public double* At(int offset) => _memory.As<double>() + ((long)(offset + Most) * Terms * Terms);

    public void Dispose() => _memory.Dispose();

    // (-1)^j / (j! k!)
    private static void FillFactors(double* factors, int terms)
    {
        double byJ = 1;
        for (int j = 0; j < terms; j++)
        {
            double byK = byJ;
            for (int k = 0; k < terms; k++)
            {
                factors[(j * terms) + k] = byK;
                byK /= k + 1;
            }

            byJ /= -(j + 1);
        }
    }

    // He_(l+1)(z) = z He_l(z) - l He_(l-1)(z).
    private static void FillDerivatives(double z, double* derivatives, int count)
    {
        double before = 0;
        double hermite = Math.Exp(-z * z / 2);
        for (int l = 0; l < count; l++)
        {
            derivatives[l] = l % 2 == 0 ? hermite : -hermite;
            (before, hermite) = (hermite, (z * hermite) - (l * before));
        }
    }

    private static void Multiply(double* a, double* b, double* products, int count)
    {
        int i = 0;
        for (; i <= count - Vector256<double>.Count; i += Vector256<double>.Count)
        {
            (Vector256.Load(a + i) * Vector256.Load(b + i)).Store(products + i);
        }

        for (; i < count; i++)
        {
            products[i] = a[i] * b[i];
        }
    }
}
