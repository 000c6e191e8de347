using TorchAttention.Cluster;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.Commands;

/// <summary>Says how a cluster is.</summary>
internal static class ClusterCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<string?> shards = Options.Text("--shards", "file", $"The {ShardManifest.FileName} of what the cluster serves");
        Option<string?> cluster = Options.Text(ClusterAddress.Name, "address", $"The cluster: {ClusterAddress.Forms}");
        var certificate = new CertificateOptions();
        var status = new Command("status", "The silos of a cluster, and the shards on each") { shards, cluster };
        status.AddAll(certificate.Keys.Values);
        status.SetAction(parsed => StatusAsync(
            parsed.GetValue(shards) ?? throw CliException.WrongInput("--shards: expected a manifest, got none"),
            parsed.GetValue(cluster) ?? throw CliException.WrongInput($"{ClusterAddress.Name}: expected {ClusterAddress.Forms}, got none"),
            certificate.Read(parsed, silo: null))
            .GetAwaiter().GetResult());
        return new Command("cluster", "Look at a cluster that serves shards") { status };
    }

    private static async Task<int> StatusAsync(string shards, string cluster, Peer? peer)
    {
        ShardManifest manifest = ShardManifest.Load(shards);
        await using ClusterClient client = await ClusterClient.ConnectAsync(
            ClusterAddress.Parse(cluster), manifest, TimeSpan.FromSeconds(10), peer);
        IReadOnlyList<SiloLoad> silos = await client.StatusAsync();
        Console.WriteLine("silo,shards,mb,memory_mb,processor_percent,questions,vectors");
        foreach (SiloLoad silo in silos)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{silo.Silo},{string.Join(' ', silo.Shards)},{silo.Bytes / 1e6:F1},{silo.Memory / 1e6:F0},{silo.Processor:F0},"
                    + $"{silo.Questions},{VectorKinds.Name(silo.VectorKind)}"));
        }

        int kinds = silos.Aggregate(0, (all, silo) => all | silo.VectorKind);
        if (VectorKinds.AreMixed(kinds))
        {
            await Console.Error.WriteLineAsync(
                $"warning: the silos have vectors of {VectorKinds.Name(kinds)}: the last digits of answers depend on which one is asked");
        }

        return ExitCode.Done;
    }
}
