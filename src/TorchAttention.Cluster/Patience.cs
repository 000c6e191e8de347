using System.Diagnostics;

namespace TorchAttention.Cluster;

/// <summary>How long a silo may take to say that it is there: 8 times what it usually does, since a busy machine is slow.</summary>
/// <param name="least">The least, on a machine that rests.</param>
/// <param name="most">The most.</param>
internal sealed class Patience(TimeSpan least, TimeSpan most)
{
    private const int TimesUsual = 8;
    private const double PartOfTheLast = 0.125;

    private double _usual;

    /// <summary>How long it may take now.</summary>
    public TimeSpan Now => TimeSpan.FromSeconds(
        Math.Clamp(TimesUsual * Volatile.Read(ref _usual), least.TotalSeconds, most.TotalSeconds));

    /// <summary>Whether a call is answered within that time. Also one that is waited for no more is taken note of.</summary>
    /// <exception cref="Exception">That of the call.</exception>
    public async Task<bool> IsInTimeAsync(Task call)
    {
        Task noted = NoteAsync(call, Stopwatch.GetTimestamp());
        if (await Task.WhenAny(call, Task.Delay(Now)) != call)
        {
            return false;
        }

        await noted;
        return true;
    }

    private async Task NoteAsync(Task call, long begun)
    {
        await call;
        double before = Volatile.Read(ref _usual);
        Volatile.Write(ref _usual, before + (PartOfTheLast * (Stopwatch.GetElapsedTime(begun).TotalSeconds - before)));
    }
}
