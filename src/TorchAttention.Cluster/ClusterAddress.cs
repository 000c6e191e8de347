using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace TorchAttention.Cluster;

/// <summary>How the members of a cluster find each other.</summary>
internal enum ClusterKind
{
    /// <summary>One process on this machine.</summary>
    Local,

    /// <summary>Through Redis.</summary>
    Redis,

    /// <summary>Through PostgreSQL.</summary>
    Postgres,
}

/// <summary>What <c>--cluster</c> says.</summary>
/// <param name="Kind">How members find each other.</param>
/// <param name="Where">The connection; of one process the port that clients come to.</param>
internal sealed record ClusterAddress(ClusterKind Kind, string Where)
{
    /// <summary>The option.</summary>
    public const string Name = "--cluster";

    private const string Usual = "30000";

    /// <summary>What may stand there.</summary>
    public const string Forms = "local, local=PORT, redis=HOST:PORT or postgres=CONNECTION";

    /// <summary>Understands the option.</summary>
    /// <exception cref="CliException">It is none of the forms.</exception>
    public static ClusterAddress Parse(string text)
    {
        (string kind, string where) = text.IndexOf('=') is >= 0 and int sign ? (text[..sign], text[(sign + 1)..]) : (text, "");
        ClusterAddress? address = kind.ToLowerInvariant() switch
        {
            "local" when where.Length == 0 => new(ClusterKind.Local, Usual),
            "local" when IsPort(where) => new(ClusterKind.Local, where),
            "redis" when where.Split(',')[0] is string host && host.LastIndexOf(':') is > 0 and int colon && IsPort(host[(colon + 1)..]) =>
                new(ClusterKind.Redis, where),
            "postgres" when where.Length > 0 => new(ClusterKind.Postgres, where),
            _ => null,
        };
        return address ?? throw CliException.WrongInput($"{Name}: expected {Forms}, got '{PlainText.Brief(text)}'");
    }

    /// <summary>A port that nobody listens at.</summary>
    /// <exception cref="CliException">The address is none of this machine's.</exception>
    public static int FreePort(IPAddress address)
    {
        using var listener = new TcpListener(address, 0);
        try
        {
            listener.Start();
        }
        catch (SocketException e)
        {
            throw CliException.WrongInput($"--silo-listen: expected an address of this machine, got {address}", e);
        }

        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    // A connection may have a password in it.
    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        ClusterKind.Local => $"local={Where}",
        ClusterKind.Redis => $"redis={Where.Split(',')[0]}",
        _ => "postgres",
    };

    /// <summary>Why nobody comes together there, in a few words.</summary>
    /// <param name="e">What Orleans says.</param>
    public static string Why(Exception e)
    {
        Exception why = e.GetBaseException();
        return why switch
        {
            PostgresException { SqlState: PostgresErrorCodes.UndefinedTable } =>
                "the database has no tables of members: the first silo makes them",
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused =>
                $"{PlainText.Brief(refused.MessageText)}: start the first silo as a user who may make tables",
            _ => PlainText.Brief(why.Message, 200),
        };
    }

    private static bool IsPort(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is > 0 and <= IPEndPoint.MaxPort;
}
