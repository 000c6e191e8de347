using System.Collections.Concurrent;
using System.Diagnostics;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>
/// Asks shards from one silo: of each the replica that has the fewest questions of this silo, and another one at once where it refuses, has
/// gone or stands still.
/// </summary>
internal sealed class Replicas(ShardManifest manifest, ShardSettings settings, IGrainFactory grains, KilledSilos killed)
{
    // How often it is asked whether a silo that works is there still.
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan _suspicion = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<ShardKey, Task<bool>> _looks = new();
    private readonly ConcurrentDictionary<ShardKey, long> _suspects = new();
    private readonly Patience _patience = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1));
    private readonly int[] _asked = new int[manifest.Shards.Length * settings.Replicas];

    /// <summary>Asks one, until it answers or has not for long.</summary>
    /// <param name="shard">Which shard.</param>
    /// <param name="ask">The question.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public async Task<Reply> AskAsync(
        int shard, Func<IShardGrain, CancellationToken, Task<Reply>> ask, CancellationToken cancellationToken)
    {
        long begun = Stopwatch.GetTimestamp();
        List<int> tried = [];
        Reply? later = null;
        while (true)
        {
            int replica = Choose(shard, tried);
            tried.Add(replica);
            Reply reply;
            try
            {
                reply = await AskWatchedAsync(shard, replica, ask, cancellationToken);
                if (reply.Outcome == Outcome.Done)
                {
                    return reply;
                }
            }
            catch (Exception e) when (Lost.Is(e))
            {
                cancellationToken.ThrowIfCancellationRequested();
                Suspect(new ShardKey(shard, replica));
                reply = Reply.Later(e.GetBaseException().Message, _pause);
            }

            // What one replica cannot, as read its file, another may, at once or when it has loaded its own.
            later = reply.Outcome == Outcome.Later ? reply : later;
            if (tried.Count < settings.Replicas)
            {
                continue;
            }

            reply = later ?? reply;
            if (reply.Outcome == Outcome.Refused || Stopwatch.GetElapsedTime(begun) > _longest)
            {
                return reply;
            }

            tried.Clear();
            later = null;
            await Task.Delay(reply.RetryAfter, cancellationToken);
        }
    }

    private async Task<Reply> AskWatchedAsync(
        int shard, int replica, Func<IShardGrain, CancellationToken, Task<Reply>> ask, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<Reply> first = AskAsync(new ShardKey(shard, replica), ask, stop.Token);
        while (await Task.WhenAny(first, Task.Delay(_look, cancellationToken)) != first)
        {
            if (await IsThereAsync(new ShardKey(shard, replica)))
            {
                continue;
            }

            if (settings.Replicas == 1)
            {
                killed.Look();
                continue;
            }

            Suspect(new ShardKey(shard, replica));
            Task<Reply> second = AskAsync(new ShardKey(shard, Choose(shard, [replica])), ask, stop.Token);
            Task<Reply> sooner = await Task.WhenAny(first, second);
            Task<Reply> later = sooner == first ? second : first;
            if (sooner is { IsCompletedSuccessfully: true, Result.Outcome: Outcome.Done })
            {
                stop.Cancel();
                _ = later.ContinueWith(
                    lost => lost.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
                return sooner.Result;
            }

            // The silo that stands still may never answer.
            return await (later == first && sooner.IsCompletedSuccessfully ? sooner : later);
        }

        return await first;
    }

    private async Task<Reply> AskAsync(
        ShardKey key, Func<IShardGrain, CancellationToken, Task<Reply>> ask, CancellationToken cancellationToken)
    {
        int place = (key.Shard * settings.Replicas) + key.Replica;
        Interlocked.Increment(ref _asked[place]);
        try
        {
            return await ask(grains.GetGrain<IShardGrain>(key.In(manifest)), cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _asked[place]);
        }
    }

    private int Choose(int shard, List<int> tried) => Enumerable.Range(0, settings.Replicas)
        .Where(replica => settings.Replicas == 1 || !tried.Contains(replica))
        .OrderBy(replica => IsSuspect(new ShardKey(shard, replica)))
        .ThenBy(replica => Volatile.Read(ref _asked[(shard * settings.Replicas) + replica]))
        .ThenBy(replica => (replica + shard) % settings.Replicas)
        .First();

    private void Suspect(ShardKey key)
    {
        _suspects[key] = Stopwatch.GetTimestamp();
        killed.Look();
    }

    private bool IsSuspect(ShardKey key) =>
        _suspects.TryGetValue(key, out long since) && Stopwatch.GetElapsedTime(since) < _suspicion;

    private async Task<bool> IsThereAsync(ShardKey key)
    {
        Task<bool> look = _looks.GetOrAdd(key, LookAsync);
        bool isThere = await look;
        _looks.TryRemove(new KeyValuePair<ShardKey, Task<bool>>(key, look));
        return isThere;
    }

    private async Task<bool> LookAsync(ShardKey key)
    {
        try
        {
            return await _patience.IsInTimeAsync(grains.GetGrain<IShardGrain>(key.In(manifest)).StateAsync());
        }
        catch (Exception e) when (Lost.Is(e))
        {
            return false;
        }
    }
}
