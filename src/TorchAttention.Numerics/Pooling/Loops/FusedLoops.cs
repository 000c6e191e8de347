using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Loops;

/// <summary>One query against a tile for up to three features and one column of values: everything of a pair stays in registers.</summary>
internal static unsafe class FusedLoops<TKernel, TDimension, TLanes, T>
    where TKernel : IKernel
    where TDimension : IDimension
    where TLanes : struct, ILanes<TLanes, T>
    where T : unmanaged
{
    /// <summary>Adds the sums over a tile to the query's row.</summary>
    /// <param name="tile">Keys and values.</param>
    /// <param name="hasGradient">Whether those for the gradient of h are among them.</param>
    /// <param name="query">The query (d).</param>
    /// <param name="scales">1/h^2 times the kernel's argument scale (d).</param>
    /// <param name="row">The query's sums.</param>
    public static void Add(in Tile<T> tile, bool hasGradient, double* query, double* scales, double* row)
    {
        switch ((hasGradient, tile.SampleWeights is not null))
        {
            case (false, false):
                Add<Unweighted>(tile, query, scales, row);
                break;
            case (false, true):
                Add<Weighted>(tile, query, scales, row);
                break;
            case (true, false):
                AddWithGradient<Unweighted>(tile, query, scales, row);
                break;
            default:
                AddWithGradient<Weighted>(tile, query, scales, row);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<TWeighting>(in Tile<T> tile, double* query, double* scales, double* row)
        where TWeighting : IWeighting
    {
        T* keys = tile.Keys;
        T* values = tile.Values;
        T* sampleWeights = tile.SampleWeights;
        int stride = tile.Stride;
        int count = tile.Count;
        var at = new Place(query, scales);
        TLanes weightSum = TLanes.All(0);
        TLanes valueSum = TLanes.All(0);
        TLanes boundary = TLanes.All(0);
        int i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            TLanes x = at.Argument(keys + i, stride);
            TLanes k = TKernel.Weight<TLanes, T>(x);
            weightSum = Sum<TWeighting>(weightSum, k, sampleWeights + i);
            valueSum = TLanes.MultiplyAdd(k, TLanes.Load(values + i), valueSum);
            if (TKernel.HasJump)
            {
                boundary += Boundary<T>.Near<TLanes>(x);
            }
        }

        row[SumLayout.WeightSum] += weightSum.Sum();
        row[SumLayout.Values] += valueSum.Sum();
        if (TKernel.HasJump)
        {
            row[SumLayout.Boundary] += boundary.Sum();
        }

        if (i < count)
        {
            AddTail<TWeighting>(tile, i, query, scales, row);
        }
    }

    // Apart from the loop above, and given nothing of it: what a call takes the address of, or the compiler does not inline, goes through
    // memory at every turn.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void AddTail<TWeighting>(in Tile<T> tile, int from, double* query, double* scales, double* row)
        where TWeighting : IWeighting
    {
        var at = new Place(query, scales);
        TLanes x = at.Argument(tile.Keys + from, tile.Stride);
        TLanes k = TKernel.Weight<TLanes, T>(x).KeepFirst(tile.Count - from);
        row[SumLayout.WeightSum] += Sum<TWeighting>(TLanes.All(0), k, tile.SampleWeights + from).Sum();
        row[SumLayout.Values] += (k * TLanes.Load(tile.Values + from)).Sum();
        if (TKernel.HasJump)
        {
            row[SumLayout.Boundary] += Boundary<T>.Near<TLanes>(x).KeepFirst(tile.Count - from).Sum();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddWithGradient<TWeighting>(in Tile<T> tile, double* query, double* scales, double* row)
        where TWeighting : IWeighting
    {
        T* keys = tile.Keys;
        T* values = tile.Values;
        T* sampleWeights = tile.SampleWeights;
        int stride = tile.Stride;
        int count = tile.Count;
        var at = new Place(query, scales);
        TLanes weightSum = TLanes.All(0);
        TLanes valueSum = TLanes.All(0);
        TLanes boundary = TLanes.All(0);
        TLanes slope0 = TLanes.All(0);
        TLanes slope1 = TLanes.All(0);
        TLanes slope2 = TLanes.All(0);
        TLanes slopeValue0 = TLanes.All(0);
        TLanes slopeValue1 = TLanes.All(0);
        TLanes slopeValue2 = TLanes.All(0);
        for (int i = 0; i < count; i += TLanes.Count)
        {
            TLanes x0 = at.Argument0(keys + i);
            TLanes x1 = TDimension.Count > 1 ? at.Argument1(keys + stride + i) : default;
            TLanes x2 = TDimension.Count > 2 ? at.Argument2(keys + 2 * stride + i) : default;
            TLanes x = TDimension.Count == 1 ? x0 : TDimension.Count == 2 ? x0 + x1 : x0 + x1 + x2;
            TLanes k = TKernel.Weight<TLanes, T>(x);
            if (count - i < TLanes.Count)
            {
                k = k.KeepFirst(count - i);
            }

            TLanes slope = TKernel.Slope<TLanes, T>(x, k);
            if (count - i < TLanes.Count)
            {
                slope = slope.KeepFirst(count - i);
            }

            TLanes value = TLanes.Load(values + i);
            weightSum = Sum<TWeighting>(weightSum, k, sampleWeights + i);
            valueSum = TLanes.MultiplyAdd(k, value, valueSum);
            TLanes part = slope * x0;
            slope0 = Sum<TWeighting>(slope0, part, sampleWeights + i);
            slopeValue0 = TLanes.MultiplyAdd(part, value, slopeValue0);
            if (TDimension.Count > 1)
            {
                part = slope * x1;
                slope1 = Sum<TWeighting>(slope1, part, sampleWeights + i);
                slopeValue1 = TLanes.MultiplyAdd(part, value, slopeValue1);
            }

            if (TDimension.Count > 2)
            {
                part = slope * x2;
                slope2 = Sum<TWeighting>(slope2, part, sampleWeights + i);
                slopeValue2 = TLanes.MultiplyAdd(part, value, slopeValue2);
            }

            if (TKernel.HasJump)
            {
                boundary += Boundary<T>.Near<TLanes>(x).KeepFirst(count - i);
            }
        }

        row[SumLayout.WeightSum] += weightSum.Sum();
        row[SumLayout.Values] += valueSum.Sum();
        row[SumLayout.Boundary] += boundary.Sum();
        double* gradient = row + SumLayout.Values + 1;
        gradient[0] += slope0.Sum();
        gradient[TDimension.Count] += slopeValue0.Sum();
        if (TDimension.Count > 1)
        {
            gradient[1] += slope1.Sum();
            gradient[TDimension.Count + 1] += slopeValue1.Sum();
        }

        if (TDimension.Count > 2)
        {
            gradient[2] += slope2.Sum();
            gradient[TDimension.Count + 2] += slopeValue2.Sum();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Sum<TWeighting>(TLanes sum, TLanes weight, T* sampleWeights)
        where TWeighting : IWeighting =>
        TWeighting.IsWeighted ? TLanes.MultiplyAdd(weight, TLanes.Load(sampleWeights), sum) : sum + weight;

    private interface IWeighting
    {
        static abstract bool IsWeighted { get; }
    }

    private readonly struct Weighted : IWeighting
    {
        public static bool IsWeighted => true;
    }

    private readonly struct Unweighted : IWeighting
    {
        public static bool IsWeighted => false;
    }

    // The differences are formed from the numbers as given, never from scaled ones: close numbers subtract without error wherever they are.
    private readonly struct Place
    {
        private readonly TLanes _query0;
        private readonly TLanes _query1;
        private readonly TLanes _query2;
        private readonly TLanes _scale0;
        private readonly TLanes _scale1;
        private readonly TLanes _scale2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Place(double* query, double* scales)
        {
            _query0 = TLanes.All(query[0]);
            _query1 = TDimension.Count > 1 ? TLanes.All(query[1]) : default;
            _query2 = TDimension.Count > 2 ? TLanes.All(query[2]) : default;
            _scale0 = TLanes.All(scales[0]);
            _scale1 = TDimension.Count > 1 ? TLanes.All(scales[1]) : default;
            _scale2 = TDimension.Count > 2 ? TLanes.All(scales[2]) : default;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Argument0(T* keys) => Argument(_query0 - TLanes.Load(keys), _scale0);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Argument1(T* keys) => Argument(_query1 - TLanes.Load(keys), _scale1);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Argument2(T* keys) => Argument(_query2 - TLanes.Load(keys), _scale2);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Argument(T* keys, int stride)
        {
            TLanes sum = Argument0(keys);
            if (TDimension.Count > 1)
            {
                TLanes difference = _query1 - TLanes.Load(keys + stride);
                sum = TLanes.MultiplyAdd(difference, difference * _scale1, sum);
            }

            if (TDimension.Count > 2)
            {
                TLanes difference = _query2 - TLanes.Load(keys + 2 * stride);
                sum = TLanes.MultiplyAdd(difference, difference * _scale2, sum);
            }

            return sum;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TLanes Argument(TLanes difference, TLanes scale) => difference * (difference * scale);
    }
}
