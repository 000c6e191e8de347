using TorchAttention.Cli.Regression;
using TorchAttention.Cluster;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli;

/// <summary>The clusters of the command line. Nothing of Orleans is loaded before one is asked.</summary>
internal sealed class Clusters : IShardClusters
{
    private const int MostReplicas = 16;

    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    private readonly Option<int> _replicas = new("--replicas")
    {
        Description = "With --cluster, on how many silos each shard is, where there are as many: one may die then without a reload",
        HelpName = "count",
        DefaultValueFactory = _ => 1,
    };

    /// <inheritdoc/>
    public IReadOnlyList<Option> MemberOptions => [_replicas];

    /// <inheritdoc/>
    public Option<string?> Option { get; } = Options.Text(
        ClusterAddress.Name, "address", $"With --shards, the cluster that has them: {ClusterAddress.Forms}");

    /// <inheritdoc/>
    public async Task<IShardCluster> ConnectAsync(string cluster, ShardManifest manifest) =>
        await ClusterClient.ConnectAsync(ClusterAddress.Parse(cluster), manifest, _patience);

    /// <inheritdoc/>
    public Task<int> ServeAsync(string cluster, ShardManifest manifest, ParseResult parsed) => SiloCommand.RunAsync(
        ClusterAddress.Parse(cluster), manifest, new ShardSettings
        {
            Replicas = parsed.GetValue(_replicas) is >= 1 and <= MostReplicas and int replicas ? replicas
                : throw CliException.WrongInput($"--replicas: expected 1 to {MostReplicas}, got {parsed.GetValue(_replicas)}"),
        });
}
