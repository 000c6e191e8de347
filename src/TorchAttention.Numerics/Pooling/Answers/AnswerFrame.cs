namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>What answers need to know beside a query's sums: the units of what was summed, and what all keys have in common.</summary>
internal sealed record AnswerFrame
{
    /// <summary>The middle of each column of values (v).</summary>
    public required double[] Centres { get; init; }

    /// <summary>Half the range of each column of values, as a power of 2 (v).</summary>
    public required double[] HalfRanges { get; init; }

    /// <summary>The largest sample weight, which the sums are divided by.</summary>
    public required double LargestSampleWeight { get; init; }

    /// <summary>w = 1/h (d).</summary>
    public required double[] InverseBandwidths { get; init; }

    /// <summary>0 or 1.</summary>
    public required int Degree { get; init; }

    /// <summary>What planes ask of all keys at once.</summary>
    public required PlaneKeys Planes { get; init; }

    public int Features => InverseBandwidths.Length;

    public int Columns => Centres.Length;

    /// <summary>What the sums of a problem are in.</summary>
    public static AnswerFrame Of<TKernel, T>(PoolingProblem<T> problem)
        where TKernel : Kernels.IKernel
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> => new()
        {
            Centres = problem.Samples.Centres,
            HalfRanges = problem.Samples.HalfRanges,
            LargestSampleWeight = problem.Samples.LargestSampleWeight,
            InverseBandwidths = problem.InverseBandwidths,
            Degree = problem.Options.Degree,
            Planes = problem.Kept.Get(typeof(PlaneKeys), () => PlaneKeys.Of(problem, TKernel.ArgumentScale)),
        };
}
