using System.Globalization;

namespace TorchAttention.Tests.Console;

public sealed class OtherCommandsTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Datasets_NamesEachWithColumnsAndSource()
    {
        ConsoleProcess.Result result = _console.Run("datasets");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        foreach (string expected in
            new[] { "nonlinear", "ethanol", "faithful", "iris", "mcycle", "times, accel", "Silverman (1985)", "133 rows" })
        {
            Assert.Contains(expected, result.Output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("", "train", "exercise", "datasets", "info")]
    [InlineData(
        "train", "(ethanol, faithful, iris, mcycle; see datasets)", "[default: nonlinear]",
        "by default a built-in table's own, or the first of a file's two",
        "the same seed gives the same run (default 0)", "(nonlinear; default 50)")]
    [InlineData("exercise", "1: More training examples", "the same seed gives the same run (default 0)")]
    public void Help_SaysWhatThereIsAndTheExitCodes(string command, params string[] expected)
    {
        ConsoleProcess.Result result = _console.Run([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.All(
            [.. expected, "  0    done\n", "  1    the run failed: ", "  2    wrong arguments or data\n", "  130  interrupted; "],
            text => Assert.Contains(text, result.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void FileWithASpecialName_IsRead()
    {
        _console.Write("@a.csv", "x,y\n1,2\n2,3\n3,5\n4,4\n");
        _console.Write("[b].csv", "x,y\n1,2\n2,3\n3,5\n4,4\n");

        Assert.Equal(new ConsoleProcess.Result(0, "", ""), _console.Run("train", "--data", "@a.csv", "--quiet", "--no-plots"));
        Assert.Equal(new ConsoleProcess.Result(0, "", ""), _console.Run("train", "--data", "[b].csv", "--quiet", "--no-plots"));
    }

    [Fact]
    public void NameInAnyCase_IsUnderstood()
    {
        Assert.Equal(0, _console.Run("train", "--data", "Nonlinear", "--out", "a", "--no-plots").ExitCode);
        Assert.Equal(0, _console.Run("train", "--data", "MCycle", "--out", "b", "--no-plots").ExitCode);

        Assert.Contains("\"data\": \"nonlinear\"", File.ReadAllText(_console.PathOf("a/config.json")), StringComparison.Ordinal);
        Assert.Contains("\"data\": \"mcycle\"", File.ReadAllText(_console.PathOf("b/config.json")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--x", "accel")]
    [LongData("--y", "times")]
    public void OneNamedColumn_LeavesTheOtherToTheOther(string option, string column)
    {
        Assert.Equal(0, _console.Run("train", "--data", "mcycle", option, column, "--out", "run", "--no-plots").ExitCode);

        string config = File.ReadAllText(_console.PathOf("run/config.json"));
        Assert.Contains("\"x\": \"accel\"", config, StringComparison.Ordinal);
        Assert.Contains("\"y\": \"times\"", config, StringComparison.Ordinal);
    }

    [Fact]
    public void Info_NamesVersionsDevicesThreadsAndFonts()
    {
        ConsoleProcess.Result result = _console.Run("info");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        string[] lines = result.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(
            ["TorchAttention", ".NET", "TorchSharp", "libtorch", "devices", "processors", "threads", "fonts"],
            lines.Select(line => line.Split(' ')[0]));
        Assert.Contains("made for libtorch 2.", lines[2], StringComparison.Ordinal);
        Assert.StartsWith($"libtorch        {LibTorch.NeededVersion}.", lines[3], StringComparison.Ordinal);
        Assert.Contains("cpu", lines[4], StringComparison.Ordinal);
    }

    [Fact]
    public void Exercise1_ErrorFallsAsExamplesGrow()
    {
        LongTests.SkipUnlessAskedFor();
        double[][] rows = Exercise(1, "n,nonparametric_rmse,parametric_rmse,w,bandwidth", "error");

        Assert.Equal([50, 100, 200, 500, 1000, 2000, 5000], rows.Select(row => row[0]));
        double[] errors = [.. rows.Select(row => row[2])];
        Assert.Equal(errors.OrderDescending(), errors);
        Assert.True(errors[^1] < errors[0] / 3);
        Assert.Equal(rows.Select(row => row[3]).Order(), rows.Select(row => row[3]));
    }

    [Fact]
    public void Exercise2_OwnPairsDriveTheTrainingLossToNothing()
    {
        LongTests.SkipUnlessAskedFor();
        double[][] rows = Exercise(2, "w,train_loss,leave_one_out_loss,val_loss,own_weight", "attention", "loss-by-w");

        Assert.Equal(rows.Select(row => row[1]).OrderDescending(), rows.Select(row => row[1]));
        Assert.Equal(rows.Select(row => row[4]).Order(), rows.Select(row => row[4]));
        double best = rows.MinBy(row => row[2])![0];
        Assert.InRange(best, rows[1][0], rows[^2][0]);
    }

    [Fact]
    public void Exercise3_AnIntermediateBandwidthIsBest()
    {
        double[][] rows = Exercise(3, "bandwidth,w,val_loss,val_rmse", "attention", "curves");

        double best = rows.MinBy(row => row[3])![0];
        Assert.InRange(best, rows[1][0], rows[^2][0]);
        Assert.All(rows, row => Assert.Equal(1, row[0] * row[1], 1e-12));
    }

    [Fact]
    public void Exercise4_LearnsAWidthForEachRegion()
    {
        LongTests.SkipUnlessAskedFor();
        double[][] rows = Exercise(4, "region,regional_w,regional_bandwidth,single_w", "attention", "curves");

        Assert.Equal(5, rows.Length);
        Assert.Equal(5, rows.Select(row => row[1]).Distinct().Count());
        Assert.All(rows, row => Assert.True(row[1] > 0));
    }

    private double[][] Exercise(int number, string header, params string[] pictures)
    {
        ConsoleProcess.Result result = _console.Run("exercise", number.ToString(CultureInfo.InvariantCulture), "--out", "run");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(
            pictures.SelectMany(name => new[] { $"{name}.png", $"{name}.svg" }),
                Directory.GetFiles(_console.PathOf("run/plots")).Select(Path.GetFileName).Order());
        string[] lines = _console.ReadLines("run/table.csv");
        Assert.Equal(header, lines[0]);
        return [.. lines.Skip(1).Select(
            line => line.Split(',').Select(field => double.Parse(field, CultureInfo.InvariantCulture)).ToArray())];
    }
}
