using System.Runtime.Intrinsics;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>Chebyshev's polynomials: nodes, values at them, and coefficients from values.</summary>
internal static unsafe class Chebyshev
{
    /// <summary>The nodes cos(pi (i + 1/2) / n).</summary>
    public static double[] Nodes(int n) => [.. Enumerable.Range(0, n).Select(i => Math.Cos(Math.PI * (i + 0.5) / n))];

    /// <summary>T_k at the nodes (terms, n).</summary>
    public static double[] Values(int n, int terms)
    {
        double[] values = new double[terms * n];
        for (int k = 0; k < terms; k++)
        {
            for (int i = 0; i < n; i++)
            {
                values[(k * n) + i] = Math.Cos(Math.PI * k * (i + 0.5) / n);
            }
        }

        return values;
    }

    /// <summary>The coefficients of T_k by powers of t (terms, terms).</summary>
    public static double[] InPowers(int terms)
    {
        double[] rows = new double[terms * terms];
        rows[0] = 1;
        rows[terms + 1] = 1;
        for (int k = 2; k < terms; k++)
        {
            for (int j = 0; j <= k; j++)
            {
                rows[(k * terms) + j] = (j == 0 ? 0 : 2 * rows[((k - 1) * terms) + j - 1]) - rows[((k - 2) * terms) + j];
            }
        }

        return rows;
    }

    /// <summary>What turns values at n nodes into the first coefficients of their polynomial (n, terms).</summary>
    public static double[] Coefficients(int n, int terms)
    {
        double[] factors = new double[n * terms];
        for (int i = 0; i < n; i++)
        {
            for (int k = 0; k < terms; k++)
            {
                factors[(i * terms) + k] = (k == 0 ? 1.0 : 2) / n * Math.Cos(Math.PI * k * (i + 0.5) / n);
            }
        }

        return factors;
    }

    /// <summary>sum_k c_k T_k(t), by Clenshaw's recurrence.</summary>
    public static double At(ReadOnlySpan<double> coefficients, double t)
    {
        double last = 0;
        double before = 0;
        for (int k = coefficients.Length - 1; k > 0; k--)
        {
            (last, before) = (Math.FusedMultiplyAdd(2 * t, last, coefficients[k] - before), last);
        }

        return Math.FusedMultiplyAdd(t, last, coefficients[0] - before);
    }

    /// <summary>The coefficients of the derivative by t.</summary>
    public static void Differentiate(ReadOnlySpan<double> coefficients, Span<double> derivative)
    {
        int n = coefficients.Length;
        derivative.Clear();
        for (int k = n - 1; k >= 1; k--)
        {
            derivative[k - 1] = (k + 1 < n ? derivative[k + 1] : 0) + (2 * k * coefficients[k]);
        }

        derivative[0] /= 2;
    }

    /// <summary>sum_j factors_j row_j, for rows whose length is a multiple of 8.</summary>
    /// <param name="factors">The factors.</param>
    /// <param name="rows">The rows, one after the other.</param>
    /// <param name="sums">Where the sums go; as long as a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Combine(ReadOnlySpan<double> factors, double[] rows, Span<double> sums)
    {
        int length = sums.Length;
        fixed (double* from = rows, to = sums)
        {
            int i = 0;
            for (; i + 16 <= length; i += 16)
            {
                Vector256<double> a = default, b = default, c = default, d = default;
                double* row = from + i;
                for (int j = 0; j < factors.Length; j++, row += length)
                {
                    var factor = Vector256.Create(factors[j]);
                    a = Vector256.FusedMultiplyAdd(factor, Vector256.Load(row), a);
                    b = Vector256.FusedMultiplyAdd(factor, Vector256.Load(row + 4), b);
                    c = Vector256.FusedMultiplyAdd(factor, Vector256.Load(row + 8), c);
                    d = Vector256.FusedMultiplyAdd(factor, Vector256.Load(row + 12), d);
                }

                a.Store(to + i);
                b.Store(to + i + 4);
                c.Store(to + i + 8);
                d.Store(to + i + 12);
            }

            if (i < length)
            {
                Vector256<double> a = default, b = default;
                double* row = from + i;
                for (int j = 0; j < factors.Length; j++, row += length)
                {
                    var factor = Vector256.Create(factors[j]);
                    a = Vector256.FusedMultiplyAdd(factor, Vector256.Load(row), a);
                    b = Vector256.FusedMultiplyAdd(factor, Vector256.Load(row + 4), b);
                }

                a.Store(to + i);
                b.Store(to + i + 4);
            }
        }
    }
}
