using System.Net;

namespace TorchAttention.Server.Guards;

/// <summary>The options of a server: where it listens, who may ask, and how much.</summary>
internal sealed class ServerOptions
{
    private const string KeyFile = "--api-key-file";
    private const string Listen = "--listen";
    private const int MostPort = 65535;

    private static readonly ServerSettings _usual = new();

    private readonly Option<int?> _port = Options.WholeNumber(
        "--port", $"The port; 0 for a free one, which is printed (default {_usual.Port})", 0);
    private readonly Option<string?> _listen = Options.Text(
        Listen, "address", $"The address to listen on, such as 0.0.0.0; one that others reach needs {KeyFile} (default {_usual.Address})");
    private readonly Option<string?> _keys = Options.Text(
        KeyFile, "file", "Keys, one a line, of which each request has one: Authorization: Bearer KEY, or X-API-Key: KEY");
    private readonly Option<int?> _megabytes = Options.WholeNumber(
        "--max-body-mb", $"The longest body of a request, in MB (default {_usual.MostBytes >> 20})", 1);
    private readonly Option<int?> _rows = Options.WholeNumber(
        "--max-rows", $"The most rows of a request (default {_usual.MostRows})", 1);
    private readonly Option<int?> _seconds = Options.WholeNumber(
        "--max-seconds", $"The longest that a request takes, its body's way here included (default {_usual.MostTime.TotalSeconds})", 1);
    private readonly Option<int?> _requests = Options.WholeNumber(
        "--max-requests", "How many requests are answered at once (default 4 for each processor)", 1);
    private readonly Option<int?> _waiting = Options.WholeNumber(
        "--max-waiting", $"How many requests wait for that; the next is refused with 503 (default {_usual.MostWaiting})", 0);

    /// <summary>All of them.</summary>
    public IReadOnlyList<Option> All => [_port, _listen, _keys, _megabytes, _rows, _seconds, _requests, _waiting];

    /// <summary>Whether a port is given.</summary>
    public bool IsPortGiven(ParseResult parsed) => parsed.GetValue(_port) is not null;

    /// <exception cref="CliException">They do not go together.</exception>
    public ServerSettings Read(ParseResult parsed)
    {
        if (parsed.GetValue(_port) is > MostPort and int port)
        {
            throw CliException.WrongInput($"--port: expected a whole number from 0 to {MostPort}, got {port}");
        }

        IPAddress address = parsed.GetValue(_listen) is not string text ? _usual.Address
            : text == "localhost" ? IPAddress.Loopback
            : IPAddress.TryParse(text, out IPAddress? known) ? known
            : throw CliException.WrongInput($"{Listen}: expected an address such as 0.0.0.0 or ::1, got '{PlainText.Brief(text)}'");
        string? keys = parsed.GetValue(_keys);
        if (!IPAddress.IsLoopback(address) && keys is null)
        {
            throw CliException.WrongInput($"{Listen} {address}: expected {KeyFile} beside an address that others reach");
        }

        return new ServerSettings
        {
            Address = address,
            Port = parsed.GetValue(_port) ?? _usual.Port,
            Keys = keys is null ? [] : ApiKeys.Read(KeyFile, keys),
            MostBytes = parsed.GetValue(_megabytes) is int megabytes ? (long)megabytes << 20 : _usual.MostBytes,
            MostRows = parsed.GetValue(_rows) ?? _usual.MostRows,
            MostTime = parsed.GetValue(_seconds) is int seconds ? TimeSpan.FromSeconds(seconds) : _usual.MostTime,
            MostRequests = parsed.GetValue(_requests) ?? _usual.MostRequests,
            MostWaiting = parsed.GetValue(_waiting) ?? _usual.MostWaiting,
        };
    }
}
