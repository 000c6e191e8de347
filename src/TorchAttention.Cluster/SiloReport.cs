using System.Diagnostics;
using Orleans.Providers;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>Says how its silo is, to whoever asks all of them.</summary>
internal sealed class SiloReport(PoolingThreads threads, ShardManifest manifest, ILocalSiloDetails here) : IControllable
{
    /// <summary>What it is asked by.</summary>
    public const string Name = "torchattention";

    /// <inheritdoc/>
    public Task<object?> ExecuteCommand(int command, object? arg)
    {
        using var process = Process.GetCurrentProcess();
        return Task.FromResult<object?>(new SiloState
        {
            Silo = here.SiloAddress.ToParsableString(),
            Memory = process.WorkingSet64,
            Questions = threads.Questions,
            VectorKind = VectorKinds.Here(manifest),
        });
    }
}

/// <summary>How a silo is.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.silo-state")]
internal sealed class SiloState
{
    /// <summary>Its address.</summary>
    [Id(0)]
    public string Silo { get; init; } = "";

    /// <summary>The memory of its process that is in use, in bytes.</summary>
    [Id(1)]
    public long Memory { get; init; }

    /// <summary>The questions that are at work there, or wait.</summary>
    [Id(2)]
    public int Questions { get; init; }

    /// <summary>The kind of its vectors; 0 where it does not say.</summary>
    [Id(3)]
    public int VectorKind { get; init; }
}
