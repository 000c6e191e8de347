using System.Text.Json.Nodes;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Notebooks;

/// <summary>The notebooks of the repository.</summary>
public sealed class SavedNotebookTests : IDisposable
{
    private readonly ConsoleProcess _folder = new();

    public static TheoryData<string> Notebooks =>
        [.. Directory.GetFiles(NotebookRunner.Folder, "*.ipynb").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void EveryNotebook_GivesTheOutputsThatAreSavedInIt(string name)
    {
        LongTests.SkipUnlessAskedFor();
        ConsoleProcess.Result result = NotebookRunner.Run(_folder, name, "--check");
        Assert.True((result.ExitCode, result.Error) == (0, ""), $"exit code {result.ExitCode}: {result.Error}");
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void EveryNotebook_BeginsWithThePackagesOfThisVersion(string name)
    {
        string version = typeof(LibTorch).Assembly.GetName().Version!.ToString(3);
        JsonNode notebook = JsonNode.Parse(File.ReadAllText(Path.Combine(NotebookRunner.Folder, name)))!;
        JsonNode first = notebook["cells"]!.AsArray().First(cell => (string?)cell!["cell_type"] == "code")!;
        string[] packages =
        [
            .. first["source"]!.AsArray().Select(line => (string)line!).TakeWhile(line => line.StartsWith('#')).Select(line => line.Trim()),
        ];
        Assert.Equal([$"#r \"nuget: TorchAttention, {version}\"", $"#r \"nuget: TorchAttention.Plotting, {version}\""], packages);
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void EveryNotebook_IsValidAndWasRunFromTopToBottom(string name)
    {
        JsonNode notebook = JsonNode.Parse(File.ReadAllText(Path.Combine(NotebookRunner.Folder, name)))!;
        Assert.Equal((4, 5), ((int)notebook["nbformat"]!, (int)notebook["nbformat_minor"]!));
        Assert.Equal(".net-csharp", (string?)notebook["metadata"]!["kernelspec"]!["name"]);
        Assert.Equal("C#", (string?)notebook["metadata"]!["language_info"]!["name"]);

        JsonArray cells = notebook["cells"]!.AsArray();
        string[] ids = [.. cells.Select(cell => (string)cell!["id"]!)];
        Assert.Equal(ids.Distinct(), ids);
        Assert.All(ids, id => Assert.Matches("^[a-zA-Z0-9_-]{1,64}$", id));
        JsonNode[] code = [.. cells.Where(cell => (string?)cell!["cell_type"] == "code")!];
        Assert.Equal(Enumerable.Range(1, code.Length), code.Select(cell => (int)cell["execution_count"]!));
        Assert.True(code.Sum(cell => cell["outputs"]!.AsArray().Count(output => output!["data"]?["image/png"] is not null)) >= 10);
    }
}
