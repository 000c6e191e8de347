using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Loops;

/// <summary>
/// One query against a tile for any number of features and columns, and every sum that can be asked for; what a pair has passes through
/// buffers of a tile's length.
/// </summary>
internal static unsafe class GeneralLoops<TKernel, TLanes, T>
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, T>
    where T : unmanaged
{
    /// <summary>The number of buffers of a tile's length that the loops use.</summary>
    public const int Buffers = 4;

    private const int WidestVector = 16;

    /// <summary>Adds the sums over a tile to the query's row.</summary>
    /// <param name="tile">Keys and values.</param>
    /// <param name="layout">What to sum.</param>
    /// <param name="query">The query (d).</param>
    /// <param name="scales">1/h^2 times the kernel's argument scale (d).</param>
    /// <param name="buffers">Scratch (<see cref="Buffers"/>, the tile's count rounded up to 16).</param>
    /// <param name="row">The query's sums.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(in Tile<T> tile, in SumLayout layout, double* query, double* scales, T* buffers, double* row)
    {
        for (int j = 0; j < layout.Features; j++)
        {
            T* keys = tile.Keys + (j * tile.Stride);
            TLanes q = TLanes.All(query[j]);
            TLanes scale = TLanes.All(scales[j]);
            for (int i = 0; i < tile.Count; i += TLanes.Count)
            {
                TLanes difference = q - TLanes.Load(keys + i);
                TLanes sum = j == 0 ? TLanes.All(0) : TLanes.Load(buffers + i);
                TLanes.MultiplyAdd(difference, difference * scale, sum).Store(buffers + i);
            }
        }

        AddArguments(tile, layout, query, null, scales, buffers, row);
    }

    /// <summary>Adds the sums over a tile whose kernel arguments stand in the first buffer.</summary>
    /// <param name="tile">Keys and values.</param>
    /// <param name="layout">What to sum.</param>
    /// <param name="query">The query (d).</param>
    /// <param name="reference">
    /// A key (d) that positions in planes count from, and whose x_j and y_j are taken off those of all keys of a Gaussian, which changes no
    /// gradient and keeps the digits of a far query's; null for none.
    /// </param>
    /// <param name="scales">1/h^2 times the kernel's argument scale (d).</param>
    /// <param name="buffers">Scratch, the arguments first.</param>
    /// <param name="row">The query's sums.</param>
    public static void AddArguments(
        in Tile<T> tile, in SumLayout layout, double* query, double* reference, double* scales, T* buffers, double* row)
    {
        int length = (tile.Count + WidestVector - 1) / WidestVector * WidestVector;
        T* weights = buffers + length;
        T* slopes = weights + length;
        T* parts = slopes + length;
        AddWeights(tile, layout, buffers, weights, slopes, row);
        for (int c = 0; c < layout.Columns; c++)
        {
            row[SumLayout.Values + c] += Dot(weights, tile.Values + (c * tile.Stride), tile.Count);
        }

        double* near = KernelTraits<TKernel>.IsGaussian ? reference : null;
        double* origin = reference is null ? query : reference;
        for (int j = 0; layout.HasGradient && j < layout.Features; j++)
        {
            if (layout.BandwidthGradient >= 0)
            {
                Multiply(
                    tile, layout, slopes, query[j], near is null ? null : near + j, scales[j], squared: true, parts,
                    row + layout.BandwidthGradient, j);
                if (layout.PlaneGradient >= 0)
                {
                    // The arguments have served.
                    PlaneLoops<TLanes, T>.AddGradient(tile, layout, j, origin, scales, TKernel.ArgumentScale, parts, buffers, row);
                }
            }

            if (layout.QueryGradient >= 0)
            {
                Multiply(
                    tile, layout, slopes, query[j], near is null ? null : near + j, scales[j], squared: false, parts,
                    row + layout.QueryGradient, j);
            }
        }

        if (layout.HasPlanes)
        {
            PlaneLoops<TLanes, T>.Add(tile, layout, origin, scales, TKernel.ArgumentScale, weights, parts, row);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddWeights(in Tile<T> tile, in SumLayout layout, T* arguments, T* weights, T* slopes, double* row)
    {
        TLanes sum = TLanes.All(0);
        TLanes squares = TLanes.All(0);
        TLanes boundary = TLanes.All(0);
        for (int i = 0; i < tile.Count; i += TLanes.Count)
        {
            TLanes x = TLanes.Load(arguments + i);
            TLanes k = TKernel.Weight<TLanes, T>(x).KeepFirst(tile.Count - i);
            k.Store(weights + i);
            if (layout.HasGradient)
            {
                TKernel.Slope<TLanes, T>(x, k).KeepFirst(tile.Count - i).Store(slopes + i);
            }

            if (tile.SampleWeights is not null)
            {
                k *= TLanes.Load(tile.SampleWeights + i);
            }

            sum += k;
            if (layout.HasSquares)
            {
                squares = TLanes.MultiplyAdd(k, k, squares);
            }

            if (TKernel.HasJump)
            {
                boundary += Boundary<T>.Near<TLanes>(x).KeepFirst(tile.Count - i);
            }
        }

        row[SumLayout.WeightSum] += sum.Sum();
        row[SumLayout.SquaredWeightSum] += squares.Sum();
        row[SumLayout.Boundary] += boundary.Sum();
    }

    // Fills what each key changes by, and adds it up, by itself and times the values.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply(
        in Tile<T> tile, in SumLayout layout, T* slopes, double query, double* reference, double scale, bool squared, T* parts,
        double* sums, int feature)
    {
        T* keys = tile.Keys + (feature * tile.Stride);
        TLanes q = TLanes.All(query);
        TLanes s = TLanes.All(scale);
        TLanes r = TLanes.All(reference is null ? query : *reference);
        TLanes sum = TLanes.All(0);
        TLanes withValues = TLanes.All(0);
        for (int i = 0; i < tile.Count; i += TLanes.Count)
        {
            // With the query itself for a reference this is q - k and its square.
            TLanes key = TLanes.Load(keys + i);
            TLanes factor = (r - key) * s;
            if (squared)
            {
                factor *= q - key + (q - r);
            }

            TLanes part = TLanes.Load(slopes + i) * factor;
            part.Store(parts + i);
            sum = tile.SampleWeights is null ? sum + part : TLanes.MultiplyAdd(part, TLanes.Load(tile.SampleWeights + i), sum);
            withValues = TLanes.MultiplyAdd(part, TLanes.Load(tile.Values + i), withValues);
        }

        sums[feature] += sum.Sum();
        double* valueSums = sums + layout.Features + (feature * layout.Columns);
        valueSums[0] += withValues.Sum();
        for (int c = 1; c < layout.Columns; c++)
        {
            valueSums[c] += Dot(parts, tile.Values + (c * tile.Stride), tile.Count);
        }
    }

    // Past the count the weights are 0 and the other factor is finite.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Dot(T* weights, T* factors, int count)
    {
        TLanes sum = TLanes.All(0);
        for (int i = 0; i < count; i += TLanes.Count)
        {
            sum = TLanes.MultiplyAdd(TLanes.Load(weights + i), TLanes.Load(factors + i), sum);
        }

        return sum.Sum();
    }
}
