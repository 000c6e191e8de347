using System.Text.Json;
using System.Text.Json.Nodes;
using SkiaSharp;

namespace TorchAttention.Tests.Notebooks;

/// <summary>The notebooks and the runner of notebooks; one class, so that its processes run one after another.</summary>
public sealed class NotebookTests(NotebookRunner runner) : IClassFixture<NotebookRunner>
{
    private const string Chapter = "attention-pooling.ipynb";

    public static TheoryData<string> Notebooks =>
        [.. Directory.GetFiles(Path.Combine(NotebookRunner.Repository, "notebooks"), "*.ipynb").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void EveryNotebook_GivesTheOutputsThatAreSavedInIt(string name)
    {
        NotebookRunner.Result result = NotebookRunner.Run(name, "--check");
        Assert.True((result.ExitCode, result.Error) == (0, ""), $"exit code {result.ExitCode}: {result.Error}");
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void EveryNotebook_IsValidAndWasRunFromTopToBottom(string name)
    {
        JsonNode notebook = JsonNode.Parse(File.ReadAllText(Path.Combine(NotebookRunner.Repository, "notebooks", name)))!;
        Assert.Equal((4, 5), ((int)notebook["nbformat"]!, (int)notebook["nbformat_minor"]!));
        Assert.Equal(".net-csharp", (string?)notebook["metadata"]!["kernelspec"]!["name"]);
        Assert.Equal("C#", (string?)notebook["metadata"]!["language_info"]!["name"]);

        JsonArray cells = notebook["cells"]!.AsArray();
        string[] ids = [.. cells.Select(cell => (string)cell!["id"]!)];
        Assert.Equal(ids.Distinct(), ids);
        Assert.All(ids, id => Assert.Matches("^[a-zA-Z0-9_-]{1,64}$", id));
        JsonNode[] code = [.. cells.Where(cell => (string?)cell!["cell_type"] == "code")!];
        Assert.Equal(Enumerable.Range(1, code.Length), code.Select(cell => (int)cell["execution_count"]!));
        Assert.True(code.SelectMany(Pictures).Count() >= 10);
    }

    [Fact]
    public void GoodNotebook_GetsItsOutputs()
    {
        string path = runner.Write("good.ipynb", Notebook(
            "int n = 3;\nConsole.WriteLine($\"n is {n / 2.0:F1}\");\nConsole.Write(\"né\");",
            "using TorchAttention.Plotting;\nConsole.WriteLine(\"before\");\nDisplay(Figures.ShowHeatmaps(new double[,] { { 0, 1 } }, \"x\", \"y\"));\nn * 0.5"));

        NotebookRunner.Result result = NotebookRunner.Run(path);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.StartsWith("good.ipynb: 2 code cells in ", result.Output, StringComparison.Ordinal);
        JsonArray cells = JsonNode.Parse(File.ReadAllText(path))!["cells"]!.AsArray();
        Assert.All(cells, cell => Assert.NotNull(cell!["id"]));
        Assert.Equal([1, 2], cells.Skip(1).Select(cell => (int)cell!["execution_count"]!));
        Assert.Equal(["n is 1.5\n", "né"], Texts(cells[1]!["outputs"]![0]!["text"]!));

        JsonArray outputs = cells[2]!["outputs"]!.AsArray();
        Assert.Equal(["stream", "display_data", "execute_result"], outputs.Select(output => (string)output!["output_type"]!));
        using SKBitmap picture = SKBitmap.Decode(Pictures(cells[2]!).Single());
        Assert.True(picture.Width > 300 && picture.Height > 300);
        Assert.Equal(["1.5"], Texts(outputs[2]!["data"]!["text/plain"]!));
    }

    [Fact]
    public void SecondRun_ChangesNothing()
    {
        string path = runner.Write("twice.ipynb", Notebook("Console.WriteLine(\"<&>\");"));
        Assert.Equal(0, NotebookRunner.Run(path).ExitCode);
        byte[] once = File.ReadAllBytes(path);
        Assert.Equal(0, NotebookRunner.Run(path).ExitCode);
        Assert.Equal(once, File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData("throw new InvalidOperationException(\"no\\nluck\");", "InvalidOperationException: no luck")]
    [InlineData("int x = 1;\nx + y", "(2,5): error CS0103: The name 'y' does not exist in the current context")]
    public void FailingCell_IsNamedAndTheFileIsLeftAsItWas(string code, string problem)
    {
        string path = runner.Write("bad.ipynb", Notebook("1 + 1", code, "2 + 2"));
        byte[] before = File.ReadAllBytes(path);

        NotebookRunner.Result result = NotebookRunner.Run(path);

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Equal($"error: bad.ipynb: cell 3 (code cell 2): {problem}\n", result.Error);
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void Check_AllowsTheLastDigitAndNamesTheCellThatDiffers()
    {
        string path = runner.Write("check.ipynb", Notebook("Console.WriteLine(\"a = 0.1234\");", "Console.WriteLine(\"b = 0.1234\");"));
        Assert.Equal(0, NotebookRunner.Run(path).ExitCode);
        string saved = File.ReadAllText(path);

        runner.Write("check.ipynb", saved.Replace("\"b = 0.1234\\n\"", "\"b = 0.1235\\n\"", StringComparison.Ordinal));
        Assert.Equal(0, NotebookRunner.Run(path, "--check").ExitCode);

        runner.Write("check.ipynb", saved.Replace("\"b = 0.1234\\n\"", "\"b = 0.1236\\n\"", StringComparison.Ordinal));
        NotebookRunner.Result result = NotebookRunner.Run(path, "--check");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("error: check.ipynb: cell 3 (code cell 2): saved is 'b = 0.1236', this run gave 'b = 0.1234'\n", result.Error);
    }

    [Fact]
    public void WrongArguments_Exit2InOneLine()
    {
        string text = runner.Write("text.ipynb", "no JSON");
        string list = runner.Write("list.ipynb", "[]");
        string python = runner.Write("python.ipynb", Notebook("1").Replace("\"metadata\":{},\"nbformat\"", "\"metadata\":{\"kernelspec\":{\"language\":\"python\"}},\"nbformat\"", StringComparison.Ordinal));
        string[][] wrong = [["missing.ipynb"], [text], [list], [python], [], [Chapter, "--surprise"], [Chapter, "--check", "--output", "x.ipynb"]];
        Assert.All(wrong, arguments =>
        {
            NotebookRunner.Result result = NotebookRunner.Run(arguments);
            Assert.Equal((2, ""), (result.ExitCode, result.Output));
            Assert.Matches(@"^error: [^\n]+\n$", result.Error);
        });
    }

    private static string Notebook(params string[] code) => JsonSerializer.Serialize(new
    {
        cells = (object[])
        [
            new { cell_type = "markdown", metadata = new { }, source = "A note." },
            .. code.Select(source => new { cell_type = "code", metadata = new { }, source = source.Split('\n').Select((line, i) => i == 0 ? line : "\n" + line) }),
        ],
        metadata = new { },
        nbformat = 4,
        nbformat_minor = 5,
    });

    private static string[] Texts(JsonNode lines) => [.. lines.AsArray().Select(line => (string)line!)];

    private static IEnumerable<byte[]> Pictures(JsonNode cell) => cell["outputs"]!.AsArray()
        .Select(output => (string?)output!["data"]?["image/png"]).OfType<string>().Select(Convert.FromBase64String);
}
