using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Runtime.Placement;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>Computes slices on its silo's own threads. It has no state but examples that it was sent, and is sent again.</summary>
[Reentrant]
[NamedSiloPlacement]
internal sealed class TrainingGrain(ShardManifest manifest, PoolingThreads threads) : Grain, ITrainingGrain
{
    private readonly KeptExamples _examples = new();
    private readonly KeptWidths _widths = new();
    private readonly ReceivedParts _parts = new();
    private readonly HashSet<Guid> _atWork = [];

    /// <inheritdoc/>
    public Task<bool> HasAsync(Guid slice) => Task.FromResult(_atWork.Contains(slice));

    /// <inheritdoc/>
    public Task<int> ThreadsAsync() => Task.FromResult(Environment.ProcessorCount);

    /// <inheritdoc/>
    public Task<Reply> ExamplesAsync(ExamplesPart part) => Task.FromResult(
        Wire.WhyNot(part.Version, part.Manifest, manifest) is string why ? Reply.Refused(why)
        : _examples.AreKnown(part.Examples) ? Reply.Of([])
        : _examples.WhyNot(part.Size) ?? _parts.Take(part.Examples, part.Bytes, part.First, part.Size, "examples"));

    /// <inheritdoc/>
    public Task<Reply> WidthsAsync(WidthsSent widths)
    {
        if (Wire.WhyNot(widths.Version, widths.Manifest, manifest) is string why)
        {
            return Task.FromResult(Reply.Refused(why));
        }

        _widths.Add(widths.Hash, Wire.Numbers(widths.W));
        return Task.FromResult(Reply.Of([]));
    }

    /// <inheritdoc/>
    public async Task<Reply> SliceAsync(SliceAsked asked, CancellationToken cancellationToken)
    {
        if (Wire.WhyNot(asked.Version, asked.Manifest, manifest) is string why)
        {
            return Reply.Refused(why);
        }

        _parts.ForgetLeft();
        double[]? w = asked.WHash.Length == 0 ? Wire.Numbers(asked.W) : _widths.Find(asked.WHash);
        if (Find(asked.Examples) is not Task<ISliceLoss> making || w is null)
        {
            return Reply.Of([]);
        }

        _atWork.Add(asked.Id);
        try
        {
            ISliceLoss loss = await making;
            return await threads.AnswerAsync(() => loss.PartOf(asked, w, cancellationToken), cancellationToken);
        }
        catch (Exception e) when (e is ArgumentException or OutOfMemoryException)
        {
            if (making.IsFaulted)
            {
                _examples.Remove(asked.Examples);
            }

            return Reply.Refused(e.Message);
        }
        finally
        {
            _atWork.Remove(asked.Id);
        }
    }

    // Where two trainings have the same examples, both send them.
    private Task<ISliceLoss>? Find(string hash)
    {
        if (_examples.Find(hash) is Task<ISliceLoss> found)
        {
            return found;
        }

        if (_parts.Whole(hash) is not byte[] bytes)
        {
            return null;
        }

        Task<ISliceLoss> making = threads.RunAsync(() => TrainingExamples.Read(bytes), CancellationToken.None);
        _examples.Add(hash, bytes.Length, making);
        return making;
    }
}

/// <summary>A grain is on the silo whose address is its key.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class NamedSiloPlacementAttribute() : PlacementAttribute(new OnNamedSilo());

/// <summary>The name of that.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.named-silo")]
internal sealed class OnNamedSilo : PlacementStrategy;

/// <summary>Finds the silo.</summary>
internal sealed class NamedSiloDirector : IPlacementDirector
{
    /// <inheritdoc/>
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        string name = target.GrainIdentity.Key.ToString()!;
        return Task.FromResult(
            context.GetCompatibleSilos(target).FirstOrDefault(silo => silo.ToParsableString() == name)
                ?? throw new SiloUnavailableException($"silo {name} has gone, or is of a version that does not train"));
    }
}
