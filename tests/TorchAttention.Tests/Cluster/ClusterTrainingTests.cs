using System.Net;
using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using TorchAttention.Cli;
using TorchAttention.Cluster;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Losses;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Numerics.Tables;
using TorchAttention.Tests.Sharding;
using TorchAttention.Training;

namespace TorchAttention.Tests.Cluster;

/// <summary>Silos of this process compute slices: a training has the bits that it has without them.</summary>
public sealed class ClusterTrainingTests : ShardFolder
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(KernelWidths.Shared, 1, false, true)]
    [InlineData(KernelWidths.PerFeature, 2, true, false)]
    [InlineData(KernelWidths.PerRegion, 4, true, true)]
    [InlineData(KernelWidths.PerRegion, 2500, false, false)]
    public async Task Training_HasTheBitsOfOneProcess(KernelWidths widths, int count, bool leaveOneOut, bool isDouble)
    {
        using var cluster = new SiloProcesses();
        string address = SiloProcesses.HasRedis ? cluster.StartRedis() : Alone();
        await using var silos = new Silos(Write(Rows(500, 1), 1, 2), address);
        var options = new KernelModelOptions { Widths = widths, Regions = Math.Max(count, 1), LeaveOneOut = leaveOneOut };
        string here = Train(options, count, isDouble, null);
        for (int n = 1; n <= (SiloProcesses.HasRedis ? 3 : 1); n++)
        {
            await silos.AddAsync();
            await using ClusterClient client = await silos.ConnectAsync();
            Assert.Equal(here, Train(options, count, isDouble, client));
        }

        Assert.All(silos.All, silo => Assert.True(silo.Services.GetRequiredService<PoolingThreads>().Questions == 0));
    }

    // One of two leaves after the second step, and another one comes: it is sent the examples, and is asked.
    [Fact]
    public async Task SilosThatComeAndGo_ChangeNoBit()
    {
        using var cluster = new SiloProcesses();
        string address = cluster.StartRedis();
        await using var silos = new Silos(Write(Rows(500, 1), 1, 2), address);
        await silos.AddAsync();
        await silos.AddAsync();
        var options = new KernelModelOptions { Widths = KernelWidths.PerFeature };
        string here = Train(options, 2, isDouble: true, null, epochs: 12);
        await using ClusterClient client = await silos.ConnectAsync();
        string there = Train(options, 2, isDouble: true, client, epochs: 12, happen: step =>
        {
            if (step == 2)
            {
                silos.AddAsync().GetAwaiter().GetResult();
                silos.RemoveFirstAsync().GetAwaiter().GetResult();
            }
        });

        Assert.Equal(here, there);
    }

    // As one of a version before trainings: its silo is passed over, and a cluster of such is named.
    [Fact]
    public async Task SiloThatDoesNotTrain_IsPassedOver()
    {
        using var cluster = new SiloProcesses();
        string address = cluster.StartRedis();
        await using var silos = new Silos(Write(Rows(500, 1), 1, 2), address);
        await silos.AddAsync(trains: false);
        CliException e = await Assert.ThrowsAsync<CliException>(silos.ConnectAsync);
        Assert.Equal($"--cluster {address}: no silo there trains; they are of another version", e.Message);

        await silos.AddAsync();
        await using ClusterClient client = await silos.ConnectAsync();
        var options = new KernelModelOptions();
        Assert.Equal(Train(options, 1, isDouble: false, null), Train(options, 1, isDouble: false, client));
    }

    [Fact]
    public async Task OtherMessages_AreRefusedInOneLine()
    {
        ShardManifest manifest = Write(Rows(500, 1), 1, 2);
        await using var silos = new Silos(manifest, Alone());
        ITrainingGrain grain = GrainOn(await silos.AddAsync());
        Reply version = await grain.SliceAsync(new SliceAsked { Version = 1, Manifest = manifest.Hash }, Token);
        Reply other = await grain.SliceAsync(new SliceAsked { Manifest = "0123456789abcdef" }, Token);
        Reply large = await grain.ExamplesAsync(new ExamplesPart { Manifest = manifest.Hash, Size = int.MaxValue });

        Assert.Equal(Outcome.Refused, version.Outcome);
        Assert.Equal(
            $"expected messages of version {Asked.LastVersion}, got 1: the program that asks and the cluster are of different versions",
            version.Why);
        Assert.Equal($"expected the shards of manifest {manifest.Hash[..12]}, got those of 0123456789ab…", other.Why);
        Assert.Equal("expected examples of at most 1073741824 bytes, got 2147483647", large.Why);
        Assert.Empty((await grain.SliceAsync(new SliceAsked { Manifest = manifest.Hash, Examples = "unknown" }, Token)).Bytes);
    }

    // Half of an example's bytes, regions that are none, a w that does not fit: each a line, after which the silo trains on.
    [Fact]
    public async Task ExamplesAndSlicesThatDoNotFit_AreRefusedInOneLine()
    {
        ShardManifest manifest = Write(Rows(500, 1), 1, 2);
        await using var silos = new Silos(manifest, Alone());
        ITrainingGrain grain = GrainOn(await silos.AddAsync());
        using var samples = new Samples<double>([1.0, 2, 3], [1.0, 4, 9]);
        byte[] regional = TrainingExamples.Of(new KernelLoss<double>(SmoothingKernel.Gaussian, samples, [0, 1, 1])).Bytes;
        byte[] shared = TrainingExamples.Of(new KernelLoss<double>(SmoothingKernel.Gaussian, samples, null)).Bytes;
        int sizes = Array.IndexOf(shared, (byte)1, "\bgaussian".Length - 1) + 1;

        Assert.StartsWith("Expected examples, got 3 bytes that are none: ", await WhyAsync([9, 9, 9]), StringComparison.Ordinal);
        Assert.Equal("Expected at most 2 numbers of 3 examples by 1, got 3.", await WhyAsync(shared[..^8]));
        Assert.Equal(
            "Expected at most 6 numbers of -2 examples by 1, got -2.",
            await WhyAsync([.. shared[..(sizes + 4)], .. BitConverter.GetBytes(-2), .. shared[(sizes + 8)..]]));
        Assert.Equal(
            "Expected regions from 0 on, one for each of 3 keys at most, got others.",
            await WhyAsync([.. regional[..^4], .. BitConverter.GetBytes(3)]));
        Assert.Equal("Expected w of 2 numbers, got 1.", await WhyAsync(regional, w: [1]));
        Assert.Equal("Expected w of 1 numbers, got 0.", await WhyAsync(shared, w: []));
        Assert.Equal("Expected 2 of 2 examples by 1, got 3 numbers and 2 targets.", await WhyAsync(shared, queries: [1, 2, 3]));
        Assert.Equal(
            "Expected a place below 3 that each of 2 examples leaves out, or -1, got another.", await WhyAsync(shared, leftOut: [0, 3]));

        byte[] part = (await AskAsync(shared)).Bytes;
        Assert.Equal(2 * sizeof(double), part.Length);

        async Task<string> WhyAsync(byte[] examples, double[]? w = null, double[]? queries = null, int[]? leftOut = null)
        {
            Reply reply = await AskAsync(examples, w, queries, leftOut);
            Assert.Equal(Outcome.Refused, reply.Outcome);
            return reply.Why;
        }

        async Task<Reply> AskAsync(byte[] examples, double[]? w = null, double[]? queries = null, int[]? leftOut = null)
        {
            string hash = TrainingExamples.HashOf(examples);
            Reply taken = await grain.ExamplesAsync(
                new ExamplesPart { Manifest = manifest.Hash, Examples = hash, Bytes = examples, Size = examples.Length });
            Assert.Equal(Outcome.Done, taken.Outcome);
            return await grain.SliceAsync(
                new SliceAsked
                {
                    Manifest = manifest.Hash,
                    Examples = hash,
                    W = Wire.Bytes(w ?? [1]),
                    Batch = 2,
                    Count = 2,
                    HasGradient = true,
                    VectorBits = 128,
                    Queries = Wire.Bytes(queries ?? [1.5, 2.5]),
                    Targets = Wire.Bytes([1, 2]),
                    LeftOut = MemoryMarshal.AsBytes<int>(leftOut ?? []).ToArray(),
                },
                Token);
        }
    }

    // Somebody has begun to send 1 GB and is gone: for 30 s the silo has no room for others.
    [Fact]
    public async Task TrainingThatFindsNoRoom_WaitsForIt()
    {
        LongTests.SkipUnlessAskedFor();
        ShardManifest manifest = Write(Rows(500, 1), 1, 2);
        await using var silos = new Silos(manifest, Alone());
        ITrainingGrain grain = GrainOn(await silos.AddAsync());
        var begun = new ExamplesPart { Manifest = manifest.Hash, Examples = "left", Bytes = [1], Size = TrainingExamples.MostBytes };
        Assert.Equal(Outcome.Done, (await grain.ExamplesAsync(begun)).Outcome);

        await using ClusterClient client = await silos.ConnectAsync();
        var options = new KernelModelOptions();
        Assert.Equal(Train(options, 1, isDouble: false, null), Train(options, 1, isDouble: false, client));
    }

    // The loops of the silo stop, nothing has moved, and who goes on has the bits of a training that was not stopped.
    [Fact]
    public async Task StoppedStep_IsTakenByWhoGoesOn()
    {
        await using var silos = new Silos(Write(Rows(500, 1), 1, 2), Alone());
        PoolingThreads threads = (await silos.AddAsync()).Services.GetRequiredService<PoolingThreads>();
        await using ClusterClient client = await silos.ConnectAsync();
        var options = new KernelModelOptions { Widths = KernelWidths.PerRegion, Regions = 2500 };
        string whole = Train(options, 2500, isDouble: true, null);

        using var stop = new CancellationTokenSource();
        Checkpoint? last = null;
        using (var data = new Pairs(isMatrix: false, ScalarType.Float64))
        using (var model = new NWKernelRegression(data.XTrain, data.YTrain, options))
        {
            var trainer = new Trainer(Options(client, 3));
            trainer.Interrupted += (_, _) => last = trainer.Capture();
            trainer.StepStarting += (_, e) => _ = e.Step != 3 ? null : Task.Run(() =>
            {
                SpinWait.SpinUntil(() => threads.Questions > 0, _patience);
                stop.Cancel();
            });
            Assert.ThrowsAny<OperationCanceledException>(() => trainer.Fit(model, data, stop.Token));
        }

        Assert.True(SpinWait.SpinUntil(() => threads.Questions == 0, _patience));
        Assert.Equal(2, last!.Step);
        Assert.Equal(whole, Train(options, 2500, isDouble: true, null, from: last));
    }

    [Fact]
    public void ModelWithAGraph_IsRefused()
    {
        using var data = new Pairs(isMatrix: false, ScalarType.Float32);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, new KernelModelOptions { LearnValues = true });
        var elsewhere = new TrainerOptions { Elsewhere = new Nobody() };

        ArgumentException e = Assert.Throws<ArgumentException>(() => new Trainer(elsewhere).Fit(model, data, Token));
        Assert.StartsWith("Expected a model of a kernel whose w alone is learned", e.Message, StringComparison.Ordinal);
    }

    private static string Alone() => $"local={ClusterAddress.FreePort(IPAddress.Loopback)}";

    private static TrainerOptions Options(ILossSlices? elsewhere, int epochs) => new()
    {
        MaxEpochs = epochs,
        GradientClipVal = 0.5,
        AverageDecay = 0.5,
        Optimizer = new OptimizerOptions { Kind = OptimizerKind.Adam, LearningRate = 0.1 },
        Elsewhere = elsewhere,
    };

    // Every bit of what was seen and learned.
    private static string Train(
        KernelModelOptions options, int count, bool isDouble, ILossSlices? elsewhere, int epochs = 3, Action<int>? happen = null,
        Checkpoint? from = null)
    {
        bool isMatrix = options.Widths == KernelWidths.PerFeature && count > 1;
        using var data = new Pairs(isMatrix, isDouble ? ScalarType.Float64 : ScalarType.Float32);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, options);
        var trainer = new Trainer(Options(elsewhere, epochs));
        trainer.StepCompleted += (_, e) => happen?.Invoke(e.Step);
        FitResult result = trainer.Fit(model, data, from, Token);
        return string.Join(' ', model.W.ToDoubles().Append(result.BestValLoss).Select(number => $"{number:R}"));
    }

    private sealed class Nobody : ILossSlices
    {
        public IReadOnlyList<LossPart> Compute<T>(
            KernelLoss<T> loss, LossAsked asked, IReadOnlyList<LossSlice<T>> slices, CancellationToken cancellationToken)
            where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> => throw new InvalidOperationException();
    }

    private sealed class Pairs(bool isMatrix, ScalarType type) : RegressionData(
        Draw(2500, isMatrix, type), Draw(300, isMatrix, type), batchSize: 2200, new Generator(3))
    {
        public override IReadOnlyList<Standardization> XScales => [];

        public override Standardization YScale => Standardization.None;

        private static (Tensor X, Tensor Y) Draw(int n, bool isMatrix, ScalarType type)
        {
            using var generator = new Generator((ulong)n);
            Tensor x = rand(isMatrix ? [n, 2] : [n], ScalarType.Float64, generator: generator).Times(5);
            Tensor y = (isMatrix ? x.sum(dim: 1) : x).sin().Plus(randn(n, ScalarType.Float64, generator: generator).Times(0.3));
            return (x.to(type), y.to(type));
        }
    }

    private static ITrainingGrain GrainOn(IHost silo) => silo.Services.GetRequiredService<IGrainFactory>().GetGrain<ITrainingGrain>(
        silo.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress.ToParsableString());

    /// <summary>Silos of one cluster.</summary>
    private sealed class Silos(ShardManifest manifest, string address) : IAsyncDisposable
    {
        private readonly List<IHost> _hosts = [];

        public IReadOnlyList<IHost> All => _hosts;

        public async Task<IHost> AddAsync(bool trains = true)
        {
            var settings = new SiloSettings(IPAddress.Loopback, Port: 0, GatewayPort: 0, DashboardPort: null, Peer: null);
            IHost host = Hosts.CreateSilo(ClusterAddress.Parse(address), manifest, settings);
            if (!trains)
            {
                host.Services.GetRequiredService<IOptions<GrainTypeOptions>>().Value.Classes.Remove(typeof(TrainingGrain));
            }

            await host.StartAsync(Token);
            _hosts.Add(host);
            return host;
        }

        public async Task RemoveFirstAsync()
        {
            IHost host = _hosts[0];
            _hosts.RemoveAt(0);
            await host.StopAsync(CancellationToken.None);
            host.Dispose();
        }

        public Task<ClusterClient> ConnectAsync() =>
            ClusterClient.ConnectToTrainAsync(ClusterAddress.Parse(address), manifest, _patience);

        public async ValueTask DisposeAsync()
        {
            while (_hosts.Count > 0)
            {
                await RemoveFirstAsync();
            }
        }
    }
}
