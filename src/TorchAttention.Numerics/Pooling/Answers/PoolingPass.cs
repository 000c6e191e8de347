using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>
/// One thread's part of a method: what it fills rows with is the method's; then a query's own pair is taken away, what is good enough is
/// written, and the rest computed with care.
/// </summary>
/// <typeparam name="TKernel">The kernel.</typeparam>
/// <typeparam name="TLanes">The registers of the loops over pairs.</typeparam>
/// <typeparam name="TWideLanes">Those of float64.</typeparam>
/// <typeparam name="TPair">What the loops compute in.</typeparam>
/// <typeparam name="T">What the data are in.</typeparam>
internal abstract unsafe class PoolingPass<TKernel, TLanes, TWideLanes, TPair, T> : IDisposable
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, TPair>
    where TWideLanes : struct, ILanes<TWideLanes, double>
    where TPair : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly AnswerWriter<TKernel, T> _writer;
    private readonly SumLayout _layout;
    private readonly Scratch _memory;
    private readonly TPair* _buffers;
    private readonly double* _scales;
    private readonly double* _ownPair;
    private readonly double _leastWeightSum;
    private CarefulPooling<TKernel, TWideLanes, T>? _careful;
    private int _recomputed;
    private double _errorBound;

    /// <param name="problem">The request.</param>
    /// <param name="writer">Writes the answers.</param>
    /// <param name="scales">1/h^2 times the kernel's argument scale (d).</param>
    /// <param name="mostKeys">The longest tile that is added.</param>
    /// <param name="numbers">How many numbers the method needs itself.</param>
    protected PoolingPass(
        PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer, ReadOnlySpan<double> scales, int mostKeys, long numbers)
    {
        Problem = problem;
        _writer = writer;
        _layout = writer.Layout;
        _leastWeightSum = Trust.LeastWeightSum<TKernel, TPair>(_layout.HasSquares);
        long buffers = (long)GeneralLoops<TKernel, TLanes, TPair>.Buffers * mostKeys * sizeof(TPair);
        _memory = new Scratch(buffers + (sizeof(double) * (numbers + problem.Features + _layout.Length)));
        _buffers = _memory.As<TPair>();
        Numbers = (double*)((byte*)_buffers + buffers);
        _scales = Numbers + numbers;
        _ownPair = _scales + problem.Features;
        scales.CopyTo(new Span<double>(_scales, problem.Features));
    }

    protected PoolingProblem<T> Problem { get; }

    /// <summary>Where sums stand in a row; the loops read it in place.</summary>
    protected ref readonly SumLayout Layout => ref _layout;

    /// <summary>The method's own numbers.</summary>
    protected double* Numbers { get; }

    /// <summary>Where to compute with care.</summary>
    protected CarefulPooling<TKernel, TWideLanes, T> Careful => _careful ??= new(Problem, _writer, Tiles());

    public virtual void Dispose()
    {
        _writer.Report(_recomputed, _errorBound);
        _careful?.Dispose();
        _memory.Dispose();
    }

    /// <summary>All keys that a query may have to look at with care.</summary>
    protected abstract IKeyTiles Tiles();

    /// <summary>Computes a query with care.</summary>
    /// <param name="query">Which query.</param>
    /// <param name="place">Where it stands among those of the method.</param>
    /// <returns>How far the answer may be off.</returns>
    protected abstract double AnswerCarefully(int query, int place);

    /// <summary>Adds the pair that a query must not see to sums of its own.</summary>
    /// <param name="key">Which key.</param>
    /// <param name="place">Where the query stands among those of the method.</param>
    /// <param name="own">The sums of the pair, zeroed.</param>
    /// <param name="row">The query's sums.</param>
    /// <returns>Whether it is among these.</returns>
    protected abstract bool TryAddPair(int key, int place, double* own, double* row);

    /// <summary>Adds the sums over a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected void Add(in Tile<TPair> tile, double* query, double* row) =>
        PairLoops<TKernel, TLanes, TPair>.Add(tile, _layout, query, _scales, _buffers, row);

    /// <summary>Answers a query from its sums, if they are good for it; where not, with care.</summary>
    /// <param name="query">Which query.</param>
    /// <param name="place">Where it stands among those of the method.</param>
    /// <param name="row">Its sums.</param>
    /// <param name="errors">What the sums may be off by.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected void Finish(int query, int place, double* row, in RowErrors errors)
    {
        int key = Problem.LeftOutOf(query);
        if (key >= 0)
        {
            new Span<double>(_ownPair, _layout.Length).Clear();
        }

        bool isClean = key < 0 || !TryAddPair(key, place, _ownPair, row) || Trust.TakeAway(_ownPair, row, _layout, errors);
        if (isClean && TryWrite(query, row, errors))
        {
            return;
        }

        _recomputed++;
        double bound = AnswerCarefully(query, place);
        _writer.Rows?.Bound(query, bound);
        _errorBound = Math.Max(_errorBound, bound);
    }

    private bool TryWrite(int query, double* row, in RowErrors errors)
    {
        if (_writer.Rows is QueryRows rows)
        {
            rows.LeastWeightSum = _leastWeightSum;
            if (!rows.IsCareful)
            {
                _writer.TakeRow(query, row, errors);
            }

            return !rows.IsCareful;
        }

        bool isGood = Trust.IsGood(
            _writer, _layout, query, row, _leastWeightSum, errors, Problem.MergedWeightSum, Problem.Options.Tolerance, out double bound);
        if (isGood)
        {
            _errorBound = Math.Max(_errorBound, bound);
            _writer.Write(query, row, 0);
        }

        return isGood;
    }
}
