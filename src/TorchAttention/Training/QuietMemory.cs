using System.Runtime;

namespace TorchAttention.Training;

/// <summary>Keeps the collector from running on behalf of another thread while a training thread is inside libtorch.</summary>
/// <remarks>
/// TorchSharp hands libtorch the address of a number (a <c>Scalar</c>) and keeps no hold of it: if a collection begins just then, which only another thread's allocation can
/// bring about, the number may be freed before it is read. What a thread allocates by itself collects between its own calls, and does no harm.
/// </remarks>
internal static class QuietMemory
{
    // What a checkpoint's writing takes, and some thousand steps beside it.
    private const long Bytes = 16 << 20;

    private static readonly Lock _lock = new();
    private static int _holders;

    /// <summary>Begins, on the training's own thread; where the runtime refuses, nothing changes.</summary>
    public static void Begin()
    {
        lock (_lock)
        {
            if (_holders++ > 0 || GCSettings.LatencyMode == GCLatencyMode.NoGCRegion)
            {
                return;
            }

            try
            {
                GC.TryStartNoGCRegion(Bytes);
            }
            catch (ArgumentOutOfRangeException)
            {
                // So little memory is allowed that it can't be set aside.
            }
        }
    }

    /// <summary>Ends what <see cref="Begin"/> began, on any thread.</summary>
    public static void End()
    {
        lock (_lock)
        {
            if (--_holders > 0 || GCSettings.LatencyMode != GCLatencyMode.NoGCRegion)
            {
                return;
            }

            try
            {
                GC.EndNoGCRegion();
            }
            catch (InvalidOperationException)
            {
                // More was allocated than was set aside, or a collection was asked for: the runtime has ended it.
            }
        }
    }
}
