using System.Numerics;
using TorchAttention.Cluster;
using TorchAttention.Numerics.Losses;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli;

/// <summary>The options of a training that name silos, which compute the slices of its batches. No run remembers them.</summary>
internal sealed class TrainingClusterOptions
{
    private const string Shards = "--shards";

    private readonly Option<string?> _cluster = Cli.Options.Text(
        ClusterAddress.Name, "address", "With mini-batches of more than "
            + $"{KernelLoss.SliceExamples} examples, the cluster whose silos compute slices of them: {ClusterAddress.Forms}");
    private readonly Option<string?> _shards = Cli.Options.Text(
        Shards, "file", $"With {ClusterAddress.Name}, the {ShardManifest.FileName} of what it serves");
    private readonly CertificateOptions _certificate = new();

    /// <summary>All of them.</summary>
    public IReadOnlyList<Option> Options => [_cluster, _shards, .. _certificate.Keys.Values];

    /// <summary>The cluster that is named; null for none.</summary>
    /// <exception cref="CliException">The options do not go together.</exception>
    public TrainingCluster? Read(ParseResult parsed)
    {
        if (parsed.GetValue(_cluster) is not string cluster)
        {
            return Options.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is Option idle
                ? throw CliException.WrongInput($"{idle.Name} applies with {ClusterAddress.Name} only")
                : null;
        }

        var address = ClusterAddress.Parse(cluster);
        string manifest = parsed.GetValue(_shards) ?? throw CliException.WrongInput(
            $"{Shards}: expected the {ShardManifest.FileName} of what the cluster serves, got none");
        return new TrainingCluster(address, ShardManifest.Load(manifest), _certificate.Read(parsed, silo: null));
    }
}

/// <summary>A cluster that is to compute slices.</summary>
/// <param name="Address">How its members are found.</param>
/// <param name="Manifest">What they serve.</param>
/// <param name="Peer">Who asks.</param>
internal sealed record TrainingCluster(ClusterAddress Address, ShardManifest Manifest, Peer? Peer)
{
    /// <summary>The option.</summary>
    public const string Name = ClusterAddress.Name;

    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    /// <summary>Connects.</summary>
    /// <exception cref="CliException">There is no such cluster, or it does not train.</exception>
    public SlicesThere Connect() => new(ClusterClient.ConnectToTrainAsync(Address, Manifest, _patience, Peer).GetAwaiter().GetResult());
}

/// <summary>Slices that a cluster computes. Where it has gone the training is interrupted, as by its user.</summary>
internal sealed class SlicesThere(ClusterClient client) : ILossSlices, IDisposable
{
    /// <inheritdoc/>
    /// <exception cref="OperationCanceledException">It was stopped, or the cluster has no answer, for which the inner exception has the
    /// reason.</exception>
    public IReadOnlyList<LossPart> Compute<T>(
        KernelLoss<T> loss, LossAsked asked, IReadOnlyList<LossSlice<T>> slices, CancellationToken cancellationToken)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        try
        {
            return client.Compute(loss, asked, slices, cancellationToken);
        }
        catch (CliException e)
        {
            throw new OperationCanceledException(e.Message, e);
        }
    }

    public void Dispose() => client.DisposeAsync().AsTask().GetAwaiter().GetResult();
}
