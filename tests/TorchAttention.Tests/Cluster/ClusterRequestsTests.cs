using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TorchAttention.Cluster;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Tests.Console;
using TorchAttention.Tests.Sharding;

namespace TorchAttention.Tests.Cluster;

/// <summary>Requests one after the other leave nothing on a silo.</summary>
/// <remarks>
/// TORCHATTENTION_LONG_TESTS=1 asks for it, and TORCHATTENTION_TESTS_CLUSTER_REQUESTS says how many requests there are. With
/// -showLiveOutput it says what a call costs.
/// </remarks>
public sealed class ClusterRequestsTests : ShardFolder
{
    private const int Askers = 8;
    private const int MostGrowth = 48_000_000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_LeaveTheMemoryOfASilo()
    {
        LongTests.SkipUnlessAskedFor();
        int requests = LongTests.Setting("CLUSTER_REQUESTS", 20_000);
        ShardManifest manifest = Write(Rows(30_000, 2), 2, 12);
        string path = Path.Combine(manifest.Folder, ShardManifest.FileName);
        manifest = ShardManifest.Load(path);
        var request = new ShardRequest { Kernel = SmoothingKernel.Gaussian, Bandwidths = [0.3, 0.3] };
        using var processes = new SiloProcesses();
        string cluster = processes.StartRedis();
        ConsoleProcess.Running silo = processes.Serve(path, cluster);
        var address = ClusterAddress.Parse(cluster);
        await using ClusterClient client = await ClusterClient.ConnectAsync(address, manifest, TimeSpan.FromMinutes(5));

        // What a runtime takes at first, for its code and its generations, it keeps.
        await AskAsync(Math.Max(5000, requests / 10));
        long before = MemoryOf(silo);
        double seconds = await AskAsync(requests);
        long after = MemoryOf(silo);
        Say($"{requests} requests of one query in {seconds:F1} s; the silo had {before / 1e6:F0} MB before them and has {after / 1e6:F0}");
        await EmptyCallsAsync(address, manifest);

        Assert.True(after - before < MostGrowth, $"A silo has grown from {before} to {after} bytes.");

        async Task<double> AskAsync(int count)
        {
            long begun = Stopwatch.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, Askers).Select(asker => Task.Run(async () =>
            {
                var random = new Random(asker);
                for (int i = asker; i < count; i += Askers)
                {
                    double[] query = [10 * random.NextDouble(), 10 * random.NextDouble()];
                    Predictions at = await client.PredictAsync(request, query, NoNeighbourPolicy.NaN, Token);
                    Assert.True(at.HasNeighbour[0]);
                }
            })));
            return Stopwatch.GetElapsedTime(begun).TotalSeconds;
        }
    }

    private static async Task EmptyCallsAsync(ClusterAddress address, ShardManifest manifest)
    {
        using IHost host = Hosts.CreateClient(address, manifest, peer: null);
        await host.StartAsync(Token);
        IQueryGrain grain = host.Services.GetRequiredService<IGrainFactory>().GetGrain<IQueryGrain>(0);
        double[] micro = new double[2000];
        for (int i = 0; i < micro.Length; i++)
        {
            long begun = Stopwatch.GetTimestamp();
            await grain.SiloAsync();
            micro[i] = Stopwatch.GetElapsedTime(begun).TotalMicroseconds;
        }

        Array.Sort(micro);
        Say($"an empty call: median {micro[micro.Length / 2]:F0} us, 99 of 100 below {micro[micro.Length * 99 / 100]:F0} us");
        await host.StopAsync(Token);
    }

    private static long MemoryOf(ConsoleProcess.Running silo)
    {
        using var process = Process.GetProcessById(silo.Id);
        return process.WorkingSet64;
    }

    private static void Say(FormattableString line) =>
        TestContext.Current.TestOutputHelper!.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
