using System.Globalization;
using System.Text;
using TorchAttention.Tests.Cluster;

namespace TorchAttention.Tests.Console;

/// <summary>A <c>train</c> whose slices are computed by silos, as their users start them.</summary>
public sealed class TrainClusterTests : IDisposable
{
    private static readonly string[] _training =
        ["train", "rows.csv", "--x", "a,b", "--y", "c", "--model", "ard", "--leave-one-out", "--optimizer", "adam", "--lr", "0.05",
        "--batch-size", "4000", "--epochs", "40", "--checkpoint-steps", "3", "--no-plots", "--quiet"];

    private readonly SiloProcesses _processes = new();

    private ConsoleProcess Started => _processes.Console;

    public void Dispose() => _processes.Dispose();

    // A silo is killed while the training is at work, then the training itself; it goes on there, and in one process.
    [Fact]
    public void SiloAndTrainingKilled_HasTheSameBits()
    {
        string cluster = _processes.StartRedis();
        Deal();
        List<ConsoleProcess.Running> silos = [.. Enumerable.Range(0, 3).Select(_ => _processes.Serve("shards/manifest.json", cluster))];
        string[] there = ["--shards", "shards/manifest.json", "--cluster", cluster];
        Run([.. _training, "--out", "here"]);

        ConsoleProcess.Running training = Started.Start(ConsoleProcess.Executable, [.. _training, .. there, "--out", "there"]);
        training.Until(() => Directory.Exists(Started.PathOf("there/checkpoints")));
        silos[0].Kill();
        Assert.Equal(new ConsoleProcess.Result(0, "", ""), training.Wait());
        AssertSame("here", "there");

        foreach ((string run, string[] goesOn) in ((string, string[])[])[("again", there), ("alone", [])])
        {
            training = Started.Start(ConsoleProcess.Executable, [.. _training, .. there, "--out", run]);
            training.Until(() => Directory.Exists(Started.PathOf($"{run}/checkpoints")));
            training.Kill();
            training.Wait();
            Run(["train", "--resume", run, "--quiet", .. goesOn]);
            AssertSame("here", run);
        }

        Assert.DoesNotContain("redis", File.ReadAllText(Started.PathOf("there/config.json")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--cluster applies to --model nw, ard, region and key only", "--model", "dot-product")]
    [InlineData("--cluster applies to --model nw, ard, region and key only", "--model", "local-linear")]
    [InlineData("--cluster does not apply with --learn-values, whose loss is a graph", "--learn-values")]
    [InlineData("--cluster applies to --method auto only", "--method", "engine")]
    [InlineData("--cluster applies to --optimizer sgd, adam and adamw only", "--optimizer", "lbfgs")]
    [InlineData("--cluster: expected a --batch-size of more than 1024 examples, which are a slice, got 1024", "--batch-size", "1024")]
    [InlineData(
        "--cluster: expected a --batch-size of more than 1024 examples, which are a slice, got 100 times --accumulate 3", "--batch-size",
        "100", "--accumulate", "3")]
    [InlineData("--cluster: expected one training, got several", "--seeds", "2")]
    [InlineData("--cluster: expected one training, got several", "--sweep", "lr=0.1,1")]
    [InlineData("--cluster: expected local, local=PORT, redis=HOST:PORT or postgres=CONNECTION, got 'mongo'", "--cluster", "mongo")]
    public void WhatNoClusterTrains_IsOneLine(string expected, params string[] options)
    {
        Deal(rows: 40);
        string[] usual = options.Contains("--batch-size") ? [] : ["--batch-size", "2000"];
        string[] cluster = options.Contains("--cluster") ? [] : ["--cluster", "local"];
        AssertWrong(expected, ["--shards", "shards/manifest.json", .. cluster, .. usual, .. options]);
    }

    [Fact]
    public void WrongCluster_IsOneLine()
    {
        Deal(rows: 40);
        AssertWrong("--shards: expected the manifest.json of what the cluster serves, got none", "--cluster", "local");
        AssertWrong("--shards applies with --cluster only", "--shards", "shards/manifest.json");
        string cluster = $"local={SiloProcesses.FreePort()}";
        _processes.Serve("shards/manifest.json", cluster);
        AssertWrong(
            "--cluster: expected more than 1024 examples to train on, which are a slice, got 32", "--shards", "shards/manifest.json",
            "--cluster", cluster, "--batch-size", "2000");
    }

    private void AssertWrong(string expected, params string[] options)
    {
        ConsoleProcess.Result result = Started.Run(["train", "rows.csv", "--x", "a", "--y", "c", "--quiet", .. options]);
        Assert.Equal((2, "", $"error: {expected}\n"), (result.ExitCode, result.Output, result.Error));
    }

    private void AssertSame(string expected, string run)
    {
        foreach (string file in (string[])["model.safetensors", "steps.csv", "epochs.csv"])
        {
            byte[] wanted = File.ReadAllBytes(Started.PathOf($"{expected}/{file}"));
            Assert.True(wanted.AsSpan().SequenceEqual(File.ReadAllBytes(Started.PathOf($"{run}/{file}"))), $"{run}/{file} has other bits.");
        }
    }

    private void Deal(int rows = 5000)
    {
        var random = new Random(rows);
        var text = new StringBuilder("a,b,c\n");
        for (int i = 0; i < rows; i++)
        {
            (double a, double b) = (10 * random.NextDouble(), 10 * random.NextDouble());
            text.Append(CultureInfo.InvariantCulture, $"{a:F6},{b:F6},{Math.Sin(a) + b + random.NextDouble():F6}\n");
        }

        Started.Write("rows.csv", text.ToString());
        Run("shard", "rows.csv", "--x", "a,b", "--y", "c", "--shards", "3", "--out", "shards", "--quiet");
    }

    private void Run(params string[] arguments)
    {
        ConsoleProcess.Result result = Started.Run(arguments);
        Assert.Equal((0, "", ""), (result.ExitCode, result.Output, result.Error));
    }
}
