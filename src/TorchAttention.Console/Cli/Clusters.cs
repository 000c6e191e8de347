using TorchAttention.Cli.Regression;
using TorchAttention.Cluster;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli;

/// <summary>The clusters of the command line. Nothing of Orleans is loaded before one is asked.</summary>
internal sealed class Clusters : IShardClusters
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    /// <inheritdoc/>
    public Option<string?> Option { get; } = Options.Text(
        ClusterAddress.Name, "address", $"With --shards, the cluster that has them: {ClusterAddress.Forms}");

    /// <inheritdoc/>
    public async Task<IShardPredictor> ConnectAsync(string cluster, ShardManifest manifest) =>
        await ClusterClient.ConnectAsync(ClusterAddress.Parse(cluster), manifest, _patience);

    /// <inheritdoc/>
    public Task<int> ServeAsync(string cluster, ShardManifest manifest) => SiloCommand.RunAsync(ClusterAddress.Parse(cluster), manifest);
}
