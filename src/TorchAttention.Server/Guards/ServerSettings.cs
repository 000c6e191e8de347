using System.Net;

namespace TorchAttention.Server.Guards;

/// <summary>Where a server listens, who may ask, and how much.</summary>
internal sealed record ServerSettings
{
    /// <summary>The address.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port; 0 for a free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>The keys of which each request has one; none where all may ask.</summary>
    public IReadOnlyList<string> Keys { get; init; } = [];

    /// <summary>The longest body of a request, in bytes.</summary>
    public long MostBytes { get; init; } = 1L << 30;

    /// <summary>The most rows of a request.</summary>
    public long MostRows { get; init; } = 10_000_000;

    /// <summary>The longest that a request takes.</summary>
    public TimeSpan MostTime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How many requests are answered at once.</summary>
    public int MostRequests { get; init; } = 4 * Environment.ProcessorCount;

    /// <summary>How many wait for that; the next is refused.</summary>
    public int MostWaiting { get; init; } = 256;

    /// <summary>A file with Kestrel's settings; null for what ASP.NET reads as a rule.</summary>
    public string? SettingsFile { get; init; }

    /// <summary>Whether only this machine can ask.</summary>
    public bool IsLoopback => IPAddress.IsLoopback(Address);
}
