namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>What answers need to know beside a query's sums: the units of what was summed, and what all keys have in common.</summary>
internal sealed record AnswerFrame
{
    /// <summary>The middle of each column of values (v).</summary>
    public required double[] Centres { get; init; }

    /// <summary>Half the range of each column of values, as a power of 2 (v).</summary>
    public required double[] HalfRanges { get; init; }

    /// <summary>Half the range of each column of values, 0 where they are all equal (v).</summary>
    public required double[] Reaches { get; init; }

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
    public static AnswerFrame Create<TKernel, T>(PoolingProblem<T> problem)
        where TKernel : Kernels.IKernel
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> => new()
        {
            Centres = problem.Samples.Centres,
            HalfRanges = problem.Samples.HalfRanges,
            Reaches = problem.Samples.Reaches,
            LargestSampleWeight = problem.Samples.LargestSampleWeight,
            InverseBandwidths = problem.InverseBandwidths,
            Degree = problem.Options.Degree,
            Planes = problem.Kept.Get(typeof(PlaneKeys), () => PlaneKeys.Create(problem, TKernel.ArgumentScale)),
        };

    /// <summary>The same without the samples that it is of.</summary>
    public AnswerFrame ByItself() => Degree == 0 ? this with { Planes = PlaneKeys.Create(InverseBandwidths, Planes.ArgumentScale, [], []) }
        : this with { Planes = PlaneKeys.Create(InverseBandwidths, Planes.ArgumentScale, Planes.Spanning, Planes.Ranges) };

    /// <summary>Units that hold the values of both, and what planes ask of all keys of both.</summary>
    public AnswerFrame With(AnswerFrame other)
    {
        double[] centres = [.. Centres];
        double[] halfRanges = [.. HalfRanges];
        double[] reaches = [.. Reaches];
        for (int c = 0; c < Columns; c++)
        {
            double least = Math.Min(Centres[c] - Reaches[c], other.Centres[c] - other.Reaches[c]);
            double most = Math.Max(Centres[c] + Reaches[c], other.Centres[c] + other.Reaches[c]);
            if (Centres[c] != other.Centres[c] || Reaches[c] != other.Reaches[c])
            {
                centres[c] = (least / 2) + (most / 2);
                reaches[c] = Math.Max(most - centres[c], centres[c] - least);
                halfRanges[c] = Samples<double>.UnitOf(reaches[c]);
            }
        }

        return this with
        {
            Centres = centres,
            HalfRanges = halfRanges,
            Reaches = reaches,
            LargestSampleWeight = Math.Max(LargestSampleWeight, other.LargestSampleWeight),
            Planes = Degree == 0 ? Planes : PlaneKeys.Create(
                InverseBandwidths,
                Planes.ArgumentScale,
                [.. Planes.Spanning, .. other.Planes.Spanning],
                [.. Planes.Ranges.Zip(other.Planes.Ranges, (a, b) => (Math.Min(a.Least, b.Least), Math.Max(a.Most, b.Most)))]),
        };
    }
}
