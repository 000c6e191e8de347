using System.Globalization;
using System.Text.Json;

namespace TorchAttention.Tests.Console;

public sealed class WeightsTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Frequencies_AreRowsThatAreRepeated()
    {
        (string counted, string repeated) = ("x,y,n\n", "x,y\n");
        for (int i = 0; i < 40; i++)
        {
            string row = string.Create(CultureInfo.InvariantCulture, $"{i * 0.3},{Math.Round(Math.Sin(i) + (i % 3), 3)}");
            counted += $"{row},{1 + (i % 3)}\n";
            repeated += string.Concat(Enumerable.Repeat($"{row}\n", 1 + (i % 3)));
        }

        _console.Write("counted.csv", counted);
        _console.Write("repeated.csv", repeated);
        string[] fit = ["--x", "x", "--y", "y", "--bandwidth", "1", "--degree", "1", "--no-plots", "--json", "--out"];
        string[] weights = ["--weights", "n", "--weights-are", "frequencies"];
        ConsoleProcess.Result ofCounts = _console.Run(["fit", "counted.csv", .. weights, .. fit, "a", "--model", "a.safetensors"]);
        ConsoleProcess.Result ofRows = _console.Run(["fit", "repeated.csv", .. fit, "b", "--model", "b.safetensors"]);
        using var expected = JsonDocument.Parse(ofRows.Output);
        using var found = JsonDocument.Parse(ofCounts.Output);
        Assert.Equal("frequencies", found.RootElement.GetProperty("weights_are").GetString());
        Assert.Equal(79, found.RootElement.GetProperty("weights_sum").GetDouble());
        foreach (string figure in (string[])["leave_one_out_error", "aicc", "residual_degrees_of_freedom"])
        {
            double value = expected.RootElement.GetProperty(figure).GetDouble();
            Assert.Equal(value, found.RootElement.GetProperty(figure).GetDouble(), 1e-10 * Math.Abs(value));
        }

        Assert.Equal(41, _console.ReadLines("a/fitted.csv").Length);
        string[] predict = ["predict", "repeated.csv", "--interval", "new", "--model"];
        Assert.Equal(_console.Run([.. predict, "b.safetensors"]).Output, _console.Run([.. predict, "a.safetensors"]).Output);
    }

    [Theory]
    [InlineData("2.5", "error: d.csv, row 3, column 'n': expected a whole number of at least 0, found '2.5'", "--weights", "n")]
    [InlineData("1e300", "error: d.csv, row 3, column 'n': expected a whole number of at most 1000000000, found '1e300'", "--weights", "n")]
    [InlineData(
        "1e300", "error: d.csv, row 3, column 'n': expected a whole number of at most 1000000000, found '1e300'", "--weights", "n",
        "--one-pass")]
    [InlineData("1", "error: --weights-are: expected --weights beside it, the column of the weights")]
    public void WhatIsNoFrequency_IsRefused(string number, string error, params string[] others)
    {
        _console.Write("d.csv", $"x,y,n\n1,2,3\n2,3,{number}\n4,5,1\n");
        ConsoleProcess.Result result = _console.Run(["fit", "d.csv", "--x", "x", "--y", "y", "--weights-are", "frequencies", .. others]);
        Assert.Equal((2, error), (result.ExitCode, result.Error.TrimEnd()));
    }
}
