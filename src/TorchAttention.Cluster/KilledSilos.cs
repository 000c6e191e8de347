using System.Collections.Concurrent;
using System.Net.Sockets;

namespace TorchAttention.Cluster;

/// <summary>
/// Takes silos out whose machine says that nobody listens where they did: their process has gone. Orleans waits for three probes and a
/// second vote, as it must for silos that say nothing at all.
/// </summary>
internal sealed class KilledSilos(IClusterMembershipService membership, ISiloStatusOracle silos, ILocalSiloDetails here)
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<SiloAddress, bool> _told = new();
    private int _isLooking;

    /// <summary>Looks at all silos, beside the caller's work: one of them has not answered, or not for a while.</summary>
    public void Look()
    {
        if (Interlocked.Exchange(ref _isLooking, 1) == 0)
        {
            _ = Task.Run(LookAsync);
        }
    }

    private async Task LookAsync()
    {
        try
        {
            IEnumerable<SiloAddress> active = silos.GetApproximateSiloStatuses(onlyActive: true).Keys;
            await Task.WhenAll(active.Where(silo => !silo.Equals(here.SiloAddress)).Select(LookAtAsync));
            await Task.Delay(_pause);
        }
        finally
        {
            Volatile.Write(ref _isLooking, 0);
        }
    }

    // Orleans goes on until its store knows: once is enough.
    private async Task LookAtAsync(SiloAddress silo)
    {
        if (!_told.ContainsKey(silo) && await IsRefusedAsync(silo) && _told.TryAdd(silo, true))
        {
            await membership.TryKill(silo);
        }
    }

    private static async Task<bool> IsRefusedAsync(SiloAddress silo)
    {
        using var ends = new CancellationTokenSource(_patience);
        using var socket = new Socket(silo.Endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(silo.Endpoint, ends.Token);
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionRefused;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
