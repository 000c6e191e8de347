using System.Net;

namespace TorchAttention.Server.Guards;

/// <summary>Who may ask at all.</summary>
internal sealed class Gate(ServerSettings settings)
{
    private readonly ApiKeys _keys = new(settings.Keys);

    /// <summary>Refuses pages of other hosts, and who has no key.</summary>
    /// <exception cref="RequestException">The request is refused.</exception>
    public void Check(HttpRequest request)
    {
        // A page whose name leads here by its owner's wish is not of this machine (DNS rebinding).
        if (settings.IsLoopback && !IsLoopback(request.Host.Host))
        {
            throw new RequestException(
                StatusCodes.Status403Forbidden,
                $"Host: expected localhost, 127.0.0.1 or [::1], got '{PlainText.Brief(request.Host.Value ?? "")}'");
        }

        // A browser says whose page asks; programs do not.
        string origin = request.Headers.Origin.ToString();
        if (origin.Length > 0 && !origin.Equals($"{request.Scheme}://{request.Host.Value}", StringComparison.OrdinalIgnoreCase))
        {
            throw new RequestException(
                StatusCodes.Status403Forbidden, $"Origin: expected a page of this server, got '{PlainText.Brief(origin)}'");
        }

        if (request.Path != ServerPaths.Health && !_keys.Has(request))
        {
            throw new RequestException(
                StatusCodes.Status401Unauthorized, "expected a key of the server as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'");
        }
    }

    private static bool IsLoopback(string host) => host is "localhost" or "127.0.0.1" or "[::1]"
        || host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address));
}

/// <summary>Paths that more than one place knows.</summary>
internal static class ServerPaths
{
    public const string Health = "/healthz";
    public const string Models = "/v1/models";
    public const string Predict = "/v1/models/{name}/predict";
}
