using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.OnePass;

/// <content>Rows that were dealt to shards: a shard is in memory at a time.</content>
internal sealed partial class RowFiles
{
    private readonly ShardManifest? _shards;

    /// <summary>Rows of shards, whose columns the manifest says.</summary>
    /// <param name="manifest">The manifest's file.</param>
    /// <param name="connect">Connects to the cluster that has the rows; null where this machine has the files.</param>
    public RowFiles(string manifest, Func<ShardManifest, IShardCluster>? connect = null)
    {
        _shards = ShardManifest.Load(manifest);
        (_data, Source, Name) = (manifest, manifest, Path.GetFileName(_shards.Folder));
        (_csv, CanReadAgain, Features) = (new CsvOptions(), true, _shards.Features);
        if (Features > BoxGrid.MostFeatures)
        {
            throw CliException.WrongInput(
                $"--shards: expected those of at most {BoxGrid.MostFeatures} features, got {Features}: boxes of more have too many sums");
        }

        var columns = RowColumns.Of(manifest, _shards);
        string[] targets = ModelNotes.Split(columns.Y, _shards.Columns);
        (_x, _y, _weights, _kinds) = (columns.X, targets, columns.Weights, [.. columns.Kinds]);
        _columns = [.. columns.Features(Features), .. targets, .. _weights is null ? (string[])[] : [_weights]];
        Paths = [.. _shards.Shards.Select(shard => Path.Combine(_shards.Folder, shard.File))];
        Cluster = connect?.Invoke(_shards);
    }

    /// <summary>Who has the rows; null where they are files of this machine.</summary>
    public IShardCluster? Cluster { get; }

    /// <inheritdoc/>
    public void Dispose() => Cluster?.DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Whether a file may have rows with a first key in one of some intervals.</summary>
    /// <param name="path">One of <see cref="Paths"/>.</param>
    /// <param name="intervals">From the least key of each to below the most.</param>
    public bool MayHave(string path, IEnumerable<(double Least, double Most)> intervals) => _shards is null
        || intervals.Any(one => one.Least <= _shards.Shards[NumberOf(path)].Most[0] && one.Most > _shards.Shards[NumberOf(path)].Least[0]);

    /// <summary>The moments of the rows of a shard that a cluster has.</summary>
    /// <param name="shard">Which shard.</param>
    /// <param name="grid">Moments of no rows, as bytes.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public Task<byte[]> MomentsAsync(int shard, byte[] grid, CancellationToken cancellationToken) =>
        Cluster!.MomentsAsync(shard, grid, cancellationToken);

    // Every so many of all rows, in the order of the shards: as many as a look through all of them would keep.
    private SomeRows LookThroughShards()
    {
        long every = 1;
        long row = 0;
        foreach (Shard shard in _shards!.Shards)
        {
            for (int first = 0; first < shard.Rows; first += BatchRows)
            {
                row += Math.Min(BatchRows, shard.Rows - first);
                every *= (row + every - 1) / every > 2 * PilotRows ? 2 : 1;
            }
        }

        List<double>[] kept = NewLists();
        long before = 0;
        foreach ((int index, Shard shard) in _shards.Shards.Index())
        {
            long first = (every - (before % every)) % every;
            if (first < shard.Rows)
            {
                ShardRows rows = RowsOf(index, (int)first, (int)every);
                Append(rows.Keys, Features, kept.AsSpan(0, Features));
                Append(rows.Values, Targets, kept.AsSpan(Features, Targets));
                Append(rows.Weights, 1, kept.AsSpan(Features + Targets));
            }

            before += shard.Rows;
        }

        return Some(kept, before);
    }

    private static void Append(double[] numbers, int width, Span<List<double>> columns)
    {
        for (int column = 0; column < columns.Length; column++)
        {
            for (int at = column; at < numbers.Length; at += width)
            {
                columns[column].Add(numbers[at]);
            }
        }
    }

    private int NumberOf(string path) => Paths.Index().First(one => one.Item == path).Index;

    private ShardRows RowsOf(int shard, int first = 0, int step = 1) =>
        Cluster?.RowsAsync(shard, first, step, CancellationToken.None).GetAwaiter().GetResult()
            ?? ShardFile.Rows(_shards!, shard).Every(first, step, _shards!.Shards[shard].Rows);

    private IEnumerable<RowBatch> ReadShard(string path)
    {
        int shard = NumberOf(path);
        ShardRows rows = RowsOf(shard);
        List<double>[][] lists = [.. Enumerable.Range(0, ReadAhead.Held(BatchesAhead)).Select(_ => NewLists())];
        int count = rows.Keys.Length / Features;
        for (int first = 0, at = 0; first < count; first += BatchRows, at = (at + 1) % lists.Length)
        {
            int last = Math.Min(count, first + BatchRows);
            Array.ForEach(lists[at], column => column.Clear());
            Append(Part(rows.Keys, Features), Features, lists[at].AsSpan(0, Features));
            Append(Part(rows.Values, Targets), Targets, lists[at].AsSpan(Features, Targets));
            Append(Part(rows.Weights, 1), 1, lists[at].AsSpan(Features + Targets));
            yield return new RowBatch(lists[at], Features, Targets, default)
            {
                BytesRead = (long)((double)last / count * _shards!.Shards[shard].Bytes),
            };

            double[] Part(double[] numbers, int width) => numbers.Length == 0 ? [] : numbers[(first * width)..(last * width)];
        }
    }
}
