using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Tests.Engine;

/// <summary>
/// The local linear fit at one query as its definition has it, in thousands of bits: weighted least squares for a height at the query and
/// slopes, of slopes that are not determined the least in bandwidths.
/// </summary>
internal sealed class ExactPlane
{
    // A penalty on slopes, as a power of 2 of the largest weight: its limit is the least slope. Weights that come near it say nothing.
    private const long Penalty = -3000;
    private const long Near = 300;

    private ExactPlane(double[] weights, double[] slopes, double ownWeight) => (Weights, Slopes, OwnWeight) = (weights, slopes, ownWeight);

    /// <summary>The weights l of the values (n); empty without a neighbour.</summary>
    public double[] Weights { get; }

    /// <summary>The slopes in each feature (d).</summary>
    public double[] Slopes { get; }

    /// <summary>The weight of one more pair at the query.</summary>
    public double OwnWeight { get; }

    /// <summary>The height at the query.</summary>
    public double Height { get; private init; }

    /// <summary>How many directions the keys leave open.</summary>
    public int Open { get; private init; }

    /// <summary>The fit; null where weights are too far apart to be told from nothing.</summary>
    public static ExactPlane? Of<TKernel>(
        double[] query, double[] keys, double[] values, double[] bandwidths, double[]? sampleWeights = null, int leftOut = -1)
        where TKernel : IKernel
    {
        int d = bandwidths.Length;
        int n = keys.Length / d;
        BigReal[][] rows = new BigReal[n][];
        BigReal[] weights = new BigReal[n];
        double most = double.NegativeInfinity;
        double least = double.PositiveInfinity;
        for (int i = 0; i < n; i++)
        {
            rows[i] = new BigReal[d + 1];
            rows[i][0] = 1;
            BigReal square = 0;
            for (int j = 0; j < d; j++)
            {
                BigReal u = ((BigReal)keys[(i * d) + j] - query[j]) / bandwidths[j];
                rows[i][j + 1] = u;
                square += u * u;
            }

            weights[i] = i == leftOut ? 0 : Kernel<TKernel>(square) * (sampleWeights?[i] ?? 1);
            most = Math.Max(most, weights[i].Log2);
            least = weights[i].IsPositive ? Math.Min(least, weights[i].Log2) : least;
        }

        if (double.IsNegativeInfinity(most))
        {
            return new ExactPlane([], [], 0) { Height = double.NaN };
        }

        var normal = new BigReal[d + 1, d + 3];
        for (int a = 0; a <= d; a++)
        {
            for (int b = 0; b <= d; b++)
            {
                normal[a, b] = a == b && a > 0 ? BigReal.PowerOfTwo((long)most + Penalty) : 0;
                for (int i = 0; i < n; i++)
                {
                    normal[a, b] += weights[i] * rows[i][a] * rows[i][b];
                }
            }

            normal[a, d + 1] = a == 0 ? 1 : 0;
            normal[a, d + 2] = 0;
            for (int i = 0; i < n; i++)
            {
                normal[a, d + 2] += weights[i] * rows[i][a] * values[i];
            }
        }

        double[] pivots = Reduce(normal);
        int open = pivots.Count(pivot => pivot < most + Penalty + Near);
        if (open > 0
            && (least < most + Penalty + Near
            || pivots.Any(pivot => pivot > most + Penalty + (Near / 3) && pivot < most + Penalty + (2 * Near))))
        {
            return null;
        }

        var hat = new double[n];
        for (int i = 0; i < n; i++)
        {
            BigReal sum = 0;
            for (int a = 0; a <= d; a++)
            {
                sum += normal[a, d + 1] * rows[i][a];
            }

            hat[i] = (double)(weights[i] * sum);
        }

        double[] slopes = [.. Enumerable.Range(0, d).Select(j => (double)(normal[j + 1, d + 2] / bandwidths[j]))];
        return new ExactPlane(hat, slopes, (double)normal[0, d + 1]) { Height = (double)normal[0, d + 2], Open = open };
    }

    // Gauss and Jordan; the matrix is symmetric and positive definite, and bits are plenty. Returns the size of each pivot.
    private static double[] Reduce(BigReal[,] matrix)
    {
        int size = matrix.GetLength(0);
        double[] pivots = new double[size];
        for (int a = 0; a < size; a++)
        {
            BigReal pivot = matrix[a, a];
            pivots[a] = pivot.Log2;
            for (int b = a; b < size + 2; b++)
            {
                matrix[a, b] /= pivot;
            }

            for (int row = 0; row < size; row++)
            {
                BigReal factor = matrix[row, a];
                for (int b = a; row != a && b < size + 2; b++)
                {
                    matrix[row, b] -= factor * matrix[a, b];
                }
            }
        }

        return pivots;
    }

    private static BigReal Kernel<TKernel>(BigReal square)
        where TKernel : IKernel
    {
        BigReal one = 1;
        BigReal left = one - square;
        if (typeof(TKernel) == typeof(Gaussian))
        {
            return BigReal.Exp(-square * 0.5);
        }

        if (!left.IsPositive)
        {
            return 0;
        }

        BigReal r = BigReal.Sqrt(square);
        BigReal cube = one - (r * square);
        return TKernel.Name switch
        {
            "boxcar" => one,
            "epanechnikov" => left,
            "biweight" => left * left,
            "triangular" => one - r,
            "tricube" => cube * cube * cube,
            _ => throw new NotSupportedException(TKernel.Name),
        };
    }
}
