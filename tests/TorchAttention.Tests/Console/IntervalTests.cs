using System.Globalization;

namespace TorchAttention.Tests.Console;

/// <summary><c>predict --interval</c>.</summary>
public sealed class IntervalTests : IDisposable
{
    private static readonly string[] _kinds = ["auto", "mean", "plain", "new", "new-quantiles", "new-jackknife"];

    private readonly ConsoleProcess _console = new();

    public IntervalTests()
    {
        Assert.Equal(0, _console.Run("fit", "mcycle", "--degree", "2", "--no-plots", "--quiet", "--model", "m.safetensors").ExitCode);
        _console.Write("q.csv", "times\n20\n57\n");
    }

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Kinds_DifferInTheirEnds()
    {
        string[] lines = [.. _kinds.Select(Predict)];

        Assert.Equal(lines[1], lines[0]);
        Assert.StartsWith("times,mean,se,lower,upper,neighbours,flag", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("times,mean,se,lower,upper,noise,neighbours,flag", lines[3], StringComparison.Ordinal);
        Assert.EndsWith(",few", lines[1].TrimEnd(), StringComparison.Ordinal);
        Assert.EndsWith(",", lines[2].TrimEnd(), StringComparison.Ordinal);
        double[] widths = [.. lines.Select(Width)];
        Assert.True(widths[2] < widths[1] && widths[1] < widths[3], string.Join(", ", widths));
        Assert.Equal(3, widths[3..].Distinct().Count());

        double Width(string text)
        {
            double[] row = [.. text.Split('\n')[1].Split(',').Take(5).Select(field => double.Parse(field, CultureInfo.InvariantCulture))];
            return row[4] - row[3];
        }
    }

    [Fact]
    public void WhatHasNone_IsOneLine()
    {
        Assert.Equal(0, _console.Run("fit", "mcycle", "--degree", "0", "--no-plots", "--quiet", "--model", "means.safetensors").ExitCode);
        Assert.Equal(0, _console.Run("condense", "--model", "means.safetensors", "--out", "curve.safetensors").ExitCode);
        string[] iris = ["fit", "iris", "--x", "Petal.Length", "--y", "Species", "--classes", "--no-plots", "--quiet"];
        Assert.Equal(0, _console.Run([.. iris, "--model", "classes.safetensors"]).ExitCode);
        _console.Write("petals.csv", "Petal.Length\n2\n");
        string five = string.Join(
            '\n', Enumerable.Range(0, 30).Select(i => string.Join(',', Enumerable.Range(0, 6).Select(j => i * (j + 1) % 7))));
        _console.Write("five.csv", $"a,b,c,d,e,y\n{five}\n");
        string[] fit = ["fit", "five.csv", "--x", "a,b,c,d,e", "--y", "y", "--bandwidth", "3", "--no-plots", "--quiet"];
        Assert.Equal(0, _console.Run([.. fit, "--model", "five.safetensors"]).ExitCode);

        Assert.Contains("times,mean,se", _console.Run("predict", "q.csv", "--model", "curve.safetensors").Output);
        Assert.Contains("p_setosa", _console.Run("predict", "petals.csv", "--model", "classes.safetensors").Output);
        Assert.Contains("a,b,c,d,e,mean", _console.Run("predict", "five.csv", "--model", "five.safetensors").Output);
        string[] asNew = ["predict", "q.csv", "--model", "curve.safetensors", "--interval", "new"];
        Assert.Contains("upper,noise,neighbours", _console.Run(asNew).Output, StringComparison.Ordinal);
        Refused(
            "--interval: expected plain or new of a condensed curve, which has lost the residuals that others are made of, got mean",
            "q.csv", "--model", "curve.safetensors", "--interval", "mean");
        Refused(
            "--interval does not apply to a model of classes, whose answers are probabilities",
            "petals.csv", "--model", "classes.safetensors", "--interval", "mean");
        Refused(
            "--interval mean: expected a model of at most 4 features, got 5: in more the curve's bias is not estimated; "
                + "--interval new does without",
            "five.csv", "--model", "five.safetensors", "--interval", "mean");
        Refused(
            "--simultaneous: expected an interval of the mean, got one of new observations",
            "q.csv", "--model", "m.safetensors", "--interval", "new", "--simultaneous");

        void Refused(string message, params string[] arguments)
        {
            ConsoleProcess.Result result = _console.Run(["predict", .. arguments]);
            Assert.Equal((2, $"error: {message}"), (result.ExitCode, result.Error.TrimEnd()));
        }
    }

    private string Predict(string interval)
    {
        ConsoleProcess.Result result = _console.Run("predict", "q.csv", "--model", "m.safetensors", "--interval", interval);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }
}
