using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TorchAttention.Tests.Console;

/// <summary>Shards in silos answer as this machine does, to the bit, whatever becomes of a silo meanwhile.</summary>
public sealed class ClusterTests : IDisposable
{
    private static readonly string[] _redis =
        ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server"];

    private readonly ConsoleProcess _console = new();
    private readonly List<ConsoleProcess.Running> _started = [];

    public void Dispose()
    {
        foreach (ConsoleProcess.Running running in _started)
        {
            running.Kill();
            running.Wait();
        }

        _console.Dispose();
    }

    [Fact]
    public void Local_IsTheSameBits()
    {
        Deal(rows: 20_000, queries: 3000);
        string cluster = $"local={FreePort()}";
        Serve(cluster);

        Assert.Equal(Predict(), Predict("--cluster", cluster));
        Assert.Equal(Predict("--degree", "1", "--slopes"), Predict("--cluster", cluster, "--degree", "1", "--slopes"));
        Assert.Equal(
            Predict("--kernel", "tricube", "--no-neighbour", "nearest"),
            Predict("--cluster", cluster, "--kernel", "tricube", "--no-neighbour", "nearest"));
        string[] status = Run("cluster", "status", "--shards", "shards/manifest.json", "--cluster", cluster).TrimEnd().Split('\n');
        Assert.Equal("silo,shards,mb,memory_mb,processor_percent", status[0]);
        Assert.Contains(",0 1 2 3 4 5 6 7 8 9 10 11,", Assert.Single(status[1..]), StringComparison.Ordinal);
    }

    // A damaged file is named; what other shards say is said all the same. Shards of another manifest are another cluster.
    [Fact]
    public void WrongShards_AreNamedInOneLine()
    {
        Deal(rows: 3000, queries: 10);
        string path = _console.PathOf("shards/0011.safetensors");
        byte[] whole = File.ReadAllBytes(path);
        byte[] bytes = [.. whole];
        bytes[^3] ^= 64;
        File.WriteAllBytes(path, bytes);
        string cluster = $"local={FreePort()}";
        Serve(cluster);
        _console.Write("near.csv", "a,b\n9.9,9.9\n");
        _console.Write("far.csv", "a,b\n0.1,0.1\n");
        string[] arguments = ["predict", "--shards", "shards/manifest.json", "--bandwidth", "0.1", "--cluster", cluster, "--out", "p.csv"];
        ConsoleProcess.Result damaged = _console.Run([.. arguments, "near.csv"]);

        Assert.Equal((2, ""), (damaged.ExitCode, damaged.Output));
        Assert.Contains("shards/0011.safetensors: expected the file of the manifest", damaged.Error, StringComparison.Ordinal);
        Assert.Equal(1, damaged.Error.Count(character => character == '\n'));
        Run([.. arguments, "far.csv"]);

        File.WriteAllBytes(path, whole);
        Run([.. arguments, "near.csv"]);

        Run("shard", "rows.csv", "--x", "a,b", "--y", "c", "--shards", "3", "--out", "others", "--quiet");
        ConsoleProcess.Result other = _console.Run(
            "predict", "--shards", "others/manifest.json", "--bandwidth", "0.1", "--cluster", cluster, "far.csv");
        Assert.Equal((1, ""), (other.ExitCode, other.Output));
        Assert.StartsWith(
            $"error: --cluster {cluster}: no silo serves these shards there", other.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--cluster: expected local, local=PORT, redis=HOST:PORT or postgres=CONNECTION, got 'mongo'", "serve", "mongo")]
    [InlineData("--cluster: expected local, local=PORT, redis=HOST:PORT or postgres=CONNECTION, got 'redis=here'", "serve", "redis=here")]
    [InlineData("--cluster: expected local, local=PORT, redis=HOST:PORT or postgres=CONNECTION, got 'local=0'", "cluster", "local=0")]
    [InlineData("--shards: expected the manifest.json of what the cluster serves, got none", "predict", "local")]
    public void WrongCluster_IsOneLine(string expected, string command, string cluster)
    {
        Deal(rows: 50, queries: 1);
        string[] shards = expected.StartsWith("--shards", StringComparison.Ordinal) ? [] : ["--shards", "shards/manifest.json"];
        string[] queries = command == "predict" ? ["queries.csv"] : [];
        string[] what = command == "cluster" ? ["cluster", "status"] : [command];
        ConsoleProcess.Result result = _console.Run([.. what, .. queries, .. shards, "--cluster", cluster]);

        Assert.Equal((2, "", $"error: {expected}\n"), (result.ExitCode, result.Output, result.Error));
    }

    // Three silos; one is killed while a predict has answered some queries and waits for others, twice, and another takes its place.
    [Fact]
    public void SiloKilledUnderLoad_LosesNoAnswer()
    {
        (string cluster, string expected, List<ConsoleProcess.Running> silos) = Begin();
        for (int kill = 0; kill < 2; kill++)
        {
            Assert.True(expected == Across(cluster, () => silos[kill].Kill()), "An answer is wrong.");
            silos.Add(Serve(cluster));
        }

        Assert.True(expected == Predict("--cluster", cluster), "An answer is wrong.");
    }

    // It hangs on to its connections, and says nothing; when it goes on nobody asks it.
    [Fact]
    public void SiloThatStandsStill_LosesNoAnswer()
    {
        LongTests.SkipUnlessAskedFor();
        (string cluster, string expected, List<ConsoleProcess.Running> silos) = Begin();
        Assert.True(expected == Across(cluster, () => Signal(silos[0], "STOP")), "An answer is wrong.");
        Signal(silos[0], "CONT");
        Assert.True(expected == Predict("--cluster", cluster), "An answer is wrong.");
    }

    [Fact]
    public void RedisThatStartsAnew_LosesNoAnswer()
    {
        LongTests.SkipUnlessAskedFor();
        (string cluster, string expected, _) = Begin();
        Assert.True(expected == Across(cluster, () =>
        {
            _started[0].Kill();
            _started[0].Wait();
            _started[0] = StartRedis(cluster.Split(':')[1]);
        }), "An answer is wrong.");
        Serve(cluster);
        Assert.True(expected == Predict("--cluster", cluster), "An answer is wrong.");
    }

    // Three silos with shards on each, and what is right.
    private (string Cluster, string Expected, List<ConsoleProcess.Running> Silos) Begin()
    {
        Assert.SkipUnless(_redis.Any(File.Exists), "Redis is not installed.");
        Deal(rows: 60_000, queries: 80_000);
        string port = $"{FreePort()}";
        _started.Add(StartRedis(port));
        string cluster = $"redis=127.0.0.1:{port}";
        List<ConsoleProcess.Running> silos = [Serve(cluster), Serve(cluster), Serve(cluster)];
        string expected = Predict();
        Until(() => Shards(cluster).Count(shards => shards.Length > 0) == 3);
        return (cluster, expected, silos);
    }

    // It has answered, and cannot end before it is given the other queries: so it is at work when something happens.
    private string Across(string cluster, Action happen)
    {
        const int first = 50_000;
        string output = _console.PathOf($"{Guid.NewGuid():N}.csv");
        ConsoleProcess.Running load = _console.Start(
            "/bin/sh",
            ["-c", $"exec '{ConsoleProcess.Executable}' predict - --shards shards/manifest.json --bandwidth 0.1,0.2 --cluster {cluster} "
                + $"> {output}"]);
        string[] queries = File.ReadAllLines(_console.PathOf("queries.csv"));
        load.Input.Write(string.Join('\n', queries[..first]) + "\n");
        load.Input.Flush();
        load.Until(() => File.Exists(output) && new FileInfo(output).Length > 1000);
        happen();
        load.Input.Write(string.Join('\n', queries[first..]) + "\n");
        load.Input.Close();
        ConsoleProcess.Result result = load.Wait();
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return File.ReadAllText(output);
    }

    private ConsoleProcess.Running StartRedis(string port) => _console.Start(
        _redis.First(File.Exists),
        ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", _console.Folder]);

    private void Signal(ConsoleProcess.Running process, string signal)
    {
        ConsoleProcess.Result result = _console.Start("/bin/kill", [$"-{signal}", $"{process.Id}"]).Wait();
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
    }

    private void Deal(int rows, int queries)
    {
        var random = new Random(rows);
        var text = new StringBuilder("a,b,c\n");
        var asked = new StringBuilder("a,b\n");
        for (int i = 0; i < Math.Max(rows, queries); i++)
        {
            (double a, double b) = (10 * random.NextDouble(), 10 * random.NextDouble());
            _ = i < rows ? text.Append(CultureInfo.InvariantCulture, $"{a:F6},{b:F6},{Math.Sin(a) + b + random.NextDouble():F6}\n") : text;
            _ = i < queries ? asked.Append(CultureInfo.InvariantCulture, $"{b * 1.1:F6},{a:F6}\n") : asked;
        }

        _console.Write("rows.csv", text.ToString());
        _console.Write("queries.csv", asked.ToString());
        Run("shard", "rows.csv", "--x", "a,b", "--y", "c", "--out", "shards", "--quiet");
    }

    private ConsoleProcess.Running Serve(string cluster)
    {
        string log = _console.PathOf($"{Guid.NewGuid():N}.log");
        ConsoleProcess.Running silo = _console.Start(
            "/bin/sh", ["-c", $"exec '{ConsoleProcess.Executable}' serve --shards shards/manifest.json --cluster {cluster} > {log}"]);
        _started.Add(silo);
        silo.Until(() => File.Exists(log) && File.ReadAllText(log).StartsWith("serving 12 shards of ", StringComparison.Ordinal));
        return silo;
    }

    private string Predict(params string[] options)
    {
        ConsoleProcess.Result result = Start(options).Wait();
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }

    private ConsoleProcess.Running Start(params string[] options) => _console.Start(
        ConsoleProcess.Executable, ["predict", "queries.csv", "--shards", "shards/manifest.json", "--bandwidth", "0.1,0.2", .. options]);

    private string[] Shards(string cluster) =>
        [.. Run("cluster", "status", "--shards", "shards/manifest.json", "--cluster", cluster).TrimEnd().Split('\n').Skip(1)
            .Select(line => line.Split(',')[1])];

    private string Run(params string[] arguments)
    {
        ConsoleProcess.Result result = _console.Run(arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }

    private static void Until(Func<bool> isSo)
    {
        long begun = Stopwatch.GetTimestamp();
        while (!isSo())
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromMinutes(5), "It has not become so.");
            Thread.Sleep(200);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
