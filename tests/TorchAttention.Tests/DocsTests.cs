using System.Text.RegularExpressions;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests;

/// <summary>The pages themselves: their length, their first sentence, and that links lead somewhere.</summary>
public sealed class DocsTests
{
    private const int MostLinesOfReadme = 220;
    private const int LongestLine = 160;

    public static TheoryData<string> Pages => [.. Page.All];

    [Fact]
    public void Readme_IsShort() => Assert.InRange(File.ReadLines(PathOf(Page.Readme)).Count(), 1, MostLinesOfReadme);

    [Fact]
    public void Readme_NamesEveryPage()
    {
        string[] links = [.. Page.Read(Page.Readme).Links];
        Assert.All(Page.All.Skip(1), page => Assert.Contains(page, links));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_BeginsWithWhatItAnswers(string path)
    {
        string[] lines = File.ReadAllLines(PathOf(path));
        Assert.StartsWith("# ", lines[0], StringComparison.Ordinal);
        Assert.Empty(lines[1]);
        string first = string.Join(' ', lines.Skip(2).TakeWhile(line => line.Length > 0));
        bool isQuestion = first.Contains('?', StringComparison.Ordinal);
        Assert.True(path == Page.Readme || isQuestion, $"{path} begins with '{first}', not with a question.");
    }

    // Tables are as they are, the generated ones most of all.
    [Theory]
    [MemberData(nameof(Pages))]
    public void Prose_FitsBesideCode(string path)
    {
        string prose = Regex.Replace(Page.Read(path).Prose, "<!-- (\\w+): begin -->.*?<!-- \\1: end -->", "", RegexOptions.Singleline);
        Assert.DoesNotContain(prose.Split('\n'), line => line.Length > LongestLine && !line.StartsWith('|'));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_LeadToFilesAndHeadings(string path)
    {
        Page page = Page.Read(path);
        Assert.All(page.Links.Where(link => !link.StartsWith("https://", StringComparison.Ordinal)), link =>
        {
            string[] parts = link.Split('#');
            string file = parts[0].Length == 0 ? PathOf(path) : Path.Combine(Path.GetDirectoryName(PathOf(path))!, parts[0]);
            Assert.True(Path.Exists(file), $"{path}: {link} does not exist");
            if (parts.Length > 1)
            {
                Assert.Contains(parts[1], Page.Read(Path.GetRelativePath(ConsoleProcess.Repository, Path.GetFullPath(file))).Anchors);
            }
        });
    }

    // A package is read where the repository is not.
    [Fact]
    public void ReadmesOfPackages_LinkToNoFile()
    {
        string[] readmes = [.. Directory.EnumerateDirectories(PathOf("src")).Select(folder => Path.Combine(folder, "readme.md"))
            .Where(File.Exists)];
        Assert.Equal(6, readmes.Length);
        Assert.All(readmes, readme =>
            Assert.All(Page.Read(readme).Links, link => Assert.StartsWith("https://", link, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("figures")]
    [InlineData("training")]
    [InlineData("engine")]
    [InlineData("regression")]
    public void Tables_AreThoseOfAResultsFile(string part)
    {
        string shown = Between("docs/performance.md", part);
        string results = PathOf("tests/TorchAttention.Benchmarks/results");
        Assert.Contains("\n| ", shown, StringComparison.Ordinal);
        Assert.Contains(Directory.GetFiles(results, "*.md"), file => File.ReadAllText(file).EndsWith(shown, StringComparison.Ordinal));
    }

    [Fact]
    public void Summary_HasFourRowsOfThePage()
    {
        string[] rows =
            [.. Between(Page.Readme, "summary").Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(1)];
        string page = Page.Read("docs/performance.md").Text;
        Assert.Equal(4, rows.Length);
        Assert.All(rows, row =>
        {
            string[] cells = [.. row.Split('|').Select(cell => cell.Trim())];
            string elsewhere = cells[3][(cells[3].LastIndexOf(": ", StringComparison.Ordinal) + 2)..];
            Assert.Contains($"| {cells[2]} |", page, StringComparison.Ordinal);
            Assert.Contains($"| {elsewhere} |", page, StringComparison.Ordinal);
        });
    }

    private static string Between(string path, string part) =>
        Regex.Match(Page.Read(path).Text, $"<!-- {part}: begin -->\n(.*)<!-- {part}: end -->", RegexOptions.Singleline).Groups[1].Value;

    private static string PathOf(string path) => Path.Combine(ConsoleProcess.Repository, path);
}
