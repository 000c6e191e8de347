using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Answers;

namespace TorchAttention.Numerics;

/// <summary>
/// What some samples have to say about some queries, before it is divided: sums that add up with those of other samples to the answer that
/// all of them together would give. For parts of the data in other files, processes, machines.
/// </summary>
/// <remarks>
/// <para>A <see cref="Pooler{T}"/> makes them (<see cref="Pooler{T}.SumsAt"/>). Merged in the same order, the same sums give the same
/// bits, whatever computed them and when.</para>
/// <para>A part that is far from a query says so in sums of nothing, at no cost. Where in the end no part is near, or a plane hangs on keys
/// of small weight, the query is <see cref="Unsettled"/>: all parts are to be asked again about these, with care, relative to their nearest
/// keys. <see cref="Pool{T}"/> does both for parts in one process.</para>
/// <para>Memory: 112 bytes a query with one feature and one column, 136 with degree 1, however many samples there are.</para>
/// </remarks>
public sealed partial class PoolingSums
{
    private readonly QueryRows _rows;
    private readonly AnswerFrame _frame;
    private readonly double[] _queries;
    private readonly double _tolerance;
    private readonly Lazy<double[]> _bounds;

    internal PoolingSums(
        SmoothingKernel kernel, QueryRows rows, AnswerFrame frame, double[] queries, PoolingMethod method, double tolerance)
    {
        Kernel = kernel;
        Method = method;
        _rows = rows;
        _frame = frame;
        _queries = queries;
        _tolerance = tolerance;
        _bounds = new(() => Kernel.Call<Judging, double[]>(new Judging(this)));
    }

    /// <summary>The kernel.</summary>
    public SmoothingKernel Kernel { get; }

    /// <summary>The method that the first of these were summed by.</summary>
    public PoolingMethod Method { get; }

    /// <summary>m.</summary>
    public int Count => _rows.Count;

    /// <summary>d.</summary>
    public int Features => _frame.Features;

    /// <summary>v.</summary>
    public int Columns => _frame.Columns;

    /// <summary>0 or 1.</summary>
    public int Degree => _frame.Degree;

    /// <summary>
    /// The queries whose answers these sums are not good for, in order: no part is near them, or what they hang on weighs too little. Sums
    /// with care settle all of degree 0; with degree 1 those stay whose plane hangs on keys that no sum beside the nearest could hold.
    /// </summary>
    public IReadOnlyList<int> Unsettled => [.. Enumerable.Range(0, Count).Where(query => !(_bounds.Value[query] <= _tolerance))];

    /// <summary>Adds up the sums of several parts, in their order.</summary>
    /// <param name="parts">Sums about the same queries.</param>
    /// <exception cref="ArgumentException">None, or of other queries, kernels, bandwidths, degrees, columns or parts.</exception>
    public static PoolingSums Merge(params ReadOnlySpan<PoolingSums> parts)
    {
        if (parts.IsEmpty)
        {
            throw new ArgumentException("Expected sums to merge, got none.", nameof(parts));
        }

        PoolingSums merged = parts[0];
        foreach (PoolingSums other in parts[1..])
        {
            merged.CheckFits(other);
            merged = merged.Kernel.Call<Adding, PoolingSums>(new Adding(merged, other._frame, other._rows));
        }

        return merged;
    }

    /// <summary>Pools over several parts as if they were one: their sums, and once more with care what these leave open.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    /// <param name="parts">The parts, of one kernel, bandwidth and degree.</param>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="output">Where the answers go.</param>
    /// <param name="noNeighbour">The answer for a query that no key has a weight for.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">Lengths that do not fit each other; parts that do not.</exception>
    /// <exception cref="NoNeighbourException">A query has no neighbour, and the policy is to stop there.</exception>
    public static PoolingReport Pool<T>(
        IReadOnlyList<Pooler<T>> parts, ReadOnlySpan<T> queries, PoolingOutput<double> output,
        NoNeighbourPolicy noNeighbour = NoNeighbourPolicy.NaN, CancellationToken cancellationToken = default)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentOutOfRangeException.ThrowIfZero(parts.Count, nameof(parts));
        PoolingParts what = (output.EffectiveNeighbours.IsEmpty ? 0 : PoolingParts.EffectiveNeighbours)
            | (output.InverseBandwidthGradient.IsEmpty && output.LogWeightSumGradient.IsEmpty && output.OwnWeightGradient.IsEmpty
                ? 0
                : PoolingParts.BandwidthGradient)
            | (output.QueryGradient.IsEmpty ? 0 : PoolingParts.QueryGradient);
        var sums = new PoolingSums[parts.Count];
        for (int i = 0; i < sums.Length; i++)
        {
            sums[i] = parts[i].SumsAt(queries, what, cancellationToken: cancellationToken);
        }

        PoolingSums merged = Merge(sums);
        IReadOnlyList<int> unsettled = merged.Unsettled;
        if (unsettled.Count > 0)
        {
            T[] open = new T[unsettled.Count * merged.Features];
            for (int i = 0; i < open.Length; i++)
            {
                open[i] = queries[(unsettled[i / merged.Features] * merged.Features) + (i % merged.Features)];
            }

            for (int i = 0; i < sums.Length; i++)
            {
                sums[i] = parts[i].SumsAt(open, what, isCareful: true, cancellationToken: cancellationToken);
            }

            merged = merged.With(Merge(sums));
        }

        return merged.Answer(output, noNeighbour);
    }

    /// <summary>These, with the unsettled queries by sums that were taken with care.</summary>
    /// <param name="careful">Sums about the <see cref="Unsettled"/> queries, in their order.</param>
    /// <exception cref="ArgumentException">They are about others.</exception>
    public PoolingSums With(PoolingSums careful)
    {
        ArgumentNullException.ThrowIfNull(careful);
        IReadOnlyList<int> unsettled = Unsettled;
        double[] open = [.. unsettled.SelectMany(query => _queries.AsSpan(query * Features, Features).ToArray())];
        if (!careful._queries.AsSpan().SequenceEqual(open) || careful._rows.Layout != _rows.Layout)
        {
            throw new ArgumentException(
                $"Expected such sums about the {unsettled.Count} unsettled queries, got those about {careful.Count} others.",
                nameof(careful));
        }

        QueryRows settled = Neutral();
        QueryRows others = Neutral();
        foreach (int query in Enumerable.Range(0, Count).Except(unsettled))
        {
            settled.Take(query, _rows, query);
        }

        for (int i = 0; i < unsettled.Count; i++)
        {
            others.Take(unsettled[i], careful._rows, i);
        }

        var these = new PoolingSums(Kernel, settled, _frame, _queries, Method, _tolerance);
        return Kernel.Call<Adding, PoolingSums>(new Adding(these, careful._frame, others));
    }

    /// <summary>Divides the sums into answers.</summary>
    /// <param name="output">Where they go; what the sums hold no part of is refused.</param>
    /// <param name="noNeighbour">The answer for a query that no key has a weight for.</param>
    /// <returns>
    /// What was done; the bound holds for the queries that are settled.
    /// </returns>
    /// <exception cref="ArgumentException">Lengths that do not fit.</exception>
    /// <exception cref="InvalidOperationException">Outputs that the sums have no part for.</exception>
    /// <exception cref="NoNeighbourException">A query has no neighbour, and the policy is to stop there.</exception>
    public PoolingReport Answer(PoolingOutput<double> output, NoNeighbourPolicy noNeighbour = NoNeighbourPolicy.NaN)
    {
        PoolingCheck.Output(output, new PoolingSizes(Count, 0, Features, Columns), Degree);
        return Kernel.Call<Answering, PoolingReport>(new Answering(this, output, noNeighbour));
    }

    // What changes nothing that it is added to.
    private QueryRows Neutral() => NeutralAt(_queries);

    private QueryRows NeutralAt(double[] queries)
    {
        var rows = new QueryRows(_rows.Layout, queries.Length / Features)
        {
            LeastWeightSum = _rows.LeastWeightSum,
            AreInAllSums = _rows.AreInAllSums,
            PlaneGradientFactor = _rows.PlaneGradientFactor,
            References = [.. queries],
        };
        Array.Fill(rows.AreCareful, true);
        return rows;
    }

    private void CheckFits(PoolingSums other)
    {
        string? difference = other.Kernel != Kernel ? $"the kernel {Kernel.Name}, got {other.Kernel.Name}"
            : !other._frame.InverseBandwidths.AsSpan().SequenceEqual(_frame.InverseBandwidths) ? "the same bandwidths, got others"
            : other._rows.Layout != _rows.Layout
                ? $"degree {Degree}, {Columns} columns and the same parts, got degree {other.Degree}, {other.Columns} columns, other parts"
            : !other._queries.AsSpan().SequenceEqual(_queries) ? $"the same {Count} queries, got others"
            : null;
        if (difference is not null)
        {
            throw new ArgumentException($"Expected sums of {difference}.", nameof(other));
        }
    }
}
