using System.Text.Json;
using System.Text.Json.Nodes;
using SkiaSharp;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Notebooks;

/// <summary>The runner of notebooks.</summary>
public sealed class NotebookTests : IDisposable
{
    private readonly ConsoleProcess _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void GoodNotebook_GetsItsOutputsAndASecondRunChangesNothing()
    {
        LongTests.SkipUnlessAskedFor();
        string path = Write("good.ipynb", Notebook(
            "int n = 3;\nConsole.WriteLine($\"n is {n / 2.0:F1}\");\nConsole.Write(\"né\");",
            "using TorchAttention.Plotting;\nConsole.WriteLine(\"before\");\nDisplay(Figures.ShowHeatmaps(new double[,] { { 0, 1 } }, "
                + "\"x\", \"y\"));\nn * 0.5"));

        ConsoleProcess.Result result = NotebookRunner.Run(_folder, path);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.StartsWith("good.ipynb: 2 code cells in ", result.Output, StringComparison.Ordinal);
        JsonArray cells = JsonNode.Parse(File.ReadAllText(path))!["cells"]!.AsArray();
        Assert.All(cells, cell => Assert.NotNull(cell!["id"]));
        Assert.Equal([1, 2], cells.Skip(1).Select(cell => (int)cell!["execution_count"]!));
        Assert.Equal(["n is 1.5\n", "né"], Texts(cells[1]!["outputs"]![0]!["text"]!));

        JsonArray outputs = cells[2]!["outputs"]!.AsArray();
        Assert.Equal(["stream", "display_data", "execute_result"], outputs.Select(output => (string)output!["output_type"]!));
        using SKBitmap picture = SKBitmap.Decode(Convert.FromBase64String((string)outputs[1]!["data"]!["image/png"]!));
        Assert.True(picture.Width > 300 && picture.Height > 300);
        Assert.Equal(["1.5"], Texts(outputs[2]!["data"]!["text/plain"]!));

        byte[] once = File.ReadAllBytes(path);
        Assert.Equal(0, NotebookRunner.Run(_folder, path).ExitCode);
        Assert.Equal(once, File.ReadAllBytes(path));
    }

    [Fact]
    public void CellOfPackages_IsForOthers()
    {
        LongTests.SkipUnlessAskedFor();
        string path = Write("packages.ipynb", Notebook("#r \"nuget: Nobody.Has.This, 9.9\"\nthrow new Exception();", "1 + 1"));

        ConsoleProcess.Result result = NotebookRunner.Run(_folder, path);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        JsonArray cells = JsonNode.Parse(File.ReadAllText(path))!["cells"]!.AsArray();
        Assert.Empty(cells[1]!["outputs"]!.AsArray());
        Assert.Equal(["2"], Texts(cells[2]!["outputs"]![0]!["data"]!["text/plain"]!));
    }

    [Theory]
    [InlineData("throw new InvalidOperationException(\"no\\nluck\");", "InvalidOperationException: no luck")]
    [InlineData("int x = 1;\nx + y", "(2,5): error CS0103: The name 'y' does not exist in the current context")]
    public void FailingCell_IsNamedAndTheFileIsLeftAsItWas(string code, string problem)
    {
        LongTests.SkipUnlessAskedFor();
        string path = Write("bad.ipynb", Notebook("1 + 1", code, "2 + 2"));
        byte[] before = File.ReadAllBytes(path);

        ConsoleProcess.Result result = NotebookRunner.Run(_folder, path);

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Equal($"error: bad.ipynb: cell 3 (code cell 2): {problem}\n", result.Error);
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void Check_AllowsTheLastDigitAndNamesTheCellThatDiffers()
    {
        LongTests.SkipUnlessAskedFor();
        string path = Write("check.ipynb", Saved("a = 0.1234", "b = 0.1235"));
        Assert.Equal(0, NotebookRunner.Run(_folder, path, "--check").ExitCode);

        Write("check.ipynb", Saved("a = 0.1234", "b = 0.1236"));
        ConsoleProcess.Result result = NotebookRunner.Run(_folder, path, "--check");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("error: check.ipynb: cell 3 (code cell 2): saved is 'b = 0.1236', this run gave 'b = 0.1234'\n", result.Error);

        static string Saved(params string[] lines)
        {
            JsonNode notebook = JsonNode.Parse(Notebook("Console.WriteLine(\"a = 0.1234\");", "Console.WriteLine(\"b = 0.1234\");"))!;
            foreach ((int i, string line) in lines.Index())
            {
                notebook["cells"]![i + 1]!["outputs"] = new JsonArray(
                    new JsonObject { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = $"{line}\n" });
            }

            return notebook.ToJsonString();
        }
    }

    [Fact]
    public void WrongArguments_Exit2InOneLine()
    {
        LongTests.SkipUnlessAskedFor();
        string text = Write("text.ipynb", "no JSON");
        string list = Write("list.ipynb", "[]");
        string python = Write(
            "python.ipynb",
            Notebook("1").Replace(
            "\"metadata\":{},\"nbformat\"", "\"metadata\":{\"kernelspec\":{\"language\":\"python\"}},\"nbformat\"",
            StringComparison.Ordinal));
        string[][] wrong = [["missing.ipynb"], [text], [list], [python], [], ["attention-pooling.ipynb", "--surprise"],
            ["attention-pooling.ipynb", "--check", "--output", "x.ipynb"]];
        Assert.All(wrong, arguments =>
        {
            ConsoleProcess.Result result = NotebookRunner.Run(_folder, arguments);
            Assert.Equal((2, ""), (result.ExitCode, result.Output));
            Assert.Matches(@"^error: [^\n]+\n$", result.Error);
        });
    }

    private static string Notebook(params string[] code) => JsonSerializer.Serialize(new
    {
        cells = (object[])
        [
            new { cell_type = "markdown", metadata = new { }, source = "A note." },
            .. code.Select(
                source => new { cell_type = "code", metadata = new { },
                source = source.Split('\n').Select((line, i) => i == 0 ? line : "\n" + line) }),
        ],
        metadata = new { },
        nbformat = 4,
        nbformat_minor = 5,
    });

    private static string[] Texts(JsonNode lines) => [.. lines.AsArray().Select(line => (string)line!)];

    private string Write(string name, string text)
    {
        _folder.Write(name, text);
        return _folder.PathOf(name);
    }
}
