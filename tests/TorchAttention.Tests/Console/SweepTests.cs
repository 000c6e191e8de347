using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary>Trainings with other options beside each other.</summary>
public sealed class SweepTests : IDisposable
{
    private static readonly string[] _ethanol = ["train", "ethanol", "--x", "E,C", "--y", "NOx", "--no-plots", "--quiet"];

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Grid_IsEachCombinationSortedByItsLoss()
    {
        ConsoleProcess.Result printed = _console.Run(
            [.. _ethanol[..^1], "--epochs", "3", "--out", "s", "--sweep", "model=nw,ard", "--sweep", "lr=0.1,1", "--json"]);
        Assert.Equal((0, ""), (printed.ExitCode, printed.Error));
        Assert.Equal(printed.Output, File.ReadAllText(_console.PathOf("s/summary.json")));
        using JsonDocument summary = JsonDocument.Parse(printed.Output);
        JsonElement[] runs = [.. summary.RootElement.GetProperty("runs").EnumerateArray()];
        double[] losses = Array.ConvertAll(runs, run => run.GetProperty("val_loss").GetDouble());
        Assert.Equal(losses.Order(), losses);

        string[] folders = ["1-model=nw_lr=0.1", "2-model=nw_lr=1", "3-model=ard_lr=0.1", "4-model=ard_lr=1"];
        Assert.Equal(folders, runs.Select(run => run.GetProperty("folder").GetString()).Order(StringComparer.Ordinal));
        string[] table = _console.ReadLines("s/sweep.csv");
        Assert.StartsWith("folder,model,lr,val_loss,", table[0], StringComparison.Ordinal);
        Assert.Equal(runs.Select(run => run.GetProperty("folder").GetString()), table[1..].Select(line => line.Split(',')[0]));

        // Each is the training that its options ask for by themselves.
        _console.Train("one", [.. _ethanol[1..^1], "--epochs", "3", "--model", "ard", "--lr", "0.1"]);
        Assert.Equal(_console.ReadLines("one/steps.csv"), _console.ReadLines($"s/{folders[2]}/steps.csv"));
        Assert.Contains("4 runs", _console.Run("runs", ".").Output, StringComparison.Ordinal);
        Assert.Equal(0, _console.Run("report", "s").ExitCode);
    }

    [Fact]
    public void Killed_GoesOnWhereItWas()
    {
        string[] sweep =
        [
            .. _ethanol, "--epochs", "400", "--checkpoint-steps", "100",
            "--sweep-random", "2", "--sweep", "lr=0.01..1", "--sweep", "batch-size=5..20",
        ];
        Assert.Equal(0, _console.Run([.. sweep, "--out", "whole"]).ExitCode);
        string[] names =
            [.. Directory.GetDirectories(_console.PathOf("whole")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
        Assert.Equal(2, names.Length);
        ConsoleProcess.Running running = _console.Start(ConsoleProcess.Executable, [.. sweep, "--out", "s"]);
        running.Until(() => Directory.Exists(_console.PathOf($"s/{names[1]}/checkpoints")));
        running.Kill();
        running.Wait();
        DateTime first = File.GetLastWriteTimeUtc(_console.PathOf($"s/{names[0]}/summary.json"));

        ConsoleProcess.Result result = _console.Run("train", "--resume", "s", "--quiet");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(first, File.GetLastWriteTimeUtc(_console.PathOf($"s/{names[0]}/summary.json")));
        Assert.All(names, name => Assert.Equal(_console.ReadLines($"whole/{name}/steps.csv"), _console.ReadLines($"s/{name}/steps.csv")));
    }

    [Fact]
    public void TrainingThatFails_LeavesTheOthers()
    {
        _console.Write("far.csv", "x,y\n1,1e18\n2,-1e18\n3,1e18\n4,2e18\n5,0\n6,1\n7,3e18\n");
        ConsoleProcess.Result result = _console.Run(
            "train", "far.csv", "--out", "s", "--no-plots", "--epochs", "2", "--sweep", "bandwidth=1,1e-30");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("2/2  bandwidth=1e-30: failed: --bandwidth: 1E-30 is too small", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("their squares do not fit float32", _console.ReadLines("s/sweep.csv")[2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--sweep lrr=1: train has no option --lrr", "--sweep", "lrr=1")]
    [LongData("--sweep lr: expected option=value,value,...", "--sweep", "lr")]
    [InlineData("--sweep out=a,b: a sweep cannot vary --out", "--sweep", "out=a,b")]
    [LongData("--sweep resume=a: a sweep cannot vary --resume", "--sweep", "resume=a")]
    [LongData("--sweep lr=0.1: --lr is given twice", "--sweep", "lr=0.1", "--lr", "1")]
    [InlineData("--sweep lr=0: --lr: expected a positive number that float32 can hold, got '0'", "--sweep", "lr=1,0")]
    [InlineData("--sweep heads=1: --heads applies to --model multi-head and in-context only", "--sweep", "heads=1")]
    [LongData("--sweep heads=3: --heads: expected a divisor of --hidden 32, got 3", "--sweep", "heads=1,3", "--model", "multi-head")]
    [LongData(
        "--sweep lr=1e-4..1: a range needs --sweep-random; without it, list the values: lr=value,value", "--sweep", "lr=1e-4..1")]
    [LongData(
        "--sweep lr=0..1: expected a range of an option of numbers, from a number above 0 to a larger one", "--sweep", "lr=0..1",
        "--sweep-random", "2")]
    [InlineData("--sweep-random applies with --sweep only", "--sweep-random", "2")]
    [LongData(
        "--sweep-random: expected at most as many trainings as there are combinations, about 2, got 3", "--sweep", "seed=1,2",
        "--sweep-random", "3")]
    [LongData("--seeds applies without --sweep only; --sweep seed=0,1,2 trains with several seeds", "--sweep", "lr=1", "--seeds", "2")]
    [LongData("--sweep: expected at most 1000 trainings, got 1024; --sweep-random draws some of them", "--sweep", "n=1,2,3,4", "--sweep",
        "epochs=1,2,3,4", "--sweep", "lr=1,2,3,4", "--sweep", "seed=1,2,3,4", "--sweep", "clip=1,2,3,4")]
    public void WrongSweep_IsOneLineBeforeAnythingBegins(string message, params string[] options)
    {
        ConsoleProcess.Result result = _console.Run(["train", "--out", "s", .. options]);
        Assert.Equal(new ConsoleProcess.Result(2, "", $"error: {message}\n"), result);
        Assert.False(Directory.Exists(_console.PathOf("s")));
    }
}
