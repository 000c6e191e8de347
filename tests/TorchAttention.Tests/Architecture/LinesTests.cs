using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Architecture;

/// <summary>Lines that fit beside each other.</summary>
public sealed class LinesTests
{
    private const int Longest = 140;

    private static readonly string[] _folders = ["src", "tests", "samples", "notebooks", "build"];

    // A line of JSON in a test stays as a file has it.
    [Fact]
    public void Lines_HaveAtMost140Characters()
    {
        IEnumerable<string> files = _folders.SelectMany(folder =>
            Directory.EnumerateFiles(Path.Combine(ConsoleProcess.Repository, folder), "*.cs", SearchOption.AllDirectories));
        string[] own = [.. files.Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin"))];
        Assert.True(own.Length > 200, $"Only {own.Length} files were read.");
        Assert.Empty(own.SelectMany(file => File.ReadLines(file).Index()
            .Where(line => line.Item.Length > Longest && !line.Item.Contains("\"\"\"", StringComparison.Ordinal))
            .Where(line => !line.Item.Contains("{\\\"", StringComparison.Ordinal))
            .Select(line => $"{Path.GetRelativePath(ConsoleProcess.Repository, file)}:{line.Index + 1}")));
    }
}
