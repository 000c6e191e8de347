using System.Diagnostics;

namespace TorchAttention.Tests;

/// <summary>A PostgreSQL of the test's own, on this machine alone; where it is not installed the test is skipped.</summary>
internal sealed class PostgresServer : IDisposable
{
    private const string Installed = "/usr/lib/postgresql";
    private const string Owner = "someone";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();
    private readonly string _programs;
    private readonly int _port;

    /// <param name="port">Where it listens.</param>
    public PostgresServer(int port)
    {
        string? programs = Directory.Exists(Installed)
            ? Directory.GetDirectories(Installed).Select(version => Path.Combine(version, "bin")).FirstOrDefault(
                bin => File.Exists(Path.Combine(bin, "postgres")))
            : null;
        Assert.SkipWhen(programs is null || !OperatingSystem.IsLinux(), "PostgreSQL is not installed.");
        Assert.SkipWhen(IsRoot && !File.Exists("/usr/sbin/runuser") && !File.Exists("/sbin/runuser"), "PostgreSQL does not run as root.");
        (_programs, _port) = (programs!, port);
        Run("chmod", "a+rwx", _folder.FullName);
        Administer("initdb", "-D", Data, "-A", "trust", "-U", Owner);
        Start();
    }

    private static bool IsRoot => Environment.UserName == "root";

    private string Data => Path.Combine(_folder.FullName, "data");

    /// <summary>What Npgsql connects by.</summary>
    /// <param name="user">As whom.</param>
    public string Connection(string user = Owner) => $"Host=127.0.0.1;Port={_port};Username={user};Database=postgres";

    /// <summary>What a script answers, as CSV.</summary>
    public string Ask(string script)
    {
        string file = Path.Combine(_folder.FullName, "script.sql");
        File.WriteAllText(file, script);
        return Administer("psql", "-q", "--csv", "-h", _folder.FullName, "-p", $"{_port}", "-U", Owner, "-d", "postgres", "-f", file);
    }

    /// <summary>Stops it at once, as a crash would, and starts it again.</summary>
    public void Restart()
    {
        Stop();
        Start();
    }

    public void Dispose()
    {
        Stop();
        _folder.Delete(recursive: true);
    }

    // A server keeps what it was started with open: nothing is read from it.
    private void Start() => Administer(
        "sh", "-c", $"'{_programs}/pg_ctl' -D '{Data}' -o '-k {_folder.FullName} -p {_port} -c listen_addresses=127.0.0.1' -l "
            + $"'{_folder.FullName}/log' -w start > /dev/null 2>&1");

    private void Stop() => Administer("pg_ctl", "-D", Data, "-m", "immediate", "-w", "stop");

    private string Administer(string program, params string[] arguments)
    {
        string path = Path.Combine(_programs, program) is string own && File.Exists(own) ? own : program;
        return IsRoot ? Run("runuser", ["-u", "postgres", "--", path, .. arguments]) : Run(path, arguments);
    }

    private string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(
            new ProcessStartInfo(program, arguments) { WorkingDirectory = _folder.FullName, RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
