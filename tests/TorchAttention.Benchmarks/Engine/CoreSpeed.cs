using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>
/// What one core can do: its clock, its widest multiply-adds, and the instructions that a pair takes in one feature and float32, by
/// themselves.
/// </summary>
/// <param name="ClockGhz">From a chain of 64-bit products, each of which waits 3 cycles for the one before, as on every x64 core of the
/// last ten years.</param>
/// <param name="MultiplyAddsPerNs">Multiply-adds of 16 floats; null without AVX-512.</param>
/// <param name="NsPerPair">The twelve instructions of 16 pairs on keys in the first cache: what the exact method cannot go below on one
/// core; null without AVX-512.</param>
/// <remarks>The best of many bursts of a millisecond: other processes take time away and never add any.</remarks>
internal sealed record CoreSpeed(double ClockGhz, double? MultiplyAddsPerNs, double? NsPerPair)
{
    private const int Bursts = 300;
    private const int Turns = 64_000;
    private const int Links = 8;
    private const int CyclesPerLink = 3;

    private const int Vectors = 64;

    public static CoreSpeed Measure()
    {
        double clock = Links * CyclesPerLink * Best(Chain);
        return Avx512DQ.IsSupported
            ? new CoreSpeed(clock, Links * Best(MultiplyAdds), 1 / (Vector512<float>.Count * Best(Pairs)))
            : new CoreSpeed(clock, null, null);
    }

    // Turns per nanosecond.
    private static double Best(Func<double, double> burst)
    {
        double best = 0;
        for (int i = 0; i < Bursts; i++)
        {
            long started = Stopwatch.GetTimestamp();
            double result = burst(i);
            best = Math.Max(best, Turns / Stopwatch.GetElapsedTime(started).TotalNanoseconds);
            if (double.IsNaN(result))
            {
                throw new InvalidOperationException($"Expected a number from burst {i}, got {result}.");
            }
        }

        return best;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static double Chain(double start)
    {
        ulong factor = (2 * (ulong)start) + 3;
        ulong x = factor;
        for (int i = 0; i < Turns; i++)
        {
            x *= factor;
            x *= factor;
            x *= factor;
            x *= factor;
            x *= factor;
            x *= factor;
            x *= factor;
            x *= factor;
        }

        return x;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static double MultiplyAdds(double start)
    {
        Vector512<float> factor = Vector512.Create(0.5f);
        Vector512<float> term = Vector512.Create((float)start);
        Vector512<float> a = term, b = term, c = term, d = term, e = term, f = term, g = term, h = term;
        for (int i = 0; i < Turns; i++)
        {
            a = Avx512F.FusedMultiplyAdd(a, factor, term);
            b = Avx512F.FusedMultiplyAdd(b, factor, term);
            c = Avx512F.FusedMultiplyAdd(c, factor, term);
            d = Avx512F.FusedMultiplyAdd(d, factor, term);
            e = Avx512F.FusedMultiplyAdd(e, factor, term);
            f = Avx512F.FusedMultiplyAdd(f, factor, term);
            g = Avx512F.FusedMultiplyAdd(g, factor, term);
            h = Avx512F.FusedMultiplyAdd(h, factor, term);
        }

        return Vector512.Sum(a + b + c + d + e + f + g + h);
    }

    // sub, 2 mul, reduce, 5 fma, scalef, add, fma: a difference, its square, 2 to that power, the two sums.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static double Pairs(double start)
    {
        float[] numbers = new float[(Vectors + 1) * Vector512<float>.Count];
        Array.Fill(numbers, 0.25f);
        Vector512<float> query = Vector512.Create((float)start / Bursts);
        Vector512<float> scale = Vector512.Create(-0.5f);
        Vector512<float> c0 = Vector512.Create(1f);
        Vector512<float> c1 = Vector512.Create(0.69f);
        Vector512<float> c2 = Vector512.Create(0.24f);
        Vector512<float> c3 = Vector512.Create(0.055f);
        Vector512<float> c4 = Vector512.Create(0.0096f);
        Vector512<float> c5 = Vector512.Create(0.0013f);
        Vector512<float> weightSum = default;
        Vector512<float> valueSum = default;

        // One of as many places as a vector has numbers is at the start of a cache line.
        ref float keys = ref numbers[(int)start % Vector512<float>.Count];
        for (int turn = 0; turn < Turns; turn += Vectors)
        {
            for (nuint i = 0; i < (nuint)(Vectors * Vector512<float>.Count); i += (nuint)Vector512<float>.Count)
            {
                var key = Vector512.LoadUnsafe(ref keys, i);
                Vector512<float> difference = query - key;
                Vector512<float> x = difference * (difference * scale);
                Vector512<float> r = Avx512DQ.Reduce(x, 0);
                Vector512<float> power = Avx512F.FusedMultiplyAdd(c5, r, c4);
                power = Avx512F.FusedMultiplyAdd(power, r, c3);
                power = Avx512F.FusedMultiplyAdd(power, r, c2);
                power = Avx512F.FusedMultiplyAdd(power, r, c1);
                power = Avx512F.FusedMultiplyAdd(power, r, c0);
                Vector512<float> weight = Avx512F.Scale(power, x);
                weightSum += weight;
                valueSum = Avx512F.FusedMultiplyAdd(weight, key, valueSum);
            }
        }

        return Vector512.Sum(weightSum + valueSum);
    }
}
