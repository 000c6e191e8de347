using Orleans.Concurrency;

namespace TorchAttention.Cluster;

/// <summary>One shard, wherever it is. Its key is the manifest's hash, the shard's number and the replica's.</summary>
[Alias("torchattention.shard")]
internal interface IShardGrain : IGrainWithStringKey
{
    /// <summary>How it is; has it loaded, where it is not yet.</summary>
    [Alias("state")]
    [AlwaysInterleave]
    Task<ShardState> StateAsync();

    /// <summary>The sums of its rows.</summary>
    [Alias("sums")]
    [ReadOnly]
    [ResponseTimeout(Longest)]
    Task<Reply> SumsAtAsync(Asked asked, bool isCareful, CancellationToken cancellationToken);

    /// <summary>Some of its rows near a query.</summary>
    [Alias("rows")]
    [ReadOnly]
    [ResponseTimeout(Longest)]
    Task<Reply> RowsNearAsync(Asked asked, double square, int first, CancellationToken cancellationToken);

    /// <summary>Some of its rows, as they are in the file.</summary>
    [Alias("file-rows")]
    [ReadOnly]
    Task<Reply> RowsAsync(RowsAsked asked);

    /// <summary>Takes a part of moments of no rows.</summary>
    [Alias("grid")]
    Task<Reply> GridAsync(MomentsAsked asked, byte[] part, int size);

    /// <summary>A part of the moments of its rows, after how many bytes they have; nothing where their grid is not known.</summary>
    [Alias("moments")]
    Task<Reply> MomentsAsync(MomentsAsked asked);

    /// <summary>Work takes as long as it does; that a silo is there is asked beside it.</summary>
    const string Longest = "00:10:00";
}

/// <summary>How a shard is.</summary>
[GenerateSerializer]
internal enum ShardState
{
    /// <summary>Its file is being read.</summary>
    Loading,

    /// <summary>It answers, but will go to another silo.</summary>
    Loaded,

    /// <summary>It answers, where it belongs.</summary>
    InPlace,
}

/// <summary>Answers queries from all shards, on the silo that the client reached.</summary>
[Alias("torchattention.query")]
internal interface IQueryGrain : IGrainWithIntegerKey
{
    /// <summary>On which silo it is: who waits for an answer sees thereby that it is there still.</summary>
    [Alias("silo")]
    [AlwaysInterleave]
    Task<string> SiloAsync();

    /// <summary>Predicts.</summary>
    [Alias("predict")]
    [ReadOnly]
    [ResponseTimeout(IShardGrain.Longest)]
    Task<Reply> PredictAsync(Asked asked, CancellationToken cancellationToken);

    /// <summary>What the residuals of some rows of a shard add up to.</summary>
    [Alias("residuals")]
    [ReadOnly]
    [ResponseTimeout(IShardGrain.Longest)]
    Task<Reply> ResidualsAsync(Asked asked, int shard, int first, CancellationToken cancellationToken);
}

/// <summary>What is asked; bytes, since numbers one by one cost twenty times as much on the way.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.asked")]
internal sealed class Asked
{
    /// <summary>The version of the messages.</summary>
    public const int LastVersion = 4;

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

    /// <summary>Whether the queries are rows of the shards.</summary>
    [Id(8)]
    public bool IsAtRows { get; init; }

    /// <summary>Whether residuals have derivatives by the bandwidths.</summary>
    [Id(9)]
    public bool HasBandwidthSlopes { get; init; }
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

    /// <summary>When to ask again, in milliseconds.</summary>
    [Id(3)]
    public int RetryAfter { get; init; }

    /// <summary>The kinds of vectors that it was computed with.</summary>
    [Id(4)]
    public int VectorKinds { get; set; }

    /// <summary>An answer.</summary>
    public static Reply Of(byte[] bytes) => new() { Bytes = bytes };

    /// <summary>None yet.</summary>
    /// <param name="why">Why.</param>
    /// <param name="wait">When to ask again.</param>
    public static Reply Later(string why, TimeSpan wait) =>
        new() { Outcome = Outcome.Later, Why = why, RetryAfter = (int)wait.TotalMilliseconds };

    /// <summary>None.</summary>
    public static Reply Refused(string why) => new() { Outcome = Outcome.Refused, Why = why };
}
