using System.Runtime.Intrinsics;
using TorchAttention.Tests.Cluster;

namespace TorchAttention.Tests.Console;

/// <summary>Members that are not alike, and a store that knows none.</summary>
public sealed class ClusterMembersTests : IDisposable
{
    private readonly DealtCluster _dealt = new();

    public void Dispose() => _dealt.Dispose();

    // Whoever sees it says so: the silo that comes, the status, and a client, whose answer has digits of both.
    [Fact]
    public void SilosOfOtherVectors_AreToldInOneLine()
    {
        Assert.SkipUnless(Vector256.IsHardwareAccelerated, "The processor has no vectors of 256 bits.");
        string cluster = _dealt.StartRedis();
        string expected = _dealt.Predict();

        // Two replicas go where they belong however late it is.
        string[] two = ["--replicas", "2"];
        ConsoleProcess.Running wide = _dealt.Serve(cluster, two);
        Assert.Equal(expected, _dealt.Predict("--cluster", cluster));
        ConsoleProcess.Running narrow = _dealt.Serve(cluster, two, ("DOTNET_EnableAVX2", "0"));
        ConsoleProcess.Result status = default!;
        wide.Until(() => AreTwo(status = _dealt.Console.Run(["cluster", "status", .. DealtCluster.Of(cluster)])));

        Assert.Equal(
            "warning: the silos have vectors of 256 bits and 128 bits unfused: the last digits of answers depend on which one is asked\n",
            status.Error);
        Assert.Equal(
            ["128 bits unfused", "256 bits"], status.Output.TrimEnd().Split('\n').Skip(1).Select(line => line.Split(',')[^1]).Order());

        ConsoleProcess.Result mixed = _dealt.Console.Run(
            ["predict", "queries.csv", .. DealtCluster.Of(cluster), "--bandwidth", "0.3"]);
        Assert.Equal(
            (0, "warning: silos answered that have vectors of 256 bits and 128 bits unfused: the last digits depend on which one is asked; "
                + "cluster status says which has which\n"),
            (mixed.ExitCode, mixed.Error));

        // It compares itself with the others beside its start, which nobody waits longer for.
        narrow.Until(() => narrow.Error.EndsWith('\n'));
        narrow.Kill();
        Assert.Equal(
            "warning: this silo has vectors of 128 bits unfused, others have 256 bits: the last digits of answers depend on which one is "
                + "asked\n",
            narrow.Wait().Error);

        static bool AreTwo(ConsoleProcess.Result status) =>
            status.Output.TrimEnd().Split('\n').Skip(1).Count(line => line.Split(',')[1].Length > 0) == 2;
    }

    [Fact]
    public void StoreWithoutSilos_IsNamed()
    {
        string cluster = _dealt.StartRedis();
        ConsoleProcess.Result result = _dealt.Console.Run(["cluster", "status", .. DealtCluster.Of(cluster)]);

        Assert.Equal(1, result.ExitCode);
        Assert.Equal(
            $"error: --cluster {cluster}: no silo serves these shards there: none is written in there; where the store came back empty, "
                + "start the silos anew\n",
            result.Error);
    }

    // The first silo makes the tables; the members know each other without the database, a client and a new silo need it.
    [Fact]
    public void Postgres_IsTheSameBits()
    {
        string cluster = _dealt.StartPostgres();
        string expected = _dealt.Predict();
        ConsoleProcess.Running[] silos = [.. Enumerable.Range(0, 2).Select(_ => _dealt.Serve(cluster, []))];
        Assert.Equal(expected, _dealt.Predict("--cluster", cluster));
        silos[0].Kill();
        Assert.Equal(expected, _dealt.Predict("--cluster", cluster));
        _dealt.RestartStore();
        Assert.Equal(expected, _dealt.Predict("--cluster", cluster));
        silos[0] = _dealt.Serve(cluster, []);
        silos[1].Kill();
        Assert.Equal(expected, _dealt.Predict("--cluster", cluster));
    }

    [Fact]
    public void PostgresWithoutTables_IsNamed()
    {
        int port = SiloProcesses.FreePort();
        using var server = new PostgresServer(port);
        server.Ask("create role guest login; revoke create on schema public from public");
        string cluster = $"postgres={server.Connection("guest")}";
        ConsoleProcess.Result serve = _dealt.Console.Run(["serve", .. DealtCluster.Of(cluster)]);
        ConsoleProcess.Result predict = _dealt.Console.Run(["predict", "queries.csv", .. DealtCluster.Of(cluster), "--bandwidth", "0.3"]);

        Assert.Equal(
            (1, "error: --cluster postgres: the silo does not start (permission denied for schema public: start the first silo as a user "
                + "who may make tables)\n"),
            (serve.ExitCode, serve.Error));
        Assert.Equal(
            (1, "error: --cluster postgres: no silo serves these shards there (the database has no tables of members: the first silo makes "
                + "them)\n"),
            (predict.ExitCode, predict.Error));
    }
}
