using System.Net;
using System.Net.Sockets;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Cluster;

/// <summary>Silos and their store as processes of their own, in one folder; they end with the test.</summary>
internal sealed class SiloProcesses : IDisposable
{
    private static readonly string[] _redis =
        ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server"];

    private readonly List<ConsoleProcess.Running> _started = [];
    private readonly int _port = FreePort();
    private ConsoleProcess.Running? _redisServer;
    private PostgresServer? _postgres;

    public static bool HasRedis => _redis.Any(File.Exists);

    /// <summary>What is run in the folder.</summary>
    public ConsoleProcess Console { get; } = new();

    public void Dispose()
    {
        foreach (ConsoleProcess.Running running in _started)
        {
            running.Kill();
            running.Wait();
        }

        _postgres?.Dispose();
        Console.Dispose();
    }

    /// <summary>Starts Redis.</summary>
    /// <returns>The cluster that comes together there.</returns>
    public string StartRedis()
    {
        Assert.SkipUnless(HasRedis, "Redis is not installed.");
        StartRedisServer();
        return $"redis=127.0.0.1:{_port}";
    }

    /// <summary>Starts PostgreSQL.</summary>
    /// <returns>The cluster that comes together there.</returns>
    public string StartPostgres()
    {
        _postgres = new PostgresServer(_port);
        return $"postgres={_postgres.Connection()}";
    }

    /// <summary>Stops the store at once, and starts it on its files.</summary>
    public void RestartStore()
    {
        if (_postgres is not null)
        {
            _postgres.Restart();
            return;
        }

        _redisServer!.Kill();
        _redisServer.Wait();
        StartRedisServer();
    }

    /// <summary>Starts a silo, and waits until it serves.</summary>
    public ConsoleProcess.Running Serve(
        string manifest, string cluster, string options = "", params (string Name, string Value)[] environment)
    {
        string log = Console.PathOf($"{Guid.NewGuid():N}.log");
        ConsoleProcess.Running silo = Console.Start(
            "/bin/sh",
            ["-c", $"exec '{ConsoleProcess.Executable}' serve --shards {manifest} --cluster '{cluster}' {options} > {log}"],
            environment);
        _started.Add(silo);
        silo.Until(() => File.Exists(log) && File.ReadAllText(log).Contains("serving ", StringComparison.Ordinal));
        return silo;
    }

    /// <summary>Sends a signal.</summary>
    public void Signal(ConsoleProcess.Running process, string signal)
    {
        ConsoleProcess.Result result = Console.Start("/bin/kill", [$"-{signal}", $"{process.Id}"]).Wait();
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void StartRedisServer()
    {
        _redisServer = Console.Start(
            _redis.First(File.Exists),
            ["--port", $"{_port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", Console.Folder]);
        _started.Add(_redisServer);
        _redisServer.Until(IsThere);
    }

    private bool IsThere()
    {
        try
        {
            using var client = new TcpClient("127.0.0.1", _port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
