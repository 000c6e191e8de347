using System.Numerics;

namespace TorchAttention.Numerics.Engine;

/// <summary>A checked request, on pinned memory: what the methods share.</summary>
/// <typeparam name="T">float or double.</typeparam>
internal sealed unsafe class PoolingProblem<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public required int Features { get; init; }

    public required int Columns { get; init; }

    public required int QueryCount { get; init; }

    public required int KeyCount { get; init; }

    public required T* Queries { get; init; }

    public required T* Keys { get; init; }

    public required T* Values { get; init; }

    /// <summary>Null where every key counts the same.</summary>
    public required T* SampleWeights { get; init; }

    /// <summary>Null where every query sees all keys.</summary>
    public required int* LeftOut { get; init; }

    /// <summary>The bandwidths as given; null where their inverses were.</summary>
    public required double[]? Bandwidths { get; init; }

    public required double[] InverseBandwidths { get; init; }

    public required PoolingOptions Options { get; init; }

    public required CancellationToken CancellationToken { get; init; }

    public required IProgress<double>? Progress { get; init; }

    /// <summary>The middle of each column of values.</summary>
    public required double[] Centres { get; init; }

    /// <summary>Half the range of each column of values; 1 where they are all equal.</summary>
    public required double[] HalfRanges { get; init; }

    /// <summary>The largest sample weight, by which all are divided; 1 where there are none.</summary>
    public required double LargestSampleWeight { get; init; }

    /// <summary>The least sum of weights that errors are beside of, as the loops see it.</summary>
    public double MergedWeightSum => Options.MergedWeightSum / LargestSampleWeight;

    /// <summary>The threads to use.</summary>
    public int Threads => Math.Min(Options.Threads ?? Environment.ProcessorCount, Environment.ProcessorCount * 4);

    /// <summary>The scaled difference u_j, divided where a bandwidth was given: the boundary of a support is then where the textbook has it.</summary>
    public double Scaled(double difference, int feature) =>
        Bandwidths is null ? difference * InverseBandwidths[feature] : difference / Bandwidths[feature];

    /// <summary>1/h^2 times a factor, for each feature.</summary>
    public double[] Scales(double factor) => [.. InverseBandwidths.Select(w => w * w * factor)];

    /// <summary>A value as the loops see it: between -1 and 1.</summary>
    public double Normalised(int key, int column) =>
        (double.CreateTruncating(Values[((long)key * Columns) + column]) - Centres[column]) / HalfRanges[column];

    /// <summary>A sample weight as the loops see it: at most 1.</summary>
    public double SampleWeight(int key) => SampleWeights is null ? 1 : double.CreateTruncating(SampleWeights[key]) / LargestSampleWeight;
}
