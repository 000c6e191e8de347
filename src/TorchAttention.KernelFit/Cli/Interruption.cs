using System.Diagnostics;
using System.Runtime.InteropServices;

namespace TorchAttention.Cli;

/// <summary>
/// Turns the first Ctrl-C, SIGTERM or SIGHUP into a cancellation. The second one ends the process as usual, but not in the middle of a
/// file, and not before what was done until then is saved; so does the first where the work has not ended soon after, as it waits for a
/// pipe or for a long step. Either says that it was interrupted.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private const int Patience = 700;
    private const int Look = 50;
    private const int LongestLine = 1000;

    // On a loaded machine work that is about to end has hardly begun to in this time; what saves nothing needs none.
    private static readonly TimeSpan _workToEnd = TimeSpan.FromSeconds(0.4);

    private readonly CancellationTokenSource _source = new();
    private readonly ManualResetEventSlim _hasEnded = new();

    // Whoever writes a file reads here. The second signal writes, and never gives the lock back: no file is begun after it.
    private readonly ReaderWriterLockSlim _files = new(LockRecursionPolicy.SupportsRecursion);
    private readonly PosixSignalRegistration[] _registrations;
    private int _signals;

    public Interruption()
    {
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        _registrations = Array.ConvertAll(signals, signal => PosixSignalRegistration.Create(signal, Cancel));
    }

    public CancellationToken Token => _source.Token;

    /// <summary>
    /// What is still to be done when a second signal does not wait for the work to end; it runs on the signal's thread, after the last
    /// file.
    /// </summary>
    public Action? AtOnce { get; set; }

    /// <summary>Writes one or several files that a second signal does not cut short.</summary>
    public void Write(Action write)
    {
        _files.EnterReadLock();
        try
        {
            write();
        }
        finally
        {
            _files.ExitReadLock();
        }
    }

    // A signal that came just before may still be on its way to the source and the lock: both are left to the end of the process.
    public void Dispose()
    {
        _hasEnded.Set();
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private void Cancel(PosixSignalContext signal)
    {
        if (Interlocked.Increment(ref _signals) == 1)
        {
            _source.Cancel();
            if (EndsSoon())
            {
                signal.Cancel = true;
                return;
            }
        }

        _files.EnterWriteLock();
        try
        {
            AtOnce?.Invoke();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Say(e.Message);
        }

        // Work that ended just now has a line of its own, which knows more.
        if (!_hasEnded.IsSet)
        {
            Say("interrupted");
        }
    }

    // Where nobody reads the stream, as a pager that has all it shows, a line would keep the process for ever.
    private static void Say(string message) => Task.Run(() => Console.Error.WriteLine($"error: {message}")).Wait(LongestLine);

    private bool EndsSoon()
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan work = Environment.CpuUsage.TotalTime;
        while (!_hasEnded.Wait(Look))
        {
            bool hasWorked = AtOnce is null || Environment.CpuUsage.TotalTime - work > _workToEnd;
            if (hasWorked && Stopwatch.GetElapsedTime(start).TotalMilliseconds > Patience)
            {
                return false;
            }
        }

        return true;
    }
}
