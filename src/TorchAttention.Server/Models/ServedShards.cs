using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Server.Guards;

namespace TorchAttention.Server.Models;

/// <summary>A cluster as a server asks it: what is wrong there is no fault of who asks here.</summary>
/// <param name="cluster">The cluster.</param>
/// <param name="log">Told a line of what went wrong.</param>
internal sealed class ServedShards(IShardCluster cluster, Action<string> log) : IShardCluster
{
    /// <summary>What shards are called in paths, on every host alike.</summary>
    public const string Name = "shards";

    public ShardManifest Manifest => cluster.Manifest;

    public Task<Predictions> PredictAsync(
        ShardRequest request, double[] queries, NoNeighbourPolicy noNeighbour, CancellationToken cancellationToken) =>
        AskAsync(() => cluster.PredictAsync(request, queries, noNeighbour, cancellationToken));

    public Task<ShardResiduals> ResidualsAsync(
        ShardRequest request, IProgress<double>? progress, CancellationToken cancellationToken) =>
        AskAsync(() => cluster.ResidualsAsync(request, progress, cancellationToken));

    public Task<ShardRows> RowsAsync(int shard, int first, int step, CancellationToken cancellationToken) =>
        AskAsync(() => cluster.RowsAsync(shard, first, step, cancellationToken));

    public Task<byte[]> MomentsAsync(int shard, byte[] grid, CancellationToken cancellationToken) =>
        AskAsync(() => cluster.MomentsAsync(shard, grid, cancellationToken));

    public ValueTask DisposeAsync() => cluster.DisposeAsync();

    private async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (CliException e)
        {
            log(e.Message);
            throw new RequestException(StatusCodes.Status503ServiceUnavailable, e.Message);
        }
    }
}
