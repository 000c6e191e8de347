using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Methods.Tree;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>Several features: the stretches of a tree of keys that a leaf of queries can notice.</summary>
internal sealed unsafe class PairsInTree<TKernel, TLanes>(
    PolynomialRequest request, PointTree<double> queries, (int First, int End, int Node)[] leaves)
    : PolynomialPass<TKernel, TLanes>(request)
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    public const int QueriesInLeaf = 64;

    // Below this sum of weights a Gaussian's are taken relative to the nearest key's: their squares leave float64 soon.
    private const double LeastSum = 1e-100;

    // Keys of a tile stay in the nearest cache.
    private const int MostInTile = 1024;

    /// <summary>How long a leaf of several queries may be, in bandwidths.</summary>
    public static double MostSide => Reach<TKernel, double>.MostSide(ReachSquare / 2);

    private readonly KeyTree<double> _keys = request.Owner.Tree;

    private readonly Reach<TKernel, double> _reach = new(
        request.Owner.Tree.Points, ReachSquare / 2, leastCount: request.LeftOut.Length == 0 ? 1 : 2);

    public override void Answer(int part)
    {
        _reach.Find(queries.Box(leaves[part].Node));
        for (int place = leaves[part].First; place < leaves[part].End; place++)
        {
            int query = queries.Order[place];
            for (int j = 0; j < Request.Owner.Features; j++)
            {
                Query[j] = Request.Queries[(query * Request.Owner.Features) + j];
            }

            int leftOut = Request.LeftOutOf(query) is int key && key < 0 ? -1 : _keys.PlaceOf(key);
            double offset = 0;
            Sum(leftOut, offset);
            if (KernelTraits<TKernel>.IsGaussian && Row[0] < LeastSum)
            {
                offset = OffsetFor(NearestSquare(leftOut));
                Sum(leftOut, offset);
            }

            Finish(query, offset);
        }
    }

    private void Sum(int leftOut, double offset)
    {
        ClearSums();
        foreach ((int first, int end) in _reach.Stretches)
        {
            bool isAmong = leftOut >= first && leftOut < end;
            Add(first, isAmong ? leftOut : end, offset);
            Add(isAmong ? leftOut + 1 : end, end, offset);
        }

        PolynomialLoops<TKernel, TLanes>.Reduce(Layout, Buffer, Row);
    }

    private void Add(int first, int end, double offset)
    {
        for (; first < end; first += MostInTile)
        {
            Tile<double> tile = _keys.Slice(first, Math.Min(MostInTile, end - first));
            PolynomialLoops<TKernel, TLanes>.Add(tile, Layout, Query, Inverse, offset, Buffer);
        }
    }

    private double NearestSquare(int leftOut)
    {
        double nearest = double.PositiveInfinity;
        int key = -1;
        foreach ((int first, int end) in _reach.Stretches)
        {
            for (int i = first; i < end; i++)
            {
                double square = 0;
                for (int j = 0; j < Request.Owner.Features; j++)
                {
                    double u = (_keys.Points.Column(j)[i] - Query[j]) * Inverse[j];
                    square += u * u;
                }

                (nearest, key) = i != leftOut && square < nearest ? (square, i) : (nearest, key);
            }
        }

        if (nearest > Farthest * Farthest && key >= 0)
        {
            double part = Farthest / Math.Sqrt(nearest);
            for (int j = 0; j < Request.Owner.Features; j++)
            {
                double at = _keys.Points.Column(j)[key];
                Query[j] = at + ((Query[j] - at) * part);
            }

            nearest = Farthest * Farthest;
        }

        return double.IsFinite(nearest) ? nearest : 0;
    }
}
