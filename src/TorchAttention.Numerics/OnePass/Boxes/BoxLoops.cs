using System.Runtime.Intrinsics;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>The loop that all sums over boxes are made of.</summary>
internal static unsafe class BoxLoops
{
    private const int K = BoxTerms.K;

    /// <summary>
    /// to[r, z] += sum_k from[k, r] table[k, z]: the first index is summed over, and the node comes last. After a stage for each feature
    /// the indices are in their order again.
    /// </summary>
    /// <param name="stage">Where the numbers are.</param>
    /// <param name="from">They.</param>
    /// <param name="table">Factors (K, K).</param>
    /// <param name="to">Sums (rest, K).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(BoxTerms.Stage stage, ReadOnlySpan<double> from, ReadOnlySpan<double> table, Span<double> to)
    {
        int step = stage.Step;
        fixed (double* numbers = from, factors = table, sums = to)
        {
            for (int r = 0; r < stage.Limits.Length; r++)
            {
                int limit = stage.Limits[r];
                if (limit == 0)
                {
                    continue;
                }

                double* number = numbers + stage.Offsets[r];
                double* row = factors;
                double* sum = sums + (r * K);
                Vector256<double> a = Vector256.Load(sum), b = Vector256.Load(sum + 4);
                Vector256<double> c = Vector256.Load(sum + 8), d = Vector256.Load(sum + 12);
                Vector256<double> e = default, f = default, g = default, h = default;
                int k = 0;
                for (; k + 2 <= limit; k += 2, row += 2 * K)
                {
                    var one = Vector256.Create(number[k * step]);
                    var two = Vector256.Create(number[(k + 1) * step]);
                    a = Vector256.FusedMultiplyAdd(one, Vector256.Load(row), a);
                    b = Vector256.FusedMultiplyAdd(one, Vector256.Load(row + 4), b);
                    c = Vector256.FusedMultiplyAdd(one, Vector256.Load(row + 8), c);
                    d = Vector256.FusedMultiplyAdd(one, Vector256.Load(row + 12), d);
                    e = Vector256.FusedMultiplyAdd(two, Vector256.Load(row + K), e);
                    f = Vector256.FusedMultiplyAdd(two, Vector256.Load(row + K + 4), f);
                    g = Vector256.FusedMultiplyAdd(two, Vector256.Load(row + K + 8), g);
                    h = Vector256.FusedMultiplyAdd(two, Vector256.Load(row + K + 12), h);
                }

                if (k < limit)
                {
                    var one = Vector256.Create(number[k * step]);
                    a = Vector256.FusedMultiplyAdd(one, Vector256.Load(row), a);
                    b = Vector256.FusedMultiplyAdd(one, Vector256.Load(row + 4), b);
                    c = Vector256.FusedMultiplyAdd(one, Vector256.Load(row + 8), c);
                    d = Vector256.FusedMultiplyAdd(one, Vector256.Load(row + 12), d);
                }

                (a + e).Store(sum);
                (b + f).Store(sum + 4);
                (c + g).Store(sum + 8);
                (d + h).Store(sum + 12);
            }
        }
    }
}
