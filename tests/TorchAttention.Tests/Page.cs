using System.Text.RegularExpressions;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests;

/// <summary>A page of the documentation: the README or one of <c>docs</c>.</summary>
/// <param name="Path">Where it is in the repository.</param>
/// <param name="Text">What it says.</param>
internal sealed record Page(string Path, string Text)
{
    public const string Readme = "README.md";

    /// <summary>The paths of all pages, the README first.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        Readme, .. Directory.EnumerateFiles(System.IO.Path.Combine(ConsoleProcess.Repository, "docs"), "*.md")
            .Select(file => $"docs/{System.IO.Path.GetFileName(file)}").Order(StringComparer.Ordinal),
    ];

    /// <summary>The targets of its links and pictures, code apart.</summary>
    public IEnumerable<string> Links => Regex.Matches(Prose, @"\]\(([^)\s]+)\)").Select(match => match.Groups[1].Value);

    /// <summary>What a link to a heading says after #, as GitHub has it.</summary>
    public IEnumerable<string> Anchors =>
        Regex.Matches(Prose, "^#+ (.+)$", RegexOptions.Multiline).Select(match =>
            Regex.Replace(match.Groups[1].Value.ToLowerInvariant(), @"[^\w\- ]", "").Replace(' ', '-'));

    /// <summary>The text without the blocks of code.</summary>
    public string Prose => Regex.Replace(Text, "^```.*?^```$", "", RegexOptions.Multiline | RegexOptions.Singleline);

    public static Page Read(string path) => new(path, File.ReadAllText(System.IO.Path.Combine(ConsoleProcess.Repository, path)));

    /// <summary>Its blocks of code in a language.</summary>
    public IEnumerable<string> Blocks(string language) =>
        Regex.Matches(Text, $"^```{language}\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)
            .Select(match => match.Groups[1].Value);
}
