namespace TorchAttention.Tests.Console;

/// <summary>What <c>train</c> says beside its table, and of many widths.</summary>
public sealed class TrainNotesTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void WorseThanTheAverage_IsSaid() =>
        Assert.Contains(
            "note: what was learned predicts worse than the average; a smaller --lr, or more --epochs, may help",
            Train("--noise-std", "5", "--lr", "1e9"), StringComparison.Ordinal);

    [Fact]
    public void Warmup_MustEndWithinTheRun()
    {
        ConsoleProcess.Result result = _console.Run("train", "--epochs", "2", "--warmup", "10", "--no-plots", "--out", "run");

        Assert.Equal(
            (2, "error: --warmup: expected fewer than the 10 steps of the run, got 10"), (result.ExitCode, result.Error.TrimEnd()));
        Assert.Equal(0, _console.Run("train", "--epochs", "2", "--warmup", "9", "--no-plots", "--quiet", "--out", "other").ExitCode);

        // More steps than an int holds: the run gets as far as the next thing that is wrong with it.
        result = _console.Run("train", "--epochs", "500000000", "--warmup", "10", "--bandwidth", "1e-30", "--no-plots", "--out", "long");
        Assert.StartsWith("error: --bandwidth: 1E-30 is too small", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void WidthOfEachKey_IsFollowedByItsRange()
    {
        Train("--model", "key", "--epochs", "2");

        Assert.Contains("w_least,w_median,w_most", _console.ReadLines("run/steps.csv")[0], StringComparison.Ordinal);
        string summary = File.ReadAllText(_console.PathOf("run/summary.json"));
        Assert.Contains("\"w_median\"", summary, StringComparison.Ordinal);
        Assert.DoesNotContain("bandwidth_median", summary, StringComparison.Ordinal);
    }

    private string Train(params string[] arguments)
    {
        ConsoleProcess.Result result = _console.Run(["train", "--no-plots", "--out", "run", .. arguments]);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }
}
