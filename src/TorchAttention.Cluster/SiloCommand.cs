using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>Serves shards as a member of a cluster until it is stopped.</summary>
internal static class SiloCommand
{
    /// <summary>Runs.</summary>
    /// <param name="address">How members find each other.</param>
    /// <param name="manifest">The shards.</param>
    /// <param name="settings">What the silo takes on.</param>
    public static async Task<int> RunAsync(ClusterAddress address, ShardManifest manifest, ShardSettings settings)
    {
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        PosixSignalRegistration[] registrations = Array.ConvertAll(signals, signal => PosixSignalRegistration.Create(signal, Stop));
        using IHost host = Hosts.CreateSilo(address, manifest, settings);
        try
        {
            await host.StartAsync();
        }
        catch (Exception e)
        {
            throw CliException.Failed(
                $"{ClusterAddress.Name} {address}: the silo does not start ({address.Why(e)})", e);
        }

        EndpointOptions endpoints = host.Services.GetRequiredService<IOptions<EndpointOptions>>().Value;
        Console.WriteLine(
            $"serving {manifest.Shards.Length} shards of {manifest.Rows} rows to {address}, "
                + $"as {endpoints.AdvertisedIPAddress}:{endpoints.SiloPort}");
        await stop.Task;
        await host.StopAsync();
        Array.ForEach(registrations, registration => registration.Dispose());
        return ExitCode.Done;

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = stop.TrySetResult();
        }
    }
}
