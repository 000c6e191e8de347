using System.Text.RegularExpressions;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests;

/// <summary>
/// The programs of <c>samples</c>, each a file that says in its first lines what it shows and prints; alone, since running one builds the
/// libraries, which the notebooks' tests do too.
/// </summary>
[Collection(nameof(Training.AloneTests))]
public sealed class SamplesTests : IDisposable
{
    private static readonly string _folder = Path.Combine(ConsoleProcess.Repository, "samples");
    private readonly ConsoleProcess _console = new();

    public static TheoryData<string> Samples =>
        [.. Directory.GetFiles(_folder, "*.cs").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public void Dispose() => _console.Dispose();

    [Theory]
    [MemberData(nameof(Samples))]
    public void Sample_SaysWhatItIsAndIsShort(string name)
    {
        string[] lines = File.ReadAllLines(PathOf(name));
        Assert.InRange(lines.Length, 25, 60);
        Assert.Equal(3, lines.TakeWhile(line => line.StartsWith("// ", StringComparison.Ordinal)).Count());
        Assert.StartsWith($"// dotnet run samples/{name} prints \"", lines[1], StringComparison.Ordinal);
        Assert.NotEmpty(Printed(name));
        string version = typeof(LibTorch).Assembly.GetName().Version!.ToString(3);
        Assert.Matches($@"#:package [\w.]+@{Regex.Escape(version)},", lines[2]);
        Assert.Contains($"samples/{name}", Page.Read(Page.Readme).Links);
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Sample_PrintsWhatItSaysAndDraws(string name)
    {
        LongTests.SkipUnlessAskedFor();

        // A build server that outlives the build would keep our end of its output open.
        ConsoleProcess.Result run = _console.Start(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", ["run", PathOf(name)], ("MSBUILDDISABLENODEREUSE", "1"),
            ("UseSharedCompilation", "false")).Wait();

        Assert.True((run.ExitCode, run.Error) == (0, ""), run.Output + run.Error);
        Assert.Contains(run.Output.Split('\n'), line => line.StartsWith(Printed(name), StringComparison.Ordinal));
        Assert.NotEmpty(Directory.GetFiles(_console.Folder, name == "serve.cs" ? "served.safetensors" : "*.png"));
    }

    private static string PathOf(string name) => Path.Combine(_folder, name);

    private static string Printed(string name) => Regex.Match(File.ReadAllLines(PathOf(name))[1], " prints \"([^\"]+)\"").Groups[1].Value;
}
