using System.Globalization;
using System.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Tree;

/// <summary>
/// Attention pooling that never touches what is out of reach: a leaf of queries sees the stretches of keys that its box can notice.
/// </summary>
internal sealed unsafe class TreePooling<TKernel, TLanes, TWideLanes, T> : IPoolingMethod, IDisposable
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, T>
    where TWideLanes : struct, ILanes<TWideLanes, double>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int QueriesInLeaf = 64;

    // A tree costs as much as this many pairs for each key and query, and is worth its order where at most this part of all pairs is in
    // reach.
    private const double PairsForAnInput = 4000;
    private const double WorthATree = 0.6;

    // With more features most boxes are near each other, and a tree that cannot prune is only overhead.
    private const int MostFeatures = 3;

    // Sums in float stay this short.
    private const int MostKeysInSum = 1024;

    // What a key beyond the reach counts in the sums for planes: its squared distance, and more, so that the keys in reach need not weigh
    // much to outweigh it.
    private const double FarPositions = 1e3;

    // Planes that hang on keys further away look four times as deep each time, then at all keys.
    private const double Deeper = 4;
    private const double GreatestExponent = 1e4;

    private readonly PoolingProblem<T> _problem;
    private readonly AnswerWriter<TKernel, T> _writer;
    private readonly SumLayout _layout;
    private KeyTree<T> _keys = null!;
    private PointTree<T>? _queries;
    private (int First, int End, int Node)[] _leaves = [];
    private readonly double[] _scales;
    private readonly double _exponent;
    private readonly double _leastWeightSum;

    public TreePooling(PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer)
    {
        _problem = problem;
        _writer = writer;
        _layout = writer.Layout;
        _scales = problem.Scales(TKernel.ArgumentScale);
        _exponent = Math.Log(20.0 * (_layout.HasPlanes ? FarPositions : 1) * problem.KeyCount / problem.Options.Tolerance);
        _leastWeightSum = Trust.LeastWeightSum<TKernel, T>(_layout.HasSquares);
    }

    public PoolingMethod Name => PoolingMethod.Tree;

    public double Cost => PairsForAnInput * _problem.Inputs;

    public string Merit => "few features and many pairs";

    private PointTree<T> Queries => _queries!;

    public string? Obstacle() => null;

    public string? Doubt() => _problem.Features > MostFeatures ? $"{_problem.Features} features"
        : !KernelTraits<TKernel>.IsBounded && !KernelTraits<TKernel>.IsGaussian
            ? $"every key is in the reach of the kernel {TKernel.Name}"
            : null;

    public bool TryRun(bool isAsked, out string? note)
    {
        double[] w = _problem.InverseBandwidths;
        _keys = _problem.Kept.Get(typeof(KeyTree<T>), () => new KeyTree<T>(_problem.Samples, w));
        _queries = new PointTree<T>(_problem.Queries, _problem.QueryCount, _problem.Samples.Keys, w, QueriesInLeaf);
        _leaves = [.. _queries.Nodes.Index().Where(node => node.Item.IsLeaf).Select(node => (node.Item.First, node.Item.End, node.Index))];
        double part = PartInReach();
        bool isWorthIt = isAsked || part < WorthATree;
        note = string.Create(CultureInfo.InvariantCulture, $"{part:P0} of all pairs {(isWorthIt ? "in" : "are in")} reach");
        if (isWorthIt)
        {
            new Work(_problem.Threads, _problem.Progress, _problem.CancellationToken)
                .ForEach(_leaves.Length, () => new Worker(this), (leaf, worker) => worker.Answer(_leaves[leaf]));
        }

        return isWorthIt;
    }

    public void Dispose() => _queries?.Dispose();

    // The part of all pairs that is in reach, judged by some of the queries.
    private double PartInReach()
    {
        const int Samples = 32;
        Reach<TKernel, T> reach = NewReach(_exponent);
        long keys = 0;
        int samples = Math.Min(Samples, _leaves.Length);
        for (int i = 0; i < samples; i++)
        {
            reach.Find(Queries.Box(_leaves[(int)((long)i * _leaves.Length / samples)].Node));
            keys += reach.KeyCount;
        }

        return samples == 0 ? 0 : (double)keys / samples / _problem.KeyCount;
    }

    // A query that must not see one key still sees the others of a box that holds several.
    private Reach<TKernel, T> NewReach(double exponent) => new(_keys.Points, exponent, _problem.LeftOut is null ? 1 : 2);

    private sealed class Worker : IDisposable
    {
        private readonly TreePooling<TKernel, TLanes, TWideLanes, T> _owner;
        private readonly PoolingProblem<T> _problem;
        private readonly SumLayout _layout;
        private readonly Reach<TKernel, T> _reach;
        private readonly Scratch _memory;
        private readonly T* _buffers;
        private readonly double* _row;
        private readonly double* _ownPair;
        private readonly double* _query;
        private readonly double* _scales;
        private readonly TreeTiles<T> _tiles;
        private readonly CarefulPooling<TKernel, TWideLanes, T> _careful;
        private readonly RowFinisher<TKernel, T> _finisher;

        public Worker(TreePooling<TKernel, TLanes, TWideLanes, T> owner)
        {
            _owner = owner;
            _problem = owner._problem;
            _layout = owner._layout;
            _reach = owner.NewReach(owner._exponent);
            int buffers = GeneralLoops<TKernel, TLanes, T>.Buffers * MostKeysInSum * sizeof(T);
            _memory = new Scratch(buffers + (2L * (_layout.Length + _problem.Features) * sizeof(double)));
            _buffers = _memory.As<T>();
            _row = (double*)((byte*)_buffers + buffers);
            _ownPair = _row + _layout.Length;
            _query = _ownPair + _layout.Length;
            _scales = _query + _problem.Features;
            owner._scales.CopyTo(new Span<double>(_scales, _problem.Features));
            _tiles = new TreeTiles<T>(owner._keys, _problem.Columns, _problem.LeftOut is not null);
            _careful = new CarefulPooling<TKernel, TWideLanes, T>(_problem, owner._writer, _tiles);
            _finisher = new RowFinisher<TKernel, T>(_problem, owner._writer, owner._leastWeightSum);
        }

        public void Answer((int First, int End, int Node) leaf)
        {
            _reach.Find(_owner.Queries.Box(leaf.Node));
            double dropped = KernelTraits<TKernel>.IsGaussian ? _problem.KeyCount * Math.Exp(-_reach.SquaredReach / 2) : 0;
            var errors = new RowErrors { WeightSum = dropped, Elsewhere = dropped * _reach.SquaredReach };
            for (int place = leaf.First; place < leaf.End; place++)
            {
                int query = _owner.Queries.Order[place];
                Sum(place);
                if (!_finisher.TryFinish(query, _row, OwnPair(query), errors))
                {
                    _finisher.Bound(query, AnswerCarefully(query, place));
                }
            }
        }

        public void Dispose()
        {
            _finisher.Dispose();
            _careful.Dispose();
            _memory.Dispose();
        }

        private void Sum(int place)
        {
            for (int j = 0; j < _problem.Features; j++)
            {
                _query[j] = double.CreateTruncating(_owner.Queries.Column(j)[place]);
            }

            new Span<double>(_row, _layout.Length).Clear();
            foreach ((int from, int end) in _reach.Stretches)
            {
                for (int first = from; first < end; first += MostKeysInSum)
                {
                    Add(_owner._keys.Slice(first, Math.Min(MostKeysInSum, end - first)), _row);
                }
            }
        }

        private void Add(in Tile<T> tile, double* row) => PairLoops<TKernel, TLanes, T>.Add(tile, _layout, _query, _scales, _buffers, row);

        // The sums of the pair that a query must not see; null where it is not among those in reach.
        private double* OwnPair(int query)
        {
            int key = _problem.LeftOut is null ? -1 : _problem.LeftOut[query];
            int place = key < 0 ? -1 : _owner._keys.PlaceOf(key);
            if (key < 0 || !_reach.Stretches.Exists(stretch => place >= stretch.First && place < stretch.End))
            {
                return null;
            }

            new Span<double>(_ownPair, _layout.Length).Clear();
            Add(_owner._keys.Slice(place, 1), _ownPair);
            return _ownPair;
        }

        // Without sample weights a key that is left out weighs at most e^-exponent of the nearest one. With them nothing is known, and all
        // keys are asked.
        private double AnswerCarefully(int query, int place)
        {
            bool needsAll = KernelTraits<TKernel>.IsBounded
                ? _problem.Options.NoNeighbour == NoNeighbourPolicy.Nearest
                : _problem.Samples.SampleWeights is not null;
            double exponent = _owner._exponent;
            Reach<TKernel, T> reach = _reach;
            while (!needsAll)
            {
                // Of a key beyond the reach: its weight times its squared distance from the nearest one.
                double elsewhere = KernelTraits<TKernel>.IsGaussian && _layout.HasPlanes
                    ? 4 * reach.SquaredReach * _problem.KeyCount * Math.Exp(-exponent)
                    : 0;
                _tiles.Select(reach.Stretches);
                if (_careful.Answer(query, 0, _tiles.Count, elsewhere))
                {
                    break;
                }

                exponent *= Deeper;
                reach = FindAround(place, exponent);
                needsAll = reach.KeyCount == _problem.KeyCount || exponent > GreatestExponent;
            }

            if (needsAll)
            {
                _tiles.Select([(0, _owner._keys.Points.Count)]);
                _careful.Answer(query, 0, _tiles.Count);
            }

            return needsAll || !KernelTraits<TKernel>.IsGaussian ? 0 : 2 * _problem.KeyCount * Math.Exp(-_owner._exponent);
        }

        // What one query can notice, down to e^-exponent of its nearest key's weight.
        private Reach<TKernel, T> FindAround(int place, double exponent)
        {
            Span<double> box = stackalloc double[2 * _problem.Features];
            for (int j = 0; j < _problem.Features; j++)
            {
                box[j] = _owner.Queries.InBandwidths(place, j);
                box[_problem.Features + j] = box[j];
            }

            Reach<TKernel, T> reach = _owner.NewReach(exponent);
            reach.Find(box);
            return reach;
        }
    }
}
