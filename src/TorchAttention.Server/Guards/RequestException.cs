namespace TorchAttention.Server.Guards;

/// <summary>A request that is refused.</summary>
/// <param name="status">The status of the answer.</param>
/// <param name="message">Why, in one line.</param>
internal sealed class RequestException(int status, string message) : Exception(message)
{
    public int Status { get; } = status;
}
