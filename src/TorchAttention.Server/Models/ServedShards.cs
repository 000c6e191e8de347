using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Server.Guards;

namespace TorchAttention.Server.Models;

/// <summary>A cluster as a server asks it: what is wrong there is no fault of who asks here.</summary>
/// <param name="cluster">The cluster.</param>
/// <param name="log">Told a line of what went wrong.</param>
internal sealed class ServedShards(IShardPredictor cluster, Action<string> log) : IShardPredictor
{
    /// <summary>What shards are called in paths, on every host alike.</summary>
    public const string Name = "shards";

    public ShardManifest Manifest => cluster.Manifest;

    public async Task<Predictions> PredictAsync(
        ShardRequest request, double[] queries, NoNeighbourPolicy noNeighbour, CancellationToken cancellationToken)
    {
        try
        {
            return await cluster.PredictAsync(request, queries, noNeighbour, cancellationToken);
        }
        catch (CliException e)
        {
            log(e.Message);
            throw new RequestException(StatusCodes.Status503ServiceUnavailable, e.Message);
        }
    }

    public ValueTask DisposeAsync() => cluster.DisposeAsync();
}
