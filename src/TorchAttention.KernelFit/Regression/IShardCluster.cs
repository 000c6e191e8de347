using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.Regression;

/// <summary>A cluster that has shards: beside answers it gives their rows, and sums over them.</summary>
internal interface IShardCluster : IShardPredictor
{
    /// <summary>Rows of a shard.</summary>
    /// <param name="shard">Which shard.</param>
    /// <param name="first">The first row.</param>
    /// <param name="step">How far the next one is from it.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    Task<ShardRows> RowsAsync(int shard, int first, int step, CancellationToken cancellationToken);

    /// <summary>The moments of a shard's rows, as the bytes of their file.</summary>
    /// <param name="shard">Which shard.</param>
    /// <param name="grid">Moments of no rows, cut as they are to be, as the bytes of theirs.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    Task<byte[]> MomentsAsync(int shard, byte[] grid, CancellationToken cancellationToken);
}
