using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Dashboard;
using Orleans.Providers;
using Orleans.Serialization.Configuration;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>A member of a cluster, and a client of one, set up alike.</summary>
internal static class Hosts
{
    private const string Service = "torchattention";
    private const string Postgres = "Npgsql";

    // Its grains are found by its reference, and would be sent to silos that do not have it.
    private const string Dashboard = "Orleans.Dashboard";

    // With Orleans' own settings a frozen silo is waited for 64 s and more; so it is out in some 3 s.
    private static readonly TimeSpan _probe = TimeSpan.FromSeconds(1);
    private const int MissedProbes = 3;
    private static readonly TimeSpan _gateways = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _response = TimeSpan.FromSeconds(10);

    /// <summary>A silo.</summary>
    /// <param name="address">How members find each other.</param>
    /// <param name="manifest">The shards that the cluster serves.</param>
    /// <param name="settings">Where it listens, and who it is.</param>
    public static IHost CreateSilo(ClusterAddress address, ShardManifest manifest, SiloSettings settings)
    {
        HostApplicationBuilder builder = NewBuilder();
        builder.Services.AddSingleton(manifest).AddSingleton(settings.Shards);
        builder.Services.AddSingleton<PoolingThreads>().AddSingleton<Replicas>().AddSingleton<KilledSilos>();
        builder.Services.AddSingleton<ParkedShards>().AddSingleton<ClusterMetrics>();
        builder.Services.AddKeyedSingleton<IControllable, SiloReport>(SiloReport.Name);
        builder.UseOrleans(silo =>
        {
            silo.Services.AddSingleton<IFatalErrorHandler, DeadSilo>();
            silo.Services.AddSingleton<IIncomingGrainCallFilter>(services => services.GetRequiredService<ClusterMetrics>());
            silo.AddActivityPropagation();
            if (settings.DashboardPort is null)
            {
                silo.Configure<GrainTypeOptions>(options => options.Classes.RemoveWhere(type => type.Assembly.GetName().Name == Dashboard));
            }
            else
            {
                silo.AddDashboard();
            }

            silo.AddPlacementDirector<ByBytes, ShardDirector>();
            silo.AddPlacementDirector<OnNamedSilo, NamedSiloDirector>();
            silo.Configure<ClusterOptions>(options => Name(options, manifest));
            silo.Configure<ClusterMembershipOptions>(options =>
            {
                options.ProbeTimeout = _probe;
                options.NumMissedProbesLimit = MissedProbes;
                options.EnableConnectionLivenessCheck = false;
            });
            silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = _response);
            if (settings.Peer is Peer peer)
            {
                silo.UseTls(peer.Configure);
            }

            int port = settings.Port == 0 ? ClusterAddress.FreePort(settings.Address) : settings.Port;
            switch (address.Kind)
            {
                case ClusterKind.Redis:
                    silo.UseRedisClustering(address.Where);
                    break;
                case ClusterKind.Postgres:
                    silo.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (Postgres, address.Where));
                    break;
                default:
                    silo.UseLocalhostClustering(
                        port, int.Parse(address.Where, CultureInfo.InvariantCulture), null, Service, IdOf(manifest));
                    return;
            }

            silo.ConfigureEndpoints(
                settings.Address, port,
                settings.GatewayPort == 0 ? ClusterAddress.FreePort(settings.Address) : settings.GatewayPort);
        });

        // After the silo, without which there are no grains.
        builder.Services.AddHostedService<ShardKeeper>();
        return builder.Build();
    }

    /// <summary>A client.</summary>
    /// <param name="address">How the members are found.</param>
    /// <param name="manifest">The shards that the cluster serves.</param>
    /// <param name="peer">Who asks; null where nothing is encrypted.</param>
    public static IHost CreateClient(ClusterAddress address, ShardManifest manifest, Peer? peer = null)
    {
        HostApplicationBuilder builder = NewBuilder();
        builder.UseOrleansClient(client =>
        {
            client.Configure<ClusterOptions>(options => Name(options, manifest));
            client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = _gateways);
            client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = _response);
            if (peer is not null)
            {
                client.UseTls(peer.Configure);
            }

            switch (address.Kind)
            {
                case ClusterKind.Redis:
                    client.UseRedisClustering(address.Where);
                    break;
                case ClusterKind.Postgres:
                    client.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (Postgres, address.Where));
                    break;
                default:
                    client.UseLocalhostClustering(int.Parse(address.Where, CultureInfo.InvariantCulture), Service, IdOf(manifest));
                    break;
            }
        });
        return builder.Build();
    }

    // Other shards are another cluster, in the same database even: the two never meet.
    private static string IdOf(ShardManifest manifest) => $"{Service}-{manifest.Hash[..16]}";

    private static void Name(ClusterOptions options, ShardManifest manifest) =>
        (options.ServiceId, options.ClusterId) = (Service, IdOf(manifest));

    private static HostApplicationBuilder NewBuilder()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Critical);
        builder.Services.Configure<TypeManifestOptions>(options => options.AddAllowedType(typeof(SiloReport)));
        return builder;
    }
}
