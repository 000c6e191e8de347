
namespace TorchAttention.Numerics.Pooling.Methods.SamplePoint;

/// <summary>A checked request, in memory that loops may read a vector past the end of.</summary>
internal sealed unsafe class SamplePointProblem : IDisposable
{
    private const int Padding = 16;
    private readonly Scratch _memory;

    public SamplePointProblem(SamplePointInput input, PoolingOptions options, CancellationToken cancellationToken)
    {
        KeyCount = input.Keys.Length;
        Queries = input.Queries.ToArray();
        LeftOut = input.LeftOut.ToArray();
        NoNeighbour = options.NoNeighbour;
        Work = new Work(Math.Min(options.Threads ?? Environment.ProcessorCount, Environment.ProcessorCount), null, cancellationToken);
        int stride = KeyCount + Padding;
        _memory = new Scratch(3L * stride * sizeof(double));
        Keys = _memory.As<double>();
        W = Keys + stride;
        Values = W + stride;
        input.Keys.CopyTo(new Span<double>(Keys, KeyCount));
        input.InverseBandwidths.CopyTo(new Span<double>(W, KeyCount));

        // Values about their first, so that a common level takes no digits.
        Level = input.Values[0];
        for (int i = 0; i < KeyCount; i++)
        {
            Values[i] = input.Values[i] - Level;
        }
    }

    public int KeyCount { get; }

    public double[] Queries { get; }

    /// <summary>Empty where every query sees all keys.</summary>
    public int[] LeftOut { get; }

    public NoNeighbourPolicy NoNeighbour { get; }

    public Work Work { get; }

    /// <summary>What is taken off each value.</summary>
    public double Level { get; }

    public double* Keys { get; }

    public double* W { get; }

    public double* Values { get; }

    public int LeftOutBy(int query) => LeftOut.Length == 0 ? -1 : LeftOut[query];

    /// <summary>
    /// The keys at the least scaled distance of a query; none where there is no key, or none at a distance that float64 can hold.
    /// </summary>
    public List<int> Nearest(int query)
    {
        double least = double.MaxValue;
        List<int> nearest = [];
        int leftOut = LeftOutBy(query);
        for (int i = 0; i < KeyCount; i++)
        {
            double u = (Queries[query] - Keys[i]) * W[i];
            if (i == leftOut || !(u * u <= least))
            {
                continue;
            }

            if (u * u < least)
            {
                nearest.Clear();
            }

            least = u * u;
            nearest.Add(i);
        }

        return nearest;
    }

    public void Dispose() => _memory.Dispose();
}
