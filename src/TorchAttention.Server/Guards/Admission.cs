using System.Threading.RateLimiting;

namespace TorchAttention.Server.Guards;

/// <summary>Who computes at once: so many requests, and so many that wait.</summary>
internal sealed class Admission(ServerSettings settings) : IDisposable
{
    private readonly ConcurrencyLimiter _limiter = new(new ConcurrencyLimiterOptions
    {
        PermitLimit = settings.MostRequests,
        QueueLimit = settings.MostWaiting,
        QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
    });

    /// <summary>Waits for a place, which is given back by disposing it.</summary>
    /// <exception cref="RequestException">Too many wait.</exception>
    public async ValueTask<RateLimitLease> EnterAsync(CancellationToken cancellationToken)
    {
        RateLimitLease lease = await _limiter.AcquireAsync(1, cancellationToken);
        return lease.IsAcquired ? lease : throw new RequestException(
            StatusCodes.Status503ServiceUnavailable,
            $"expected at most {settings.MostRequests} requests at once and {settings.MostWaiting} that wait, got more; ask again later");
    }

    public void Dispose() => _limiter.Dispose();
}
