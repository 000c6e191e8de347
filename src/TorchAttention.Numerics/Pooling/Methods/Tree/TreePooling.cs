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

    public TreePooling(PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer)
    {
        _problem = problem;
        _writer = writer;
        _layout = writer.Layout;
        _scales = problem.Scales(TKernel.ArgumentScale);
        _exponent = Math.Log(20.0 * (_layout.HasPlanes ? FarPositions : 1) * problem.KeyCount / problem.Options.Tolerance);
    }

    public PoolingMethod Name => PoolingMethod.Tree;

    public double Cost => PairsForAnInput * _problem.Inputs;

    public string Merit => "few features and many pairs";

    private PointTree<T> Queries => _queries!;

    public string? Doubt() => _problem.Features > MostFeatures ? $"{_problem.Features} features"
        : !KernelTraits<TKernel>.IsBounded && !KernelTraits<TKernel>.IsGaussian
            ? $"every key is in the reach of the kernel {TKernel.Name}"
            : null;

    public bool IsWorthIt(bool isAsked, out string? note)
    {
        double[] w = _problem.InverseBandwidths;
        _keys = _problem.Kept.Get(typeof(KeyTree<T>), () => new KeyTree<T>(_problem.Samples, w));
        _queries = new PointTree<T>(
            _problem.Queries, _problem.QueryCount, _problem.Samples.Keys, w, QueriesInLeaf, Reach<TKernel, T>.MostSide(_exponent));
        _leaves = [.. _queries.Nodes.Index().Where(node => node.Item.IsLeaf).Select(node => (node.Item.First, node.Item.End, node.Index))];
        double part = PartInReach();
        bool isWorthIt = isAsked || part < WorthATree;
        note = string.Create(CultureInfo.InvariantCulture, $"{part:P0} of all pairs {(isWorthIt ? "in" : "are in")} reach");
        return isWorthIt;
    }

    public void Run() => _problem.Work.ForEach(_leaves.Length, () => new Worker(this), (leaf, worker) => worker.Answer(_leaves[leaf]));

    public void Dispose() => _queries?.Dispose();

    // The part of all pairs that is in reach, judged by some of the queries: leaves have few of them where they are sparse.
    private double PartInReach()
    {
        const int Samples = 32;
        Reach<TKernel, T> reach = NewReach(_exponent);
        long keys = 0;
        int samples = Math.Min(Samples, Queries.Count);
        for (int i = 0; i < samples; i++)
        {
            int place = (int)((long)i * Queries.Count / samples);
            int leaf = ~Array.BinarySearch(_leaves, (place, int.MaxValue, 0)) - 1;
            reach.Find(Queries.Box(_leaves[leaf].Node));
            keys += reach.KeyCount;
        }

        return samples == 0 ? 0 : (double)keys / samples / _problem.KeyCount;
    }

    // A query that must not see one key still sees the others of a box that holds several.
    private Reach<TKernel, T> NewReach(double exponent) => new(_keys.Points, exponent, _problem.LeftOut is null ? 1 : 2);

    private sealed class Worker(TreePooling<TKernel, TLanes, TWideLanes, T> owner)
        : PoolingPass<TKernel, TLanes, TWideLanes, T, T>(
            owner._problem, owner._writer, owner._scales, MostKeysInSum, owner._layout.Length + owner._problem.Features)
    {
        private readonly Reach<TKernel, T> _reach = owner.NewReach(owner._exponent);
        private TreeTiles<T>? _tiles;

        private double* Query => Numbers + Layout.Length;

        public void Answer((int First, int End, int Node) leaf)
        {
            _reach.Find(owner.Queries.Box(leaf.Node));
            double dropped = KernelTraits<TKernel>.IsGaussian ? Problem.KeyCount * Math.Exp(-_reach.SquaredReach / 2) : 0;
            var errors = new RowErrors { WeightSum = dropped, Elsewhere = dropped * _reach.SquaredReach };
            for (int place = leaf.First; place < leaf.End; place++)
            {
                Sum(place);
                Finish(owner.Queries.Order[place], place, Numbers, errors);
            }
        }

        protected override IKeyTiles Tiles() => _tiles = new TreeTiles<T>(owner._keys, Problem.Columns, Problem.LeftOut is not null);

        // Only what is in reach was summed.
        protected override bool TryAddPair(int key, int place, double* own, double* row)
        {
            int at = owner._keys.PlaceOf(key);
            bool isInReach = _reach.Stretches.Exists(stretch => at >= stretch.First && at < stretch.End);
            if (isInReach)
            {
                Add(owner._keys.Slice(at, 1), Query, own);
            }

            return isInReach;
        }

        private void Sum(int place)
        {
            double* query = Query;
            for (int j = 0; j < Problem.Features; j++)
            {
                query[j] = double.CreateTruncating(owner.Queries.Column(j)[place]);
            }

            new Span<double>(Numbers, Layout.Length).Clear();
            foreach ((int from, int end) in _reach.Stretches)
            {
                for (int first = from; first < end; first += MostKeysInSum)
                {
                    Add(owner._keys.Slice(first, Math.Min(MostKeysInSum, end - first)), query, Numbers);
                }
            }
        }

        // Without sample weights a key that is left out weighs at most e^-exponent of the nearest one. With them nothing is known, and all
        // keys are asked.
        protected override double AnswerCarefully(int query, int place)
        {
            CarefulPooling<TKernel, TWideLanes, T> careful = Careful;
            TreeTiles<T> tiles = _tiles!;
            bool needsAll = KernelTraits<TKernel>.IsBounded
                ? Problem.Options.NoNeighbour == NoNeighbourPolicy.Nearest
                : Problem.Samples.SampleWeights is not null;
            double exponent = owner._exponent;
            Reach<TKernel, T> reach = _reach;
            while (!needsAll)
            {
                // Of a key beyond the reach: its weight times its squared distance from the nearest one.
                double elsewhere = KernelTraits<TKernel>.IsGaussian && Layout.HasPlanes
                    ? 4 * reach.SquaredReach * Problem.KeyCount * Math.Exp(-exponent)
                    : 0;
                tiles.Select(reach.Stretches);
                if (careful.Answer(query, 0, tiles.Count, elsewhere))
                {
                    break;
                }

                exponent *= Deeper;
                reach = FindAround(place, exponent);
                needsAll = reach.KeyCount == Problem.KeyCount || exponent > GreatestExponent;
            }

            if (needsAll)
            {
                tiles.Select([(0, owner._keys.Points.Count)]);
                careful.AnswerFromAll(query);
            }

            return needsAll || !KernelTraits<TKernel>.IsGaussian ? 0 : 2 * Problem.KeyCount * Math.Exp(-owner._exponent);
        }

        // What one query can notice, down to e^-exponent of its nearest key's weight.
        private Reach<TKernel, T> FindAround(int place, double exponent)
        {
            Span<double> box = stackalloc double[2 * Problem.Features];
            for (int j = 0; j < Problem.Features; j++)
            {
                box[j] = owner.Queries.InBandwidths(place, j);
                box[Problem.Features + j] = box[j];
            }

            Reach<TKernel, T> reach = owner.NewReach(exponent);
            reach.Find(box);
            return reach;
        }
    }
}
