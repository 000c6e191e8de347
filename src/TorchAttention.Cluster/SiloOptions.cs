using System.Net;
using System.Net.Sockets;

namespace TorchAttention.Cluster;

/// <summary>The options of a silo: where it listens, and on how many each shard is.</summary>
internal sealed class SiloOptions
{
    private const string Listen = "--silo-listen";
    private const string Port = "--silo-port";
    private const string GatewayPort = "--gateway-port";
    private const string Dashboard = "--dashboard-port";
    private const int MostReplicas = 16;

    private readonly Option<string?> _listen = Options.Text(
        Listen, "address", "With --cluster, the address or name of this machine that silos and clients reach it at; one that is neither "
            + $"loopback nor private needs --certificate (default {IPAddress.Loopback})");
    private readonly Option<int?> _port = Options.WholeNumber(Port, "With --cluster, the port for other silos (default a free one)", 1);
    private readonly Option<int?> _gateway = Options.WholeNumber(
        GatewayPort, "With --cluster, the port for clients (default a free one; with local=PORT that one)", 1);

    private readonly Option<int?> _dashboard = Options.WholeNumber(
        Dashboard, "With --cluster, the port of Orleans' dashboard, a page of this machine alone; 0 for a free one (default none)", 0);

    private readonly Option<int?> _replicas = Options.WholeNumber(
        "--replicas", "With --cluster, on how many silos each shard is, where there are as many: one may die then without a reload", 1,
        MostReplicas);

    /// <summary>The options, each with its key.</summary>
    public IReadOnlyDictionary<string, Option> Keys => new Dictionary<string, Option>
    {
        ["Cluster:Listen"] = _listen,
        ["Cluster:Port"] = _port,
        ["Cluster:GatewayPort"] = _gateway,
        ["Cluster:DashboardPort"] = _dashboard,
        ["Cluster:Replicas"] = _replicas,
    };

    /// <summary>Reads them.</summary>
    /// <exception cref="CliException">They do not go together.</exception>
    public SiloSettings Read(ParseResult parsed, ClusterAddress cluster, CertificateOptions certificate)
    {
        foreach (Option<int?> option in new[] { _port, _gateway, _dashboard })
        {
            if (parsed.GetValue(option) is > IPEndPoint.MaxPort and int port)
            {
                int least = option == _dashboard ? 0 : 1;
                throw CliException.WrongInput($"{option.Name}: expected a whole number from {least} to {IPEndPoint.MaxPort}, got {port}");
            }
        }

        Option[] elsewhere = [_listen, _gateway];
        if (cluster.Kind == ClusterKind.Local
            && elsewhere.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is Option given)
        {
            throw CliException.WrongInput(
                $"{given.Name}: expected none beside {ClusterAddress.Name} local, which is of this machine alone");
        }

        IPAddress address = parsed.GetValue(_listen) is string text ? AddressOf(text) : IPAddress.Loopback;
        Peer? peer = certificate.Read(parsed, address);
        return peer is not null || IsPrivate(address)
            ? new SiloSettings(address, parsed.GetValue(_port) ?? 0, parsed.GetValue(_gateway) ?? 0, parsed.GetValue(_dashboard), peer)
            {
                Shards = new ShardSettings { Replicas = parsed.GetValue(_replicas) ?? 1 },
            }
            : throw CliException.WrongInput(
                $"{Listen} {address}: expected a loopback or private address, or --certificate beside one that others reach");
    }

    /// <summary>Whether an address is of this machine or of a network that the world does not reach: RFC 1918, ULA, link-local.</summary>
    public static bool IsPrivate(IPAddress address)
    {
        IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        if (IPAddress.IsLoopback(plain) || plain.IsIPv6LinkLocal || plain.IsIPv6UniqueLocal)
        {
            return true;
        }

        return plain.AddressFamily == AddressFamily.InterNetwork && plain.GetAddressBytes() is
            [10, ..] or [172, >= 16 and < 32, ..] or [192, 168, ..] or [169, 254, ..];
    }

    private static IPAddress AddressOf(string text)
    {
        try
        {
            IPAddress address = IPAddress.TryParse(text, out IPAddress? known) ? known
                : Dns.GetHostAddresses(text).MinBy(one => one.AddressFamily == AddressFamily.InterNetwork ? 0 : 1)
                    ?? throw new SocketException((int)SocketError.HostNotFound);
            return !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any) ? address : throw CliException.WrongInput(
                $"{Listen}: expected one address that others are told, got {address}, which is all of this machine's");
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            throw CliException.WrongInput($"{Listen}: expected an address or name of this machine, got '{PlainText.Brief(text)}'", e);
        }
    }
}

/// <summary>Where a silo listens, and who it is.</summary>
/// <param name="Address">The address.</param>
/// <param name="Port">The port for other silos; 0 for a free one.</param>
/// <param name="GatewayPort">The port for clients; 0 for a free one.</param>
/// <param name="DashboardPort">The port of Orleans' dashboard; 0 for a free one, null for none.</param>
/// <param name="Peer">Its certificate; null to have nothing encrypted.</param>
internal sealed record SiloSettings(IPAddress Address, int Port, int GatewayPort, int? DashboardPort, Peer? Peer)
{
    /// <summary>What it has and takes on.</summary>
    public ShardSettings Shards { get; init; } = new();
}
