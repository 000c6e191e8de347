using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Exact;

/// <summary>Attention pooling over every pair: blocks of queries against tiles of keys, each block on its own thread.</summary>
/// <remarks>
/// Few queries and many keys are cut along the keys as well. The cuts depend on the sizes alone and partial sums are added in their order,
/// so the numbers do not depend on the number of threads.
/// </remarks>
internal sealed unsafe class ExactPooling<TKernel, TLanes, TWideLanes, T> : IPoolingMethod
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, T>
    where TWideLanes : struct, ILanes<TWideLanes, double>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int BlockQueries = 512;
    private const int LeastBlockQueries = 16;
    private const int NumbersInBlock = 1 << 17;
    private const int LeastKeysInRange = 16384;
    private const int MostRanges = 16;
    private const long OneThreadIsEnough = 1 << 16;

    private readonly PoolingProblem<T> _problem;
    private readonly AnswerWriter<TKernel, T> _writer;
    private readonly SumLayout _layout;
    private readonly int _block;
    private readonly int _blocks;
    private readonly int _ranges;
    private readonly double[] _scales;
    private readonly double _leastWeightSum;

    public ExactPooling(PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer)
    {
        _problem = problem;
        _writer = writer;
        _layout = writer.Layout;
        int fitting = Math.Clamp(NumbersInBlock / _layout.Length, LeastBlockQueries, BlockQueries);
        _block = Math.Min(fitting, Math.Max(LeastBlockQueries, problem.QueryCount / 8));
        _blocks = (problem.QueryCount + _block - 1) / _block;
        _ranges = _blocks >= MostRanges ? 1 : Math.Clamp(problem.KeyCount / LeastKeysInRange, 1, MostRanges);
        _scales = problem.Scales(TKernel.ArgumentScale);
        _leastWeightSum = Trust.LeastWeightSum<TKernel, T>(_layout.HasSquares);
    }

    public PoolingMethod Name => PoolingMethod.Exact;

    public double Cost => _problem.Pairs;

    public string Merit => string.Create(CultureInfo.InvariantCulture, $"{_problem.Pairs:N0} pairs are few");

    public string? Obstacle() => null;

    public string? Doubt() => null;

    public bool TryRun(bool isAsked, out string? note)
    {
        note = null;
        Run();
        return true;
    }

    private void Run()
    {
        if (KernelTraits<TKernel>.IsConstant && !_layout.HasPlanes)
        {
            AnswerAllAlike();
            return;
        }

        long pairs = (long)_problem.QueryCount * _problem.KeyCount;
        var work = new Work(pairs <= OneThreadIsEnough ? 1 : _problem.Threads, _problem.Progress, _problem.CancellationToken);
        if (_ranges == 1)
        {
            work.ForEach(_blocks, () => new Worker(this, _block), (item, worker) =>
            {
                worker.Sum(item, 0, _problem.KeyCount);
                worker.FinishBlock(item, worker.Rows);
            });
            return;
        }

        using var partial = new Scratch((long)_ranges * _problem.QueryCount * _layout.Length * sizeof(double));
        nint partialRows = (nint)partial.As<double>();
        work.ForEach(_blocks * _ranges, () => new Worker(this, _block), (item, worker) =>
        {
            (int range, int block) = Math.DivRem(item, _blocks);
            int first = (int)((long)_problem.KeyCount * range / _ranges);
            worker.Sum(block, first, (int)((long)_problem.KeyCount * (range + 1) / _ranges));
            long start = ((long)range * _problem.QueryCount) + (block * _block);
            new ReadOnlySpan<double>(worker.Rows, CountIn(block) * _layout.Length).CopyTo(
                new Span<double>((double*)partialRows + (start * _layout.Length), CountIn(block) * _layout.Length));
        });
        using var merger = new Worker(this, _block);
        for (int block = 0; block < _blocks; block++)
        {
            merger.Merge(block, (double*)partialRows);
            merger.FinishBlock(block, merger.Rows);
        }
    }

    // Every query sees the same weights: one of them is enough.
    private void AnswerAllAlike()
    {
        using var worker = new Worker(this, 2);
        if (_problem.QueryCount > 0)
        {
            worker.SumOne();
        }

        for (int query = 0; query < _problem.QueryCount; query++)
        {
            worker.FinishAlike(query);
        }

        _problem.Progress?.Report(1);
    }

    private int CountIn(int block) => Math.Min(_block, _problem.QueryCount - (block * _block));

    /// <summary>One thread's memory and its part of the work.</summary>
    private sealed class Worker : IDisposable
    {
        private readonly ExactPooling<TKernel, TLanes, TWideLanes, T> _owner;
        private readonly PoolingProblem<T> _problem;
        private readonly SumLayout _layout;
        private readonly TilePacker<T, T> _packer;
        private readonly Scratch _memory;
        private readonly double* _queries;
        private readonly double* _scales;
        private readonly double* _ownPair;
        private readonly T* _buffers;
        private readonly RowFinisher<TKernel, T> _finisher;
        private CarefulPooling<TKernel, TWideLanes, T>? _careful;

        public Worker(ExactPooling<TKernel, TLanes, TWideLanes, T> owner, int block)
        {
            _owner = owner;
            _problem = owner._problem;
            _layout = owner._layout;
            _packer = new TilePacker<T, T>(_problem);
            _finisher = new RowFinisher<TKernel, T>(_problem, owner._writer, owner._leastWeightSum);
            long buffers = (long)GeneralLoops<TKernel, TLanes, T>.Buffers * _packer.Capacity * sizeof(T);
            _memory = new Scratch(
                buffers + (sizeof(double) * (((long)block * (_layout.Length + _problem.Features)) + _problem.Features + _layout.Length)));
            _buffers = _memory.As<T>();
            Rows = (double*)((byte*)_buffers + buffers);
            _queries = Rows + ((long)block * _layout.Length);
            _scales = _queries + ((long)block * _problem.Features);
            _ownPair = _scales + _problem.Features;
            owner._scales.CopyTo(new Span<double>(_scales, _problem.Features));
        }

        public double* Rows { get; }

        public void Sum(int block, int firstKey, int endKey)
        {
            int count = _owner.CountIn(block);
            int features = _problem.Features;
            T* source = _problem.Queries + ((long)block * _owner._block * features);
            for (int i = 0; i < count * features; i++)
            {
                _queries[i] = double.CreateTruncating(source[i]);
            }

            new Span<double>(Rows, count * _layout.Length).Clear();
            for (int first = firstKey; first < endKey; first += _packer.Capacity)
            {
                _problem.CancellationToken.ThrowIfCancellationRequested();
                Tile<T> tile = _packer.Pack(first, Math.Min(_packer.Capacity, endKey - first));
                for (int m = 0; m < count; m++)
                {
                    PairLoops<TKernel, TLanes, T>.Add(
                        tile, _layout, _queries + ((long)m * features), _scales, _buffers, Rows + ((long)m * _layout.Length));
                }
            }
        }

        // The sums of the first query, in the first row.
        public void SumOne()
        {
            for (int first = 0; first < _problem.KeyCount; first += _packer.Capacity)
            {
                _problem.CancellationToken.ThrowIfCancellationRequested();
                PairLoops<TKernel, TLanes, T>.Add(
                    _packer.Pack(first, Math.Min(_packer.Capacity, _problem.KeyCount - first)), _layout, _queries, _scales, _buffers, Rows);
            }
        }

        // Answers any query from the sums in the first row.
        public void FinishAlike(int query)
        {
            double* row = Rows + _layout.Length;
            new ReadOnlySpan<double>(Rows, _layout.Length).CopyTo(new Span<double>(row, _layout.Length));
            Finish(query, row);
        }

        public void Merge(int block, double* partialRows)
        {
            int numbers = _owner.CountIn(block) * _layout.Length;
            new Span<double>(Rows, numbers).Clear();
            for (int range = 0; range < _owner._ranges; range++)
            {
                double* part = partialRows + ((((long)range * _problem.QueryCount) + ((long)block * _owner._block)) * _layout.Length);
                for (int i = 0; i < numbers; i++)
                {
                    Rows[i] += part[i];
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void FinishBlock(int block, double* rows)
        {
            for (int m = 0; m < _owner.CountIn(block); m++)
            {
                Finish((block * _owner._block) + m, rows + ((long)m * _layout.Length));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Finish(int query, double* row)
        {
            if (_finisher.TryFinish(query, row, OwnPair(query), default))
            {
                return;
            }

            _careful ??= new CarefulPooling<TKernel, TWideLanes, T>(_problem, _owner._writer, new PackedTiles<T>(_problem));
            _careful.Answer(query, 0, (_problem.KeyCount + PackedCapacity - 1) / PackedCapacity);
        }

        public void Dispose()
        {
            _finisher.Dispose();
            _careful?.Dispose();
            _packer.Dispose();
            _memory.Dispose();
        }

        private int PackedCapacity => TilePacker<T, double>.CapacityFor(_problem.Features, _problem.Columns);

        // The sums of the pair that a query must not see; null where it sees all.
        private double* OwnPair(int query)
        {
            int key = _problem.LeftOut is null ? -1 : _problem.LeftOut[query];
            if (key < 0)
            {
                return null;
            }

            new Span<double>(_ownPair, _layout.Length).Clear();
            double* q = _queries;
            for (int j = 0; j < _problem.Features; j++)
            {
                q[j] = double.CreateTruncating(_problem.Queries[((long)query * _problem.Features) + j]);
            }

            Tile<T> tile = _packer.Pack(key, 1);
            PairLoops<TKernel, TLanes, T>.Add(tile, _layout, q, _scales, _buffers, _ownPair);
            return _ownPair;
        }
    }
}
