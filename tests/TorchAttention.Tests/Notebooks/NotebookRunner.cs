using System.Diagnostics;
using System.Reflection;

namespace TorchAttention.Tests.Notebooks;

/// <summary>notebooks/run.cs as its users start it, built once for all tests; and a folder for the notebooks that they write.</summary>
public sealed class NotebookRunner : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(10);

    private readonly string _folder = Directory.CreateTempSubdirectory("torchattention-").FullName;

    public NotebookRunner()
    {
        Result build = DotNet("build", "notebooks/run.cs");
        Assert.True(build.ExitCode == 0, build.Output + build.Error);
    }

    public static string Repository { get; } = typeof(NotebookRunner).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "Repository").Value!;

    public static Result Run(params string[] arguments) => DotNet(["run", "--no-build", "notebooks/run.cs", .. arguments]);

    public static Result DotNet(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", arguments)
        {
            WorkingDirectory = Repository,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // A build server that outlives the build would keep our end of its output open.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"dotnet {string.Join(' ', arguments)} did not end within {_patience}.");
        }

        return new Result(process.ExitCode, output.Result, error.Result);
    }

    public string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public sealed record Result(int ExitCode, string Output, string Error);
}
