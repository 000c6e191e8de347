using Orleans.Concurrency;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>Routes queries to shards by boxes, and merges what these say in the manifest's order.</summary>
/// <remarks>One on a silo for each key: so what is asked of it is given up there, too.</remarks>
[StatelessWorker(1)]
[Reentrant]
internal sealed class QueryGrain(ShardManifest manifest, Replicas replicas, PoolingThreads threads, ILocalSiloDetails here)
    : Grain, IQueryGrain
{
    /// <inheritdoc/>
    public Task<string> SiloAsync() => Task.FromResult(here.SiloAddress.ToParsableString());

    /// <inheritdoc/>
    public Task<Reply> PredictAsync(Asked asked, CancellationToken cancellationToken) => AnswerAsync(
        asked,
        async pooling => Wire.Bytes(await pooling.PredictAsync(
            Wire.Numbers(asked.Queries), asked.IsNearestAsked ? NoNeighbourPolicy.Nearest : NoNeighbourPolicy.NaN, cancellationToken)),
        cancellationToken);

    /// <inheritdoc/>
    public Task<Reply> ResidualsAsync(Asked asked, int shard, int first, CancellationToken cancellationToken) => AnswerAsync(
        asked, async pooling => Wire.Bytes((await pooling.ResidualsAsync(shard, first, cancellationToken)).ToNumbers()), cancellationToken);

    private async Task<Reply> AnswerAsync(Asked asked, Func<ShardedPooling, Task<byte[]>> answer, CancellationToken cancellationToken)
    {
        (ShardRequest? request, string why) = Wire.Understand(asked, manifest);
        if (request is null)
        {
            return Reply.Refused(why);
        }

        if (threads.IsFull)
        {
            return threads.Busy();
        }

        // What asks whether this silo is there does not wait while sums are merged.
        return await Task.Run(() => AnswerAsync(request, answer), cancellationToken);
    }

    private async Task<Reply> AnswerAsync(ShardRequest request, Func<ShardedPooling, Task<byte[]>> answer)
    {
        var shards = new GrainShards(replicas, manifest);
        try
        {
            var reply = Reply.Of(await answer(new ShardedPooling(manifest, request, shards)));
            reply.VectorKinds = shards.VectorKinds;
            return reply;
        }
        catch (NoAnswerException e)
        {
            return e.Reply;
        }
        catch (ArgumentException e)
        {
            return Reply.Refused(e.Message);
        }
    }

    /// <summary>A shard that has no answer.</summary>
    private sealed class NoAnswerException(Reply reply) : Exception(reply.Why)
    {
        public Reply Reply => reply;
    }

    /// <summary>Shards that are grains.</summary>
    private sealed class GrainShards(Replicas replicas, ShardManifest manifest) : IShards
    {
        private int _kinds;

        /// <summary>The kinds of vectors of those that answered.</summary>
        public int VectorKinds => _kinds;

        public async Task<IReadOnlyList<PoolingSums>> AskAsync(
            ShardRequest request, IReadOnlyList<ShardQuestion> questions, CancellationToken cancellationToken)
        {
            Reply[] replies = await Task.WhenAll(questions.Select(question =>
            {
                Asked asked = Wire.Ask(manifest, request, question.Queries, NoNeighbourPolicy.NaN);
                return replicas.AskAsync(
                    question.Shard, (shard, stop) => shard.SumsAtAsync(asked, question.IsCareful, stop), cancellationToken);
            }));
            return [.. replies.Select((reply, i) => PoolingSums.Read(BytesOf(reply), $"shard {questions[i].Shard}"))];
        }

        public async Task<ShardRows> RowsNearAsync(
            int shard, double[] query, ShardRequest request, double square, int first, CancellationToken cancellationToken)
        {
            Asked asked = Wire.Ask(manifest, request, query, NoNeighbourPolicy.NaN);
            return Wire.ReadRows(BytesOf(await replicas.AskAsync(
                shard, (grain, stop) => grain.RowsNearAsync(asked, square, first, stop), cancellationToken)));
        }

        private byte[] BytesOf(Reply reply)
        {
            Interlocked.Or(ref _kinds, reply.VectorKinds);
            return reply.Outcome == Outcome.Done ? reply.Bytes : throw new NoAnswerException(reply);
        }
    }
}
