using System.Runtime.CompilerServices;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Engine.Exact;

/// <summary>The sums that a plane through the values is fitted by.</summary>
internal static unsafe class PlaneLoops<TLanes, T>
    where TLanes : struct, ILanes<TLanes, T>
    where T : unmanaged
{
    /// <summary>Adds the sums over a tile to the query's row.</summary>
    /// <param name="tile">Keys and values.</param>
    /// <param name="layout">What to sum.</param>
    /// <param name="reference">Where positions count from (d).</param>
    /// <param name="scales">1/h^2 times the kernel's argument scale (d).</param>
    /// <param name="argumentScale">The kernel's argument scale.</param>
    /// <param name="weights">K of each key; the squares of s K in the end, where they are asked for.</param>
    /// <param name="parts">Scratch of the same length.</param>
    /// <param name="row">The query's sums.</param>
    public static void Add(in Tile<T> tile, in SumLayout layout, double* reference, double* scales, double argumentScale, T* weights, T* parts, double* row)
    {
        AddPositions(tile, layout.Columns, layout, reference, scales, argumentScale, weights, parts, tile.SampleWeights, row + layout.Planes);
        if (layout.SquaredPlanes >= 0)
        {
            Square(weights, tile.SampleWeights, tile.Count);
            AddPositions(tile, 0, layout, reference, scales, argumentScale, weights, parts, null, row + layout.SquaredPlanes);
        }
    }

    /// <summary>Adds the sums over a tile for the derivative by a feature's bandwidth to the query's row.</summary>
    /// <param name="tile">Keys and values.</param>
    /// <param name="layout">What to sum.</param>
    /// <param name="feature">The feature.</param>
    /// <param name="reference">Where positions count from (d).</param>
    /// <param name="scales">1/h^2 times the kernel's argument scale (d).</param>
    /// <param name="argumentScale">The kernel's argument scale.</param>
    /// <param name="changes">G x of each key in the feature.</param>
    /// <param name="parts">Scratch of the same length.</param>
    /// <param name="row">The query's sums.</param>
    public static void AddGradient(
        in Tile<T> tile, in SumLayout layout, int feature, double* reference, double* scales, double argumentScale, T* changes, T* parts, double* row) =>
        AddPositions(
            tile, layout.Columns, layout, reference, scales, argumentScale, changes, parts, tile.SampleWeights, row + layout.PlaneGradient + (feature * layout.PlaneLength));

    private static void AddPositions(
        in Tile<T> tile, int columns, in SumLayout layout, double* reference, double* scales, double argumentScale, T* weights, T* parts, T* sampleWeights, double* sums)
    {
        double* products = sums + layout.Features;
        double* withValues = products + layout.Products;
        for (int j = 0; j < layout.Features; j++)
        {
            sums[j] += Positions(tile, j, reference, scales, argumentScale, weights, parts, sampleWeights);
            for (int k = 0; k <= j; k++)
            {
                *products++ += Products(tile, k, reference, scales, argumentScale, parts, sampleWeights);
            }

            for (int c = 0; c < columns; c++)
            {
                *withValues++ += Dot(parts, tile.Values + (c * tile.Stride), tile.Count);
            }
        }
    }

    // Fills the weights times the positions in a feature and returns their sum.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Positions(
        in Tile<T> tile, int feature, double* reference, double* scales, double argumentScale, T* weights, T* parts, T* sampleWeights)
    {
        T* keys = tile.Keys + (feature * tile.Stride);
        TLanes from = TLanes.All(reference[feature]);
        TLanes w = TLanes.All(Math.Sqrt(scales[feature] / argumentScale));
        TLanes sum = TLanes.All(0);
        for (int i = 0; i < tile.Count; i += TLanes.Count)
        {
            TLanes part = TLanes.Load(weights + i) * ((TLanes.Load(keys + i) - from) * w);
            part.Store(parts + i);
            sum = sampleWeights is null ? sum + part : TLanes.MultiplyAdd(part, TLanes.Load(sampleWeights + i), sum);
        }

        return sum.Sum();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Products(in Tile<T> tile, int feature, double* reference, double* scales, double argumentScale, T* parts, T* sampleWeights)
    {
        T* keys = tile.Keys + (feature * tile.Stride);
        TLanes from = TLanes.All(reference[feature]);
        TLanes w = TLanes.All(Math.Sqrt(scales[feature] / argumentScale));
        TLanes sum = TLanes.All(0);
        for (int i = 0; i < tile.Count; i += TLanes.Count)
        {
            TLanes position = (TLanes.Load(keys + i) - from) * w;
            position = sampleWeights is null ? position : position * TLanes.Load(sampleWeights + i);
            sum = TLanes.MultiplyAdd(TLanes.Load(parts + i), position, sum);
        }

        return sum.Sum();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Dot(T* parts, T* factors, int count)
    {
        TLanes sum = TLanes.All(0);
        for (int i = 0; i < count; i += TLanes.Count)
        {
            sum = TLanes.MultiplyAdd(TLanes.Load(parts + i), TLanes.Load(factors + i), sum);
        }

        return sum.Sum();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Square(T* weights, T* sampleWeights, int count)
    {
        for (int i = 0; i < count; i += TLanes.Count)
        {
            TLanes weight = TLanes.Load(weights + i);
            weight = sampleWeights is null ? weight : weight * TLanes.Load(sampleWeights + i);
            (weight * weight).Store(weights + i);
        }
    }
}
