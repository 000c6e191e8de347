using Orleans.Concurrency;

namespace TorchAttention.Cluster;

/// <summary>Computes slices of a training's batches on one silo, whose address is its key.</summary>
[Alias("torchattention.training")]
internal interface ITrainingGrain : IGrainWithStringKey
{
    /// <summary>
    /// Whether it has a slice to compute. A client's calls go through another silo, and a call or an answer is lost with that one, too.
    /// </summary>
    [Alias("has")]
    [AlwaysInterleave]
    Task<bool> HasAsync(Guid slice);

    /// <summary>How many slices the silo computes at once.</summary>
    [Alias("threads")]
    [AlwaysInterleave]
    Task<int> ThreadsAsync();

    /// <summary>Takes a part of a training's examples.</summary>
    [Alias("examples")]
    Task<Reply> ExamplesAsync(ExamplesPart part);

    /// <summary>Takes the w of a training's next slices.</summary>
    [Alias("widths")]
    [AlwaysInterleave]
    Task<Reply> WidthsAsync(WidthsSent widths);

    /// <summary>What a slice adds to its batch; nothing where its examples or its w are not known here.</summary>
    [Alias("slice")]
    [ReadOnly]
    [ResponseTimeout(IShardGrain.Longest)]
    Task<Reply> SliceAsync(SliceAsked asked, CancellationToken cancellationToken);
}

/// <summary>What is said of a training.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.of-training")]
internal abstract class OfTraining
{
    /// <summary>The version that the training program speaks.</summary>
    [Id(0)]
    public int Version { get; init; } = Asked.LastVersion;

    /// <summary>The hash of the manifest whose silos are asked.</summary>
    [Id(1)]
    public string Manifest { get; init; } = "";

    /// <summary>The SHA-256 of the examples' bytes.</summary>
    [Id(2)]
    public string Examples { get; init; } = "";
}

/// <summary>Some bytes of a training's examples.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.examples-part")]
internal sealed class ExamplesPart : OfTraining
{
    /// <summary>Where they begin.</summary>
    [Id(0)]
    public int First { get; init; }

    /// <summary>How many there are of all parts.</summary>
    [Id(1)]
    public int Size { get; init; }

    /// <summary>The bytes.</summary>
    [Id(2)]
    public byte[] Bytes { get; init; } = [];
}

/// <summary>A slice of a batch.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.slice")]
internal sealed class SliceAsked : OfTraining
{
    /// <summary>w as float64; empty where it was sent before.</summary>
    [Id(0)]
    public byte[] W { get; init; } = [];

    /// <summary>The examples of the batch.</summary>
    [Id(1)]
    public int Batch { get; init; }

    /// <summary>Whether the gradient is wanted.</summary>
    [Id(2)]
    public bool HasGradient { get; init; }

    /// <summary>The width of the vectors of the training program, with which sums have its bits.</summary>
    [Id(3)]
    public int VectorBits { get; init; }

    /// <summary>Queries (m, d) in the examples' number type.</summary>
    [Id(4)]
    public byte[] Queries { get; init; } = [];

    /// <summary>Targets (m) in that type.</summary>
    [Id(5)]
    public byte[] Targets { get; init; } = [];

    /// <summary>The key that each query leaves out, int32 (m); empty where none does.</summary>
    [Id(6)]
    public byte[] LeftOut { get; init; } = [];

    /// <summary>m.</summary>
    [Id(7)]
    public int Count { get; init; }

    /// <summary>What tells it from others.</summary>
    [Id(8)]
    public Guid Id { get; init; } = Guid.NewGuid();

    /// <summary>The SHA-256 of w, where it was sent before.</summary>
    [Id(9)]
    public string WHash { get; init; } = "";
}

/// <summary>The w of a step.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.widths")]
internal sealed class WidthsSent : OfTraining
{
    /// <summary>The SHA-256 of its bytes.</summary>
    [Id(0)]
    public string Hash { get; init; } = "";

    /// <summary>w as float64.</summary>
    [Id(1)]
    public byte[] W { get; init; } = [];
}
