using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>
/// Shards in memory whose grains have ended. With a silo Orleans ends grains on others, too, whose entries in its directory the silo had;
/// these begin again on the silos that are left, where most find their rows.
/// </summary>
internal sealed class ParkedShards
{
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<int, ShardPool> _parked = [];

    /// <summary>Keeps a shard for a while.</summary>
    public void Park(int shard, ShardPool pool)
    {
        lock (_lock)
        {
            // Of two replicas one is enough.
            if (!_parked.TryAdd(shard, pool))
            {
                pool.Dispose();
                return;
            }
        }

        _ = DisposeInTimeAsync(shard, pool);
    }

    /// <summary>Gives a shard away; null where it is not here.</summary>
    public ShardPool? Take(int shard)
    {
        lock (_lock)
        {
            return _parked.Remove(shard, out ShardPool? pool) ? pool : null;
        }
    }

    private async Task DisposeInTimeAsync(int shard, ShardPool pool)
    {
        await Task.Delay(_longest);
        lock (_lock)
        {
            if (_parked.GetValueOrDefault(shard) != pool)
            {
                return;
            }

            _parked.Remove(shard);
        }

        pool.Dispose();
    }
}
