using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TorchAttention.Cluster;
using TorchAttention.Tests.Sharding;

namespace TorchAttention.Tests.Cluster;

/// <summary>The statements by which Orleans keeps members in PostgreSQL, as Orleans asks them.</summary>
public sealed class MemberTablesTests : ShardFolder
{
    private static readonly DateTime _start = new(2026, 11, 1, 12, 0, 0, DateTimeKind.Utc);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Members_ChangeInTurns()
    {
        using var server = new PostgresServer(SiloProcesses.FreePort());
        string connection = server.Connection();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => MemberTables.EnsureAsync(connection))));
        using IHost host = Hosts.CreateSilo(
            ClusterAddress.Parse($"postgres={connection}"),
            Write(Rows(300, 1), 1, 2),
            new SiloSettings(IPAddress.Loopback, Port: 0, GatewayPort: 0, DashboardPort: null, Peer: null));
        IMembershipTable table = host.Services.GetRequiredService<IMembershipTable>();
        await table.InitializeMembershipTableAsync(true, Token);
        await table.InitializeMembershipTableAsync(true, Token);
        MembershipTableData none = await table.ReadAllAsync(Token);
        Assert.Empty(none.Members);

        // Of many that have read one version one changes it, and the others know that they have not.
        bool[] inserted = await Task.WhenAll(Enumerable.Range(1, 8).Select(
            port => Task.Run(() => table.InsertRowAsync(Member(port), none.Version.Next(), Token))));
        Assert.Single(inserted, was => was);
        MembershipTableData one = await table.ReadAllAsync(Token);
        (MembershipEntry first, string etag) = Assert.Single(one.Members);
        Assert.Equal(none.Version.Version + 1, one.Version.Version);
        Assert.Equal((Array.IndexOf(inserted, true) + 1, _start), (first.SiloAddress.Endpoint.Port, first.StartTime));
        Assert.False(await table.InsertRowAsync(Member(first.SiloAddress.Endpoint.Port), one.Version.Next(), Token));
        Assert.Equal(one.Version.Version, (await table.ReadAllAsync(Token)).Version.Version);

        (first.Status, first.IAmAliveTime) = (SiloStatus.Active, _start.AddMinutes(1));
        first.AddSuspector(Member(9).SiloAddress, _start);
        bool[] updated = await Task.WhenAll(Enumerable.Range(0, 8).Select(
            _ => Task.Run(() => table.UpdateRowAsync(first, etag, one.Version.Next(), Token))));
        Assert.Single(updated, was => was);
        MembershipTableData active = await table.ReadRowAsync(first.SiloAddress, Token);
        (MembershipEntry read, etag) = Assert.Single(active.Members);
        Assert.False(await table.UpdateRowAsync(Member(9), etag, active.Version.Next(), Token));
        Assert.Equal(active.Version.Version, (await table.ReadAllAsync(Token)).Version.Version);
        Assert.Equal((SiloStatus.Active, _start.AddMinutes(1)), (read.Status, read.IAmAliveTime));
        Assert.Equal(Member(9).SiloAddress, Assert.Single(read.SuspectTimes!).Item1);

        read.IAmAliveTime = _start.AddMinutes(2);
        await table.UpdateIAmAliveAsync(read, Token);
        await table.CleanupDefunctSiloEntriesAsync(_start.AddHours(1), Token);
        Assert.Equal(_start.AddMinutes(2), Assert.Single((await table.ReadAllAsync(Token)).Members).Item1.IAmAliveTime);
        read.Status = SiloStatus.Dead;
        Assert.True(await table.UpdateRowAsync(read, etag, active.Version.Next(), Token));
        await table.CleanupDefunctSiloEntriesAsync(_start, Token);
        Assert.Single((await table.ReadAllAsync(Token)).Members);
        await table.CleanupDefunctSiloEntriesAsync(_start.AddHours(1), Token);
        Assert.Empty((await table.ReadAllAsync(Token)).Members);
    }

    private static MembershipEntry Member(int port) => new()
    {
        SiloAddress = SiloAddress.New(IPAddress.Loopback, port, 1),
        SiloName = "a",
        HostName = "b",
        Status = SiloStatus.Joining,
        ProxyPort = 1000 + port,
        StartTime = _start,
        IAmAliveTime = _start,
        SuspectTimes = [],
    };
}
