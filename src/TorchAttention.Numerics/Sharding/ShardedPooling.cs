using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Numerics.Sharding;

/// <summary>
/// Kernel regression over shards: asks those whose boxes are in a query's reach, and adds their sums in the manifest's order, so that the
/// numbers do not depend on where the shards are and who answers first.
/// </summary>
/// <remarks>
/// <para>Of a Gaussian, shards are left out whose rows weigh less than 2^-80 in all. Where too little is near for that to be nothing, the
/// query is asked again farther out, and at last with care, relative to its nearest row (<see cref="PoolingSums.Unsettled"/>).</para>
/// <para>Queries are cut into questions of the same sizes wherever they are asked; together with the vectors' width, which the manifest
/// says, this makes the numbers the same to the bit on one machine and on many.</para>
/// </remarks>
public sealed partial class ShardedPooling
{
    private readonly ShardManifest _manifest;
    private readonly ShardRequest _request;
    private readonly IShards _shards;
    private readonly ShardReach _reach;

    /// <summary>Prepares.</summary>
    /// <param name="manifest">The shards.</param>
    /// <param name="request">The kernel, the bandwidths, the degree.</param>
    /// <param name="shards">Who has them.</param>
    /// <exception cref="ArgumentException">Another number of bandwidths, one that is not positive, or another degree.</exception>
    public ShardedPooling(ShardManifest manifest, ShardRequest request, IShards shards)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(shards);
        request.Check(manifest);
        (_manifest, _request, _shards) = (manifest, request, shards);
        _reach = new ShardReach(manifest, request);
    }

    /// <summary>How many queries are asked together: predictions of so many at a time are those of all at once.</summary>
    public int MostQueries => _request.MostQueries(_manifest);

    /// <summary>Predicts.</summary>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="noNeighbour">The answer for a query that no row has a weight for.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The predictions (m, v), without standard errors.</returns>
    /// <exception cref="ArgumentException">Queries of other features, or a number that is not finite.</exception>
    /// <exception cref="NoNeighbourException">A query has no neighbour, and the policy is to stop there.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public async Task<Predictions> PredictAsync(
        double[] queries, NoNeighbourPolicy noNeighbour = NoNeighbourPolicy.NaN, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queries);
        int d = _manifest.Features;
        if (queries.Length % d != 0 || !Array.TrueForAll(queries, double.IsFinite))
        {
            throw new ArgumentException($"Expected finite queries (m, {d}), got {queries.Length} numbers.", nameof(queries));
        }

        (ShardAnswers answers, int[] without) = await AnswerAsync(queries, noNeighbour, cancellationToken);
        return without.Length > 0 && noNeighbour == NoNeighbourPolicy.Error ? throw new NoNeighbourException(without)
            : answers.ToPredictions();
    }

    private async Task<(ShardAnswers Answers, int[] Without)> AnswerAsync(
        double[] queries, NoNeighbourPolicy noNeighbour, CancellationToken cancellationToken)
    {
        int d = _manifest.Features;
        var answers = new ShardAnswers(_manifest, _request, queries);
        Block[] blocks = [.. queries.Chunk(MostQueries * d).Select(chunk => new Block(chunk, d))];
        await AskNearAsync(blocks, cancellationToken);
        await AskWithCareAsync(blocks, noNeighbour == NoNeighbourPolicy.Nearest, cancellationToken);
        HashSet<int> without = [.. blocks.SelectMany((block, i) => answers.Take(block.Sums!, i * MostQueries, noNeighbour))];
        foreach (int query in blocks.SelectMany((block, i) => block.Sums!.Unsettled.Select(query => (i * MostQueries) + query)))
        {
            (double[] keys, double[] values, double[] weights) = await RowsNearAsync(
                queries[(query * d)..((query + 1) * d)], cancellationToken);
            bool hasNone = answers.TakeFromRows(query, keys, values, weights, noNeighbour);
            _ = hasNone ? without.Add(query) : without.Remove(query);
        }

        return (answers, [.. without.Order()]);
    }

    // A plane that hangs on rows which no sum beside the nearest can hold is fitted to the rows themselves.
    private async Task<(double[] Keys, double[] Values, double[] Weights)> RowsNearAsync(
        double[] query, CancellationToken cancellationToken)
    {
        double square = _reach.SquareOfRows(query);
        List<double> keys = [];
        List<double> values = [];
        List<double> weights = [];
        foreach ((int index, Shard shard) in _manifest.Shards.Index())
        {
            ShardRows? rows = null;
            for (int next = 0; shard.SquareTo(query, _request.Bandwidths) <= square && rows?.Next != -1; next = rows.Next)
            {
                rows = await _shards.RowsNearAsync(index, query, _request, square, next, cancellationToken);
                keys.AddRange(rows.Keys);
                values.AddRange(rows.Values);
                weights.AddRange(rows.Weights);
            }
        }

        return ([.. keys], [.. values], [.. weights]);
    }

    // Those in reach, and of a Gaussian those farther out where too little is near.
    private async Task AskNearAsync(Block[] blocks, CancellationToken cancellationToken)
    {
        foreach (Block block in blocks)
        {
            for (int query = 0; query < block.Count; query++)
            {
                block.Squares[query] = _reach.Square;
            }
        }

        await AskAsync(blocks, isCareful: false, cancellationToken);
        if (!_reach.LeavesOut)
        {
            return;
        }

        foreach (Block block in blocks)
        {
            double[] sums = block.Sums!.WeightSums();
            HashSet<int> thin =
                [.. block.Sums.Thin([.. Enumerable.Repeat(ShardReach.LeftOut, block.Count)], _reach.Square), .. block.Unasked];
            foreach (int query in Enumerable.Range(0, block.Count))
            {
                double? beside = _reach.SquareBeside(sums[query]);
                bool isThin = thin.Contains(query) && !block.HasAskedAll(query);
                block.Squares[query] = isThin ? beside ?? double.NaN : double.NaN;
                block.IsOpen[query] = isThin;
            }
        }

        await AskAsync(blocks, isCareful: false, cancellationToken);
        foreach (Block block in blocks)
        {
            double[] leftOut = [.. block.Sums!.WeightSums().Select(sum => ShardReach.LeftOut * Math.Min(1, sum))];
            double square = block.Squares.Where(square => !double.IsNaN(square)).DefaultIfEmpty(0).Max();
            HashSet<int> thin = [.. block.Sums.Thin(leftOut, square)];
            foreach (int query in Enumerable.Range(0, block.Count).Where(query => !double.IsNaN(block.Squares[query])))
            {
                block.IsOpen[query] = thin.Contains(query) && !block.HasAskedAll(query);
            }
        }
    }

    private async Task AskWithCareAsync(Block[] blocks, bool isNearestAsked, CancellationToken cancellationToken)
    {
        foreach (Block block in blocks)
        {
            HashSet<int> unsettled = [.. block.Sums!.Unsettled, .. block.Unasked];
            foreach (int query in Enumerable.Range(0, block.Count))
            {
                block.Squares[query] = block.IsOpen[query] || unsettled.Contains(query)
                    ? _reach.SquareWithCare(block.QueryAt(query), isNearestAsked)
                    : double.NaN;
            }
        }

        await AskAsync(blocks, isCareful: true, cancellationToken);
    }

    // Asks shards within each query's square, none where that is no number, and puts the sums in the place of those before.
    private async Task AskAsync(Block[] blocks, bool isCareful, CancellationToken cancellationToken)
    {
        List<(Block Block, int[] Places)> asked = [];
        List<ShardQuestion> questions = [];
        foreach (Block block in blocks)
        {
            Array.Clear(block.Asked, 0, block.Sums is null ? block.Count : 0);
            foreach (int query in Enumerable.Range(0, block.Count).Where(query => !double.IsNaN(block.Squares[query])))
            {
                block.Asked[query] = 0;
            }
        }

        foreach ((int index, Shard shard) in _manifest.Shards.Index())
        {
            foreach (Block block in blocks)
            {
                int[] places = [.. Enumerable.Range(0, block.Count).Where(
                    query => shard.SquareTo(block.QueryAt(query), _request.Bandwidths) <= block.Squares[query])];
                if (index == 0 && places.Length == 0 && block.Sums is null)
                {
                    // Where nobody is near, sums of nothing have to come from somewhere.
                    places = [0];
                    block.Asked[0]--;
                }

                if (places.Length > 0)
                {
                    Array.ForEach(places, place => block.Asked[place]++);
                    asked.Add((block, places));
                    questions.Add(new ShardQuestion(index, block.QueriesAt(places), isCareful));
                }
            }
        }

        foreach (Block block in blocks)
        {
            block.ShardCount = _manifest.Shards.Length;
        }

        IReadOnlyList<PoolingSums> sums = questions.Count == 0 ? []
            : await _shards.AskAsync(_request, questions, cancellationToken);
        foreach (IGrouping<Block, (int Index, (Block Block, int[] Places) Item)> own in asked.Index().GroupBy(one => one.Item.Block))
        {
            own.Key.Take([.. own.Select(one => (one.Item.Places, sums[one.Index]))]);
        }
    }

    /// <summary>Queries that are asked together.</summary>
    private sealed class Block(double[] queries, int features)
    {
        public int Count { get; } = queries.Length / features;

        /// <summary>Their sums so far.</summary>
        public PoolingSums? Sums { get; private set; }

        /// <summary>The squared distance within which shards are asked next; NaN for none (m).</summary>
        public double[] Squares { get; } = new double[queries.Length / features];

        /// <summary>Whether what was left out may count (m).</summary>
        public bool[] IsOpen { get; } = new bool[queries.Length / features];

        /// <summary>How many shards were asked (m).</summary>
        public int[] Asked { get; } = new int[queries.Length / features];

        public int ShardCount { get; set; }

        public IEnumerable<int> Unasked => Enumerable.Range(0, Count).Where(query => Asked[query] <= 0);

        public bool HasAskedAll(int query) => Asked[query] == ShardCount;

        public ReadOnlySpan<double> QueryAt(int query) => queries.AsSpan(query * features, features);

        public double[] QueriesAt(int[] places)
        {
            double[] taken = new double[places.Length * features];
            for (int i = 0; i < places.Length; i++)
            {
                QueryAt(places[i]).CopyTo(taken.AsSpan(i * features));
            }

            return taken;
        }

        // In the order of the shards.
        public void Take((int[] Places, PoolingSums Sums)[] parts)
        {
            int[] all = Sums is null ? [.. Enumerable.Range(0, Count)] : [.. parts.SelectMany(part => part.Places).Distinct().Order()];
            double[] own = QueriesAt(all);
            PoolingSums? merged = null;
            foreach ((int[] places, PoolingSums sums) in parts)
            {
                PoolingSums spread = sums.Among(own, Array.ConvertAll(places, place => Array.BinarySearch(all, place)));
                merged = merged is null ? spread : PoolingSums.Merge(merged, spread);
            }

            Sums = Sums is null ? merged : Sums.Replacing(all, merged!);
        }
    }
}
