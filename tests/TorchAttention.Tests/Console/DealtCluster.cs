using System.Globalization;
using System.Text;
using TorchAttention.Tests.Cluster;

namespace TorchAttention.Tests.Console;

/// <summary>Shards of two features, Redis, and silos as their users start them.</summary>
public sealed class DealtCluster : IDisposable
{
    private readonly SiloProcesses _processes = new();

    public DealtCluster()
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

    public ConsoleProcess Console => _processes.Console;

    /// <summary>The queries' file.</summary>
    public string Queries { get; }

    /// <summary>The arguments that name shards and a cluster.</summary>
    public static string[] Of(string cluster) => ["--shards", "shards/manifest.json", "--cluster", cluster];

    /// <summary>A cluster that members find through Redis; where it is not installed the test is skipped.</summary>
    public string StartRedis() => _processes.StartRedis();

    /// <summary>The same through PostgreSQL.</summary>
    public string StartPostgres() => _processes.StartPostgres();

    /// <summary>Stops the store at once, and starts it on its files.</summary>
    public void RestartStore() => _processes.RestartStore();

    /// <summary>A silo that serves.</summary>
    public ConsoleProcess.Running Serve(string cluster, string[] options, params (string Name, string Value)[] environment) =>
        _processes.Serve("shards/manifest.json", cluster, string.Join(' ', options), environment);

    public string Run(params string[] arguments)
    {
        ConsoleProcess.Result result = Console.Run(arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }

    /// <summary>What <c>predict</c> writes for the queries.</summary>
    public string Predict(params string[] options) =>
        Run(["predict", "queries.csv", "--shards", "shards/manifest.json", "--bandwidth", "0.3", .. options]);

    public void Dispose() => _processes.Dispose();
}
