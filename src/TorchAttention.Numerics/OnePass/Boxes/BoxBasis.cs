using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The nodes of a box, 16 along each feature. Rows count like numbers at the nodes that have the same moments, and sums are known where
/// they are at the nodes.
/// </summary>
internal static class BoxBasis
{
    private const int K = BoxTerms.K;

    private static readonly double[] _nodes = Chebyshev.Nodes(K);

    private static readonly double[] _fromNodes = Chebyshev.Coefficients(K, K);

    // What turns moments into numbers at the nodes (term, node).
    private static readonly double[] _toNodes = Transposed(_fromNodes);

    /// <summary>The place of a node along a feature.</summary>
    public static double NodeOf(int node, int feature, int features) =>
        _nodes[node / (int)Math.Pow(K, features - 1 - feature) % K];

    /// <summary>T_k at a place (K).</summary>
    public static double[] Polynomials(double t)
    {
        double[] values = new double[K];
        (values[0], values[1]) = (1, t);
        for (int k = 2; k < K; k++)
        {
            values[k] = Math.FusedMultiplyAdd(2 * t, values[k - 1], -values[k - 2]);
        }

        return values;
    }

    /// <summary>What each node along a feature counts for at a place (K): Lagrange's polynomials.</summary>
    public static double[] Shares(double t)
    {
        double[] shares = new double[K];
        Chebyshev.Combine(Polynomials(t), _toNodes, shares);
        return shares;
    }

    /// <summary>Numbers at the nodes (K^d) with given moments: sum_z u_z F(z) is sum_i s_i F(t_i) for all F of the terms.</summary>
    /// <param name="terms">The terms.</param>
    /// <param name="moments">The sums of the terms.</param>
    /// <param name="work">Room for as many numbers.</param>
    /// <param name="atNodes">The numbers.</param>
    public static void ToNodes(BoxTerms terms, ReadOnlySpan<double> moments, ref double[] work, ref double[] atNodes)
    {
        for (int stage = 0; stage < terms.Features; stage++)
        {
            Array.Clear(work);
            BoxLoops.Add(terms.Stages[stage], stage == 0 ? moments : atNodes, _toNodes, work);
            (work, atNodes) = (atNodes, work);
        }
    }

    /// <summary>The coefficients of the terms, of what is known at the nodes (K^d).</summary>
    public static double[] Coefficients(BoxTerms terms, double[] atNodes)
    {
        double[] work = atNodes;
        for (int feature = 0; feature < terms.Features; feature++)
        {
            double[] next = new double[terms.Nodes];
            BoxLoops.Add(terms.Stages[^1], work, _fromNodes, next);
            work = next;
        }

        return [.. terms.Degrees.Select(degrees => work[degrees.Aggregate((place, k) => (place * K) + k)])];
    }

    /// <summary>What each node of a box counts for at a place (K^d): the products of the shares along each feature.</summary>
    /// <param name="shares">The shares of the nodes along each feature (d).</param>
    public static double[] Products(ReadOnlySpan<double[]> shares)
    {
        double[] products = shares[^1];
        for (int j = shares.Length - 2; j >= 0; j--)
        {
            double[] next = new double[K * products.Length];
            for (int z = 0; z < K; z++)
            {
                for (int i = 0; i < products.Length; i++)
                {
                    next[(z * products.Length) + i] = shares[j][z] * products[i];
                }
            }

            products = next;
        }

        return products;
    }

    /// <summary>What is known at the nodes (K^d), at a place.</summary>
    /// <param name="atNodes">The numbers.</param>
    /// <param name="products">What each node counts for.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double At(ReadOnlySpan<double> atNodes, ReadOnlySpan<double> products)
    {
        ReadOnlySpan<Vector256<double>> numbers = MemoryMarshal.Cast<double, Vector256<double>>(atNodes);
        ReadOnlySpan<Vector256<double>> factors = MemoryMarshal.Cast<double, Vector256<double>>(products)[..numbers.Length];
        (Vector256<double> a, Vector256<double> b, Vector256<double> c, Vector256<double> d) = (default, default, default, default);
        for (int i = 0; i + 4 <= numbers.Length; i += 4)
        {
            a = Vector256.FusedMultiplyAdd(numbers[i], factors[i], a);
            b = Vector256.FusedMultiplyAdd(numbers[i + 1], factors[i + 1], b);
            c = Vector256.FusedMultiplyAdd(numbers[i + 2], factors[i + 2], c);
            d = Vector256.FusedMultiplyAdd(numbers[i + 3], factors[i + 3], d);
        }

        return Vector256.Sum(a + b + (c + d));
    }

    private static double[] Transposed(double[] table)
    {
        double[] transposed = new double[K * K];
        for (int i = 0; i < K; i++)
        {
            for (int k = 0; k < K; k++)
            {
                transposed[(k * K) + i] = table[(i * K) + k];
            }
        }

        return transposed;
    }
}
