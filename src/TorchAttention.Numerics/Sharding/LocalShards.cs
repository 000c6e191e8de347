namespace TorchAttention.Numerics.Sharding;

/// <summary>
/// Shards that this process reads when they are asked. What fits stays in memory; of the others one is there at a time, and is read again
/// for the next queries.
/// </summary>
public sealed class LocalShards : IShards, IDisposable
{
    // Rows, a copy in order, and what is prepared for a bandwidth.
    private const int Copies = 4;

    private readonly ShardManifest _manifest;
    private readonly ShardPool?[] _kept;
    private long _room;

    /// <summary>No shard is read yet.</summary>
    /// <param name="manifest">The manifest.</param>
    /// <param name="bytes">The memory that shards may stay in; half of what the process may have where null.</param>
    public LocalShards(ShardManifest manifest, long? bytes = null)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        _manifest = manifest;
        _kept = new ShardPool?[manifest.Shards.Length];
        _room = bytes ?? (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<PoolingSums>> AskAsync(
        ShardRequest request, IReadOnlyList<ShardQuestion> questions, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(questions);
        return Task.Run<IReadOnlyList<PoolingSums>>(() => Ask(request, questions, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<ShardRows> RowsNearAsync(
        int shard, double[] query, ShardRequest request, double square, int first, CancellationToken cancellationToken) =>
        Task.Run(() => With(shard, pool => pool.RowsNear(query, request.Bandwidths, square, first)), cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(_kept, shard => shard?.Dispose());

    private PoolingSums[] Ask(ShardRequest request, IReadOnlyList<ShardQuestion> questions, CancellationToken cancellationToken)
    {
        var sums = new PoolingSums[questions.Count];
        foreach (IGrouping<int, (int Index, ShardQuestion Item)> asked in questions.Index().GroupBy(question => question.Item.Shard))
        {
            cancellationToken.ThrowIfCancellationRequested();
            With(asked.Key, shard =>
            {
                foreach ((int index, ShardQuestion question) in asked)
                {
                    sums[index] = shard.SumsAt(request, question.Queries, question.IsCareful, cancellationToken);
                }

                return sums;
            });
        }

        return sums;
    }

    private T With<T>(int index, Func<ShardPool, T> use)
    {
        if (_kept[index] is ShardPool kept)
        {
            return use(kept);
        }

        ShardPool shard = ShardPool.Load(_manifest, index);
        long needed = Copies * _manifest.Shards[index].Bytes;
        if (needed <= _room)
        {
            (_kept[index], _room) = (shard, _room - needed);
            return use(shard);
        }

        using (shard)
        {
            return use(shard);
        }
    }
}
