using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Live;

/// <summary>The page of <c>train --live</c>.</summary>
public sealed partial class TrainingPageTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public async Task Training_IsFollowedToItsEndAndKeepsItsBits()
    {
        string[] training = ["--epochs", "400", "--n", "100", "--lr", "0.1", "--no-plots"];
        await using Browser browser = await Browser.StartAsync();
        using var process = Process.Start(new ProcessStartInfo(
            ConsoleProcess.Executable, ["train", .. training, "--out", "live", "--quiet", "--live", "0"])
        {
            WorkingDirectory = _console.Folder,
            RedirectStandardError = true,
        })!;
        string address = Address().Match((await process.StandardError.ReadLineAsync())!).Value;
        (IPage page, List<string> troubles) = await browser.OpenAsync(address, until: "window.board && board.state");
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        await Browser.UntilAsync(page, "board.state.isDone");
        Assert.Equal("nw on nonlinear", await page.TextContentAsync("#live-title"));
        Assert.EndsWith("Finished.", await page.TextContentAsync("#board-say"), StringComparison.Ordinal);
        double[] w = await Browser.NumbersAsync(page, "board.state.numbers[0].values");
        double[] weights = await Browser.NumbersAsync(page, "board.state.heat.weights");
        double width = await page.EvaluateAsync<double>("board.state.heat.width");
        Assert.Equal(weights.Length / width, weights.Sum(), 1e-3);
        Assert.Empty(troubles);

        _console.Train("alone", training);
        string model = File.ReadAllText(_console.PathOf("alone/summary.json"));
        string[] same = ["\"w\": ", "\"val_loss\": "];
        Assert.All(same, key => Assert.Equal(Line(model, key), Line(File.ReadAllText(_console.PathOf("live/summary.json")), key)));
        byte[] modelOf(string run) => File.ReadAllBytes(_console.PathOf($"{run}/model.safetensors"));
        Assert.Equal(modelOf("alone"), modelOf("live"));
        Assert.True(w.Length > 0);
    }

    [Fact]
    public void SeveralTrainingsOrAWrongPort_AreRefused()
    {
        Assert.Equal(
            new ConsoleProcess.Result(2, "", "error: --live: expected one training, got several\n"),
            _console.Run("train", "--live", "0", "--seeds", "2"));
        Assert.Equal(
            new ConsoleProcess.Result(2, "", "error: --live: expected a port from 0 to 65535, got 65536\n"),
            _console.Run("train", "--live", "65536"));
    }

    private static string Line(string text, string key) =>
        text.Split('\n').First(line => line.Contains(key, StringComparison.Ordinal));

    [GeneratedRegex(@"http://\S+")]
    private static partial Regex Address();
}
