using System.Runtime.InteropServices;

namespace TorchAttention.Server;

/// <summary>Ctrl-C and what a service's manager sends: the first ends it when what is begun is done, the second at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _atOnce = new();
    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals()
    {
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        _registrations = Array.ConvertAll(signals, signal => PosixSignalRegistration.Create(signal, Stop));
    }

    /// <summary>Done when the first has come.</summary>
    public Task Asked => _asked.Task;

    /// <summary>Cancelled when the second has come.</summary>
    public CancellationToken AtOnce => _atOnce.Token;

    public void Dispose()
    {
        Array.ForEach(_registrations, registration => registration.Dispose());
        _atOnce.Dispose();
    }

    private void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (!_asked.TrySetResult())
        {
            _atOnce.Cancel();
        }
    }
}
