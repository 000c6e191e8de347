using System.Diagnostics;
using Orleans.Concurrency;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cluster;

/// <summary>
/// A shard in memory: it reads its file beside the calls, which are told to come later until then, and has no state but the file's. Where
/// the silo dies, the next call makes another one elsewhere.
/// </summary>
[Reentrant]
[ShardPlacement]
internal sealed partial class ShardGrain(
    ShardManifest manifest, ShardSettings settings, PoolingThreads threads, ISiloStatusOracle silos, ILocalSiloDetails here,
    ClusterMetrics metrics, ParkedShards parked)
    : Grain, IShardGrain
{
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _retry = TimeSpan.FromMilliseconds(50);

    // After so long a file that could not be read may be another one.
    private static readonly TimeSpan _stale = TimeSpan.FromSeconds(10);

    // Silos hear of each other at different times, and one may have placed a shard before it heard of another.
    private static readonly TimeSpan _settling = TimeSpan.FromSeconds(10);

    private Task<ShardPool>? _loading;
    private long _begun;
    private bool _isFailureTold;
    private int _siloCount;
    private long _changed;

    private ShardKey Key => ShardKey.Parse(this.GetPrimaryKeyString());

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        (_siloCount, _changed) = (Silos().Length, Stopwatch.GetTimestamp());
        this.RegisterGrainTimer(
            MakeRoomAsync, new GrainTimerCreationOptions { DueTime = _look, Period = _look, Interleave = true });
        Load();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (_loading!.IsCompletedSuccessfully)
        {
            parked.Park(Key.Shard, await _loading);
        }
    }

    /// <inheritdoc/>
    public Task<ShardState> StateAsync() => Task.FromResult(
        !_loading!.IsCompletedSuccessfully ? ShardState.Loading
            : IsInPlace(Silos()) ? ShardState.InPlace
            : ShardState.Loaded);

    /// <inheritdoc/>
    public Task<Reply> SumsAtAsync(Asked asked, bool isCareful, CancellationToken cancellationToken) => AnswerAsync(
        asked, (shard, request, queries) => Wire.Bytes(shard.SumsAt(request, queries, isCareful, cancellationToken)), cancellationToken);

    /// <inheritdoc/>
    public Task<Reply> RowsNearAsync(Asked asked, double square, int first, CancellationToken cancellationToken) => AnswerAsync(
        asked, (shard, request, queries) => Wire.Bytes(shard.RowsNear(queries, request.Bandwidths, square, first)), cancellationToken);

    // Where a silo has come, some shards go there. Those of a silo that has gone leave the others in peace, unless two replicas may have
    // met: then each goes where it belongs, while the others of the shard answer.
    private async Task MakeRoomAsync(CancellationToken cancellationToken)
    {
        ForgetRowsInTime();
        SiloAddress[] now = Silos();
        _changed = now.Length > _siloCount ? Stopwatch.GetTimestamp() : _changed;
        _siloCount = now.Length;
        if (IsInPlace(now) || (settings.Replicas == 1 && Stopwatch.GetElapsedTime(_changed) > _settling))
        {
            return;
        }

        for (int replica = 0; replica < settings.Replicas; replica++)
        {
            ShardKey key = Key;
            if (replica == key.Replica)
            {
                continue;
            }

            // Not all at once.
            ShardState state = await GrainFactory.GetGrain<IShardGrain>((key with { Replica = replica }).In(manifest)).StateAsync();
            if (state == ShardState.Loading || (replica < key.Replica && state != ShardState.InPlace))
            {
                return;
            }
        }

        // A call to a shard that has only left would make it here again, as callers remember where it was.
        this.MigrateOnIdle();
    }

    private void Load()
    {
        int shard = Key.Shard;
        (_begun, _isFailureTold) = (Stopwatch.GetTimestamp(), false);
        if (parked.Take(shard) is ShardPool pool)
        {
            _loading = Task.FromResult(pool);
            return;
        }

        metrics.Loads();
        _loading = threads.RunAsync(() => ShardPool.Load(manifest, shard, threads: 1), CancellationToken.None);
    }

    // The last silo that stops sees none, and nothing is to move.
    private bool IsInPlace(SiloAddress[] now) =>
        now.Length == 0 || ShardDirector.SiloOf(manifest, settings, Key, now).Equals(here.SiloAddress);

    private SiloAddress[] Silos() => [.. silos.GetApproximateSiloStatuses(onlyActive: true).Keys];

    private async Task<Reply> AnswerAsync(
        Asked asked, Func<ShardPool, ShardRequest, double[], byte[]> answer, CancellationToken cancellationToken)
    {
        (ShardRequest? request, string why) = Wire.Understand(asked, manifest);
        if (request is null)
        {
            return Reply.Refused(why);
        }

        if (_loading!.IsFaulted && (_isFailureTold || Stopwatch.GetElapsedTime(_begun) > _stale))
        {
            Load();
        }

        if (!_loading.IsCompleted)
        {
            return Reply.Later($"shard {Key.Shard} is being loaded", _retry);
        }

        ShardPool shard;
        try
        {
            shard = await _loading;
        }
        catch (Exception e) when (e is StorageException or OutOfMemoryException)
        {
            // The next call looks at the file again.
            _isFailureTold = true;
            return Reply.Refused(e.Message);
        }

        double[] queries = Wire.Numbers(asked.Queries);
        return await threads.AnswerAsync(() => answer(shard, request, queries), cancellationToken);
    }
}
