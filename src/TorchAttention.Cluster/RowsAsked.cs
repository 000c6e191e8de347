using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>What is asked of one shard's rows: some of them, or a part of their moments.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.of-rows")]
internal abstract class OfRowsAsked
{
    /// <summary>The version that the asking program speaks.</summary>
    [Id(0)]
    public int Version { get; init; } = Asked.LastVersion;

    /// <summary>The hash of the manifest whose shards are asked.</summary>
    [Id(1)]
    public string Manifest { get; init; } = "";

    /// <summary>The first row, or byte.</summary>
    [Id(2)]
    public int First { get; init; }

    /// <summary>Why there is no answer here; null where there is one.</summary>
    public string? WhyNot(ShardManifest manifest) => Wire.WhyNot(Version, Manifest, manifest);
}

/// <summary>Some rows.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.rows-asked")]
internal sealed class RowsAsked : OfRowsAsked
{
    /// <summary>How far the next row is from the first one.</summary>
    [Id(0)]
    public int Step { get; init; } = 1;

    /// <summary>How many rows there are to be at most.</summary>
    [Id(1)]
    public int Count { get; init; }

    /// <summary>How many rows a message holds.</summary>
    public static int MostRows(ShardManifest manifest) =>
        MomentsAsked.PartBytes / sizeof(double) / (manifest.Features + manifest.Columns + 1);
}

/// <summary>A part of the moments of all rows.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.moments-asked")]
internal sealed class MomentsAsked : OfRowsAsked
{
    /// <summary>How many bytes a part has at most.</summary>
    public const int PartBytes = 1_000_000;

    /// <summary>How many bytes a grid has at most.</summary>
    public const int MostBytes = 1 << 30;

    /// <summary>The SHA-256 of the bytes of moments of no rows, which say how these are cut.</summary>
    [Id(0)]
    public string Grid { get; init; } = "";
}
