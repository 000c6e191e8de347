namespace TorchAttention.Numerics.Pooling;

/// <summary>A checked request, on pinned memory: what the methods share.</summary>
/// <typeparam name="T">float or double.</typeparam>
internal sealed unsafe class PoolingProblem<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>What is pooled.</summary>
    public required Samples<T> Samples { get; init; }

    /// <summary>What is kept of the preparation for these bandwidths.</summary>
    public required Kept Kept { get; init; }

    public required int QueryCount { get; init; }

    public required T* Queries { get; init; }

    /// <summary>Null where every query sees all keys.</summary>
    public required int* LeftOut { get; init; }

    /// <summary>The bandwidths as given; null where their inverses were.</summary>
    public required double[]? Bandwidths { get; init; }

    public required double[] InverseBandwidths { get; init; }

    public required PoolingOptions Options { get; init; }

    public required CancellationToken CancellationToken { get; init; }

    public required IProgress<double>? Progress { get; init; }

    public int Features => Samples.Features;

    public int Columns => Samples.Columns;

    public int KeyCount => Samples.Count;

    /// <summary>Queries times keys.</summary>
    public double Pairs => (double)QueryCount * KeyCount;

    /// <summary>The queries, and the keys where they are prepared for this call alone: what a method looks at in any case.</summary>
    public double Inputs => QueryCount + (Kept.IsLasting ? 0.0 : KeyCount);

    /// <summary>The least sum of weights that errors are beside of, as the loops see it.</summary>
    public double MergedWeightSum => Options.MergedWeightSum / Samples.LargestSampleWeight;

    /// <summary>Copies a query (d), in float64.</summary>
    public void Read(int query, double* numbers)
    {
        for (int j = 0; j < Features; j++)
        {
            numbers[j] = double.CreateTruncating(Queries[((long)query * Features) + j]);
        }
    }

    /// <summary>The key that a query must not see; -1 where it sees all.</summary>
    public int LeftOutOf(int query) => LeftOut is null ? -1 : LeftOut[query];

    /// <summary>The threads to use.</summary>
    public int Threads => Math.Min(Options.Threads ?? Environment.ProcessorCount, Environment.ProcessorCount * 4);

    /// <summary>Runs the parts of the answer on these threads.</summary>
    public Work Work => new(Threads, Progress, CancellationToken);

    /// <summary>1/h^2 times a factor, for each feature.</summary>
    public double[] Scales(double factor) => [.. InverseBandwidths.Select(w => w * w * factor)];
}
