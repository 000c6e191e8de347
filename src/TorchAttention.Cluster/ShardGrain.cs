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
internal sealed class ShardGrain(ShardManifest manifest, PoolingThreads threads, ISiloStatusOracle silos, ILocalSiloDetails here)
    : Grain, IShardGrain
{
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(2);

    // Less than an answer may take, with the way back.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(3);

    private Task<ShardPool>? _loading;
    private int _siloCount;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        int shard = NumberOf(this.GetPrimaryKeyString());
        _siloCount = Silos().Length;
        this.RegisterGrainTimer(MakeRoomAsync, _look, _look);
        _loading = threads.RunAsync(() => ShardPool.Load(manifest, shard, threads: 1), CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (_loading!.IsCompletedSuccessfully)
        {
            (await _loading).Dispose();
        }
    }

    /// <inheritdoc/>
    public Task TouchAsync() => Task.CompletedTask;

    /// <inheritdoc/>
    public Task<Reply> SumsAtAsync(Asked asked, bool isCareful) => AnswerAsync(asked, (shard, request, queries) =>
        Wire.Bytes(shard.SumsAt(request, queries, isCareful)));

    /// <inheritdoc/>
    public Task<Reply> RowsNearAsync(Asked asked, double square, int first) => AnswerAsync(asked, (shard, request, queries) =>
        Wire.Bytes(shard.RowsNear(queries, request.Bandwidths, square, first)));

    /// <summary>The key of a shard.</summary>
    public static string KeyOf(ShardManifest manifest, int shard) =>
        string.Create(CultureInfo.InvariantCulture, $"{manifest.Hash}/{shard}");

    /// <summary>The number of the shard of a key.</summary>
    public static int NumberOf(string key) => int.Parse(key.AsSpan(key.LastIndexOf('/') + 1), CultureInfo.InvariantCulture);

    // Where a silo has come, some shards go there: the next call makes them anew. Those of a silo that has gone leave the others in peace.
    private Task MakeRoomAsync(CancellationToken cancellationToken)
    {
        SiloAddress[] now = Silos();
        bool isElsewhere = now.Length > _siloCount
            && !ShardDirector.SiloOf(manifest, NumberOf(this.GetPrimaryKeyString()), now).Equals(here.SiloAddress);
        _siloCount = now.Length;
        if (isElsewhere)
        {
            DeactivateOnIdle();
        }

        return Task.CompletedTask;
    }

    private SiloAddress[] Silos() => [.. silos.GetApproximateSiloStatuses(onlyActive: true).Keys];

    private async Task<Reply> AnswerAsync(Asked asked, Func<ShardPool, ShardRequest, double[], byte[]> answer)
    {
        (ShardRequest? request, string why) = Wire.Understand(asked, manifest);
        if (request is null)
        {
            return Reply.Refused(why);
        }

        ShardPool shard;
        try
        {
            shard = await _loading!.WaitAsync(_patience);
        }
        catch (TimeoutException)
        {
            return Reply.Later($"shard {NumberOf(this.GetPrimaryKeyString())} is being loaded");
        }
        catch (Exception e) when (e is StorageException or OutOfMemoryException)
        {
            // The next call looks at the file again, here or elsewhere.
            DeactivateOnIdle();
            return Reply.Refused(e.Message);
        }

        double[] queries = Wire.Numbers(asked.Queries);
        return Reply.Of(await threads.RunAsync(() => answer(shard, request, queries), CancellationToken.None));
    }
}
