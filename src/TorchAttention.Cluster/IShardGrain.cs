using Orleans.Concurrency;

namespace TorchAttention.Cluster;

/// <summary>One shard, wherever it is. Its key is the manifest's hash and the shard's number.</summary>
[Alias("torchattention.shard")]
internal interface IShardGrain : IGrainWithStringKey
{
    /// <summary>Has it loaded, where it is not yet.</summary>
    [Alias("touch")]
    Task TouchAsync();

    /// <summary>The sums of its rows.</summary>
    [Alias("sums")]
    [ReadOnly]
    Task<Reply> SumsAtAsync(Asked asked, bool isCareful);

    /// <summary>Some of its rows near a query.</summary>
    [Alias("rows")]
    [ReadOnly]
    Task<Reply> RowsNearAsync(Asked asked, double square, int first);
}

/// <summary>Answers queries from all shards: one on each silo that is asked, as many at once as there are questions.</summary>
[Alias("torchattention.query")]
internal interface IQueryGrain : IGrainWithIntegerKey
{
    /// <summary>Predicts.</summary>
    [Alias("predict")]
    Task<Reply> PredictAsync(Asked asked);
}

/// <summary>What is asked; bytes, since numbers one by one cost twenty times as much on the way.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.asked")]
internal sealed class Asked
{
    /// <summary>The version of the messages.</summary>
    public const int LastVersion = 1;

    /// <summary>The version that the asking program speaks.</summary>
    [Id(0)]
    public int Version { get; init; } = LastVersion;

    /// <summary>The hash of the manifest whose shards are asked.</summary>
    [Id(1)]
    public string Manifest { get; init; } = "";

    /// <summary>The kernel's name.</summary>
    [Id(2)]
    public string Kernel { get; init; } = "";

    /// <summary>The bandwidths (d).</summary>
    [Id(3)]
    public byte[] Bandwidths { get; init; } = [];

    /// <summary>0 or 1.</summary>
    [Id(4)]
    public int Degree { get; init; }

    /// <summary>Whether slopes are asked for.</summary>
    [Id(5)]
    public bool HasSlopes { get; init; }

    /// <summary>Whether the nearest row answers where none has a weight.</summary>
    [Id(6)]
    public bool IsNearestAsked { get; init; }

    /// <summary>Queries (m, d).</summary>
    [Id(7)]
    public byte[] Queries { get; init; } = [];
}

/// <summary>What becomes of a question.</summary>
[GenerateSerializer]
internal enum Outcome
{
    /// <summary>It is answered.</summary>
    Done,

    /// <summary>It is to be asked again: a shard is not loaded yet, or all are at work.</summary>
    Later,

    /// <summary>It has no answer, and asking again gives none: what is wrong is said.</summary>
    Refused,
}

/// <summary>An answer.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.reply")]
internal sealed class Reply
{
    /// <summary>What becomes of the question.</summary>
    [Id(0)]
    public Outcome Outcome { get; init; }

    /// <summary>The answer's bytes.</summary>
    [Id(1)]
    public byte[] Bytes { get; init; } = [];

    /// <summary>Why there is none, in one line.</summary>
    [Id(2)]
    public string Why { get; init; } = "";

    /// <summary>An answer.</summary>
    public static Reply Of(byte[] bytes) => new() { Bytes = bytes };

    /// <summary>None yet.</summary>
    public static Reply Later(string why) => new() { Outcome = Outcome.Later, Why = why };

    /// <summary>None.</summary>
    public static Reply Refused(string why) => new() { Outcome = Outcome.Refused, Why = why };
}
