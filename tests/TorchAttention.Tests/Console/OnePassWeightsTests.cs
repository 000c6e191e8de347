using System.Globalization;
using System.Text;
using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary>Weights in one pass, and rows too few for sums: the same numbers, said the same way, as in memory.</summary>
public sealed class OnePassWeightsTests : IDisposable
{
    private static readonly string[] _said = ["leave_one_out_error", "aicc", "gcv", "effective_degrees_of_freedom"];

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    // A row is left out once of its count.
    [Theory]
    [InlineData("x", "0.1", "0", "gaussian")]
    [InlineData("x", "0.1", "1", "gaussian")]
    [InlineData("x", "0.3", "0", "epanechnikov")]
    [InlineData("x,b", "0.2,0.3", "1", "gaussian")]
    public void Frequencies_AreCopiesAsInMemory(string features, string bandwidth, string degree, string kernel)
    {
        Write("rows.csv", 400, "0,1,2,5,90");
        string[] fit =
        [
            "fit", "rows.csv", "--x", features, "--y", "y", "--weights", "w", "--weights-are", "frequencies", "--bandwidth", bandwidth,
            "--degree", degree, "--kernel", kernel, "--no-plots", "--quiet", "--out",
        ];
        Run([.. fit, "memory"]);
        Run([.. fit, "pass", "--one-pass"]);
        (JsonElement memory, JsonElement pass) = (Summary("memory"), Summary("pass"));
        foreach (string key in _said)
        {
            double expected = memory.GetProperty(key).GetDouble();
            Assert.Equal(expected, pass.GetProperty(key).GetDouble(), 1e-8 * Math.Abs(expected));
        }

        Assert.Equal("frequencies", pass.GetProperty("weights_are").GetString());
        Assert.Equal(memory.GetProperty("weights_sum").GetDouble(), pass.GetProperty("weights_sum").GetDouble());
        Assert.Equal(400, pass.GetProperty("rows").GetInt32());
    }

    [Fact]
    public void Frequencies_OfPartsAndPipes_AreThoseOfTheFile()
    {
        Write("rows.csv", 300, "0,1,3");
        string[] columns = ["--x", "x", "--y", "y", "--weights", "w", "--weights-are", "frequencies"];
        string[] fit = ["--bandwidth", "0.1", "--no-plots", "--quiet", "--out"];
        Run(["fit", "rows.csv", "--one-pass", .. columns, "--cell", "0.05", .. fit, "file"]);
        Run(["moments", "rows.csv", .. columns, "--cell", "0.05", "--quiet", "--out", "a.moments"]);
        Run(["fit", "--moments", "a.moments", .. fit, "moments"]);
        Assert.Equal(Error("file"), Error("moments"));
        Assert.Equal("w", Summary("moments").GetProperty("weights").GetString());
        ConsoleProcess.Running running = _console.Start(
            ConsoleProcess.Executable, ["fit", "-", "--one-pass", .. columns, "--cell", "0.05", .. fit, "pipe"]);
        running.Input.Write(File.ReadAllText(_console.PathOf("rows.csv")));
        running.Input.Close();
        Assert.Equal((0, ""), (running.Wait() is var result ? result.ExitCode : 0, result.Error));
        Assert.Equal(Error("file"), Error("pipe"));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("x,b")]
    public void Weights_AreSaidAsInMemory(string features)
    {
        Write("rows.csv", 400, "0,0.5,1,3");
        string[] fit =
        [
            "fit", "rows.csv", "--x", features, "--y", "y", "--weights", "w", "--bandwidth", "0.2", "--degree", "0", "--no-plots", "--out",
        ];
        string memory = Run([.. fit, "memory"]);
        string pass = Run([.. fit, "pass", "--one-pass"]);
        foreach (string said in new[] { "w, precisions: noise and intervals are of a", "row of weight 1.5 ", " 400 " })
        {
            Assert.Contains(said, memory, StringComparison.Ordinal);
            Assert.Contains(said, pass, StringComparison.Ordinal);
        }

        foreach (string key in new[] { "rows", "weights_mean" })
        {
            Assert.Equal(Summary("memory").GetProperty(key).GetDouble(), Summary("pass").GetProperty(key).GetDouble(), 1e-12);
        }
    }

    [Theory]
    [InlineData("rows.csv, row 3, column 'w': expected a whole number of at least 0, found '1.5'", "--weights", "w", "--weights-are",
        "frequencies")]
    [InlineData("--weights-are: expected --weights beside it", "--weights-are", "frequencies")]
    public void WrongFrequencies_AreRefusedInOneLine(string expected, params string[] more)
    {
        Write("rows.csv", 20, "1,1.5");
        foreach (string[] command in (string[][])[["fit", "rows.csv", "--one-pass"], ["moments", "rows.csv", "--out", "a.moments"]])
        {
            ConsoleProcess.Result result = _console.Run([.. command, "--x", "x", "--y", "y", .. more]);
            Assert.NotEqual(0, result.ExitCode);
            Assert.Single(result.Error.Trim().Split('\n'));
            Assert.Contains(expected, result.Error, StringComparison.Ordinal);
            Assert.False(File.Exists(_console.PathOf("a.moments")));
        }
    }

    [Fact]
    public void FrequenciesOfNothing_AreSaid()
    {
        Write("rows.csv", 50, "0");
        ConsoleProcess.Result result = _console.Run(
            "fit", "rows.csv", "--x", "x", "--y", "y", "--weights", "w", "--weights-are", "frequencies", "--one-pass", "--out", "none");
        Assert.Equal((2, "error: rows.csv: expected rows of a positive weight, found none"), (result.ExitCode, result.Error.Trim()));
    }

    [Theory]
    [InlineData("1e70")]
    [InlineData("1e-70")]
    public void WeightsOfExtremeSize_AreRefused(string weight)
    {
        Write("rows.csv", 100, weight);
        ConsoleProcess.Result result = _console.Run(
            "fit", "rows.csv", "--x", "x", "--y", "y", "--weights", "w", "--one-pass", "--out", "none");
        Assert.Equal(2, result.ExitCode);
        Assert.Matches(
            $@"^error: rows\.csv: expected weights of 0 or from 1E-40 to 1E\+40, of whose powers there are sums, got 1E[+-]70\n$",
            result.Error);
        Assert.False(Directory.Exists(_console.PathOf("none")));
    }

    // What cells are cut by must not be copies of one row alone.
    [Fact]
    public void FrequencyOfNearlyAll_LeavesTheOthersTheirCells()
    {
        Write("rows.csv", 300, string.Join(',', Enumerable.Range(0, 300).Select(i => i == 0 ? 4_000_000 : i % 4)));
        Run("fit", "rows.csv", "--x", "x", "--y", "y", "--weights", "w", "--weights-are", "frequencies", "--one-pass", "--degree", "0",
            "--bandwidth", "0.2", "--no-plots", "--quiet", "--out", "pass");
        double[][] rows = [.. _console.ReadLines("rows.csv").Skip(1).Select(
            line => line.Split(',').Select(cell => double.Parse(cell, CultureInfo.InvariantCulture)).ToArray())];
        double squares = 0;
        foreach (double[] row in rows)
        {
            double[] weights = [.. rows.Select(other => other[4] * Math.Exp(-Math.Pow((other[0] - row[0]) / 0.2, 2) / 2))];
            double mean = (weights.Zip(rows, (weight, other) => weight * other[3]).Sum() - row[3]) / (weights.Sum() - 1);
            squares += row[4] * Math.Pow(row[3] - mean, 2);
        }

        double expected = squares / rows.Sum(row => row[4]);
        Assert.Equal(expected, Error("pass"), 1e-8 * expected);
    }

    [Fact]
    public void FewRows_AreFittedAsRows()
    {
        Write("rows.csv", 300, "1");
        string[] fit = ["fit", "rows.csv", "--x", "x,b,c", "--y", "y", "--degree", "0", "--no-plots", "--out"];
        Run([.. fit, "memory", "--quiet"]);
        string pass = Run([.. fit, "pass", "--one-pass"]);
        Assert.Contains("they were fitted as rows, as in memory", pass.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Equal(Error("memory"), Error("pass"), 1e-9);
        _console.Write("q.csv", "x,b,c\n0.5,0.5,0.5\n0.2,0.9,0.1\n");
        string[] predict = ["predict", "q.csv", "--interval", "plain", "--model"];
        string[] expected = Run([.. predict, "memory/model.safetensors"]).Split('\n');
        string[] actual = Run([.. predict, "pass/model.safetensors"]).Split('\n');
        Assert.Equal(expected[0], actual[0]);
        Assert.Equal(
            double.Parse(expected[1].Split(',')[3], CultureInfo.InvariantCulture),
            double.Parse(actual[1].Split(',')[3], CultureInfo.InvariantCulture), 1e-6);
    }

    [Fact]
    public void FileThatIsNoAnswer_IsNamed()
    {
        Write("rows.csv", 20, "1");
        ConsoleProcess.Result result = _console.Run(["fit", "--moments", "rows.csv", "--bandwidth", "1,2"]);
        Assert.Contains("rows.csv, row 1: expected the answer of the query", result.Error, StringComparison.Ordinal);
    }

    private double Error(string run) => Summary(run).GetProperty("leave_one_out_error").GetDouble();

    private string Run(params string[] arguments)
    {
        ConsoleProcess.Result result = _console.Run(arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }

    private JsonElement Summary(string run) =>
        JsonDocument.Parse(File.ReadAllText(_console.PathOf($"{run}/summary.json"))).RootElement;

    // Weights take turns.
    private void Write(string file, int rows, string weights)
    {
        var random = new Random(7);
        string[] turns = weights.Split(',');
        var text = new StringBuilder("x,b,c,y,w\n");
        for (int i = 0; i < rows; i++)
        {
            (double x, double b, double c) = (random.NextDouble(), random.NextDouble(), random.NextDouble());
            double y = Math.Sin(6 * x) + b - (c * c) + (0.5 * random.NextDouble());
            text.Append(CultureInfo.InvariantCulture, $"{x:F5},{b:F5},{c:F5},{y:F5},{turns[i % turns.Length]}\n");
        }

        _console.Write(file, text.ToString());
    }
}
