using System.Globalization;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Cluster.Scaling;

/// <summary>The numbers of docs/scaling.md.</summary>
public sealed class ScalingTests(ITestOutputHelper output)
{
    private static readonly (double Rows, double Bandwidth, int[] Hosts)[] _works =
    [
        (1e9, 0.03, [10, 100, 1000]),
        (1e9, 0.001, [10, 100, 1000]),
        (1e11, 0.015, [100, 1000]),
        (1e12, 0.01, [1000]),
    ];

    // What waiting for each other costs is little beside what the busiest host has to do.
    [Theory]
    [InlineData(3, 1e8, 0.05)]
    [InlineData(10, 1e9, 0.03)]
    [InlineData(10, 1e9, 0.001)]
    public void Throughput_IsWhatTheBusiestHostAllows(int hosts, double rows, double bandwidth)
    {
        var cluster = new ScaledCluster(hosts, rows, bandwidth);
        (double allowed, double part, string limit) = cluster.Throughput(64);
        double run = ScaledRun.QueriesOfSecond(cluster, hosts, blocksOfHost: 48);
        output.WriteLine($"{hosts} hosts: {run} of {allowed}, {part}, {limit}, {cluster.Unevenness}");
        Assert.InRange(run / allowed, 0.75, 1.15);
    }

    [Fact]
    public void Document_HasTheSimulationsNumbers()
    {
        LongTests.SkipUnlessAskedFor();
        string document = File.ReadAllText(Path.Combine(ConsoleProcess.Repository, "docs", "scaling.md"));
        string[] rows = [.. _works.SelectMany(work => work.Hosts.Select(hosts => Row(work.Rows, work.Bandwidth, hosts)))];
        output.WriteLine(string.Join('\n', rows));
        Assert.All(rows, row => Assert.Contains(row, document, StringComparison.Ordinal));
    }

    private static string Row(double rows, double bandwidth, int hosts)
    {
        (double queries, double part, string limit) = new ScaledCluster(hosts, rows, bandwidth).Throughput(Math.Max(64, 2 * hosts));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"| 10^{Math.Log10(rows):0} | {bandwidth} | {hosts:N0} | {Rounded(queries)} | {100 * part:F0}% | {limit} |");
    }

    private static string Rounded(double number)
    {
        double unit = Math.Pow(10, Math.Floor(Math.Log10(number)) - 1);
        return (Math.Round(number / unit) * unit).ToString("#,0.#", CultureInfo.InvariantCulture);
    }
}
