using System.Globalization;
using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary><c>--bandwidth nn=...</c>: bandwidths that reach a share of the rows.</summary>
public sealed class NearestShareTests : IDisposable
{
    private const string OneByOne = "--bandwidth: nn= is for one feature, whose rows are left out one by one; got ";

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    // R's loess with its defaults but for the span: tricube, degree 2 (the numbers are those of NearestTests).
    [Fact]
    public void Fit_IsLoessAndPredicts()
    {
        string[] fit = ["fit", "mcycle", "--bandwidth", "nn=0.5", "--degree", "2", "--ridge", "0", "--out", "run", "--json"];
        using var summary = JsonDocument.Parse(_console.Run(fit).Output);
        JsonElement root = summary.RootElement;
        Assert.Equal("tricube", root.GetProperty("kernel").GetString());
        Assert.Equal((0.5, 66), (root.GetProperty("bandwidth")[0].GetDouble(), root.GetProperty("nearest_rows").GetInt32()));
        Assert.Equal(7.67023077214, root.GetProperty("effective_degrees_of_freedom").GetDouble(), 1e-6);
        Assert.False(root.TryGetProperty("bandwidth_elsewhere", out _));

        _console.Write("q.csv", "times\n10\n33\n");
        string[] lines = _console.Run("predict", "q.csv", "--model", "run/model.safetensors").Output.Split('\n');
        Assert.Equal(5.82175467413, double.Parse(lines[1].Split(',')[1], CultureInfo.InvariantCulture), 1e-5);
        Assert.Equal(29.7449105681, double.Parse(lines[2].Split(',')[1], CultureInfo.InvariantCulture), 1e-5);
    }

    [Fact]
    public void Search_SaysHowManyRowsAreReached()
    {
        string printed = _console.Run("fit", "mcycle", "--bandwidth", "nn=loo", "--no-plots", "--out", "run").Output;
        Assert.Matches(@"to the nearest \d+ rows, 0\.\d+ of all", printed);
        Assert.Equal("nn=loo", Config("run").GetProperty("bandwidth").GetString());

        string evaluated = _console.Run("evaluate", "mcycle", "--bandwidth", "nn=0.3", "--folds", "3").Output;
        Assert.Contains("share of the rows for times", evaluated, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--bandwidth: expected a share of at most 1 or one of loo, aicc, gcv, kfold after nn=, got 'nn=1.5'", "nn=1.5")]
    [InlineData("--bandwidth: expected a share of at most 1 or one of loo, aicc, gcv, kfold after nn=, got 'nn=scott'", "nn=scott")]
    [InlineData("mcycle: expected a share of at least 4 examples for the degree 2, got 2 of 133", "nn=0.02", "--degree", "2")]
    [InlineData($"{OneByOne}--leave-out-ties", "nn=0.3", "--leave-out-ties")]
    [InlineData($"{OneByOne}one with a --period", "nn=0.3", "--period", "times=60")]
    [InlineData($"{OneByOne}--search-bounds that are no shares", "nn=loo", "--search-bounds", "2,9")]
    [InlineData(
        "--one-pass: expected the degree 0 or 1 without a ridge, and a bandwidth of one number or loo, gcv or aicc, got tricube, "
            + "local constant and nn=loo", "nn=loo", "--one-pass")]
    public void OtherShares_AreRefused(string line, params string[] options)
    {
        ConsoleProcess.Result result = _console.Run(["fit", "mcycle", "--out", "run", "--bandwidth", .. options]);
        Assert.Equal((2, $"error: {line}"), (result.ExitCode, result.Error.Trim()));
        Assert.False(Directory.Exists(_console.PathOf("run")));
    }

    private JsonElement Config(string run)
    {
        using var config = JsonDocument.Parse(File.ReadAllText(_console.PathOf($"{run}/config.json")));
        return config.RootElement.Clone();
    }
}
