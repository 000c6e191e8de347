using Orleans.Concurrency;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>Routes queries to shards by boxes, and merges what these say in the manifest's order.</summary>
[StatelessWorker]
internal sealed class QueryGrain(ShardManifest manifest) : Grain, IQueryGrain
{
    /// <inheritdoc/>
    public async Task<Reply> PredictAsync(Asked asked)
    {
        (ShardRequest? request, string why) = Wire.Understand(asked, manifest);
        if (request is null)
        {
            return Reply.Refused(why);
        }

        var shards = new GrainShards(GrainFactory, manifest);
        try
        {
            Predictions at = await new ShardedPooling(manifest, request, shards).PredictAsync(
                Wire.Numbers(asked.Queries), asked.IsNearestAsked ? NoNeighbourPolicy.Nearest : NoNeighbourPolicy.NaN);
            return Reply.Of(Wire.Bytes(at));
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
    private sealed class GrainShards(IGrainFactory grains, ShardManifest manifest) : IShards
    {
        public async Task<IReadOnlyList<PoolingSums>> AskAsync(
            ShardRequest request, IReadOnlyList<ShardQuestion> questions, CancellationToken cancellationToken)
        {
            Reply[] replies = await Task.WhenAll(questions.Select(question => GrainOf(question.Shard).SumsAtAsync(
                Wire.Ask(manifest, request, question.Queries, NoNeighbourPolicy.NaN), question.IsCareful)));
            return [.. replies.Select((reply, i) => PoolingSums.Read(BytesOf(reply), $"shard {questions[i].Shard}"))];
        }

        public async Task<ShardRows> RowsNearAsync(
            int shard, double[] query, ShardRequest request, double square, int first, CancellationToken cancellationToken) =>
            Wire.ReadRows(BytesOf(await GrainOf(shard).RowsNearAsync(
                Wire.Ask(manifest, request, query, NoNeighbourPolicy.NaN), square, first)));

        private IShardGrain GrainOf(int shard) => grains.GetGrain<IShardGrain>(ShardGrain.KeyOf(manifest, shard));

        private static byte[] BytesOf(Reply reply) => reply.Outcome == Outcome.Done ? reply.Bytes : throw new NoAnswerException(reply);
    }
}
