using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>A silo of this process.</summary>
internal sealed class ShardMember : IShardMember
{
    private static readonly TimeSpan _leave = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _compare = TimeSpan.FromSeconds(30);

    private readonly ClusterClient _client;
    private readonly DashboardPage? _page;

    private ShardMember(ClusterClient client, DashboardPage? page, string description) =>
        (_client, _page, Description) = (client, page, description);

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public ShardManifest Manifest => _client.Manifest;

    /// <summary>Joins.</summary>
    /// <param name="address">How members find each other.</param>
    /// <param name="manifest">The shards.</param>
    /// <param name="settings">Where it listens, and who it is.</param>
    /// <param name="patience">How long one answer is waited for, with all that is asked again.</param>
    /// <exception cref="CliException">It does not start.</exception>
    public static async Task<ShardMember> JoinAsync(
        ClusterAddress address, ShardManifest manifest, SiloSettings settings, TimeSpan patience)
    {
        IHost host = Hosts.CreateSilo(address, manifest, settings);
        try
        {
            if (address.Kind == ClusterKind.Postgres)
            {
                await MemberTables.EnsureAsync(address.Where);
            }

            await host.StartAsync();
        }
        catch (Exception e)
        {
            host.Dispose();
            throw CliException.Failed($"{ClusterAddress.Name} {address}: the silo does not start ({ClusterAddress.Why(e)})", e);
        }

        DashboardPage? page = await StartPageAsync(host, settings.DashboardPort);
        var client = new ClusterClient(host, manifest, patience);

        // Beside the start, which nobody waits longer for.
        _ = CompareAsync(client);
        EndpointOptions endpoints = host.Services.GetRequiredService<IOptions<EndpointOptions>>().Value;
        return new ShardMember(
            client,
            page,
            $"serving {manifest.Shards.Length} shards of {manifest.Rows} rows to {address}, "
                + $"as {endpoints.AdvertisedIPAddress}:{endpoints.SiloPort}{(settings.Peer is null ? "" : " with TLS")}"
                + (page is null ? "" : $"; dashboard on {page.Url}"));
    }

    private static async Task CompareAsync(ClusterClient client)
    {
        int own = VectorKinds.Here(client.Manifest);
        try
        {
            int others = await client.VectorKindsAsync().WaitAsync(_compare) & ~own;
            if (others != 0)
            {
                await Console.Error.WriteLineAsync(
                    $"warning: this silo has vectors of {VectorKinds.Name(own)}, others have {VectorKinds.Name(others)}: the last "
                        + "digits of answers depend on which one is asked");
            }
        }
        catch (Exception e) when (Lost.Is(e))
        {
            // One of them goes just now; clients see by each answer what it was computed with.
        }
    }

    private static async Task<DashboardPage?> StartPageAsync(IHost host, int? port)
    {
        try
        {
            return port is int asked ? await DashboardPage.StartAsync(host, asked) : null;
        }
        catch (IOException e)
        {
            await host.StopAsync();
            host.Dispose();
            throw CliException.Failed($"--dashboard-port {port}: expected a port that is free, got one that is taken", e);
        }
    }

    /// <inheritdoc/>
    public Task<Predictions> PredictAsync(
        ShardRequest request, double[] queries, NoNeighbourPolicy noNeighbour, CancellationToken cancellationToken) =>
        _client.PredictAsync(request, queries, noNeighbour, cancellationToken);

    /// <inheritdoc/>
    public Task<ShardResiduals> ResidualsAsync(
        ShardRequest request, IProgress<double>? progress, CancellationToken cancellationToken) =>
        _client.ResidualsAsync(request, progress, cancellationToken);

    /// <inheritdoc/>
    public Task<ShardRows> RowsAsync(int shard, int first, int step, CancellationToken cancellationToken) =>
        _client.RowsAsync(shard, first, step, cancellationToken);

    /// <inheritdoc/>
    public Task<byte[]> MomentsAsync(int shard, byte[] grid, CancellationToken cancellationToken) =>
        _client.MomentsAsync(shard, grid, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_page is not null)
        {
            await _page.DisposeAsync();
        }

        try
        {
            await _client.DisposeAsync().AsTask().WaitAsync(_leave);
        }
        catch (TimeoutException)
        {
            // Where the store has gone nobody can be told: the others find out when they ask this silo.
            await Console.Error.WriteLineAsync($"the cluster was not told in {_leave.TotalSeconds} s that this silo leaves");
        }
    }
}
