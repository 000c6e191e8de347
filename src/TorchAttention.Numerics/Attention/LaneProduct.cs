using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Attention;

/// <summary>output[i, v] = sum over f of the score's terms of a[i, f] and b[f, v]: of a dot product, a matrix product.</summary>
/// <remarks>
/// Six rows by two vectors stay in registers: twelve sums hide the latency of a multiply-add, and leave room where there are 16 registers.
/// </remarks>
internal static unsafe class LaneProduct
{
    public const int Rows = 6;

    /// <param name="a">Rows, a multiple of six, of numbers.</param>
    /// <param name="aStride">From a row to the next.</param>
    /// <param name="b">A row of vectors for each number of a row of a.</param>
    /// <param name="bStride">From a row to the next.</param>
    /// <param name="weights">A weight for each row of b; null for 1.</param>
    /// <param name="inner">How many numbers a row of a has.</param>
    /// <param name="output">Where sums go, rows of vectors.</param>
    /// <param name="outputStride">From a row to the next.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="vectors">How many vectors in a row.</param>
    /// <param name="isAdded">Whether to add to what is there.</param>
    public static void Run<TScore, TLanes, T>(
        T* a, int aStride, T* b, int bStride, T* weights, int inner, T* output, int outputStride, int rows, int vectors, bool isAdded)
        where TScore : IScore
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        int v = 0;
        for (; v + 2 <= vectors; v += 2)
        {
            for (int i = 0; i < rows; i += Rows)
            {
                Two<TScore, TLanes, T>(
                    a + (i * aStride), aStride, b + (v * TLanes.Count), bStride, weights, inner,
                    output + (i * outputStride) + (v * TLanes.Count), outputStride, isAdded);
            }
        }

        for (int i = 0; i < rows && v < vectors; i += Rows)
        {
            One<TScore, TLanes, T>(
                a + (i * aStride), aStride, b + (v * TLanes.Count), bStride, weights, inner,
                output + (i * outputStride) + (v * TLanes.Count), outputStride, isAdded);
        }
    }

    private static void Two<TScore, TLanes, T>(
        T* a, int aStride, T* b, int bStride, T* weights, int inner, T* output, int stride, bool isAdded)
        where TScore : IScore
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        int next = TLanes.Count;
        TLanes zero = TLanes.All(0);
        TLanes w = TLanes.All(1);
        TLanes s00 = isAdded ? TLanes.Load(output) : zero;
        TLanes s01 = isAdded ? TLanes.Load(output + next) : zero;
        TLanes s10 = isAdded ? TLanes.Load(output + stride) : zero;
        TLanes s11 = isAdded ? TLanes.Load(output + stride + next) : zero;
        TLanes s20 = isAdded ? TLanes.Load(output + (2 * stride)) : zero;
        TLanes s21 = isAdded ? TLanes.Load(output + (2 * stride) + next) : zero;
        TLanes s30 = isAdded ? TLanes.Load(output + (3 * stride)) : zero;
        TLanes s31 = isAdded ? TLanes.Load(output + (3 * stride) + next) : zero;
        TLanes s40 = isAdded ? TLanes.Load(output + (4 * stride)) : zero;
        TLanes s41 = isAdded ? TLanes.Load(output + (4 * stride) + next) : zero;
        TLanes s50 = isAdded ? TLanes.Load(output + (5 * stride)) : zero;
        TLanes s51 = isAdded ? TLanes.Load(output + (5 * stride) + next) : zero;
        for (int f = 0; f < inner; f++)
        {
            if (TScore.HasWeights)
            {
                w = TLanes.Broadcast(weights + f);
            }

            TLanes b0 = TLanes.Load(b);
            TLanes b1 = TLanes.Load(b + next);
            TLanes one = TLanes.Broadcast(a);
            s00 = TScore.Add<TLanes, T>(s00, one, b0, w);
            s01 = TScore.Add<TLanes, T>(s01, one, b1, w);
            one = TLanes.Broadcast(a + aStride);
            s10 = TScore.Add<TLanes, T>(s10, one, b0, w);
            s11 = TScore.Add<TLanes, T>(s11, one, b1, w);
            one = TLanes.Broadcast(a + (2 * aStride));
            s20 = TScore.Add<TLanes, T>(s20, one, b0, w);
            s21 = TScore.Add<TLanes, T>(s21, one, b1, w);
            one = TLanes.Broadcast(a + (3 * aStride));
            s30 = TScore.Add<TLanes, T>(s30, one, b0, w);
            s31 = TScore.Add<TLanes, T>(s31, one, b1, w);
            one = TLanes.Broadcast(a + (4 * aStride));
            s40 = TScore.Add<TLanes, T>(s40, one, b0, w);
            s41 = TScore.Add<TLanes, T>(s41, one, b1, w);
            one = TLanes.Broadcast(a + (5 * aStride));
            s50 = TScore.Add<TLanes, T>(s50, one, b0, w);
            s51 = TScore.Add<TLanes, T>(s51, one, b1, w);
            a++;
            b += bStride;
        }

        s00.Store(output);
        s01.Store(output + next);
        s10.Store(output + stride);
        s11.Store(output + stride + next);
        s20.Store(output + (2 * stride));
        s21.Store(output + (2 * stride) + next);
        s30.Store(output + (3 * stride));
        s31.Store(output + (3 * stride) + next);
        s40.Store(output + (4 * stride));
        s41.Store(output + (4 * stride) + next);
        s50.Store(output + (5 * stride));
        s51.Store(output + (5 * stride) + next);
    }

    private static void One<TScore, TLanes, T>(
        T* a, int aStride, T* b, int bStride, T* weights, int inner, T* output, int stride, bool isAdded)
        where TScore : IScore
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes zero = TLanes.All(0);
        TLanes w = TLanes.All(1);
        TLanes s0 = isAdded ? TLanes.Load(output) : zero;
        TLanes s1 = isAdded ? TLanes.Load(output + stride) : zero;
        TLanes s2 = isAdded ? TLanes.Load(output + (2 * stride)) : zero;
        TLanes s3 = isAdded ? TLanes.Load(output + (3 * stride)) : zero;
        TLanes s4 = isAdded ? TLanes.Load(output + (4 * stride)) : zero;
        TLanes s5 = isAdded ? TLanes.Load(output + (5 * stride)) : zero;
        for (int f = 0; f < inner; f++)
        {
            if (TScore.HasWeights)
            {
                w = TLanes.Broadcast(weights + f);
            }

            TLanes b0 = TLanes.Load(b);
            s0 = TScore.Add<TLanes, T>(s0, TLanes.Broadcast(a), b0, w);
            s1 = TScore.Add<TLanes, T>(s1, TLanes.Broadcast(a + aStride), b0, w);
            s2 = TScore.Add<TLanes, T>(s2, TLanes.Broadcast(a + (2 * aStride)), b0, w);
            s3 = TScore.Add<TLanes, T>(s3, TLanes.Broadcast(a + (3 * aStride)), b0, w);
            s4 = TScore.Add<TLanes, T>(s4, TLanes.Broadcast(a + (4 * aStride)), b0, w);
            s5 = TScore.Add<TLanes, T>(s5, TLanes.Broadcast(a + (5 * aStride)), b0, w);
            a++;
            b += bStride;
        }

        s0.Store(output);
        s1.Store(output + stride);
        s2.Store(output + (2 * stride));
        s3.Store(output + (3 * stride));
        s4.Store(output + (4 * stride));
        s5.Store(output + (5 * stride));
    }
}
