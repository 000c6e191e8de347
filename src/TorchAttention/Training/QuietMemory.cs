using System.Runtime;

namespace TorchAttention.Training;

/// <summary>Keeps the collector from running on behalf of another thread while a training thread is inside libtorch, until it is disposed.</summary>
/// <remarks>
/// TorchSharp hands libtorch the address of a number (a <c>Scalar</c>) and keeps no hold of it: if a collection begins just then, which only another thread's allocation can
/// bring about, the number may be freed before it is read. What a thread allocates by itself collects between its own calls, and does no harm.
/// </remarks>
internal sealed class QuietMemory : IDisposable
{
    // What a checkpoint's writing takes, and some thousand steps beside it.
    private const long Bytes = 16 << 20;

    private readonly bool _isOwn;

    /// <summary>Begins, on the training's own thread; where another one has begun or the runtime refuses, nothing changes.</summary>
    public QuietMemory()
    {
        try
        {
            _isOwn = GCSettings.LatencyMode != GCLatencyMode.NoGCRegion && GC.TryStartNoGCRegion(Bytes);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentOutOfRangeException)
        {
            // Another one has begun just now, or so little memory is allowed that it can't be set aside.
            _isOwn = false;
        }
    }

    /// <summary>Ends it, on any thread.</summary>
    public void Dispose()
    {
        if (!_isOwn || GCSettings.LatencyMode != GCLatencyMode.NoGCRegion)
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
