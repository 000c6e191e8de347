using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.SamplePoint;

/// <summary>A query at a time over all keys.</summary>
internal static unsafe class SamplePointForward<TKernel, TLanes>
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    private const int QueriesInPart = 16;

    // Sums below this may be short of weights that underflowed.
    private const double LeastSum = 1e-270;

    public static int[] Run(SamplePointProblem problem, SamplePointOutput output)
    {
        int queries = problem.Queries.Length;
        double[] values = new double[queries];
        double[] logSums = new double[queries];
        double[] slopes = new double[output.QueryGradient.Length];
        problem.Work.ForEach((queries + QueriesInPart - 1) / QueriesInPart, part =>
        {
            for (int query = part * QueriesInPart; query < Math.Min(queries, (part + 1) * QueriesInPart); query++)
            {
                Sums sums = Answer(problem, query, slopes.Length > 0);
                (values[query], logSums[query]) = sums.Weight > 0
                    ? (problem.Level + (sums.Value / sums.Weight), sums.Offset + Math.Log(sums.Weight))
                    : (NearestValue(problem, query), double.NegativeInfinity);
                if (slopes.Length > 0)
                {
                    slopes[query] = sums.Weight > 0 ? -(sums.SlopeValue - (sums.Value / sums.Weight * sums.Slope)) / sums.Weight : 0;
                }
            }
        });
        values.CopyTo(output.Values);
        slopes.CopyTo(output.QueryGradient);
        if (output.LogWeightSum.Length > 0)
        {
            logSums.CopyTo(output.LogWeightSum);
        }

        return [.. Enumerable.Range(0, queries).Where(query => double.IsNegativeInfinity(logSums[query]))];
    }

    private static double NearestValue(SamplePointProblem problem, int query)
    {
        List<int> nearest = problem.NoNeighbour == NoNeighbourPolicy.Nearest ? problem.Nearest(query) : [];
        return nearest.Count == 0 ? double.NaN : problem.Level + nearest.Average(key => problem.Values[key]);
    }

    private static Sums Answer(SamplePointProblem problem, int query, bool hasSlopes)
    {
        var sums = default(Sums);
        AddAllButOne(problem, query, 0, hasSlopes, ref sums);
        if (sums.Weight >= LeastSum || KernelTraits<TKernel>.IsBounded || problem.Nearest(query) is not [int nearest, ..])
        {
            return sums;
        }

        double u = (problem.Queries[query] - problem.Keys[nearest]) * problem.W[nearest];
        sums = new Sums { Offset = TKernel.Score(u * u) };
        AddAllButOne(problem, query, u * u * TKernel.ArgumentScale, hasSlopes, ref sums);
        return sums;
    }

    private static void AddAllButOne(SamplePointProblem problem, int query, double argumentOffset, bool hasSlopes, ref Sums sums)
    {
        int leftOut = problem.LeftOutBy(query);
        Add(problem, query, 0, leftOut < 0 ? problem.KeyCount : leftOut, argumentOffset, hasSlopes, ref sums);
        if (leftOut >= 0)
        {
            Add(problem, query, leftOut + 1, problem.KeyCount, argumentOffset, hasSlopes, ref sums);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(SamplePointProblem problem, int query, int first, int end, double argumentOffset, bool hasSlopes, ref Sums sums)
    {
        TLanes q = TLanes.All(problem.Queries[query]);
        TLanes scale = TLanes.All(TKernel.ArgumentScale);
        TLanes offset = TLanes.All(argumentOffset);
        TLanes zero = TLanes.All(0);
        TLanes weight = zero;
        TLanes value = zero;
        TLanes slope = zero;
        TLanes slopeValue = zero;
        double* keys = problem.Keys;
        double* inverse = problem.W;
        double* values = problem.Values;
        for (int i = first; i < end; i += TLanes.Count)
        {
            TLanes w = TLanes.Load(inverse + i);
            TLanes difference = q - TLanes.Load(keys + i);
            TLanes u = difference * w;
            TLanes argument = u * u * scale;
            argument = KernelTraits<TKernel>.IsGaussian ? TLanes.Min(argument - offset, zero) : argument;
            TLanes k = TKernel.Weight<TLanes, double>(argument).KeepFirst(end - i);
            TLanes v = TLanes.Load(values + i);
            weight += k;
            value = TLanes.MultiplyAdd(k, v, value);
            if (hasSlopes)
            {
                TLanes change = TKernel.Slope<TLanes, double>(argument, k).KeepFirst(end - i) * (u * w);
                slope += change;
                slopeValue = TLanes.MultiplyAdd(change, v, slopeValue);
            }
        }

        sums.Weight += weight.Sum();
        sums.Value += value.Sum();
        sums.Slope += slope.Sum();
        sums.SlopeValue += slopeValue.Sum();
    }

    /// <summary>Of the weights relative to an offset of their scores, and of what they change by with the query.</summary>
    private struct Sums
    {
        public double Offset;
        public double Weight;
        public double Value;
        public double Slope;
        public double SlopeValue;
    }
}
