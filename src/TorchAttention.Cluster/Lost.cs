namespace TorchAttention.Cluster;

/// <summary>Calls that got lost with a silo: nothing was changed, and they may be made again.</summary>
internal static class Lost
{
    /// <summary>Whether a call that failed so may be made again.</summary>
    public static bool Is(Exception e) =>
        e is OrleansException or TimeoutException or IOException or OperationCanceledException or ObjectDisposedException;
}
