using Microsoft.Extensions.Hosting;
using Orleans.Clustering.Redis;
using StackExchange.Redis;

namespace TorchAttention.Cluster;

/// <summary>
/// Writes the cluster's silos into a Redis that has come back without them. Its members know each other and go on, but whoever comes new
/// would find nobody there.
/// </summary>
internal sealed class StoreEntries(
    IMembershipTable table, IClusterMembershipService membership, ISiloStatusOracle silos, ILocalSiloDetails here)
    : BackgroundService
{
    /// <summary>How often a silo looks.</summary>
    public static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    private const int MostMissed = 2;

    private MembershipEntry[] _known = [];
    private int _missed;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Look);
        do
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested && (Lost.Is(e) || e is RedisException))
            {
                // The store is not there yet, or another silo writes just now: the next look sees what it has.
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        ClusterMembershipSnapshot known = membership.CurrentSnapshot;
        MembershipTableData now = await ReadAsync(cancellationToken);
        bool isHere = now.TryGet(here.SiloAddress) is not null;
        if (isHere && now.Version.Version >= known.Version.Value)
        {
            (_known, _missed) = ([.. now.Members.Select(member => member.Item1)], 0);
            return;
        }

        if (silos.CurrentStatus != SiloStatus.Active)
        {
            return;
        }

        // One of them does it for all; who is left out in the end does it itself.
        IEnumerable<ClusterMember> members = known.Members.Values.Where(one => one.Status == SiloStatus.Active);
        SiloAddress[] active = [.. members.Select(one => one.SiloAddress).Order()];
        bool isFirst = active.Length > 0 && active[0].Equals(here.SiloAddress);
        if (isFirst || ++_missed > MostMissed)
        {
            await WriteAsync(now, active, (int)known.Version.Value, cancellationToken);
        }
    }

    private async Task<MembershipTableData> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await table.ReadAllAsync(cancellationToken);
        }
        catch (RedisClusteringException)
        {
            // It has no version, as where it is empty.
            await table.InitializeMembershipTableAsync(true, cancellationToken);
            return await table.ReadAllAsync(cancellationToken);
        }
    }

    // Members look at versions later than the one that they know, and so see all silos at once. A version is one more than the last one.
    private async Task WriteAsync(MembershipTableData now, SiloAddress[] active, int last, CancellationToken cancellationToken)
    {
        MembershipEntry own = _known.FirstOrDefault(entry => entry.SiloAddress.Equals(here.SiloAddress)) ?? Own();
        MembershipEntry[] others = [.. _known.Where(
            entry => entry != own && active.Contains(entry.SiloAddress) && now.TryGet(entry.SiloAddress) is null)];
        foreach (MembershipEntry entry in others.Append(own))
        {
            // It may have been seen as it came.
            (entry.IAmAliveTime, entry.Status) = (DateTime.UtcNow, SiloStatus.Active);
        }

        TableVersion at = now.Version;
        bool isWritten = now.TryGet(here.SiloAddress) is not null
            || await WrittenAsync(next => table.InsertRowAsync(own, next, cancellationToken));
        while (isWritten && at.Version <= last - others.Length)
        {
            isWritten = await WrittenAsync(next => table.UpdateRowAsync(own, at.VersionEtag, next, cancellationToken));
        }

        foreach (MembershipEntry other in others.TakeWhile(_ => isWritten))
        {
            isWritten = await WrittenAsync(next => table.InsertRowAsync(other, next, cancellationToken));
        }

        async Task<bool> WrittenAsync(Func<TableVersion, Task<bool>> write)
        {
            bool isWritten = await write(at.Next());
            at = new TableVersion(at.Version + 1, $"{at.Version + 1}");
            return isWritten;
        }
    }

    // As its silo would, where the store lost it before it was seen there.
    private MembershipEntry Own() => new()
    {
        SiloAddress = here.SiloAddress,
        SiloName = here.Name,
        HostName = here.DnsHostName,
        ProxyPort = here.GatewayAddress?.Endpoint.Port ?? 0,
        StartTime = DateTime.UtcNow,
    };
}
