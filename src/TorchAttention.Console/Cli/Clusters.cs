using TorchAttention.Cli.Regression;
using TorchAttention.Cluster;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli;

/// <summary>The clusters of the command line. Nothing of Orleans is loaded before one is asked.</summary>
internal sealed class Clusters : IShardClusters
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    private readonly CertificateOptions _certificate = new();
    private readonly SiloOptions _silo = new();

    /// <inheritdoc/>
    public Option<string?> Option { get; } = Options.Text(
        ClusterAddress.Name, "address", $"With --shards, the cluster that has them: {ClusterAddress.Forms}");

    /// <inheritdoc/>
    public IReadOnlyList<Option> PeerOptions => [.. _certificate.Keys.Values];

    /// <inheritdoc/>
    public IReadOnlyList<Option> MemberOptions => [.. _silo.Keys.Values];

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Option> Keys =>
        _certificate.Keys.Concat(_silo.Keys).Append(new("Cluster:Address", Option)).ToDictionary();

    /// <inheritdoc/>
    public async Task<IShardCluster> ConnectAsync(string cluster, ShardManifest manifest, ParseResult? parsed = null) =>
        await ClusterClient.ConnectAsync(ClusterAddress.Parse(cluster), manifest, _patience, _certificate.Read(parsed, silo: null));

    /// <inheritdoc/>
    public async Task<IShardMember> JoinAsync(string cluster, ShardManifest manifest, ParseResult parsed)
    {
        var address = ClusterAddress.Parse(cluster);
        return await ShardMember.JoinAsync(address, manifest, _silo.Read(parsed, address, _certificate), _patience);
    }
}
