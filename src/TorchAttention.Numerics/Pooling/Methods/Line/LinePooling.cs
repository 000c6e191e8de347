using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>
/// Attention pooling with one feature: keys and queries in order, sums through cells, and the queries that these sums cannot vouch for one
/// by one.
/// </summary>
internal sealed unsafe partial class LinePooling<TKernel, TLanes, T> : IPoolingMethod
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // Cells cost about as much as this many pairs for each key and query, and as much again where the keys must be sorted first; a pair in
    // float64 costs two or three in float32.
    private const double PairsForAnInput = 250;
    private const double WidePairsForAnInput = 120;

    // Few queries are cut into parts enough for some threads, the same whatever their number.
    private const int LeastInPart = 512;
    private const int MostInPart = 4096;
    private const int WantedParts = 8;

    // What a key out of reach may count more than its weight in a gradient: the mean u^2 of keys that are left out, beyond the nearest
    // one's.
    private const double FarGradient = 100;

    // What a key out of reach may count in a plane beyond its weight, beside keys that weigh little themselves.
    private const double FarPlane = 1e3;

    // A pair by itself, read by the widest vector.
    private const int WidestTile = 16;

    // What a query needs stands on the stack.
    private const int MostColumns = 64;

    private readonly PoolingProblem<T> _problem;
    private readonly AnswerWriter<TKernel, T> _writer;
    private readonly SumLayout _layout;
    private readonly double _bandwidth;
    private readonly int _queriesInPart;

    public LinePooling(PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer)
    {
        _problem = problem;
        _writer = writer;
        _layout = writer.Layout;
        _bandwidth = problem.Bandwidths is null ? 1 / Math.Abs(problem.InverseBandwidths[0]) : problem.Bandwidths[0];
        _queriesInPart = Math.Clamp(problem.QueryCount / WantedParts, LeastInPart, MostInPart);
    }

    private int MostInPass => Math.Min(_queriesInPart, _problem.QueryCount);

    private SumLayout SquaresLayout => new(1, 0, squares: false, planes: _layout.HasPlanes);

    public PoolingMethod Name => PoolingMethod.Line;

    public double Cost => _problem.Inputs * (typeof(T) == typeof(float) ? PairsForAnInput : WidePairsForAnInput)
        * (_problem.Samples.IsLasting || (_problem.Features == 1 && _problem.Samples.IsInOrder) ? 1 : 2);

    public string Merit => "one feature and many pairs";

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public string? Obstacle()
    {
        PoolingProblem<T> problem = _problem;
        if (problem.Features != 1)
        {
            return $"it takes one feature, and there are {problem.Features}";
        }

        if (problem.Columns > MostColumns)
        {
            return $"it takes up to {MostColumns} columns of values, and there are {problem.Columns}";
        }

        if (!KernelTraits<TKernel>.IsGaussian && TKernel.Polynomial.IsEmpty)
        {
            return $"it does not know the kernel {TKernel.Name}";
        }

        double largest = problem.Samples.LargestKey;
        for (int i = 0; i < problem.QueryCount; i++)
        {
            largest = Math.Max(largest, Math.Abs(double.CreateTruncating(problem.Queries[i])));
        }

        double h = 1 / Math.Abs(problem.InverseBandwidths[0]);
        return double.IsFinite(h) && LineCells.CanHold(LineCells.WidthFor(h) / 2, largest)
            ? null
            : $"a bandwidth of {h} does not go with numbers as large as {largest}";
    }

    public void Run()
    {
        LineKeys keys = _problem.Samples.Line;
        bool sameNumbers = _problem.Samples.Keys == _problem.Queries && _problem.KeyCount == _problem.QueryCount;
        using SortedNumbers? ownQueries = sameNumbers ? null : SortedNumbers.Sort(_problem.Queries, _problem.QueryCount);
        SortedNumbers queries = ownQueries ?? keys.Sorted;
        var work = new Work(_problem.Threads, null, _problem.CancellationToken);
        double? inverse = _problem.Bandwidths is null ? Math.Abs(_problem.InverseBandwidths[0]) : null;
        ILineSums sums = Prepared(isSquared: false, _layout);
        ILineSums? squares = _layout.HasSquares ? Prepared(isSquared: true, SquaresLayout) : null;
        int[]? places = _problem.LeftOut is null ? null : _problem.Samples.PlacesOnLine;
        int parts = (_problem.QueryCount + _queriesInPart - 1) / _queriesInPart;
        _problem.Work.ForEach(
            parts,
            () => new Worker(this, keys, queries, places, sums, squares),
            (part, worker) =>
            worker.Answer(part * _queriesInPart, Math.Min(_queriesInPart, _problem.QueryCount - (part * _queriesInPart))));

        ILineSums Prepared(bool isSquared, SumLayout layout) => _problem.Kept.Get(
            (typeof(LinePooling<TKernel, TLanes, T>), isSquared, layout),
            () => SumsOf(isSquared ? _problem.Samples.SquaredLine : keys, inverse, isSquared, layout, work));
    }

    // The sums of the kernel or of its square, by the method that knows it.
    private ILineSums SumsOf(LineKeys keys, double? inverseBandwidth, bool isSquared, in SumLayout layout, Work work) =>
        (KernelTraits<TKernel>.IsGaussian, isSquared) switch
        {
            (true, false) => new GaussianLine<TLanes>(keys, _bandwidth, _problem.Options.Tolerance, layout, work),
            (true, true) => new GaussianLine<TLanes>(keys, _bandwidth / Math.Sqrt(2), _problem.Options.Tolerance, layout, work),
            (false, false) => new PolynomialLine<TKernel, TLanes>(keys, _bandwidth, inverseBandwidth, layout, work),
            (false, true) => new PolynomialLine<SquaredKernel<TKernel>, TLanes>(keys, _bandwidth, inverseBandwidth, layout, work),
        };
}
