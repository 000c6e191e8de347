using System.Text.RegularExpressions;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests;

/// <summary>The commands that pages show are run, each page's in a folder of its own, and print what the page says.</summary>
public sealed class ReadmeCommandsTests : IDisposable
{
    private static readonly Regex _command = new(@"^dotnet run -c Release --project src/TorchAttention\.(Console|KernelFit) -- (.*)$");
    private readonly ConsoleProcess _console = new();

    public static TheoryData<string> PagesWithCommands => [.. Page.All.Where(path => Commands(path).Length > 0)];

    public static TheoryData<string> PagesWithSessions => [.. Page.All.Where(path => Page.Read(path).Blocks("console").Any())];

    public void Dispose() => _console.Dispose();

    [Theory]
    [MemberData(nameof(PagesWithCommands))]
    public void Commands_RunAsWritten(string path)
    {
        if (path != "docs/reading.md")
        {
            LongTests.SkipUnlessAskedFor();
        }

        Directory.CreateSymbolicLink(_console.PathOf("src"), Path.Combine(ConsoleProcess.Repository, "src"));
        var printed = new HashSet<string>();
        Assert.All(Commands(path), command =>
        {
            ConsoleProcess.Result result = Run(command.Groups[1].Value, command.Groups[2].Value);
            Assert.Equal((0, ""), (result.ExitCode, result.Error));
            printed.UnionWith(Lines(result.Output));
        });
        Assert.All(Page.Read(path).Blocks("text").SelectMany(Lines), line => Assert.Contains(line, printed));
    }

    // $ NAME ARGUMENTS, and below it the error that it ends with.
    [Theory]
    [MemberData(nameof(PagesWithSessions))]
    public void Errors_AreTheOnesShown(string path)
    {
        MatchCollection sessions = Regex.Matches(
            string.Concat(Page.Read(path).Blocks("console")), @"^\$ (\S+) (.*)\n(.*)\n", RegexOptions.Multiline);
        Assert.NotEmpty(sessions);
        Assert.All(sessions, session =>
        {
            ConsoleProcess.Result result = Run(session.Groups[1].Value, session.Groups[2].Value);
            Assert.Equal((2, session.Groups[3].Value), (result.ExitCode, result.Error.Trim()));
        });
    }

    [Fact]
    public void Commands_AreMany() => Assert.InRange(Page.All.Sum(path => Commands(path).Length), 20, 60);

    private static Match[] Commands(string path) =>
        [.. Page.Read(path).Blocks("sh").SelectMany(Lines).Select(line => _command.Match(line)).Where(match => match.Success)];

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    // The program of the fits is built beside the console.
    private ConsoleProcess.Result Run(string program, string arguments) => _console.Start(
        program.Equals("kernelfit", StringComparison.OrdinalIgnoreCase)
            ? Path.Combine(Path.GetDirectoryName(ConsoleProcess.Executable)!, OperatingSystem.IsWindows() ? "kernelfit.exe" : "kernelfit")
            : ConsoleProcess.Executable,
        arguments.Split(' ')).Wait();
}
