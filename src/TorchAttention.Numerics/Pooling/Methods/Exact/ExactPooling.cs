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
    }

    public PoolingMethod Name => PoolingMethod.Exact;

    public double Cost => _problem.Pairs;

    public string Merit => string.Create(CultureInfo.InvariantCulture, $"{_problem.Pairs:N0} pairs are few");

    public void Run()
    {
        if (KernelTraits<TKernel>.IsConstant && !_layout.HasPlanes)
        {
            AnswerAllAlike();
            return;
        }

        Work work = _problem.Pairs <= OneThreadIsEnough
            ? new Work(1, _problem.Progress, _problem.CancellationToken)
            : _problem.Work;
        if (_ranges == 1)
        {
            work.ForEach(_blocks, () => new Worker(this, _block), (item, worker) =>
            {
                worker.Sum(item, 0, _problem.KeyCount);
                worker.FinishBlock(item);
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
            merger.FinishBlock(block);
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

    private sealed class Worker : PoolingPass<TKernel, TLanes, TWideLanes, T, T>
    {
        private readonly ExactPooling<TKernel, TLanes, TWideLanes, T> _owner;
        private readonly TilePacker<T, T> _packer;
        private readonly double* _queries;

        public Worker(ExactPooling<TKernel, TLanes, TWideLanes, T> owner, int block)
            : base(
                owner._problem, owner._writer, owner._scales, TilePacker<T, T>.CapacityFor(owner._problem.Features, owner._problem.Columns),
                (long)block * (owner._layout.Length + owner._problem.Features))
        {
            _owner = owner;
            _packer = new TilePacker<T, T>(Problem);
            _queries = Rows + ((long)block * Layout.Length);
        }

        public double* Rows => Numbers;

        public void Sum(int block, int firstKey, int endKey)
        {
            int count = _owner.CountIn(block);
            for (int m = 0; m < count; m++)
            {
                Problem.Read((block * _owner._block) + m, _queries + ((long)m * Problem.Features));
            }

            new Span<double>(Rows, count * Layout.Length).Clear();
            AddKeys(count, firstKey, endKey);
        }

        // The sums of the first query, in the first row.
        public void SumOne() => AddKeys(1, 0, Problem.KeyCount);

        // Answers any query from the sums in the first row.
        public void FinishAlike(int query)
        {
            double* row = Rows + Layout.Length;
            new ReadOnlySpan<double>(Rows, Layout.Length).CopyTo(new Span<double>(row, Layout.Length));
            Finish(query, query, row, default);
        }

        public void Merge(int block, double* partialRows)
        {
            int numbers = _owner.CountIn(block) * Layout.Length;
            new Span<double>(Rows, numbers).Clear();
            for (int range = 0; range < _owner._ranges; range++)
            {
                double* part = partialRows + ((((long)range * Problem.QueryCount) + ((long)block * _owner._block)) * Layout.Length);
                for (int i = 0; i < numbers; i++)
                {
                    Rows[i] += part[i];
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void FinishBlock(int block)
        {
            for (int m = 0; m < _owner.CountIn(block); m++)
            {
                int query = (block * _owner._block) + m;
                Finish(query, query, Rows + ((long)m * Layout.Length), default);
            }
        }

        public override void Dispose()
        {
            base.Dispose();
            _packer.Dispose();
        }

        protected override IKeyTiles Tiles() => new PackedTiles<T>(Problem);

        protected override double AnswerCarefully(int query, int place)
        {
            Careful.AnswerFromAll(query);
            return 0;
        }

        protected override bool TryAddPair(int key, int place, double* own, double* row)
        {
            Problem.Read(place, _queries);
            Add(_packer.Pack(key, 1), _queries, own);
            return true;
        }

        private void AddKeys(int queries, int firstKey, int endKey)
        {
            for (int first = firstKey; first < endKey; first += _packer.Capacity)
            {
                Problem.CancellationToken.ThrowIfCancellationRequested();
                Tile<T> tile = _packer.Pack(first, Math.Min(_packer.Capacity, endKey - first));
                for (int m = 0; m < queries; m++)
                {
                    Add(tile, _queries + ((long)m * Problem.Features), Rows + ((long)m * Layout.Length));
                }
            }
        }
    }
}
