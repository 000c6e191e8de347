using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <content>Residuals of all rows, which stay where they are.</content>
internal sealed partial class ClusterClient
{
    /// <inheritdoc/>
    public async Task<ShardResiduals> ResidualsAsync(
        ShardRequest request, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var pooling = new ShardedPooling(Manifest, request, new LocalShards(Manifest, 0));
        Asked asked = Wire.Ask(Manifest, request, [], NoNeighbourPolicy.NaN);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<ShardResiduals>[] parts = [.. pooling.OfAllRows.Select(async of => ShardResiduals.Read(Wire.Numbers(
            await AskOnceAsync((grain, given) => grain.ResidualsAsync(asked, of.Shard, of.First, given), stop.Token))))];
        try
        {
            // In the order of the rows, whoever answers first.
            ShardResiduals all = pooling.OfNone;
            foreach (Task<ShardResiduals> part in parts)
            {
                all = all.Add(await part);
                progress?.Report(all.Rows / (double)Manifest.Rows);
            }

            return all;
        }
        finally
        {
            // Where one has no answer, nobody waits for the others.
            await stop.CancelAsync();
            await ((Task)Task.WhenAll(parts)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
