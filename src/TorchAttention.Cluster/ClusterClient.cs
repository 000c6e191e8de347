using System.Data.Common;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Messaging;
using StackExchange.Redis;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>Asks a cluster. What is asked has no effect, so that a call which got lost with a silo is made again.</summary>
internal sealed partial class ClusterClient : IShardCluster
{
    private const int InFlight = 8;

    // Silos that one question is asked, where some do not say that they are there.
    private const int MostAtOnce = 3;

    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan _longestPause = TimeSpan.FromSeconds(1);

    // On a silo there is one grain for each: so many are merged at once.
    private const int Workers = 64;

    // How often it is asked whether the silo that works is there still, how long that may take at first, and at last on a busy machine.
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _firstPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _lastPatience = TimeSpan.FromSeconds(8);

    private readonly IHost _host;
    private readonly SemaphoreSlim _room = new(InFlight);
    private readonly TimeSpan _patience;
    private readonly Patience _hurry = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1));
    private int _asked;
    private int _kinds;
    private int _isTold;

    /// <param name="host">A client that has connected, or a silo.</param>
    /// <param name="manifest">The shards that the cluster serves.</param>
    /// <param name="patience">How long one answer is waited for, with all that is asked again.</param>
    public ClusterClient(IHost host, ShardManifest manifest, TimeSpan patience) =>
        (_host, Manifest, _patience) = (host, manifest, patience);

    /// <inheritdoc/>
    public ShardManifest Manifest { get; }

    private IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    /// <summary>Connects.</summary>
    /// <param name="address">How the members are found.</param>
    /// <param name="manifest">The shards that the cluster serves.</param>
    /// <param name="patience">How long one answer is waited for, with all that is asked again.</param>
    /// <param name="peer">Who asks; null where nothing is encrypted.</param>
    /// <exception cref="CliException">There is no such cluster.</exception>
    public static async Task<ClusterClient> ConnectAsync(
        ClusterAddress address, ShardManifest manifest, TimeSpan patience, Peer? peer = null)
    {
        IHost host = Hosts.CreateClient(address, manifest, peer);
        try
        {
            using var ends = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            await host.StartAsync(ends.Token);
            return new ClusterClient(host, manifest, patience);
        }
        catch (OperationCanceledException e)
        {
            bool isAny = await IsAnyWrittenAsync(host);
            host.Dispose();
            string why = !isAny ? ": none is written in there; where the store came back empty, start the silos anew"
                : peer is null ? "; silos with TLS take nobody without --certificate"
                : ", or none whose certificate is believed, or that believes this one's";
            throw CliException.Failed($"{ClusterAddress.Name} {address}: no silo serves these shards there{why}", e);
        }
        catch (Exception e) when (e is not CliException)
        {
            host.Dispose();
            throw CliException.Failed(
                $"{ClusterAddress.Name} {address}: no silo serves these shards there ({ClusterAddress.Why(e)})", e);
        }
    }

    private static async Task<bool> IsAnyWrittenAsync(IHost host)
    {
        using var ends = new CancellationTokenSource(_lastPatience);
        try
        {
            return (await host.Services.GetRequiredService<IGatewayListProvider>().GetGatewaysAsync(ends.Token)).Count > 0;
        }
        catch (Exception e) when (Lost.Is(e) || e is RedisException or DbException)
        {
            return true;
        }
    }

    /// <inheritdoc/>
    public async Task<Predictions> PredictAsync(
        ShardRequest request, double[] queries, NoNeighbourPolicy noNeighbour, CancellationToken cancellationToken)
    {
        int most = new ShardedPooling(Manifest, request, new LocalShards(Manifest, 0)).MostQueries * Manifest.Features;
        Predictions[] parts = await Task.WhenAll(
            queries.Chunk(most).Select(chunk => PredictAsync(Wire.Ask(Manifest, request, chunk, noNeighbour), cancellationToken)));
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
        IManagementGrain management = Grains.GetGrain<IManagementGrain>(0);
        Dictionary<SiloAddress, SiloStatus> silos = await management.GetHosts(onlyActive: true);
        SiloAddress[] addresses = [.. silos.Keys.Order()];
        SiloRuntimeStatistics[] loads = await management.GetRuntimeStatistics(addresses);
        Dictionary<string, SiloState> states = (await StatesAsync()).ToDictionary(state => state.Silo);
        DetailedGrainStatistic[] grains = await management.GetDetailedGrainStatistics(null, addresses);
        return [.. addresses.Select((silo, i) =>
        {
            int[] shards = [.. grains.Where(grain => grain.SiloAddress.Equals(silo) && grain.GrainType.Contains(nameof(ShardGrain)))
                .Select(grain => ShardKey.Parse(grain.GrainId.Key.ToString()!).Shard).Order()];
            SiloState? state = states.GetValueOrDefault(silo.ToParsableString());
            return new SiloLoad(
                $"{silo.Endpoint}", shards, shards.Sum(shard => Manifest.Shards[shard].Bytes), state?.Memory,
                loads[i].EnvironmentStatistics.RawCpuUsagePercentage, state?.Questions, state?.VectorKind ?? 0);
        })];
    }

    /// <summary>The kinds of vectors that the silos have.</summary>
    public async Task<int> VectorKindsAsync() => (await StatesAsync()).Aggregate(0, (kinds, state) => kinds | state.VectorKind);

    private async Task<IEnumerable<SiloState>> StatesAsync() =>
        (await Grains.GetGrain<IManagementGrain>(0).SendControlCommandToProvider<SiloReport>(SiloReport.Name, 0)).Cast<SiloState>();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        _room.Dispose();
    }

    private async Task<Predictions> PredictAsync(Asked asked, CancellationToken cancellationToken) =>
        Wire.ReadPredictions(await AskOnceAsync((grain, stop) => grain.PredictAsync(asked, stop), cancellationToken));

    private Task<byte[]> AskOnceAsync(Func<IQueryGrain, CancellationToken, Task<Reply>> ask, CancellationToken cancellationToken) =>
        AskAsync(alive => AskOnceAsync(ask, alive, cancellationToken), cancellationToken);

    private async Task<byte[]> AskAsync(Func<Action, Task<Reply>> ask, CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken);
        try
        {
            return await AskAgainAsync(ask, cancellationToken);
        }
        finally
        {
            _room.Release();
        }
    }

    // Asks again what got lost, until nobody has been there for long. A silo that has too much to do says when to come again.
    private async Task<byte[]> AskAgainAsync(Func<Action, Task<Reply>> ask, CancellationToken cancellationToken)
    {
        long heard = Stopwatch.GetTimestamp();
        for (TimeSpan pause = _pause; ; pause = pause * 2 < _longestPause ? pause * 2 : _longestPause)
        {
            string why;
            TimeSpan wait = pause;
            try
            {
                Reply reply = await ask(() => heard = Stopwatch.GetTimestamp());
                if (reply.Outcome == Outcome.Done)
                {
                    TakeNote(reply.VectorKinds);
                    return reply.Bytes;
                }

                why = reply.Outcome == Outcome.Later ? reply.Why : throw CliException.WrongInput($"the cluster says: {reply.Why}");
                wait = TimeSpan.FromMilliseconds(reply.RetryAfter);

                // Who says when to come again is there: rows and moments of a large shard take as long as they do.
                heard = Stopwatch.GetTimestamp();
            }
            catch (Exception e) when (Lost.Is(e))
            {
                cancellationToken.ThrowIfCancellationRequested();
                why = e.GetBaseException().Message;
            }

            if (Stopwatch.GetElapsedTime(heard) > _patience)
            {
                throw CliException.Failed(
                    $"the cluster has not answered for {_patience.TotalSeconds} s ({PlainText.Brief(why, 200)})");
            }

            await Task.Delay(wait, cancellationToken);
        }
    }

    // Where a silo does not say for a while that it is there, another one is asked as well, and the sooner answer is taken.
    private async Task<Reply> AskOnceAsync(
        Func<IQueryGrain, CancellationToken, Task<Reply>> ask, Action alive, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task<Reply>> answers = [];
        try
        {
            Task slow = Task.CompletedTask;
            for (int left = MostAtOnce; ;)
            {
                if (slow.IsCompleted && left > 0)
                {
                    var isSlow = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    answers.Add(AskAtAsync(ask, alive, isSlow, stop.Token));
                    slow = isSlow.Task;
                    left--;
                }

                Task[] awaited = left > 0 ? [.. answers, slow] : [.. answers];
                if (await Task.WhenAny(awaited) is not Task<Reply> answer)
                {
                    continue;
                }

                if (answers.Count == 1 || answer is { IsCompletedSuccessfully: true, Result.Outcome: not Outcome.Later })
                {
                    return await answer;
                }

                answers.Remove(answer);
                Forget(answer);
            }
        }
        finally
        {
            stop.Cancel();
            answers.ForEach(Forget);
        }
    }

    private Task<Reply> AskAtAsync(
        Func<IQueryGrain, CancellationToken, Task<Reply>> ask, Action alive, TaskCompletionSource slow, CancellationToken cancellationToken)
    {
        IQueryGrain grain = Grains.GetGrain<IQueryGrain>(Interlocked.Increment(ref _asked) % Workers);
        return WatchAsync(
            async () =>
            {
                Task<string> silo = grain.SiloAsync();
                if (!await _hurry.IsInTimeAsync(silo))
                {
                    slow.TrySetResult();
                }

                return await silo;
            },
            stop => ask(grain, stop), alive, cancellationToken);
    }

    // Whose sums an answer has is chance: it has not the same bits when it is asked again.
    private void TakeNote(int kinds)
    {
        int all = Interlocked.Or(ref _kinds, kinds) | kinds;
        if (VectorKinds.AreMixed(all) && Interlocked.Exchange(ref _isTold, 1) == 0)
        {
            Console.Error.WriteLine(
                $"warning: silos answered that have vectors of {VectorKinds.Name(all)}: the last digits depend on which one is asked; "
                    + "cluster status says which has which");
        }
    }

    private static void Forget(Task given) => _ = given.ContinueWith(
        lost => lost.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

    // An answer takes as long as it does. The silo that it comes from is asked meanwhile whether it is there, by the same way: where
    // another one says so, or none does, the answer is lost.
    private static async Task<Reply> WatchAsync(
        Func<Task<string>> siloOf, Func<CancellationToken, Task<Reply>> ask, Action alive, CancellationToken cancellationToken)
    {
        string silo = await siloOf().WaitAsync(_firstPatience, cancellationToken);
        alive();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<Reply> answer = ask(stop.Token);
        try
        {
            TimeSpan patience = _firstPatience;
            while (await Task.WhenAny(answer, Task.Delay(_look, cancellationToken)) != answer)
            {
                cancellationToken.ThrowIfCancellationRequested();
                long begun = Stopwatch.GetTimestamp();
                string now = await siloOf().WaitAsync(patience, cancellationToken);
                if (now != silo && !answer.IsCompleted)
                {
                    throw new SiloUnavailableException($"silo {silo} has gone");
                }

                // On a machine that is busy all are slow.
                TimeSpan needed = 4 * Stopwatch.GetElapsedTime(begun);
                patience = needed > _lastPatience ? _lastPatience : needed > patience ? needed : patience;
                alive();
            }

            return await answer;
        }
        catch
        {
            // What is left there is given up.
            stop.Cancel();
            Forget(answer);
            throw;
        }
    }
}

/// <summary>What a silo has.</summary>
/// <param name="Silo">Its address.</param>
/// <param name="Shards">The numbers of its shards.</param>
/// <param name="Bytes">The bytes of their files.</param>
/// <param name="Memory">The memory of its process that is in use, in bytes; null where it has not said.</param>
/// <param name="Processor">The load of the processors, in percent.</param>
/// <param name="Questions">The questions that are at work there, or wait; null where it has not said.</param>
/// <param name="VectorKind">The kind of its vectors; 0 where it has not said.</param>
internal sealed record SiloLoad(
    string Silo, int[] Shards, long Bytes, long? Memory, float Processor, int? Questions, int VectorKind);
