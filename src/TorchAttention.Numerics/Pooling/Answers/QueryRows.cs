using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>The sums of some queries over some keys, with all that it takes to add those over other keys.</summary>
/// <param name="layout">Where sums stand in a row.</param>
/// <param name="count">m.</param>
internal sealed unsafe class QueryRows(in SumLayout layout, int count)
{
    public SumLayout Layout { get; } = layout;

    public int Count { get; } = count;

    /// <summary>Whether all queries are to be summed with care.</summary>
    public bool IsCareful { get; init; }

    /// <summary>Which queries were summed with care: pair by pair, a Gaussian's weights relative to the nearest key's (m).</summary>
    public bool[] AreCareful { get; init; } = new bool[count];

    /// <summary>What weights must sum to (<see cref="Trust.LeastWeightSum"/>).</summary>
    public double LeastWeightSum { get; set; }

    /// <summary>Whether the errors of the sums are in all of them.</summary>
    public bool AreInAllSums { get; set; }

    /// <summary>How many times further the sums for the derivatives of planes may be off.</summary>
    public double PlaneGradientFactor { get; set; }

    /// <summary>The sums (m, length).</summary>
    public double[] Sums { get; init; } = new double[count * layout.Length];

    /// <summary>The score that weights are relative to (m).</summary>
    public double[] Offsets { get; init; } = new double[count];

    /// <summary>Where positions count from (m, d).</summary>
    public double[] References { get; init; } = new double[count * layout.Features];

    /// <summary>What the sums of weights may be off by (m).</summary>
    public double[] Errors { get; init; } = new double[count];

    /// <summary>What those of squared weights may be off by (m).</summary>
    public double[] SquaredErrors { get; init; } = new double[count];

    /// <summary>What keys that were left out weigh, times their squared distance in bandwidths (m).</summary>
    public double[] Elsewhere { get; init; } = new double[count];

    /// <summary>Where no key has a weight: the squared distance of the nearest in bandwidths; infinite where not known (m).</summary>
    public double[] NearestSquares { get; init; } = [.. Enumerable.Repeat(double.PositiveInfinity, count)];

    /// <summary>The sum of the sample weights of the nearest keys (m).</summary>
    public double[] NearestWeights { get; init; } = new double[count];

    /// <summary>Their mean value (m, v).</summary>
    public double[] NearestValues { get; init; } = new double[count * layout.Columns];

    public RowErrors ErrorsOf(int query) => new()
    {
        WeightSum = Errors[query],
        SquaredWeightSum = SquaredErrors[query],
        Elsewhere = Elsewhere[query],
        AreInAllSums = AreInAllSums,
        PlaneGradientFactor = PlaneGradientFactor,
    };

    /// <summary>A row's sums.</summary>
    public Span<double> RowOf(int query) => Sums.AsSpan(query * Layout.Length, Layout.Length);

    /// <summary>Where a row's positions count from.</summary>
    public Span<double> ReferenceOf(int query) => References.AsSpan(query * Layout.Features, Layout.Features);

    /// <summary>The mean value of the nearest keys, where none has a weight.</summary>
    public Span<double> NearestOf(int query) => NearestValues.AsSpan(query * Layout.Columns, Layout.Columns);

    /// <summary>A row of another set, as it stands.</summary>
    public void Take(int query, QueryRows other, int from)
    {
        other.RowOf(from).CopyTo(RowOf(query));
        other.ReferenceOf(from).CopyTo(ReferenceOf(query));
        other.NearestOf(from).CopyTo(NearestOf(query));
        Offsets[query] = other.Offsets[from];
        AreCareful[query] = other.AreCareful[from];
        Errors[query] = other.Errors[from];
        SquaredErrors[query] = other.SquaredErrors[from];
        Elsewhere[query] = other.Elsewhere[from];
        NearestSquares[query] = other.NearestSquares[from];
        NearestWeights[query] = other.NearestWeights[from];
    }

    /// <summary>Takes a query's sums about itself, which may be off.</summary>
    public void Take(int query, double* row, double* place, in RowErrors errors)
    {
        Take(query, row, 0, place);
        AreCareful[query] = false;
        Errors[query] = errors.WeightSum;
        SquaredErrors[query] = errors.SquaredWeightSum;
        Elsewhere[query] = errors.Elsewhere;
        AreInAllSums = errors.AreInAllSums;
        PlaneGradientFactor = errors.PlaneGradientFactor;
    }

    /// <summary>Takes a query's sums about a place.</summary>
    public void Take(int query, double* row, double offset, double* reference)
    {
        new ReadOnlySpan<double>(row, Layout.Length).CopyTo(Sums.AsSpan(query * Layout.Length));
        new ReadOnlySpan<double>(reference, Layout.Features).CopyTo(References.AsSpan(query * Layout.Features));
        Offsets[query] = offset;
        AreCareful[query] = true;
    }

    /// <summary>Takes how far sums of a query may be off that were taken with care, as a part of their weight.</summary>
    public void Bound(int query, double bound) =>
        Errors[query] = bound * Sums[(query * Layout.Length) + SumLayout.WeightSum] / 2;

    /// <summary>Takes the nearest keys of a query that none has a weight for.</summary>
    public void TakeNearest(int query, double* reference, double* values, double square, double weight)
    {
        new ReadOnlySpan<double>(reference, Layout.Features).CopyTo(References.AsSpan(query * Layout.Features));
        AreCareful[query] = true;
        if (values is not null)
        {
            new ReadOnlySpan<double>(values, Layout.Columns).CopyTo(NearestValues.AsSpan(query * Layout.Columns));
            NearestSquares[query] = square;
            NearestWeights[query] = weight;
        }
    }
}
