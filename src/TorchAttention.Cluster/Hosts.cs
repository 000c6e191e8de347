using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>A member of a cluster, and a client of one, set up alike.</summary>
internal static class Hosts
{
    private const string Service = "torchattention";
    private const string Postgres = "Npgsql";

    // With Orleans' own settings a frozen silo is waited for 64 s and more; so it is out in some 3 s.
    private static readonly TimeSpan _probe = TimeSpan.FromSeconds(1);
    private const int MissedProbes = 3;
    private static readonly TimeSpan _gateways = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _response = TimeSpan.FromSeconds(10);

    /// <summary>A silo.</summary>
    /// <param name="address">How members find each other.</param>
    /// <param name="manifest">The shards that the cluster serves.</param>
    /// <param name="settings">What the silo takes on.</param>
    public static IHost CreateSilo(ClusterAddress address, ShardManifest manifest, ShardSettings settings)
    {
        HostApplicationBuilder builder = NewBuilder();
        builder.Services.AddSingleton(manifest).AddSingleton(settings).AddSingleton<PoolingThreads>().AddSingleton<Replicas>();
        builder.UseOrleans(silo =>
        {
            silo.AddPlacementDirector<ByBytes, ShardDirector>();
            silo.Configure<ClusterOptions>(options => Name(options, manifest));
            silo.Configure<ClusterMembershipOptions>(options =>
            {
                options.ProbeTimeout = _probe;
                options.NumMissedProbesLimit = MissedProbes;
                options.EnableConnectionLivenessCheck = false;
            });
            silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = _response);
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
                        ClusterAddress.FreePort(), int.Parse(address.Where, CultureInfo.InvariantCulture), null, Service, IdOf(manifest));
                    return;
            }

            // Nobody but this machine is let in as long as what is said on the way is not encrypted.
            silo.ConfigureEndpoints(IPAddress.Loopback, ClusterAddress.FreePort(), ClusterAddress.FreePort());
        });

        // After the silo, without which there are no grains.
        builder.Services.AddHostedService<ShardKeeper>();
        return builder.Build();
    }

    /// <summary>A client.</summary>
    /// <param name="address">How the members are found.</param>
    /// <param name="manifest">The shards that the cluster serves.</param>
    public static IHost CreateClient(ClusterAddress address, ShardManifest manifest)
    {
        HostApplicationBuilder builder = NewBuilder();
        builder.UseOrleansClient(client =>
        {
            client.Configure<ClusterOptions>(options => Name(options, manifest));
            client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = _gateways);
            client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = _response);
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
        return builder;
    }
}
