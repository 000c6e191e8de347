using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Notebooks;

/// <summary>notebooks/run.cs, built once for all tests.</summary>
internal static class NotebookRunner
{
    private static readonly Lazy<string> _executable = new(Build);

    public static string Folder { get; } = Path.Combine(ConsoleProcess.Repository, "notebooks");

    /// <summary>Runs what <c>dotnet run notebooks/run.cs</c> runs, in a folder that holds the notebooks of a test.</summary>
    public static ConsoleProcess.Result Run(ConsoleProcess folder, params string[] arguments) =>
        folder.Start(_executable.Value, arguments).Wait();

    // A build server that outlives the build would keep our end of its output open.
    private static string Build()
    {
        using var folder = new ConsoleProcess();
        string[] arguments = ["build", Path.Combine(Folder, "run.cs"), "-t:Build", "-getProperty:RunCommand"];
        ConsoleProcess.Result build = folder.Start(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", arguments, ("MSBUILDDISABLENODEREUSE", "1"),
                ("UseSharedCompilation", "false")).Wait();
        Assert.True(build.ExitCode == 0, build.Output + build.Error);
        return build.Output.Trim();
    }
}
