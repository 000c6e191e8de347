using System.Runtime.Intrinsics;

namespace TorchAttention.Numerics.OnePass;

/// <summary>The vector loops of <see cref="MomentSums"/>: products of coefficients and moments.</summary>
internal static unsafe class MomentProducts
{
    /// <summary>Adds the products of a table with two rows of moments, the second counted from another level.</summary>
    /// <param name="terms">K, a multiple of eight.</param>
    /// <param name="table">The table (K, K), the term first.</param>
    /// <param name="m">Masses (K).</param>
    /// <param name="v">Products with values (K).</param>
    /// <param name="apart">How far the values' level is from that of the sums.</param>
    /// <param name="weights">Where the products with masses are added (K).</param>
    /// <param name="products">Where those with values are (K).</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(int terms, double* table, double* m, double* v, double apart, double* weights, double* products)
    {
        var distance = Vector256.Create(apart);
        for (int z = 0; z < terms; z += 8)
        {
            Vector256<double> a = default, b = default, c = default, d = default;
            Vector256<double> e = default, f = default, g = default, h = default;
            double* row = table + z;
            for (int k = 0; k < terms; k += 2, row += 2 * terms)
            {
                var mass = Vector256.Create(m[k]);
                var sum = Vector256.Create(v[k]);
                Vector256<double> first = Vector256.Load(row);
                Vector256<double> second = Vector256.Load(row + 4);
                a = Vector256.FusedMultiplyAdd(first, mass, a);
                b = Vector256.FusedMultiplyAdd(second, mass, b);
                e = Vector256.FusedMultiplyAdd(first, sum, e);
                f = Vector256.FusedMultiplyAdd(second, sum, f);
                mass = Vector256.Create(m[k + 1]);
                sum = Vector256.Create(v[k + 1]);
                first = Vector256.Load(row + terms);
                second = Vector256.Load(row + terms + 4);
                c = Vector256.FusedMultiplyAdd(first, mass, c);
                d = Vector256.FusedMultiplyAdd(second, mass, d);
                g = Vector256.FusedMultiplyAdd(first, sum, g);
                h = Vector256.FusedMultiplyAdd(second, sum, h);
            }

            a += c;
            b += d;
            Add(weights + z, a);
            Add(weights + z + 4, b);
            Add(products + z, Vector256.FusedMultiplyAdd(distance, a, e + g));
            Add(products + z + 4, Vector256.FusedMultiplyAdd(distance, b, f + h));
        }
    }

    /// <summary>Adds the product of a table with one row of moments.</summary>
    /// <inheritdoc cref="Add(int, double*, double*, double*, double, double*, double*)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(int terms, double* table, double* m, double* weights)
    {
        for (int z = 0; z < terms; z += 8)
        {
            Vector256<double> a = default, b = default, c = default, d = default;
            double* row = table + z;
            for (int k = 0; k < terms; k += 2, row += 2 * terms)
            {
                var mass = Vector256.Create(m[k]);
                a = Vector256.FusedMultiplyAdd(Vector256.Load(row), mass, a);
                b = Vector256.FusedMultiplyAdd(Vector256.Load(row + 4), mass, b);
                mass = Vector256.Create(m[k + 1]);
                c = Vector256.FusedMultiplyAdd(Vector256.Load(row + terms), mass, c);
                d = Vector256.FusedMultiplyAdd(Vector256.Load(row + terms + 4), mass, d);
            }

            Add(weights + z, a + c);
            Add(weights + z + 4, b + d);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(double* to, Vector256<double> more) => (Vector256.Load(to) + more).Store(to);
}
