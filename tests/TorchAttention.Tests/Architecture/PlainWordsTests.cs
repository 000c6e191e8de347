using System.Text.RegularExpressions;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Architecture;

/// <summary>Exceptions are asked by their kind and their fields; their text is for people, and has one way to them.</summary>
public sealed partial class PlainWordsTests
{
    [Fact]
    public void TextOfAnException_IsReadNowhere() => Assert.Empty(Lines(ReadsText(), "", _ => true));

    [Fact]
    public void Terminal_IsWrittenToByOneClass() =>
        Assert.Empty(Lines(Ansi(), "", file => Path.GetFileName(file) != "Terminal.cs"));

    // Pieces go to a terminal as they are: JSON, whose letters are ASCII's, and predictions, which are written out before.
    [Fact]
    public void Pieces_AreWrittenWhereTheyArePlain() =>
        Assert.Empty(Lines(Piece(), "", file => Path.GetFileName(file) is not ("JsonText.cs" or "DataStream.cs")));

    private static IEnumerable<string> Lines(Regex pattern, string folder, Func<string, bool> isMeant)
    {
        string[] files = [.. Directory.EnumerateFiles(
            Path.Combine(ConsoleProcess.Repository, "src", folder), "*.cs", SearchOption.AllDirectories).Where(
            file => !Built().IsMatch(file))];
        Assert.True(files.Length > 40, $"Only {files.Length} files were read.");
        return files.Where(isMeant).SelectMany(file => File.ReadLines(file).Index().Where(line => pattern.IsMatch(line.Item))
            .Select(line => $"{Path.GetRelativePath(ConsoleProcess.Repository, file)}:{line.Index + 1}: {line.Item.Trim()}"));
    }

    [GeneratedRegex(@"[/\\](obj|bin)[/\\]")]
    private static partial Regex Built();

    [GeneratedRegex(@"\.(Message|StackTrace)\)*\s*(\.\s*[A-Z]|\[|==|!=|\bis\b|\bswitch\b)")]
    private static partial Regex ReadsText();

    [GeneratedRegex(@"\bAnsiConsole\.|\bMarkup\.Escape\b|\bConsole\.Open(StandardError|StandardOutput)\b.*Writer")]
    private static partial Regex Ansi();

    [GeneratedRegex(@"\bConsole\.(Out\.|Error\.)?Write\(")]
    private static partial Regex Piece();
}
