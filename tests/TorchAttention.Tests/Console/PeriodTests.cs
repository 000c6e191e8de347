using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary><c>--period</c>: features that repeat.</summary>
public sealed class PeriodTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public PeriodTests()
    {
        Write("hour.csv", 0);
        Write("later.csv", 7.3);
    }

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Predictions_AreTheSameADayLater()
    {
        string[] fit = ["--x", "hour", "--y", "y", "--period", "hour=24", "--quiet"];
        Assert.Equal(0, _console.Run(["fit", "hour.csv", .. fit, "--out", "run"]).ExitCode);
        Assert.Equal(0, _console.Run(["fit", "later.csv", .. fit, "--no-plots", "--out", "later"]).ExitCode);
        _console.Write("q.csv", "hour\n0\n24\n-24\n13\n37\n");
        _console.Write("l.csv", "hour\n7.3\n31.3\n-16.7\n20.3\n44.3\n");

        double[][] at = Predicted("q.csv", "run");
        double[][] later = Predicted("l.csv", "later");

        for (int i = 0; i < at.Length; i++)
        {
            Assert.Equal(at[i < 3 ? 0 : 3][1], at[i][1], 1e-9);
            Assert.Equal(at[i][1], later[i][1], 0.01);
        }

        // The truth is 3 cos(2 pi hour / 24).
        Assert.Equal(3, at[0][1], 0.2);
        Assert.True(File.Exists(_console.PathOf("run/plots/fit.png")));
        using var summary = JsonDocument.Parse(File.ReadAllText(_console.PathOf("run/summary.json")));
        Assert.Equal(24, summary.RootElement.GetProperty("periods").GetProperty("hour").GetDouble());
    }

    [Theory]
    [InlineData("expected a column and a positive number, such as hour=24, got 'hour=0'", "hour=0")]
    [InlineData("expected a column and a positive number, such as hour=24, got 'hour=-24'", "hour=-24")]
    [InlineData("expected a column and a positive number, such as hour=24, got 'hour=NaN'", "hour=NaN")]
    [InlineData("expected a column and a positive number, such as hour=24, got 'hour'", "hour")]
    [InlineData("expected one of the features hour, got 'day'", "hour=24,day=7")]
    [InlineData("expected one period for 'hour', got two", "hour=24", "--period", "hour=12")]
    [InlineData("expected a fit to rows in memory, got one pass, whose feature lies on a line", "hour=24", "--one-pass", "--degree", "0")]
    public void OtherPeriods_AreRefused(string message, params string[] options) =>
        Refused($"--period: {message}", ["fit", "hour.csv", "--x", "hour", "--y", "y", "--period", .. options]);

    [Fact]
    public void WhatGoesTooFar_IsRefused()
    {
        string[] fit = ["fit", "hour.csv", "--x", "hour", "--y", "y", "--period", "hour=24"];
        Refused(
            "hour.csv, column 'hour': expected a bandwidth of at most 3, at which the kernel reaches half a period, got 4",
            [.. fit, "--bandwidth", "4"]);
        Refused("--log-x: expected no --period beside it: a period begins at 0, which has no logarithm", [.. fit, "--log-x"]);
        Assert.Equal(0, _console.Run([.. fit, "--bandwidth", "2", "--no-plots", "--quiet", "--out", "run"]).ExitCode);
        Refused(
            "--simultaneous: expected a feature that does not repeat, got one of a --period",
            ["predict", "hour.csv", "--model", "run/model.safetensors", "--simultaneous"]);
        Refused(
            "--model: expected a model of one feature, the gaussian kernel and the degree 0 or 1 without a ridge",
            ["condense", "--model", "run/model.safetensors", "--out", "small.safetensors"]);
    }

    private void Refused(string message, string[] arguments)
    {
        ConsoleProcess.Result result = _console.Run(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith($"error: {message}", result.Error.TrimEnd(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_console.PathOf("runs")));
    }

    private double[][] Predicted(string queries, string run) =>
    [
        .. _console.Run("predict", queries, "--model", $"{run}/model.safetensors").Output.TrimEnd().Split('\n').Skip(1)
            .Select(line => line.Split(',').SkipLast(1).Select(
                field => double.Parse(field, System.Globalization.CultureInfo.InvariantCulture)).ToArray()),
    ];

    private void Write(string name, double shift)
    {
        var random = new Random(8);
        _console.Write(name, "hour,y\n" + string.Concat(Enumerable.Range(0, 200).Select(_ =>
        {
            double hour = 24 * random.NextDouble();
            double y = (3 * Math.Cos(2 * Math.PI * hour / 24)) + (0.6 * (random.NextDouble() - 0.5));
            return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{(hour + shift) % 24:R},{y:R}\n");
        })));
    }
}
