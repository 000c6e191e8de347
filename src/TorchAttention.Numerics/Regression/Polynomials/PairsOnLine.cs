using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>One feature: the keys in order that a query's kernel reaches.</summary>
internal sealed unsafe class PairsOnLine<TKernel, TLanes>(PolynomialRequest request) : PolynomialPass<TKernel, TLanes>(request)
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    public const int QueriesInPart = 256;

    private readonly LineKeys _keys = request.Owner.Samples.Line;
    private readonly int[] _places = request.LeftOut.Length == 0 ? [] : request.Owner.Samples.PlacesOnLine;
    private double _bandwidth = request.Owner.Bandwidths[0];

    public override void Answer(int part)
    {
        int end = Math.Min(Request.Count, (part + 1) * QueriesInPart);
        for (int query = part * QueriesInPart; query < end; query++)
        {
            AnswerOne(query);
        }
    }

    /// <summary>Answers a query.</summary>
    public void AnswerOne(int query) => Finish(query, Sum(query));

    // Returns what the weights were raised by.
    private double Sum(int query)
    {
        double place = Request.Queries[query];
        if (Request.Owner.IsShare)
        {
            _bandwidth = Request.Owner.WidthAt([place], 0);
            *Inverse = 1 / _bandwidth;
        }

        int leftOut = Request.LeftOutOf(query) is int key && key < 0 ? -1 : _places[key];
        double offset = 0;
        (int low, int high) = (0, _keys.Count);
        if (KernelTraits<TKernel>.IsBounded || KernelTraits<TKernel>.IsGaussian)
        {
            double square = KernelTraits<TKernel>.IsGaussian ? NearestSquare(ref place, leftOut) : 1;
            double reach = KernelTraits<TKernel>.IsGaussian ? _bandwidth * Math.Sqrt(square + ReachSquare) : _bandwidth;
            offset = KernelTraits<TKernel>.IsGaussian && square > FarSquare ? OffsetFor(square) : 0;
            low = _keys.Sorted.FirstNotBelow(place - reach);
            high = _keys.Sorted.FirstNotBelow(Math.BitIncrement(place + reach), low, _keys.Count);
        }

        *Query = place;
        ClearSums();
        bool isAmong = leftOut >= low && leftOut < high;
        Add(low, isAmong ? leftOut : high, offset);
        Add(isAmong ? leftOut + 1 : high, high, offset);
        PolynomialLoops<TKernel, TLanes>.Reduce(Layout, Buffer, Row);
        return offset;
    }

    private void Add(int low, int high, double offset)
    {
        if (high > low)
        {
            PolynomialLoops<TKernel, TLanes>.Add(_keys.Slice(low, high - low), Layout, Query, Inverse, offset, Buffer);
        }
    }

    private double NearestSquare(ref double place, int leftOut)
    {
        int right = _keys.Sorted.FirstNotBelow(place);
        int left = right - 1;
        right += right == leftOut ? 1 : 0;
        left -= left == leftOut ? 1 : 0;
        double above = right < _keys.Count ? _keys.Keys[right] - place : double.PositiveInfinity;
        double below = left >= 0 ? place - _keys.Keys[left] : double.PositiveInfinity;
        double nearest = Math.Min(above, below) / _bandwidth;
        bool hasRight = right < _keys.Count;
        if (nearest > Farthest && (hasRight || left >= 0))
        {
            nearest = Farthest;
            bool isRight = hasRight && (left < 0 || above <= below);
            place = isRight ? _keys.Keys[right] - (Farthest * _bandwidth) : _keys.Keys[left] + (Farthest * _bandwidth);
        }

        return double.IsFinite(nearest) ? nearest * nearest : 0;
    }
}
