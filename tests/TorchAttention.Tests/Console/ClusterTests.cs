using System.Globalization;
using System.Text;
using TorchAttention.Tests.Cluster;

namespace TorchAttention.Tests.Console;

/// <summary>Shards in silos answer as this machine does, to the bit, whatever becomes of a silo meanwhile.</summary>
public sealed class ClusterTests : IDisposable
{
    private readonly SiloProcesses _processes = new();

    private ConsoleProcess Started => _processes.Console;

    public void Dispose() => _processes.Dispose();

    [Fact]
    public void Local_IsTheSameBits()
    {
        Deal(rows: 20_000, queries: 3000);
        string cluster = $"local={SiloProcesses.FreePort()}";
        Serve(cluster);

        Assert.Equal(Predict(), Predict("--cluster", cluster));
        Assert.Equal(Predict("--degree", "1", "--slopes"), Predict("--cluster", cluster, "--degree", "1", "--slopes"));
        Assert.Equal(
            Predict("--kernel", "tricube", "--no-neighbour", "nearest"),
            Predict("--cluster", cluster, "--kernel", "tricube", "--no-neighbour", "nearest"));
        string[] sigma = ["predict", "queries.csv", "--shards", "shards/manifest.json", "--bandwidth", "0.3", "--sigma", "all"];
        ConsoleProcess.Result here = Started.Run(sigma);
        Assert.StartsWith("note: --sigma 0.", here.Error, StringComparison.Ordinal);
        Assert.Equal(here, Started.Run([.. sigma, "--cluster", cluster]));
        string[] status = Run("cluster", "status", "--shards", "shards/manifest.json", "--cluster", cluster).TrimEnd().Split('\n');
        Assert.Equal("silo,shards,mb,memory_mb,processor_percent,questions,vectors", status[0]);
        Assert.Contains(",0 1 2 3 4 5 6 7 8 9 10 11,", Assert.Single(status[1..]), StringComparison.Ordinal);
    }

    // Three silos with two shards each; one is killed while it is at work, and its shards alone are asked again.
    [Theory]
    [InlineData("a", "loo")]
    [InlineData("a", "kfold")]
    [InlineData("a,b", "0.4,0.6")]
    [InlineData("a", "loo", "--kernel", "biweight")]
    public void Fit_IsTheSameBits(string x, string bandwidth, params string[] options)
    {
        Assert.SkipUnless(SiloProcesses.HasRedis, "Redis is not installed.");
        Deal(rows: 40_000, queries: 1);
        Run("shard", "rows.csv", "--x", x, "--y", "c", "--shards", "6", "--out", "dealt", "--quiet");
        string cluster = _processes.StartRedis();
        List<ConsoleProcess.Running> silos = [.. Enumerable.Range(0, 3).Select(_ => _processes.Serve("dealt/manifest.json", cluster))];
        string[] fit = ["fit", "--shards", "dealt/manifest.json", "--bandwidth", bandwidth, "--no-plots", "--quiet", .. options];
        Run([.. fit, "--out", "here", "--model", "here.safetensors"]);
        ConsoleProcess.Running there = Started.Start(
            ConsoleProcess.Executable, [.. fit, "--cluster", cluster, "--out", "there", "--model", "there.safetensors"]);
        silos[0].Kill();

        Assert.Equal(new ConsoleProcess.Result(0, "", ""), there.Wait());
        Assert.Equal(File.ReadAllBytes(Started.PathOf("here.safetensors")), File.ReadAllBytes(Started.PathOf("there.safetensors")));
    }

    [Fact]
    public void Bandwidth_IsTheSame()
    {
        Deal(rows: 4000, queries: 1);
        Run("shard", "rows.csv", "--x", "a", "--y", "c", "--shards", "3", "--out", "dealt", "--quiet");
        string cluster = $"local={SiloProcesses.FreePort()}";
        _processes.Serve("dealt/manifest.json", cluster);
        string[] command = ["bandwidth", "--shards", "dealt/manifest.json", "--json"];

        Assert.Equal(Untimed(Run(command)), Untimed(Run([.. command, "--cluster", cluster])));
    }

    // A damaged file is named; what other shards say is said all the same. Shards of another manifest are another cluster.
    [Fact]
    public void WrongShards_AreNamedInOneLine()
    {
        Deal(rows: 3000, queries: 10);
        string path = Started.PathOf("shards/0011.safetensors");
        byte[] whole = File.ReadAllBytes(path);
        byte[] bytes = [.. whole];
        bytes[^3] ^= 64;
        File.WriteAllBytes(path, bytes);
        string cluster = $"local={SiloProcesses.FreePort()}";
        Serve(cluster);
        Started.Write("near.csv", "a,b\n9.9,9.9\n");
        Started.Write("far.csv", "a,b\n0.1,0.1\n");
        string[] arguments = ["predict", "--shards", "shards/manifest.json", "--bandwidth", "0.1", "--cluster", cluster, "--out", "p.csv"];
        ConsoleProcess.Result damaged = Started.Run([.. arguments, "near.csv"]);

        Assert.Equal((2, ""), (damaged.ExitCode, damaged.Output));
        Assert.Contains("shards/0011.safetensors: expected the file of the manifest", damaged.Error, StringComparison.Ordinal);
        Assert.Equal(1, damaged.Error.Count(character => character == '\n'));
        Run([.. arguments, "far.csv"]);

        File.Delete(path);
        ConsoleProcess.Result missing = Started.Run([.. arguments, "near.csv"]);
        Assert.Equal((2, ""), (missing.ExitCode, missing.Output));
        Assert.Matches("^error: the cluster says: .*shards/0011.safetensors: no such file\n$", missing.Error);
        Run([.. arguments, "far.csv"]);

        File.WriteAllBytes(path, whole);
        Run([.. arguments, "near.csv"]);

        Run("shard", "rows.csv", "--x", "a,b", "--y", "c", "--shards", "3", "--out", "others", "--quiet");
        ConsoleProcess.Result other = Started.Run(
            "predict", "--shards", "others/manifest.json", "--bandwidth", "0.1", "--cluster", cluster, "far.csv");
        Assert.Equal((1, ""), (other.ExitCode, other.Output));
        Assert.StartsWith(
            $"error: --cluster {cluster}: no silo serves these shards there", other.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--cluster: expected local, local=PORT, redis=HOST:PORT or postgres=CONNECTION, got 'mongo'", "serve", "mongo")]
    [InlineData("--cluster: expected local, local=PORT, redis=HOST:PORT or postgres=CONNECTION, got 'redis=here'", "serve", "redis=here")]
    [InlineData("--cluster: expected local, local=PORT, redis=HOST:PORT or postgres=CONNECTION, got 'local=0'", "cluster", "local=0")]
    [InlineData("--shards: expected the manifest.json of what the cluster serves, got none", "predict", "local")]
    [InlineData("--shards: expected the manifest.json of what the cluster serves, got none", "fit", "local")]
    [InlineData("--shards: expected the manifest.json of what the cluster serves, got none", "bandwidth", "local")]
    [InlineData("--replicas: expected a whole number from 1 to 16, got '0'", "serve", "local", "--replicas", "0")]
    [InlineData("--replicas: expected a whole number from 1 to 16, got '17'", "serve", "local", "--replicas", "17")]
    public void WrongCluster_IsOneLine(string expected, string command, string cluster, params string[] options)
    {
        Deal(rows: 50, queries: 1);
        string[] shards = expected.StartsWith("--shards", StringComparison.Ordinal) ? [] : ["--shards", "shards/manifest.json"];
        string[] queries = command == "predict" ? ["queries.csv"] : [];
        string[] what = command == "cluster" ? ["cluster", "status"] : [command];
        ConsoleProcess.Result result = Started.Run([.. what, .. queries, .. shards, "--cluster", cluster, .. options]);

        Assert.Equal((2, "", $"error: {expected}\n"), (result.ExitCode, result.Output, result.Error));
    }

    // Three silos; one is killed while a predict has answered some queries and waits for others, twice, and another takes its place.
    [Fact]
    public void SiloKilledUnderLoad_LosesNoAnswer()
    {
        (string cluster, string expected, List<ConsoleProcess.Running> silos) = Begin();
        for (int kill = 0; kill < 2; kill++)
        {
            Assert.True(expected == Across(cluster, () => silos[kill].Kill()), "An answer is wrong.");
            silos.Add(Serve(cluster));
        }

        Assert.True(expected == Predict("--cluster", cluster), "An answer is wrong.");
    }

    // It hangs on to its connections, and says nothing; when it goes on nobody asks it.
    [Fact]
    public void SiloThatStandsStill_LosesNoAnswer()
    {
        LongTests.SkipUnlessAskedFor();
        (string cluster, string expected, List<ConsoleProcess.Running> silos) = Begin();
        Assert.True(expected == Across(cluster, () => _processes.Signal(silos[0], "STOP")), "An answer is wrong.");
        _processes.Signal(silos[0], "CONT");
        Assert.True(expected == Predict("--cluster", cluster), "An answer is wrong.");
    }

    [Fact]
    public void RedisThatStartsAnew_LosesNoAnswer()
    {
        LongTests.SkipUnlessAskedFor();
        (string cluster, string expected, _) = Begin();
        Assert.True(expected == Across(cluster, _processes.RestartStore), "An answer is wrong.");
        Serve(cluster);
        Assert.True(expected == Predict("--cluster", cluster), "An answer is wrong.");
    }

    // Three silos with shards on each, and what is right.
    private (string Cluster, string Expected, List<ConsoleProcess.Running> Silos) Begin()
    {
        Assert.SkipUnless(SiloProcesses.HasRedis, "Redis is not installed.");
        Deal(rows: 60_000, queries: 80_000);
        string cluster = _processes.StartRedis();
        List<ConsoleProcess.Running> silos = [Serve(cluster), Serve(cluster), Serve(cluster)];
        string expected = Predict();
        silos[0].Until(() => Shards(cluster).Count(shards => shards.Length > 0) == 3);
        return (cluster, expected, silos);
    }

    // It has answered, and cannot end before it is given the other queries: so it is at work when something happens.
    private string Across(string cluster, Action happen)
    {
        const int first = 50_000;
        string output = Started.PathOf($"{Guid.NewGuid():N}.csv");
        ConsoleProcess.Running load = Started.Start(
            "/bin/sh",
            ["-c", $"exec '{ConsoleProcess.Executable}' predict - --shards shards/manifest.json --bandwidth 0.1,0.2 --cluster {cluster} "
                + $"> {output}"]);
        string[] queries = File.ReadAllLines(Started.PathOf("queries.csv"));
        load.Input.Write(string.Join('\n', queries[..first]) + "\n");
        load.Input.Flush();
        load.Until(() => File.Exists(output) && new FileInfo(output).Length > 1000);
        happen();
        load.Input.Write(string.Join('\n', queries[first..]) + "\n");
        load.Input.Close();
        ConsoleProcess.Result result = load.Wait();
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return File.ReadAllText(output);
    }

    private void Deal(int rows, int queries)
    {
        var random = new Random(rows);
        var text = new StringBuilder("a,b,c\n");
        var asked = new StringBuilder("a,b\n");
        for (int i = 0; i < Math.Max(rows, queries); i++)
        {
            (double a, double b) = (10 * random.NextDouble(), 10 * random.NextDouble());
            _ = i < rows ? text.Append(CultureInfo.InvariantCulture, $"{a:F6},{b:F6},{Math.Sin(a) + b + random.NextDouble():F6}\n") : text;
            _ = i < queries ? asked.Append(CultureInfo.InvariantCulture, $"{b * 1.1:F6},{a:F6}\n") : asked;
        }

        Started.Write("rows.csv", text.ToString());
        Started.Write("queries.csv", asked.ToString());
        Run("shard", "rows.csv", "--x", "a,b", "--y", "c", "--out", "shards", "--quiet");
    }

    private ConsoleProcess.Running Serve(string cluster, string options = "") =>
        _processes.Serve("shards/manifest.json", cluster, options);

    private string Predict(params string[] options)
    {
        ConsoleProcess.Result result = Start(options).Wait();
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }

    private ConsoleProcess.Running Start(params string[] options) => Started.Start(
        ConsoleProcess.Executable, ["predict", "queries.csv", "--shards", "shards/manifest.json", "--bandwidth", "0.1,0.2", .. options]);

    private string[] Shards(string cluster) =>
        [.. Run("cluster", "status", "--shards", "shards/manifest.json", "--cluster", cluster).TrimEnd().Split('\n').Skip(1)
            .Select(line => line.Split(',')[1])];

    private string Run(params string[] arguments)
    {
        ConsoleProcess.Result result = Started.Run(arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }

    private static string Untimed(string json) => string.Join('\n', json.Split('\n').Where(line => !line.Contains("seconds")));
}
