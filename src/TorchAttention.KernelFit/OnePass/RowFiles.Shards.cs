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
    public RowFiles(string manifest)
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
    }

    private IEnumerable<RowBatch> ReadShard(string path)
    {
        int shard = Paths.ToList().IndexOf(path);
        ShardRows rows = ShardFile.Rows(_shards!, shard);
        List<double>[][] lists = [.. Enumerable.Range(0, ReadAhead.Held(BatchesAhead)).Select(_ => NewLists())];
        int count = rows.Keys.Length / Features;
        for (int first = 0, at = 0; first < count; first += BatchRows, at = (at + 1) % lists.Length)
        {
            int last = Math.Min(count, first + BatchRows);
            Array.ForEach(lists[at], column => column.Clear());
            Split(rows.Keys, Features, lists[at].AsSpan(0, Features));
            Split(rows.Values, Targets, lists[at].AsSpan(Features, Targets));
            Split(rows.Weights, 1, lists[at].AsSpan(Features + Targets));
            yield return new RowBatch(lists[at], Features, Targets, 0)
            {
                BytesRead = (long)((double)last / count * _shards!.Shards[shard].Bytes),
            };

            void Split(double[] numbers, int width, Span<List<double>> columns)
            {
                for (int column = 0; column < columns.Length; column++)
                {
                    for (int row = first; row < last; row++)
                    {
                        columns[column].Add(numbers[(row * width) + column]);
                    }
                }
            }
        }
    }
}
