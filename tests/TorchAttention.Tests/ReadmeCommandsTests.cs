using System.Text.RegularExpressions;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests;

/// <summary>The commands, links and figures of the README.</summary>
public sealed class ReadmeCommandsTests : IDisposable
{
    private const string Prefix = "dotnet run -c Release --project src/TorchAttention.Console -- ";
    private static readonly string _readme = File.ReadAllText(Path.Combine(ConsoleProcess.Repository, "README.md"));

    private readonly ConsoleProcess _console = new();

    /// <summary>The README's code in a language.</summary>
    internal static IEnumerable<string> Blocks(string language) =>
        Regex.Matches(
            _readme, $"^```{language}\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline).Select(match => match.Groups[1].Value);

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Commands_RunAsWritten()
    {
        string[] commands =
            [.. Blocks("sh").SelectMany(block => block.Split('\n')).Where(line => line.StartsWith(Prefix, StringComparison.Ordinal))];
        Assert.InRange(commands.Length, 6, 20);
        Directory.CreateSymbolicLink(_console.PathOf("src"), Path.Combine(ConsoleProcess.Repository, "src"));
        Assert.All(commands, command =>
        {
            ConsoleProcess.Result result = _console.Run(command[Prefix.Length..].Split(' '));
            Assert.Equal((0, ""), (result.ExitCode, result.Error));
        });
    }

    [Fact]
    public void Links_LeadToFiles()
    {
        string[] links = [.. Regex.Matches(_readme, @"\]\(([^)#:]+)\)").Select(match => match.Groups[1].Value)];
        Assert.NotEmpty(links);
        Assert.All(links, link => Assert.True(File.Exists(Path.Combine(ConsoleProcess.Repository, link)), $"{link} does not exist"));
    }

    [Fact]
    public void Figures_AreThoseOfAResultsFile()
    {
        string shown = Regex.Match(_readme, "<!-- figures: begin -->\n(.*)<!-- figures: end -->", RegexOptions.Singleline).Groups[1].Value;
        string results = Path.Combine(ConsoleProcess.Repository, "tests", "TorchAttention.Benchmarks", "results");

        Assert.Contains("| time | ", shown, StringComparison.Ordinal);
        Assert.Contains(Directory.GetFiles(results, "*.md"), file => File.ReadAllText(file).EndsWith(shown, StringComparison.Ordinal));
    }
}
