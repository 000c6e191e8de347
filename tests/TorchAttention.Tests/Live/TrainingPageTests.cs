using System.Diagnostics;
using System.Text.Json;
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
    public async Task Training_IsFollowed()
    {
        await using Browser browser = await Browser.StartAsync();
        using Process process = Start("--epochs", "1000000");
        (IPage page, List<string> troubles) = await browser.OpenAsync(
            await AddressOf(process), until: "window.board && board.state.epochs.length > 1");
        Assert.Equal("nw on nonlinear", await page.TextContentAsync("#live-title"));
        double[] w = await Browser.NumbersAsync(page, "board.state.numbers[0].values");
        Assert.All(w, value => Assert.True(double.IsFinite(value)));
        double[] weights = await Browser.NumbersAsync(page, "board.state.heat.weights");
        double width = await page.EvaluateAsync<double>("board.state.heat.width");
        Assert.Equal(weights.Length / width, weights.Sum(), 1e-3);
        Assert.Empty(troubles);

        process.Kill();
        await Browser.UntilAsync(page, "document.getElementById('board-say').textContent.includes('has ended')");
    }

    // A program asks for every state that there is, from before the first step on.
    [Fact]
    public async Task TrainingThatIsFollowed_KeepsItsBits()
    {
        string[] training = ["--epochs", "2000", "--n", "100", "--lr", "0.1"];
        using Process process = Start(training);
        string address = await AddressOf(process);
        using var client = new HttpClient();
        var states = new HashSet<int>();
        try
        {
            while (!process.HasExited)
            {
                string text = await client.GetStringAsync($"{address}/state", TestContext.Current.CancellationToken);
                if (text.Length > 0)
                {
                    using JsonDocument state = JsonDocument.Parse(text);
                    states.Add(state.RootElement.GetProperty("version").GetInt32());
                }
            }
        }
        catch (HttpRequestException)
        {
            // The training has ended, and its server with it.
        }

        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        Assert.NotEmpty(states);
        _console.Train("alone", [.. training, "--no-plots"]);
        byte[] modelOf(string run) => File.ReadAllBytes(_console.PathOf($"{run}/model.safetensors"));
        Assert.Equal(modelOf("alone"), modelOf("live"));
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

    private Process Start(params string[] training) => Process.Start(new ProcessStartInfo(
        ConsoleProcess.Executable, ["train", .. training, "--out", "live", "--quiet", "--no-plots", "--live", "0"])
    {
        WorkingDirectory = _console.Folder,
        RedirectStandardOutput = true,
    })!;

    private static async Task<string> AddressOf(Process process) => Address().Match((await process.StandardOutput.ReadLineAsync())!).Value;

    [GeneratedRegex(@"http://\S+")]
    private static partial Regex Address();
}
