using System.Text.RegularExpressions;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Plotting;
using TorchAttention.Tests.Console;
using TorchAttention.Training;

namespace TorchAttention.Tests;

/// <summary>What the README shows is what runs.</summary>
public sealed class ReadmeTests : IDisposable
{
    private const string Prefix = "dotnet run -c Release --project src/TorchAttention.Console -- ";
    private static readonly string _readme = File.ReadAllText(Path.Combine(ConsoleProcess.Repository, "README.md"));

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Snippet_IsTheCodeBelow()
    {
        string here = File.ReadAllText(Path.Combine(ConsoleProcess.Repository, "tests", "TorchAttention.Tests", "ReadmeTests.cs"));
        string snippet = Assert.Single(Blocks("csharp"));

        Assert.Contains(Squeeze(snippet), Squeeze(here), StringComparison.Ordinal);
    }

    [Fact]
    public void Snippet_DrawsItsPictures()
    {
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = _console.Folder;
        try
        {
            RunSnippet();
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }

        Assert.True(new FileInfo(_console.PathOf("curve.png")).Length > 5000);
        Assert.True(new FileInfo(_console.PathOf("attention.svg")).Length > 5000);
    }

    [Fact]
    public void Commands_RunAsWritten()
    {
        string[] commands = [.. Blocks("sh").SelectMany(block => block.Split('\n')).Where(line => line.StartsWith(Prefix, StringComparison.Ordinal))];
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

    private static void RunSnippet()
    {
        using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 0);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1);
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 5 });
        trainer.EpochCompleted += (_, e) => System.Console.WriteLine($"epoch {e.Epoch}: {e.ValLoss:F4}");
        trainer.Fit(model, data);

        using Tensor yHat = model.call(data.XVal);
        Figures.PlotKernelReg(data.XTrain.ToDoubles(), data.YTrain.ToDoubles(), data.XVal.ToDoubles(), data.YVal.ToDoubles(), yHat.ToDoubles()).Save("curve.png");
        Figures.ShowHeatmaps(model.AttentionWeights!.ToMatrix(), "Sorted training inputs", "Sorted validation inputs").Save("attention.svg");
    }

    private static IEnumerable<string> Blocks(string language) =>
        Regex.Matches(_readme, $"^```{language}\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline).Select(match => match.Groups[1].Value);

    private static string Squeeze(string text) => Regex.Replace(text.Replace("System.Console", "Console", StringComparison.Ordinal), @"\s+", " ").Trim();
}
