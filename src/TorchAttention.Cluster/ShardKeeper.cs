using Microsoft.Extensions.Hosting;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>Has the shards that belong to this silo loaded before they are asked, also those that come to it later.</summary>
internal sealed class ShardKeeper(
    ShardManifest manifest, ShardSettings settings, IGrainFactory grains, ISiloStatusOracle silos, ILocalSiloDetails here)
    : BackgroundService
{
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(_look);
        do
        {
            SiloAddress[] now = [.. silos.GetApproximateSiloStatuses(onlyActive: true).Keys];
            IEnumerable<ShardKey> own = Enumerable.Range(0, manifest.Shards.Length)
                .SelectMany(shard => Enumerable.Range(0, settings.Replicas).Select(replica => new ShardKey(shard, replica)))
                .Where(key => now.Length > 0 && ShardDirector.SiloOf(manifest, settings, key, now).Equals(here.SiloAddress));
            await Task.WhenAll(own.Select(TouchAsync));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task TouchAsync(ShardKey key)
    {
        try
        {
            await grains.GetGrain<IShardGrain>(key.In(manifest)).StateAsync();
        }
        catch (Exception e) when (Lost.Is(e))
        {
            // Silos come and go: the next look sees where it is.
        }
    }
}
