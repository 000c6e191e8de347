using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TorchAttention.Tests.Console;

/// <summary>Shards of two features, Redis, and silos as their users start them.</summary>
public sealed class SiloProcesses : IDisposable
{
    private static readonly string[] _redis =
        ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server"];

    private readonly List<ConsoleProcess.Running> _started = [];

    public SiloProcesses()
    {
        var random = new Random(20);
        var rows = new StringBuilder("a,b,c\n");
        var queries = new StringBuilder("a,b\n");
        for (int i = 0; i < 4000; i++)
        {
            (double a, double b) = (10 * random.NextDouble(), 10 * random.NextDouble());
            rows.Append(CultureInfo.InvariantCulture, $"{a:F6},{b:F6},{Math.Sin(a) + b + random.NextDouble():F6}\n");
            _ = i < 300 ? queries.Append(CultureInfo.InvariantCulture, $"{b * 1.1:F6},{a:F6}\n") : queries;
        }

        Queries = queries.ToString();
        Console.Write("rows.csv", rows.ToString());
        Console.Write("queries.csv", Queries);
        Assert.Equal("", Run("shard", "rows.csv", "--x", "a,b", "--y", "c", "--out", "shards", "--shards", "4", "--quiet"));
    }

    public ConsoleProcess Console { get; } = new();

    /// <summary>The queries' file.</summary>
    public string Queries { get; }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>The arguments that name shards and a cluster.</summary>
    public static string[] Of(string cluster) => ["--shards", "shards/manifest.json", "--cluster", cluster];

    /// <summary>A cluster that members find through Redis; where it is not installed the test is skipped.</summary>
    public string StartRedis()
    {
        Assert.SkipUnless(_redis.Any(File.Exists), "Redis is not installed.");
        string port = $"{FreePort()}";
        _started.Add(Console.Start(
            _redis.First(File.Exists), ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", Console.Folder]));
        return $"redis=127.0.0.1:{port}";
    }

    /// <summary>A silo that serves.</summary>
    public ConsoleProcess.Running Serve(string cluster, string[] options, params (string Name, string Value)[] environment)
    {
        string log = Console.PathOf($"{Guid.NewGuid():N}.log");
        string command = $"exec '{ConsoleProcess.Executable}' serve {string.Join(' ', Of(cluster))} {string.Join(' ', options)} > {log}";
        ConsoleProcess.Running silo = Console.Start("/bin/sh", ["-c", command], environment);
        _started.Add(silo);
        silo.Until(() => File.Exists(log) && File.ReadAllText(log).Contains("serving 4 shards of 4000 rows", StringComparison.Ordinal));
        return silo;
    }

    public string Run(params string[] arguments)
    {
        ConsoleProcess.Result result = Console.Run(arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }

    /// <summary>What <c>predict</c> writes for the queries.</summary>
    public string Predict(params string[] options) =>
        Run(["predict", "queries.csv", "--shards", "shards/manifest.json", "--bandwidth", "0.3", .. options]);

    public void Dispose()
    {
        foreach (ConsoleProcess.Running running in _started)
        {
            running.Kill();
            running.Wait();
        }

        Console.Dispose();
    }
}
