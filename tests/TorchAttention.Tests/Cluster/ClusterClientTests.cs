using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TorchAttention.Cli;
using TorchAttention.Cluster;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Tests.Sharding;

namespace TorchAttention.Tests.Cluster;

/// <summary>A client and a silo of this process.</summary>
public sealed class ClusterClientTests : ShardFolder
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // Each chunk asks several shards at once, where the silo takes on one question: each is refused many times.
    [Fact]
    public async Task SiloThatTakesOnOneQuestion_AnswersAll()
    {
        ShardManifest manifest = Write(Rows(3000, 2), 2, 6);
        ShardRequest request = Request(1);
        double[] queries = Queries(100_000);
        using var local = new LocalShards(manifest);
        Predictions expected = await new ShardedPooling(manifest, request, local).PredictAsync(queries, cancellationToken: Token);

        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings { MostQuestions = 1 });
        Predictions found = await silo.Client.PredictAsync(request, queries, NoNeighbourPolicy.NaN, Token);

        Assert.Equal(expected.Mean, found.Mean);
        Assert.Equal(expected.EffectiveNeighbours, found.EffectiveNeighbours);
    }

    // Shards of more rows than a message holds, and each question refused many times.
    [Theory]
    [InlineData(0, 256)]
    [InlineData(1, 1)]
    public async Task Residuals_AreTheSameBits(int degree, int questions)
    {
        ShardManifest manifest = Write(Rows(80_000, 2, columns: 2, hasWeights: true), 2, 2);
        ShardRequest request = Request(0.3) with { Degree = degree, HasBandwidthSlopes = true };
        using var local = new LocalShards(manifest);
        var pooling = new ShardedPooling(manifest, request, local);
        ShardResiduals expected = await pooling.ResidualsAsync(cancellationToken: Token);

        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings { MostQuestions = questions });
        ShardResiduals found = await silo.Client.ResidualsAsync(request, progress: null, Token);

        Assert.Equal([0, 0, 1, 1], pooling.OfAllRows.Select(part => part.Shard));
        Assert.Equal(2, expected.LeaveOneOutSlopes.Count);
        Assert.Equal(expected.ToNumbers(), found.ToNumbers());
    }

    [Fact]
    public async Task CancelledResiduals_EndTheSilosWork()
    {
        ShardManifest manifest = Write(Rows(200_000, 2), 2, 2);
        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings());
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<ShardResiduals> asked = silo.Client.ResidualsAsync(Request(5), progress: null, stop.Token);
        Assert.True(SpinWait.SpinUntil(() => silo.Threads.Questions > 0 || asked.IsCompleted, _patience));
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.True(SpinWait.SpinUntil(() => silo.Threads.Questions == 0, _patience));
    }

    // One of two files is damaged: who asks is told of it, and does not wait for what the other one has to say.
    [Fact]
    public async Task ResidualsOfADamagedShard_AreRefusedInOneLine()
    {
        ShardManifest manifest = Write(Rows(3000, 2), 2, 2);
        string path = Path.Combine(manifest.Folder, manifest.Shards[1].File);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^8]);
        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings());
        CliException refused = await Assert.ThrowsAsync<CliException>(
            () => silo.Client.ResidualsAsync(Request(1), progress: null, Token));

        Assert.Contains(manifest.Shards[1].File, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public async Task ResidualsThatAreNotThere_AreRefusedInOneLine()
    {
        ShardManifest manifest = Write(Rows(1000, 2), 2, 2);
        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings());
        Asked asked = Wire.Ask(manifest, Request(1), [], NoNeighbourPolicy.NaN);
        Reply reply = await silo.Grains.GetGrain<IQueryGrain>(0).ResidualsAsync(asked, shard: 2, first: 0, Token);

        Assert.Equal((Outcome.Refused, "Expected a row of one of 2 shards, got row 0 of shard 2."), (reply.Outcome, reply.Why));
    }

    // The loops of the silo stop: 10^10 pairs would keep it at work for long.
    [Fact]
    public async Task CancelledPredict_EndsTheSilosWork()
    {
        ShardManifest manifest = Write(Rows(100_000, 2), 2, 2);
        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings());
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<Predictions> asked = silo.Client.PredictAsync(Request(5), Queries(100_000), NoNeighbourPolicy.NaN, stop.Token);
        Assert.True(SpinWait.SpinUntil(() => silo.Threads.Questions > 0 || asked.IsCompleted, _patience));
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.True(SpinWait.SpinUntil(() => silo.Threads.Questions == 0, _patience));
        Assert.True(silo.Threads.Stopped > 0, "Nothing was stopped.");
        Predictions after = await silo.Client.PredictAsync(Request(0.1), Queries(10), NoNeighbourPolicy.NaN, Token);
        Assert.Equal(10, after.Mean.Length);
    }

    [Fact]
    public async Task MessageThatIsTooLarge_IsRefusedInOneLine()
    {
        ShardManifest manifest = Write(Rows(1000, 2), 2, 2);
        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings());
        Asked asked = Wire.Ask(manifest, Request(1), Queries(100_000), NoNeighbourPolicy.NaN);
        Reply reply = await silo.Grains.GetGrain<IQueryGrain>(0).PredictAsync(asked, Token);

        Assert.Equal(Outcome.Refused, reply.Outcome);
        Assert.Matches(@"^expected at most \d+ queries in a message, got 100000$", reply.Why);
    }

    [Theory]
    [InlineData(-1, 1, 10, "got 10 from -1 by 1")]
    [InlineData(1_000_000, 1, 10, "got 10 from 1000000 by 1")]
    [InlineData(0, 0, 10, "got 10 from 0 by 0")]
    [InlineData(0, 1, 0, "got 0 from 0 by 1")]
    [InlineData(0, 1, 1_000_000, "got 1000000 from 0 by 1")]
    public async Task RowsThatAreNotThere_AreRefusedInOneLine(int first, int step, int count, string got)
    {
        ShardManifest manifest = Write(Rows(1000, 2), 2, 2);
        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings());
        IShardGrain shard = silo.Grains.GetGrain<IShardGrain>(new ShardKey(0, 0).In(manifest));
        Reply reply = await shard.RowsAsync(new RowsAsked { Manifest = manifest.Hash, First = first, Step = step, Count = count });

        Assert.Equal(Outcome.Refused, reply.Outcome);
        Assert.Equal($"expected at most 31250 of the rows 0 to {manifest.Shards[0].Rows - 1}, {got}", reply.Why);
    }

    // A part that ends beyond 2^31 bytes, one beyond its grid, and a second grid where the first one took all room.
    [Fact]
    public async Task GridsThatDoNotFit_AreRefused()
    {
        ShardManifest manifest = Write(Rows(1000, 2), 2, 2);
        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings());
        IShardGrain shard = silo.Grains.GetGrain<IShardGrain>(new ShardKey(0, 0).In(manifest));
        Reply[] replies =
        [
            await shard.GridAsync(Asked("a", int.MaxValue), new byte[10], 100),
            await shard.GridAsync(Asked("a", 95), new byte[10], 100),
            await shard.GridAsync(Asked("a", 0), new byte[10], MomentsAsked.MostBytes),
            await shard.GridAsync(Asked("b", 0), new byte[10], 100),
        ];

        Assert.Equal([Outcome.Refused, Outcome.Refused, Outcome.Done, Outcome.Later], replies.Select(reply => reply.Outcome));

        MomentsAsked Asked(string grid, int first) => new() { Manifest = manifest.Hash, Grid = grid, First = first };
    }

    [Fact]
    public async Task Status_SaysTheMemoryOfTheProcess()
    {
        ShardManifest manifest = Write(Rows(1000, 2), 2, 2);
        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings());
        await silo.Client.PredictAsync(Request(1), Queries(10), NoNeighbourPolicy.NaN, Token);
        SiloLoad load = Assert.Single(await silo.Client.StatusAsync());

        Assert.Equal([0, 1], load.Shards);
        Assert.Equal(manifest.Shards.Sum(shard => shard.Bytes), load.Bytes);
        Assert.Equal(0, load.Questions);
        using var process = Process.GetCurrentProcess();
        Assert.InRange(load.Memory!.Value, process.WorkingSet64 / 4, 4 * process.WorkingSet64);
    }

    // A shard whose threads are taken says each time when to come again; for longer than nobody may be silent.
    [Fact]
    public async Task RowsThatTakeLong_AreWaitedFor()
    {
        ShardManifest manifest = Write(Rows(1000, 2), 2, 2);
        await using Silo silo = await Silo.StartAsync(manifest, new ShardSettings());
        await silo.Client.PredictAsync(Request(1), Queries(10), NoNeighbourPolicy.NaN, Token);
        using var go = new ManualResetEventSlim();
        Task[] taken = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => silo.Threads.RunAsync(
            () =>
            {
                go.Wait(Token);
                return true;
            },
            Token))];
        Task<ShardRows> asked = silo.ClientWith(TimeSpan.FromMilliseconds(200)).RowsAsync(0, 0, 1, Token);
        await Task.WhenAny(asked, Task.Delay(TimeSpan.FromSeconds(2), Token));
        Assert.False(asked.IsCompleted, $"{asked.Exception?.Message}");
        go.Set();

        await Task.WhenAll(taken);
        Assert.Equal(2 * manifest.Shards[0].Rows, (await asked).Keys.Length);
    }

    private static ShardRequest Request(double bandwidth) =>
        new() { Kernel = SmoothingKernel.Gaussian, Bandwidths = [bandwidth, bandwidth] };

    private static double[] Queries(int m)
    {
        var random = new Random(3);
        return [.. Enumerable.Range(0, 2 * m).Select(_ => 10 * random.NextDouble())];
    }

    /// <summary>Both.</summary>
    private sealed class Silo(IHost host, ClusterClient client) : IAsyncDisposable
    {
        public ClusterClient Client => client;

        public PoolingThreads Threads => host.Services.GetRequiredService<PoolingThreads>();

        public IGrainFactory Grains => host.Services.GetRequiredService<IGrainFactory>();

        public ClusterClient ClientWith(TimeSpan patience) => new(host, client.Manifest, patience);

        public static async Task<Silo> StartAsync(ShardManifest manifest, ShardSettings settings)
        {
            var address = ClusterAddress.Parse($"local={ClusterAddress.FreePort(IPAddress.Loopback)}");
            var silo = new SiloSettings(IPAddress.Loopback, Port: 0, GatewayPort: 0, DashboardPort: null, Peer: null) { Shards = settings };
            IHost host = Hosts.CreateSilo(address, manifest, silo);
            await host.StartAsync(Token);
            return new Silo(host, await ClusterClient.ConnectAsync(address, manifest, _patience));
        }

        public async ValueTask DisposeAsync()
        {
            await client.DisposeAsync();
            await host.StopAsync(CancellationToken.None);
            host.Dispose();
        }
    }
}
