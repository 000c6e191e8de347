using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.SamplePoint;

/// <summary>A vector of keys at a time over all queries.</summary>
internal sealed unsafe class SamplePointBackward<TKernel, TLanes>
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    private const int VectorsInPart = 8;

    // A Gaussian's argument is its score times this.
    private static readonly double _perScore = -2 * TKernel.ArgumentScale;

    private readonly SamplePointProblem _problem;
    private readonly Query[] _queries;

    // The queries that leave a key out, by that key.
    private readonly (int Key, int Place)[] _leftOut;
    private readonly List<(int Key, double Gradient)> _nearest = [];

    public SamplePointBackward(
        SamplePointProblem problem, ReadOnlySpan<double> pooled, ReadOnlySpan<double> logSums, ReadOnlySpan<double> outputGradient)
    {
        _problem = problem;
        var queries = new List<Query>();
        var leftOut = new List<(int Key, int Place)>();
        for (int m = 0; m < pooled.Length; m++)
        {
            double g = outputGradient[m];
            if (double.IsNegativeInfinity(logSums[m]))
            {
                List<int> nearest = problem.NoNeighbour == NoNeighbourPolicy.Nearest ? problem.Nearest(m) : [];
                _nearest.AddRange(nearest.Select(key => (key, g / nearest.Count)));
                continue;
            }

            if (problem.LeftOutBy(m) is int key && key >= 0)
            {
                leftOut.Add((key, queries.Count));
            }

            // A Gaussian's weight is divided by the sum in its exponent, where nothing overflows.
            bool isInExponent = KernelTraits<TKernel>.IsGaussian;
            queries.Add(
                new Query(
                problem.Queries[m], isInExponent ? -logSums[m] * _perScore : 0, pooled[m] - problem.Level, isInExponent ? g
                : g / Math.Exp(logSums[m])));
        }

        _queries = [.. queries];
        _leftOut = [.. leftOut.Order()];
    }

    public void Run(Span<double> valueGradient, Span<double> inverseBandwidthGradient)
    {
        double[] byValue = new double[_problem.KeyCount];
        double[] byW = new double[_problem.KeyCount];
        const int MostInVector = 8;
        int keysInPart = VectorsInPart * TLanes.Count;
        _problem.Work.ForEach((_problem.KeyCount + keysInPart - 1) / keysInPart, part =>
        {
            double* sums = stackalloc double[2 * MostInVector];
            double* mask = stackalloc double[MostInVector];
            int end = Math.Min(_problem.KeyCount, (part + 1) * keysInPart);
            for (int first = part * keysInPart; first < end; first += TLanes.Count)
            {
                int count = Math.Min(TLanes.Count, end - first);
                new Span<double>(sums, 2 * TLanes.Count).Clear();
                AddAll(first, count, mask, sums);
                for (int i = 0; i < count; i++)
                {
                    byValue[first + i] = sums[i];
                    byW[first + i] = -_problem.W[first + i] * sums[TLanes.Count + i];
                }
            }
        });
        foreach ((int key, double gradient) in _nearest)
        {
            byValue[key] += gradient;
        }

        byValue.CopyTo(valueGradient);
        byW.CopyTo(inverseBandwidthGradient);
    }

    // Queries in order; those that leave out one of the keys by themselves.
    private void AddAll(int first, int count, double* mask, double* sums)
    {
        for (int i = 0; i < TLanes.Count; i++)
        {
            mask[i] = i < count ? 1 : 0;
        }

        int from = LowerBound(first);
        int to = LowerBound(first + count);
        int next = 0;
        foreach ((int key, int place) in _leftOut[from..to].OrderBy(pair => pair.Place))
        {
            Add(first, next, place, mask, sums);
            mask[key - first] = 0;
            Add(first, place, place + 1, mask, sums);
            mask[key - first] = 1;
            next = place + 1;
        }

        Add(first, next, _queries.Length, mask, sums);
    }

    private int LowerBound(int key)
    {
        int low = 0;
        int high = _leftOut.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _leftOut[middle].Key < key ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(int first, int from, int to, double* mask, double* sums)
    {
        TLanes keys = TLanes.Load(_problem.Keys + first);
        TLanes w = TLanes.Load(_problem.W + first);
        TLanes values = TLanes.Load(_problem.Values + first);
        TLanes counts = TLanes.Load(mask);
        TLanes scale = TLanes.All(TKernel.ArgumentScale);
        TLanes zero = TLanes.All(0);
        TLanes byValue = zero;
        TLanes byW = zero;
        fixed (Query* queries = _queries)
        {
            for (Query* query = queries + from; query < queries + to; query++)
            {
                TLanes difference = TLanes.All(query->At) - keys;
                TLanes u = difference * w;
                TLanes argument = u * u * scale;
                argument = KernelTraits<TKernel>.IsGaussian ? TLanes.Min(argument + TLanes.All(query->Offset), zero) : argument;
                TLanes weight = TKernel.Weight<TLanes, double>(argument);
                TLanes gradient = TLanes.All(query->Gradient);
                TLanes slope = TKernel.Slope<TLanes, double>(argument, weight) * (difference * difference);
                byValue = TLanes.MultiplyAdd(weight, gradient, byValue);
                byW = TLanes.MultiplyAdd(slope * (values - TLanes.All(query->Pooled)), gradient, byW);
            }
        }

        (TLanes.Load(sums) + (byValue * counts)).Store(sums);
        (TLanes.Load(sums + TLanes.Count) + (byW * counts)).Store(sums + TLanes.Count);
    }

    /// <summary>A query as the loop needs it.</summary>
    /// <param name="At">The query.</param>
    /// <param name="Offset">What its argument is offset by.</param>
    /// <param name="Pooled">What was pooled for it, less the level of the values.</param>
    /// <param name="Gradient">The gradient of that, divided by the sum of weights where the offset does not do so.</param>
    private readonly record struct Query(double At, double Offset, double Pooled, double Gradient);
}
