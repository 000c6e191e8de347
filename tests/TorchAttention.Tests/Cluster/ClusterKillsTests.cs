using System.Diagnostics;
using System.Globalization;
using TorchAttention.Cluster;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Tests.Console;
using TorchAttention.Tests.Sharding;

namespace TorchAttention.Tests.Cluster;

/// <summary>Silos are killed one after the other under a light load; how long answers were waited for is said.</summary>
/// <remarks>
/// TORCHATTENTION_LONG_TESTS=1 asks for it, and after TORCHATTENTION_TESTS_, CLUSTER_KILLS says how many kills there are of each, and
/// CLUSTER_ROWS how many rows. With -showLiveOutput it says how long answers were waited for.
/// </remarks>
public sealed class ClusterKillsTests : ShardFolder
{
    private const int Askers = 4;
    private const int Silos = 3;

    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    private readonly Lock _lock = new();
    private long _last;
    private int _answers;
    private double _gap;
    private double _wait;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public async Task Kills_LoseNoAnswer(int replicas, bool isPostgres)
    {
        LongTests.SkipUnlessAskedFor();
        ShardManifest manifest = Write(Rows(LongTests.Setting("CLUSTER_ROWS", 30_000), 2), 2, 12);
        string path = Path.Combine(manifest.Folder, ShardManifest.FileName);
        manifest = ShardManifest.Load(path);
        var request = new ShardRequest { Kernel = SmoothingKernel.Gaussian, Bandwidths = [0.3, 0.3] };
        double[] queries = [.. Enumerable.Range(0, 40).Select(i => i % 2 == 0 ? i / 4.0 : 7 * i % 40 / 4.0)];
        using var local = new LocalShards(manifest);
        double[] right = (await new ShardedPooling(manifest, request, local).PredictAsync(queries, NoNeighbourPolicy.NaN, Token)).Mean;
        using var processes = new SiloProcesses();
        string cluster = isPostgres ? processes.StartPostgres() : processes.StartRedis();
        List<ConsoleProcess.Running> silos = [.. Enumerable.Range(0, Silos).Select(_ => Start())];
        await using ClusterClient client = await ClusterClient.ConnectAsync(ClusterAddress.Parse(cluster), manifest, _patience);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task[] askers = [.. Enumerable.Range(0, Askers).Select(_ => Task.Run(AskAsync, Token))];
        var gaps = new List<double>();
        var waits = new List<double>();
        for (int kill = 0; kill < LongTests.Setting("CLUSTER_KILLS", 2); kill++)
        {
            await SettledAsync();
            lock (_lock)
            {
                (_gap, _wait, _last) = (0, 0, Stopwatch.GetTimestamp());
            }

            ConsoleProcess.Running silo = silos[kill % Silos];
            silo.Kill();
            silo.Wait();
            await Task.Delay(TimeSpan.FromSeconds(5), Token);
            int answers = _answers;
            while (_answers < answers + (2 * Askers))
            {
                Assert.True(Array.TrueForAll(askers, asker => !asker.IsCompleted), "A question has no answer.");
                await Task.Delay(20, Token);
            }

            lock (_lock)
            {
                gaps.Add(_gap);
                waits.Add(_wait);
                Say($"replicas {replicas}, kill {kill + 1}: longest gap {_gap:F2} s, longest wait {_wait:F2} s");
            }

            silos[kill % Silos] = Start();
        }

        await end.CancelAsync();
        await Task.WhenAll(askers);
        (double gap, double wait) = (gaps.Max(), waits.Max());
        Say($"replicas {replicas}: gap median {Median(gaps):F2}, worst {gap:F2} s; wait median {Median(waits):F2}, worst {wait:F2} s");

        ConsoleProcess.Running Start() => processes.Serve(path, cluster, $"--replicas {replicas}");

        async Task AskAsync()
        {
            while (!end.IsCancellationRequested)
            {
                long asked = Stopwatch.GetTimestamp();
                Predictions found = await client.PredictAsync(request, queries, NoNeighbourPolicy.NaN, Token);
                Assert.True(right.SequenceEqual(found.Mean), "An answer is wrong.");
                Answered(asked);
                await Task.Delay(10, Token);
            }
        }

        // Every silo has its share, and a while has gone by since it came.
        async Task SettledAsync()
        {
            long begun = Stopwatch.GetTimestamp();
            IReadOnlyList<SiloLoad> loads = [];
            while (loads.Count != Silos || loads.Any(load => load.Shards.Length != 12 * replicas / Silos))
            {
                Assert.True(Stopwatch.GetElapsedTime(begun) < _patience, "The shards do not come to rest.");
                await Task.Delay(500, Token);
                loads = await client.StatusAsync();
            }

            await Task.Delay(TimeSpan.FromSeconds(2), Token);
        }
    }

    private static double Median(List<double> numbers) => numbers.Order().ElementAt(numbers.Count / 2);

    private void Answered(long asked)
    {
        lock (_lock)
        {
            long now = Stopwatch.GetTimestamp();
            _gap = Math.Max(_gap, Stopwatch.GetElapsedTime(_last, now).TotalSeconds);
            _wait = Math.Max(_wait, Stopwatch.GetElapsedTime(asked, now).TotalSeconds);
            (_last, _answers) = (now, _answers + 1);
        }
    }

    private static void Say(FormattableString line) =>
        TestContext.Current.TestOutputHelper!.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
