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

    // Three silos; one is killed while queries are answered, twice, and another takes its place.
    [Fact]
    public void SiloKilledUnderLoad_LosesNoAnswer()
    {
        string? redis = _redis.FirstOrDefault(File.Exists);
        Assert.SkipWhen(redis is null, "Redis is not installed.");
        Deal(rows: 60_000, queries: 60_000);
        string port = $"{FreePort()}";
        _started.Add(_console.Start(redis!, ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", _console.Folder]));
        string cluster = $"redis=127.0.0.1:{port}";
        List<ConsoleProcess.Running> silos = [Serve(cluster), Serve(cluster), Serve(cluster)];
        string expected = Predict();
        Assert.Equal(expected, Predict("--cluster", cluster));
        Until(() => Shards(cluster).Count(shards => shards.Length > 0) == 3);

        for (int kill = 0; kill < 2; kill++)
        {
            ConsoleProcess.Running load = Start("--cluster", cluster);
            Thread.Sleep(TimeSpan.FromSeconds(1 + kill));
            silos[kill].Kill();
            ConsoleProcess.Result answered = load.Wait();

            Assert.Equal((0, ""), (answered.ExitCode, answered.Error));
            Assert.True(expected == answered.Output, "An answer is wrong.");
            silos.Add(Serve(cluster));
        }

        Assert.Equal(expected, Predict("--cluster", cluster));
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
