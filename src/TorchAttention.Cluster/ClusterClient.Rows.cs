using System.Security.Cryptography;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <content>Rows and moments, in parts of 1 MB.</content>
internal sealed partial class ClusterClient
{
    /// <inheritdoc/>
    public async Task<ShardRows> RowsAsync(int shard, int first, int step, CancellationToken cancellationToken)
    {
        int most = RowsAsked.MostRows(Manifest);
        int count = (int)(((long)Manifest.Shards[shard].Rows - first + step - 1) / step);
        ShardRows[] parts = await Task.WhenAll(Enumerable.Range(0, (count + most - 1) / most).Select(async part =>
        {
            var asked = new RowsAsked
            {
                Manifest = Manifest.Hash,
                First = first + (part * most * step),
                Step = step,
                Count = most,
            };
            return Wire.ReadRows(await AskAsync(_ => GrainOf(shard).RowsAsync(asked), cancellationToken));
        }));
        return new ShardRows(
            [.. parts.SelectMany(part => part.Keys)], [.. parts.SelectMany(part => part.Values)],
            [.. parts.SelectMany(part => part.Weights)], -1);
    }

    /// <inheritdoc/>
    public async Task<byte[]> MomentsAsync(int shard, byte[] grid, CancellationToken cancellationToken)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(grid));
        byte[] all = [];
        int first = 0;
        do
        {
            byte[] part = await AskAsync(_ => GrainOf(shard).MomentsAsync(Asked(first)), cancellationToken);
            if (part.Length == 0)
            {
                // The shard is another one now, or was never asked: moments of the same rows are the same bytes, wherever they are made.
                for (int at = 0; at < grid.Length; at += MomentsAsked.PartBytes)
                {
                    byte[] own = grid[at..Math.Min(grid.Length, at + MomentsAsked.PartBytes)];
                    await AskAsync(_ => GrainOf(shard).GridAsync(Asked(at), own, grid.Length), cancellationToken);
                }

                continue;
            }

            all = all.Length == 0 ? new byte[BitConverter.ToInt32(part)] : all;
            part.AsSpan(sizeof(int)).CopyTo(all.AsSpan(first));
            first += part.Length - sizeof(int);
        }
        while (first == 0 || first < all.Length);
        return all;

        MomentsAsked Asked(int first) => new() { Manifest = Manifest.Hash, Grid = hash, First = first };
    }

    private IShardGrain GrainOf(int shard) => Grains.GetGrain<IShardGrain>(new ShardKey(shard, 0).In(Manifest));
}
