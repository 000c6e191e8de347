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

/// <summary>
/// Silos are killed, stand still, start anew and come, and the store of members starts anew, in an order of chance, while queries are
/// asked all the time: no answer is wrong, and none is lost.
/// </summary>
/// <remarks>
/// TORCHATTENTION_LONG_TESTS=1 asks for it, and after TORCHATTENTION_TESTS_, CLUSTER_EVENTS says how many events there are, CLUSTER_SEED
/// which, and CLUSTER_REPLICAS on how many silos a shard is. With -showLiveOutput it says how long answers were waited for.
/// </remarks>
public sealed class ClusterEventsTests : ShardFolder
{
    private const int Askers = 4;
    private const int ChunkQueries = 64;
    private const int MostSilos = 5;
    private const int FewestSilos = 3;

    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    private static readonly string[] _kinds = ["kill", "stop", "restart", "add", "store"];

    private readonly SiloProcesses _processes = new();
    private readonly List<ConsoleProcess.Running> _silos = [];
    private readonly Lock _lock = new();
    private long _last = Stopwatch.GetTimestamp();
    private int _answers;
    private double _worstGap;
    private double _worstWait;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Events_LoseNoAnswer(bool isPostgres)
    {
        LongTests.SkipUnlessAskedFor();
        int replicas = LongTests.Setting("CLUSTER_REPLICAS", 2);
        ShardManifest manifest = Write(Rows(30_000, 2), 2, 12);
        string path = Path.Combine(manifest.Folder, ShardManifest.FileName);
        manifest = ShardManifest.Load(path);
        var request = new ShardRequest { Kernel = SmoothingKernel.Gaussian, Bandwidths = [0.3, 0.3] };
        var random = new Random(LongTests.Setting("CLUSTER_SEED", 1));
        double[][] chunks = [.. Enumerable.Range(0, 50).Select(
            _ => Enumerable.Range(0, 2 * ChunkQueries).Select(_ => (12 * random.NextDouble()) - 1).ToArray())];
        using var local = new LocalShards(manifest);
        var pooling = new ShardedPooling(manifest, request, local);
        double[][] right = await Task.WhenAll(chunks.Select(
            async chunk => (await pooling.PredictAsync(chunk, NoNeighbourPolicy.NaN, Token)).Mean));
        try
        {
            string cluster = isPostgres ? _processes.StartPostgres() : _processes.StartRedis();
            while (_silos.Count < FewestSilos)
            {
                Start();
            }

            await using ClusterClient client = await ClusterClient.ConnectAsync(ClusterAddress.Parse(cluster), manifest, _patience);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(Token);
            Task[] askers = [.. Enumerable.Range(0, Askers).Select(asker => Task.Run(async () =>
            {
                for (int i = asker; !end.IsCancellationRequested; i += Askers)
                {
                    long asked = Stopwatch.GetTimestamp();
                    Predictions found = await client.PredictAsync(request, chunks[i % chunks.Length], NoNeighbourPolicy.NaN, Token);
                    Assert.True(right[i % chunks.Length].SequenceEqual(found.Mean), $"Answer {i} is wrong.");
                    Answered(asked);
                }
            }))];
            await AnswersAsync(50);
            foreach (int number in Enumerable.Range(1, LongTests.Setting("CLUSTER_EVENTS", 8)))
            {
                string kind = _kinds[random.Next(_kinds.Length)];
                lock (_lock)
                {
                    (_worstGap, _worstWait, _last) = (0, 0, Stopwatch.GetTimestamp());
                }

                int before = _answers;
                await HappenAsync(kind, random);
                await AnswersAsync(20);
                await Task.Delay(TimeSpan.FromSeconds(1 + (2 * random.NextDouble())), Token);
                await Mended();
                string line = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{number} {kind}: {_silos.Count} silos, {_answers - before} answers, longest gap {_worstGap:F2} s, longest wait "
                        + $"{_worstWait:F2} s");
                TestContext.Current.TestOutputHelper!.WriteLine(line);
            }

            await end.CancelAsync();
            await Task.WhenAll(askers);
            TestContext.Current.TestOutputHelper!.WriteLine($"{_answers} answers of {ChunkQueries} queries");

            void Start() => _silos.Add(_processes.Serve(path, cluster, $"--replicas {replicas}"));

            async Task AnswersAsync(int more)
            {
                int until = _answers + more;
                long begun = Stopwatch.GetTimestamp();
                while (_answers < until)
                {
                    Assert.True(Stopwatch.GetElapsedTime(begun) < _patience, "No answers come.");
                    if (askers.FirstOrDefault(asker => asker.IsCompleted) is Task ended)
                    {
                        await ended;
                    }

                    await Task.Delay(20, Token);
                }
            }

            async Task HappenAsync(string kind, Random random)
            {
                ConsoleProcess.Running silo = _silos[random.Next(_silos.Count)];
                switch (kind)
                {
                    case "kill":
                        silo.Kill();
                        silo.Wait();
                        break;
                    case "stop":
                        _processes.Signal(silo, "STOP");
                        await Task.Delay(TimeSpan.FromSeconds(20), Token);
                        _processes.Signal(silo, "CONT");
                        break;
                    case "restart":
                        _processes.Signal(silo, "TERM");
                        silo.Wait();
                        break;
                    case "add" when _silos.Count < MostSilos:
                        Start();
                        break;
                    case "store":
                        _processes.RestartStore();
                        break;
                }
            }

            // A silo that stood still ends by itself when it hears that it is out.
            async Task Mended()
            {
                _silos.RemoveAll(silo => silo.HasEnded);
                while (_silos.Count < FewestSilos)
                {
                    Start();
                }

                await AnswersAsync(20);
            }
        }
        finally
        {
            _processes.Dispose();
        }
    }

    private void Answered(long asked)
    {
        lock (_lock)
        {
            long now = Stopwatch.GetTimestamp();
            _worstGap = Math.Max(_worstGap, Stopwatch.GetElapsedTime(_last, now).TotalSeconds);
            _worstWait = Math.Max(_worstWait, Stopwatch.GetElapsedTime(asked, now).TotalSeconds);
            _last = now;
            _answers++;
        }
    }
}
