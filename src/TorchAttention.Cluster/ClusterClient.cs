using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>Asks a cluster. What is asked has no effect, so that a call which got lost with a silo is made again.</summary>
internal sealed class ClusterClient : IShardPredictor
{
    private const int InFlight = 8;

    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan _longestPause = TimeSpan.FromSeconds(1);

    private readonly IHost _host;
    private readonly SemaphoreSlim _room = new(InFlight);
    private readonly TimeSpan _patience;

    private ClusterClient(IHost host, ShardManifest manifest, TimeSpan patience) =>
        (_host, Manifest, _patience) = (host, manifest, patience);

    /// <inheritdoc/>
    public ShardManifest Manifest { get; }

    /// <summary>Connects.</summary>
    /// <param name="address">How the members are found.</param>
    /// <param name="manifest">The shards that the cluster serves.</param>
    /// <param name="patience">How long one answer is waited for, with all that is asked again.</param>
    /// <exception cref="CliException">There is no such cluster.</exception>
    public static async Task<ClusterClient> ConnectAsync(ClusterAddress address, ShardManifest manifest, TimeSpan patience)
    {
        IHost host = Hosts.CreateClient(address, manifest);
        try
        {
            using var ends = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            await host.StartAsync(ends.Token);
            return new ClusterClient(host, manifest, patience);
        }
        catch (Exception e) when (e is not CliException)
        {
            host.Dispose();
            throw CliException.Failed(
                $"{ClusterAddress.Name} {address}: no silo serves these shards there ({address.Why(e)})", e);
        }
    }

    /// <inheritdoc/>
    public async Task<Predictions> PredictAsync(
        ShardRequest request, double[] queries, NoNeighbourPolicy noNeighbour, CancellationToken cancellationToken)
    {
        int most = new ShardedPooling(Manifest, request, new LocalShards(Manifest, 0)).MostQueries * Manifest.Features;
        Predictions[] parts = await Task.WhenAll(
            queries.Chunk(most).Select(chunk => AskAsync(Wire.Ask(Manifest, request, chunk, noNeighbour), cancellationToken)));
        var all = new Predictions
        {
            Mean = [.. parts.SelectMany(part => part.Mean)],
            EffectiveNeighbours = [.. parts.SelectMany(part => part.EffectiveNeighbours)],
            Slopes = [.. parts.SelectMany(part => part.Slopes)],
            HasNeighbour = [.. parts.SelectMany(part => part.HasNeighbour)],
            IsOutside = [.. parts.SelectMany(part => part.IsOutside)],
            IsInGap = [.. parts.SelectMany(part => part.IsInGap)],
            IsLevel = [.. parts.SelectMany(part => part.IsLevel)],
        };
        return noNeighbour == NoNeighbourPolicy.Error && all.HasNeighbour.Contains(false)
            ? throw new NoNeighbourException([.. all.HasNeighbour.Index().Where(one => !one.Item).Select(one => one.Index)])
            : all;
    }

    /// <summary>The silos, and what is on each.</summary>
    public async Task<IReadOnlyList<SiloLoad>> StatusAsync()
    {
        IManagementGrain management = _host.Services.GetRequiredService<IGrainFactory>().GetGrain<IManagementGrain>(0);
        Dictionary<SiloAddress, SiloStatus> silos = await management.GetHosts(onlyActive: true);
        SiloAddress[] addresses = [.. silos.Keys.Order()];
        SiloRuntimeStatistics[] loads = await management.GetRuntimeStatistics(addresses);
        DetailedGrainStatistic[] grains = await management.GetDetailedGrainStatistics(null, addresses);
        return [.. addresses.Select((silo, i) =>
        {
            int[] shards = [.. grains.Where(grain => grain.SiloAddress.Equals(silo) && grain.GrainType.Contains(nameof(ShardGrain)))
                .Select(grain => ShardGrain.NumberOf(grain.GrainId.Key.ToString()!)).Order()];
            return new SiloLoad(
                $"{silo.Endpoint}", shards, shards.Sum(shard => Manifest.Shards[shard].Bytes),
                loads[i].EnvironmentStatistics.RawMemoryUsageBytes, loads[i].EnvironmentStatistics.RawCpuUsagePercentage);
        })];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        _room.Dispose();
    }

    private async Task<Predictions> AskAsync(Asked asked, CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken);
        try
        {
            long begun = Stopwatch.GetTimestamp();
            for (TimeSpan pause = _pause; ; pause = pause * 2 < _longestPause ? pause * 2 : _longestPause)
            {
                string why;
                try
                {
                    Reply reply = await _host.Services.GetRequiredService<IGrainFactory>().GetGrain<IQueryGrain>(0).PredictAsync(asked);
                    if (reply.Outcome == Outcome.Done)
                    {
                        return Wire.ReadPredictions(reply.Bytes);
                    }

                    why = reply.Outcome == Outcome.Later ? reply.Why : throw CliException.WrongInput($"the cluster says: {reply.Why}");
                }
                catch (Exception e) when (e is OrleansException or TimeoutException or IOException or OperationCanceledException)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    why = e.GetBaseException().Message;
                }

                if (Stopwatch.GetElapsedTime(begun) > _patience)
                {
                    throw CliException.Failed(
                        $"the cluster has not answered for {_patience.TotalSeconds} s ({PlainText.Brief(why, 200)})");
                }

                await Task.Delay(pause, cancellationToken);
            }
        }
        finally
        {
            _room.Release();
        }
    }
}

/// <summary>What a silo has.</summary>
/// <param name="Silo">Its address.</param>
/// <param name="Shards">The numbers of its shards.</param>
/// <param name="Bytes">The bytes of their files.</param>
/// <param name="Memory">The memory of the machine that is in use, in bytes.</param>
/// <param name="Processor">The load of the processors, in percent.</param>
internal sealed record SiloLoad(string Silo, int[] Shards, long Bytes, long Memory, float Processor);
