using TorchAttention.Numerics.Pooling.Answers;

namespace TorchAttention.Numerics;

/// <content>Sums of parts that were asked at some of the queries alone.</content>
public sealed partial class PoolingSums
{
    // An answer may be off by so much of the range for what was not asked: less than by the rounding of its sums.
    private const double NothingLeftOut = 1.0 / (1L << 50);

    /// <summary>These among more queries, at which they are sums of nothing.</summary>
    /// <param name="queries">All queries (m, d).</param>
    /// <param name="places">Where these stand among them, ascending.</param>
    internal PoolingSums Among(double[] queries, ReadOnlySpan<int> places)
    {
        if (places.Length == queries.Length / Features)
        {
            return this;
        }

        QueryRows rows = NeutralAt(queries);
        for (int i = 0; i < places.Length; i++)
        {
            rows.Take(places[i], _rows, i);
        }

        return new PoolingSums(Kernel, rows, _frame, queries, Method, _tolerance);
    }

    /// <summary>These, with other sums at some of the queries.</summary>
    /// <param name="places">Where the others stand among these, ascending.</param>
    /// <param name="others">Sums in the same units.</param>
    internal PoolingSums Replacing(ReadOnlySpan<int> places, PoolingSums others)
    {
        QueryRows rows = NeutralAt(_queries);
        rows.LeastWeightSum = Math.Max(rows.LeastWeightSum, others._rows.LeastWeightSum);
        rows.AreInAllSums |= others._rows.AreInAllSums;
        rows.PlaneGradientFactor = Math.Max(rows.PlaneGradientFactor, others._rows.PlaneGradientFactor);
        for (int query = 0; query < Count; query++)
        {
            int at = places.BinarySearch(query);
            rows.Take(query, at < 0 ? _rows : others._rows, at < 0 ? query : at);
        }

        return new PoolingSums(Kernel, rows, _frame.With(others._frame), _queries, Method, _tolerance);
    }

    /// <summary>The same of values less an origin: answers near it have the digits of their distance from it.</summary>
    /// <param name="origins">The origin of each column (v).</param>
    internal PoolingSums WithValuesLess(double[] origins)
    {
        AnswerFrame frame = _frame with { Centres = [.. _frame.Centres.Zip(origins, (centre, origin) => centre - origin)] };
        return new PoolingSums(Kernel, _rows, frame, _queries, Method, _tolerance);
    }

    /// <summary>The sums of weights, beside the largest sample weight (m).</summary>
    internal double[] WeightSums() => [.. Enumerable.Range(0, Count).Select(query => _rows.RowOf(query)[0])];

    /// <summary>The queries whose answers could differ in a digit that counts by keys that were not asked.</summary>
    /// <param name="leftOut">What these weigh at most, beside the largest sample weight (m).</param>
    /// <param name="square">The squared distance, in bandwidths, that all of them are beyond.</param>
    internal IReadOnlyList<int> Thin(double[] leftOut, double square)
    {
        var rows = new QueryRows(_rows.Layout, Count)
        {
            LeastWeightSum = _rows.LeastWeightSum,
            Sums = _rows.Sums,
            Offsets = _rows.Offsets,
            References = _rows.References,
            AreCareful = _rows.AreCareful,
            Errors = leftOut,
            Elsewhere = [.. leftOut.Select(weight => weight * square)],
        };
        return new PoolingSums(Kernel, rows, _frame, _queries, Method, NothingLeftOut).Unsettled;
    }
}
