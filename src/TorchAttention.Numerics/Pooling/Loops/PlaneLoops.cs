using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Loops;

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
    public static void Add(
        in Tile<T> tile, in SumLayout layout, double* reference, double* scales, double argumentScale, T* weights, T* parts, double* row)
    {
        AddPositions(
            tile, layout.Columns, layout, reference, scales, argumentScale, weights, parts, tile.SampleWeights, row + layout.Planes);
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
        in Tile<T> tile, in SumLayout layout, int feature, double* reference, double* scales, double argumentScale, T* changes, T* parts,
        double* row) =>
        AddPositions(
            tile, layout.Columns, layout, reference, scales, argumentScale, changes, parts, tile.SampleWeights, row + layout.PlaneGradient
            + (feature * layout.PlaneLength));

    private static void AddPositions(
        in Tile<T> tile, int columns, in SumLayout layout, double* reference, double* scales, double argumentScale, T* weights, T* parts,
        T* sampleWeights, double* sums)
    {
        if (columns <= 1 && layout.Features <= 3)
        {
            T* values = columns == 0 ? null : tile.Values;
            switch (layout.Features)
            {
                case 1:
                    AddFew<OneFeature>(tile, reference, scales, argumentScale, weights, sampleWeights, values, sums);
                    return;
                case 2:
                    AddFew<TwoFeatures>(tile, reference, scales, argumentScale, weights, sampleWeights, values, sums);
                    return;
                default:
                    AddFew<ThreeFeatures>(tile, reference, scales, argumentScale, weights, sampleWeights, values, sums);
                    return;
            }
        }

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

    // One value and few features: all sums in registers, one pass. Without values the last of them add nothing.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddFew<TDimension>(
        in Tile<T> tile, double* reference, double* scales, double argumentScale, T* weights, T* sampleWeights, T* values, double* sums)
        where TDimension : IDimension
    {
        TLanes sum0 = TLanes.All(0);
        TLanes from0 = TLanes.All(reference[0]);
        TLanes from1 = TDimension.Count > 1 ? TLanes.All(reference[1]) : sum0;
        TLanes from2 = TDimension.Count > 2 ? TLanes.All(reference[2]) : sum0;
        TLanes w0 = TLanes.All(Math.Sqrt(scales[0] / argumentScale));
        TLanes w1 = TDimension.Count > 1 ? TLanes.All(Math.Sqrt(scales[1] / argumentScale)) : sum0;
        TLanes w2 = TDimension.Count > 2 ? TLanes.All(Math.Sqrt(scales[2] / argumentScale)) : sum0;
        (TLanes sum1, TLanes sum2, TLanes value0, TLanes value1, TLanes value2) = (sum0, sum0, sum0, sum0, sum0);
        (TLanes product00, TLanes product10, TLanes product11, TLanes product20, TLanes product21, TLanes product22) = (
            sum0, sum0, sum0, sum0, sum0, sum0);
        for (int i = 0; i < tile.Count; i += TLanes.Count)
        {
            T* keys = tile.Keys + i;
            TLanes p0 = (TLanes.Load(keys) - from0) * w0;
            TLanes p1 = TDimension.Count > 1 ? (TLanes.Load(keys + tile.Stride) - from1) * w1 : p0;
            TLanes p2 = TDimension.Count > 2 ? (TLanes.Load(keys + (2 * tile.Stride)) - from2) * w2 : p0;
            TLanes weight = TLanes.Load(weights + i);
            if (values is not null)
            {
                TLanes value = weight * TLanes.Load(values + i);
                value0 = TLanes.MultiplyAdd(value, p0, value0);
                value1 = TDimension.Count > 1 ? TLanes.MultiplyAdd(value, p1, value1) : value1;
                value2 = TDimension.Count > 2 ? TLanes.MultiplyAdd(value, p2, value2) : value2;
            }

            weight = sampleWeights is null ? weight : weight * TLanes.Load(sampleWeights + i);
            TLanes part = weight * p0;
            sum0 += part;
            product00 = TLanes.MultiplyAdd(part, p0, product00);
            if (TDimension.Count > 1)
            {
                part = weight * p1;
                sum1 += part;
                product10 = TLanes.MultiplyAdd(part, p0, product10);
                product11 = TLanes.MultiplyAdd(part, p1, product11);
            }

            if (TDimension.Count > 2)
            {
                part = weight * p2;
                sum2 += part;
                product20 = TLanes.MultiplyAdd(part, p0, product20);
                product21 = TLanes.MultiplyAdd(part, p1, product21);
                product22 = TLanes.MultiplyAdd(part, p2, product22);
            }
        }

        AddTo<TDimension>(ref sums, sum0, sum1, sum2);
        *sums++ += product00.Sum();
        if (TDimension.Count > 1)
        {
            *sums++ += product10.Sum();
            *sums++ += product11.Sum();
        }

        if (TDimension.Count > 2)
        {
            *sums++ += product20.Sum();
            *sums++ += product21.Sum();
            *sums++ += product22.Sum();
        }

        if (values is not null)
        {
            AddTo<TDimension>(ref sums, value0, value1, value2);
        }
    }

    // Inlined, lest the lanes go through memory.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo<TDimension>(ref double* sums, TLanes first, TLanes second, TLanes third)
        where TDimension : IDimension
    {
        *sums++ += first.Sum();
        if (TDimension.Count > 1)
        {
            *sums++ += second.Sum();
        }

        if (TDimension.Count > 2)
        {
            *sums++ += third.Sum();
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
    private static double Products(
        in Tile<T> tile, int feature, double* reference, double* scales, double argumentScale, T* parts, T* sampleWeights)
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
