namespace TorchAttention.Numerics.Pooling;

/// <summary>What is made when it is first asked for, and kept.</summary>
/// <param name="isLasting">Whether it is kept for more than one call: then what is being made or used outlives
/// <see cref="Dispose"/>.</param>
internal sealed class Kept(bool isLasting) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<object, object> _parts = [];
    private bool _isDisposed;

    /// <summary>Whether what is made is kept for other calls.</summary>
    public bool IsLasting => isLasting;

    /// <summary>A part, made by the first who asks for it; others wait meanwhile.</summary>
    /// <param name="key">What tells it from other parts.</param>
    /// <param name="make">Makes it.</param>
    public TPart Get<TPart>(object key, Func<TPart> make)
        where TPart : class
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (!_parts.TryGetValue(key, out object? part))
            {
                part = make();
                _parts.Add(key, part);
            }

            return (TPart)part;
        }
    }

    // Another thread may be in the middle of a call: what lasts is left to the collector, which knows when nobody needs it.
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (IDisposable part in isLasting ? [] : _parts.Values.OfType<IDisposable>())
            {
                part.Dispose();
            }

            _parts.Clear();
            _isDisposed = true;
        }
    }
}
