using System.Text.Json;
using System.Text.RegularExpressions;

namespace TorchAttention.Tests.Console;

/// <summary>Runs that end before their end, and go on.</summary>
public sealed class ResumeTests : IDisposable
{
    private static readonly string[] _files = ["model.safetensors", "steps.csv", "epochs.csv"];

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void RunThatStoppedEarly_SaysThatNoStepWasTaken()
    {
        string[] begin = ["train", "faithful", "--patience", "1", "--lr", "5", "--epochs", "60", "--no-plots", "--out", "stopped"];
        Assert.Contains("stopped early after epoch 2", _console.Run(begin).Output, StringComparison.Ordinal);
        Assert.Contains(
            "note: it had stopped before, and took no step now; a training with a larger --patience goes further",
            _console.Run("train", "--resume", "stopped", "--epochs", "100").Output, StringComparison.Ordinal);
    }

    // Each process is killed at a moment of chance: while it starts, trains, writes a checkpoint, draws.
    [Fact]
    public void KilledAtAnyMoment_GoesOnAndEndsTheSame()
    {
        LongTests.SkipUnlessAskedFor();
        const int wanted = 120;
        string[] training = ["train", "--epochs", "1500", "--optimizer", "adam", "--schedule", "cosine", "--leave-one-out",
            "--checkpoint-steps", "40", "--quiet", "--no-plots"];
        Assert.Equal(0, _console.Run([.. training, "--out", "whole"]).ExitCode);
        var random = new Random(5);
        int kills = 0;
        for (int run = 0; kills < wanted; run++)
        {
            string name = $"run{run}";
            bool isDone = false;
            while (!isDone)
            {
                bool isBegun = File.Exists(_console.PathOf($"{name}/config.json"));
                string[] arguments = isBegun ? ["train", "--resume", name, "--quiet"] : [.. training, "--out", name];
                ConsoleProcess.Running running = _console.Start(ConsoleProcess.Executable, arguments);
                if (kills < wanted
                    && !SpinWait.SpinUntil(() => File.Exists(_console.PathOf($"{name}/summary.json")), random.Next(100, 1200)))
                {
                    running.Kill();
                    running.Wait();
                    kills++;
                    continue;
                }

                ConsoleProcess.Result result = running.Wait();
                Assert.Equal((0, "", ""), (result.ExitCode, result.Output, result.Error));
                isDone = true;
            }

            AssertSameFiles("whole", name);
        }
    }

    [Theory]
    [LongData("sgd", "--momentum", "0.9")]
    [InlineData("adam", "--patience", "40")]
    [LongData("adamw", "--weight-decay", "0.1")]
    [LongData("lbfgs", "--batch-size", "50")]
    [InlineData("adam", "--ema", "0.9")]
    [LongData("sgd", "--accumulate", "2")]
    public void Interrupted_GoesOnAndEndsTheSame(string optimizer, string option, string value)
    {
        string[] training = ["train", "--epochs", "150", "--optimizer", optimizer, "--lr", "0.05", "--leave-one-out", "--checkpoint-steps",
            "7", "--quiet", "--no-plots", option, value];
        Assert.Equal(0, _console.Run([.. training, "--out", "whole"]).ExitCode);
        ConsoleProcess.Running running = _console.Start(ConsoleProcess.Executable, [.. training, "--out", "run"]);
        running.Until(() => Directory.Exists(_console.PathOf("run/checkpoints")));
        running.Kill();
        running.Wait();

        ConsoleProcess.Result result = _console.Run("train", "--resume", "run", "--quiet");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        AssertSameFiles("whole", "run");
    }

    // Its adamw had no decay by default.
    [Fact]
    public void RunOfAnEarlierVersion_GoesOnWithItsWeightDecay()
    {
        LongTests.SkipUnlessAskedFor();
        string[] training = ["train", "--optimizer", "adamw", "--lr", "0.05", "--no-plots", "--quiet", "--epochs"];
        Assert.Equal(0, _console.Run([.. training, "3", "--out", "usual"]).ExitCode);
        Assert.Equal(0.01, Decay("usual"));
        Assert.Equal(0, _console.Run([.. training, "5", "--out", "whole", "--weight-decay", "0"]).ExitCode);
        Assert.Equal(0, _console.Run([.. training, "3", "--out", "run", "--weight-decay", "0"]).ExitCode);
        RemoveFromConfig("run", @",\s*""--weight-decay"",\s*""0""");

        Assert.Equal(0, _console.Run("train", "--resume", "run", "--epochs", "5", "--quiet").ExitCode);

        AssertSameFiles("whole", "run");
        Assert.Equal(0, Decay("run"));
    }

    [Fact]
    public void SeedsOfAnEarlierVersion_GoOnWithTheirWeightDecay()
    {
        string[] training =
            ["train", "--epochs", "3", "--optimizer", "adamw", "--seeds", "2", "--weight-decay", "0", "--quiet", "--no-plots"];
        Assert.Equal(0, _console.Run([.. training, "--out", "run"]).ExitCode);
        Directory.Delete(_console.PathOf("run/seed-1"), recursive: true);
        File.Delete(_console.PathOf("run/summary.json"));
        RemoveFromConfig("run", @",\s*""--weight-decay"",\s*""0""");
        RemoveFromConfig("run", @",\s*""weight_decay"": 0");

        Assert.Equal(0, _console.Run("train", "--resume", "run", "--quiet").ExitCode);

        Assert.Equal(0, Decay("run/seed-1"));
    }

    [Fact]
    public void DamagedNewestCheckpoint_IsNamedAndTheOneBeforeIsUsed()
    {
        Assert.Equal(
            0, _console.Run("train", "--epochs", "4", "--checkpoint-steps", "10", "--quiet", "--no-plots", "--out", "run").ExitCode);
        string newest = Directory.GetFiles(_console.PathOf("run/checkpoints")).Order().Last();
        byte[] bytes = File.ReadAllBytes(newest);
        bytes[^3] ^= 1;
        File.WriteAllBytes(newest, bytes);
        File.Delete(_console.PathOf("run/summary.json"));

        ConsoleProcess.Result result = _console.Run("train", "--resume", "run", "--no-plots");

        Assert.Equal(0, result.ExitCode);
        Assert.Matches(
            @"^warning: run/checkpoints/step-0000000020\.safetensors: expected a checkpoint whose content fits its digest, found "
            + "another: the file is damaged\n$", result.Error);
        Assert.StartsWith("run: going on after step 10\n", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Finished_SaysSo_AndTakesMoreEpochs()
    {
        Assert.Equal(0, _console.Run("train", "--epochs", "3", "--quiet", "--no-plots", "--out", "run").ExitCode);
        Assert.Equal(
            new ConsoleProcess.Result(0, "the run in run is finished; give it more --epochs to go on\n", ""),
            _console.Run("train", "--resume", "run"));
        Assert.Equal(0, _console.Run("train", "--resume", "run", "--epochs", "6", "--quiet").ExitCode);
        Assert.Equal(0, _console.Run("train", "--epochs", "6", "--quiet", "--no-plots", "--out", "whole").ExitCode);
        AssertSameFiles("whole", "run");
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(_console.PathOf("run/config.json")));
        Assert.Equal(6, config.RootElement.GetProperty("epochs").GetInt32());
    }

    [Fact]
    public void Seeds_GoOnWithTheOneThatWasInterrupted()
    {
        string[] training = ["train", "--epochs", "3", "--seeds", "3", "--seed", "7", "--quiet", "--no-plots"];
        Assert.Equal(0, _console.Run([.. training, "--out", "whole"]).ExitCode);
        Assert.Equal(0, _console.Run([.. training, "--out", "run"]).ExitCode);
        File.Delete(_console.PathOf("run/summary.json"));
        File.Delete(_console.PathOf("run/seed-8/summary.json"));
        Directory.Delete(_console.PathOf("run/seed-9"), recursive: true);

        Assert.Equal(0, _console.Run("train", "--resume", "run", "--quiet").ExitCode);

        Assert.Equal(File.ReadAllText(_console.PathOf("whole/table.csv")), File.ReadAllText(_console.PathOf("run/table.csv")));
        using JsonDocument summary = JsonDocument.Parse(File.ReadAllText(_console.PathOf("run/summary.json")));
        double[] w = [.. _console.ReadLines("run/table.csv").Skip(1).Select(
            line => double.Parse(line.Split(',')[1], System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(w.Average(), summary.RootElement.GetProperty("w").GetProperty("mean").GetDouble(), 1e-12);
        Assert.Equal(
            Math.Sqrt(w.Sum(x => Math.Pow(x - w.Average(), 2)) / 2),
            summary.RootElement.GetProperty("w").GetProperty("deviation").GetDouble(), 1e-12);
    }

    [Theory]
    [InlineData("--resume: 'nothing' holds no run (config.json is not there); begin it with train --out nothing", "--resume", "nothing")]
    [InlineData(
        "--lr cannot be given with --resume: the run has its own; only --epochs, --checkpoint-steps, --checkpoint-seconds, --libtorch, "
        + "--tensorboard, --live, --no-plots, --quiet, --json, --cluster, --shards, --certificate, --certificate-key, "
        + "--certificate-authority, --certificate-name can change", "--resume", "run", "--lr", "2")]
    public void WrongResume_IsOneLine(string message, params string[] arguments) =>
        Assert.Equal(new ConsoleProcess.Result(2, "", $"error: {message}\n"), _console.Run(["train", .. arguments]));

    [Fact]
    public void ChangedData_AreRefused()
    {
        string[] rows = [.. Enumerable.Range(0, 40).Select(i => $"{i},{i % 7}")];
        _console.Write("d.csv", $"x,y\n{string.Join('\n', rows)}\n");
        Assert.Equal(0, _console.Run("train", "--data", "d.csv", "--quiet", "--no-plots", "--out", "run").ExitCode);
        _console.Write("d.csv", $"x,y\n{string.Join('\n', rows)}\n".Replace("\n3,3\n", "\n3,4\n", StringComparison.Ordinal));
        Assert.Equal(
            new ConsoleProcess.Result(2, "", "error: --resume: the data are not those that the run in 'run' began with\n"),
            _console.Run("train", "--resume", "run", "--epochs", "9"));
    }

    [Theory]
    [InlineData("{", "is damaged")]
    [InlineData("{\"command\": \"fit\"}", "is a run of fit, which has no training to go on with")]
    [InlineData(
        "{\"command\": \"train\", \"data\": \"nonlinear\", \"arguments\": [\"--frobnicate\"]}",
        "was written by another version or changed")]
    public void DamagedConfig_IsOneLine(string text, string problem)
    {
        Directory.CreateDirectory(_console.PathOf("run"));
        _console.Write("run/config.json", text);
        ConsoleProcess.Result result = _console.Run("train", "--resume", "run");
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Contains(problem, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("steps.csv", "1,", "garbage,", "'run/steps.csv' is damaged (expected rows that begin with a whole number, found 'garbage,")]
    [LongData("epochs.csv", "1,", "x", "'run/epochs.csv' is damaged (expected rows that begin with a whole number, found 'x")]
    [LongData(
        "config.json", "\"data_sha256\": \"", "\"data_sha256\": 5, \"other\": \"",
        "'run/config.json' is damaged (data_sha256: expected a text, found 5)")]
    public void DamagedFile_IsOneLine(string file, string text, string damage, string problem)
    {
        Assert.Equal(0, _console.Run("train", "--epochs", "2", "--quiet", "--no-plots", "--out", "run").ExitCode);
        string whole = File.ReadAllText(_console.PathOf($"run/{file}"));
        int place = whole.IndexOf(file.EndsWith("csv", StringComparison.Ordinal) ? $"\n{text}" : text, StringComparison.Ordinal)
            + (file.EndsWith("csv", StringComparison.Ordinal) ? 1 : 0);
        _console.Write($"run/{file}", whole[..place] + damage + whole[(place + text.Length)..]);

        ConsoleProcess.Result result = _console.Run("train", "--resume", "run", "--epochs", "3");

        Assert.Equal((2, ""), (result.ExitCode, result.Output.Replace("run: going on after step 10\n", "", StringComparison.Ordinal)));
        Assert.StartsWith($"error: {problem}", result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
    }

    [Fact]
    public void RunAtWork_IsRefused()
    {
        ConsoleProcess.Running running = _console.Start(
            ConsoleProcess.Executable, ["train", "--epochs", "10000000", "--out", "run", "--quiet", "--no-plots"]);
        try
        {
            running.Until(() => File.Exists(_console.PathOf("run/config.json")));
            ConsoleProcess.Result result = _console.Run("train", "--resume", "run");
            Assert.Equal(2, result.ExitCode);
            Assert.StartsWith(
                "error: --resume: 'run' cannot be written to (another process is at work on it)", result.Error, StringComparison.Ordinal);
        }
        finally
        {
            running.Kill();
            running.Wait();
        }
    }

    private double Decay(string folder)
    {
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(_console.PathOf($"{folder}/config.json")));
        return config.RootElement.GetProperty("weight_decay").GetDouble();
    }

    private void RemoveFromConfig(string folder, string pattern)
    {
        string file = _console.PathOf($"{folder}/config.json");
        string config = File.ReadAllText(file);
        Assert.Matches(pattern, config);
        File.WriteAllText(file, Regex.Replace(config, pattern, ""));
    }

    private void AssertSameFiles(string expected, string actual)
    {
        foreach (string file in _files)
        {
            Assert.True(
                File.ReadAllBytes(_console.PathOf($"{expected}/{file}")).AsSpan().SequenceEqual(
                    File.ReadAllBytes(_console.PathOf($"{actual}/{file}"))),
                $"{actual}/{file} differs from {expected}/{file}.");
        }
    }
}
