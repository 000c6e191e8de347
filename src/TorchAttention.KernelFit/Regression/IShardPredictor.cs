using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.Regression;

/// <summary>Who answers from shards: this process, or a cluster.</summary>
internal interface IShardPredictor : IAsyncDisposable
{
    /// <summary>The shards.</summary>
    ShardManifest Manifest { get; }

    /// <summary>Predicts.</summary>
    /// <param name="request">The kernel, the bandwidths, the degree.</param>
    /// <param name="queries">Queries (m, d).</param>
    /// <param name="noNeighbour">The answer where no row has a weight.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    Task<Predictions> PredictAsync(
        ShardRequest request, double[] queries, NoNeighbourPolicy noNeighbour, CancellationToken cancellationToken);

    /// <summary>The residuals of all rows.</summary>
    /// <param name="request">The kernel, the bandwidths, the degree.</param>
    /// <param name="progress">Told the part done, from 0 to 1, now and then.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    Task<ShardResiduals> ResidualsAsync(ShardRequest request, IProgress<double>? progress, CancellationToken cancellationToken);
}

/// <summary>This process as a member of a cluster; it leaves when it is disposed of.</summary>
internal interface IShardMember : IShardCluster
{
    /// <summary>What it serves to whom, in a line.</summary>
    string Description { get; }
}

/// <summary>Clusters that have shards.</summary>
internal interface IShardClusters
{
    /// <summary>The option that names one.</summary>
    Option<string?> Option { get; }

    /// <summary>The options that say who this program is to a cluster.</summary>
    IReadOnlyList<Option> PeerOptions { get; }

    /// <summary>The options of a member beside those.</summary>
    IReadOnlyList<Option> MemberOptions { get; }

    /// <summary>All options by the keys that they have in a file and in the environment.</summary>
    IReadOnlyDictionary<string, Option> Keys { get; }

    /// <summary>Connects.</summary>
    /// <param name="cluster">What the option says.</param>
    /// <param name="manifest">The shards that it has.</param>
    /// <param name="parsed">What <see cref="PeerOptions"/> say; null where they are in the environment alone.</param>
    Task<IShardCluster> ConnectAsync(string cluster, ShardManifest manifest, ParseResult? parsed = null);

    /// <summary>Joins.</summary>
    /// <param name="cluster">What the option says.</param>
    /// <param name="manifest">The shards that it has.</param>
    /// <param name="parsed">What the other options say.</param>
    Task<IShardMember> JoinAsync(string cluster, ShardManifest manifest, ParseResult parsed);
}

/// <summary>Reads the shards that are asked.</summary>
internal sealed class LocalPredictor(ShardManifest manifest) : IShardPredictor
{
    private readonly LocalShards _shards = new(manifest);

    public ShardManifest Manifest => manifest;

    public Task<Predictions> PredictAsync(
        ShardRequest request, double[] queries, NoNeighbourPolicy noNeighbour, CancellationToken cancellationToken) =>
        new ShardedPooling(manifest, request, _shards).PredictAsync(queries, noNeighbour, cancellationToken);

    public Task<ShardResiduals> ResidualsAsync(
        ShardRequest request, IProgress<double>? progress, CancellationToken cancellationToken) =>
        new ShardedPooling(manifest, request, _shards).ResidualsAsync(progress, cancellationToken);

    public ValueTask DisposeAsync()
    {
        _shards.Dispose();
        return ValueTask.CompletedTask;
    }
}
