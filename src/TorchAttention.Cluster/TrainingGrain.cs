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
    // Of trainings at the same time; of more the examples go to and fro.
    private const int MostExamples = 4;

    // In the order in which they were asked, the last one at the end.
    private readonly List<(string Hash, Task<ISliceLoss> Loss)> _losses = [];
    private readonly ReceivedParts _parts = new();
    private readonly HashSet<Guid> _atWork = [];

    /// <inheritdoc/>
    public Task<bool> HasAsync(Guid slice) => Task.FromResult(_atWork.Contains(slice));

    /// <inheritdoc/>
    public Task<int> ThreadsAsync() => Task.FromResult(Environment.ProcessorCount);

    /// <inheritdoc/>
    public Task<Reply> ExamplesAsync(ExamplesPart part) => Task.FromResult(
        Wire.WhyNot(part.Version, part.Manifest, manifest) is string why ? Reply.Refused(why)
        : IsKnown(part.Examples) ? Reply.Of([])
        : _parts.Take(part.Examples, part.Bytes, part.First, part.Size, "examples"));

    /// <inheritdoc/>
    public async Task<Reply> SliceAsync(SliceAsked asked, CancellationToken cancellationToken)
    {
        if (Wire.WhyNot(asked.Version, asked.Manifest, manifest) is string why)
        {
            return Reply.Refused(why);
        }

        _parts.ForgetLeft();
        if (Find(asked.Examples) is not Task<ISliceLoss> making)
        {
            return Reply.Of([]);
        }

        _atWork.Add(asked.Id);
        try
        {
            ISliceLoss loss = await making;
            return await threads.AnswerAsync(() => loss.PartOf(asked, cancellationToken), cancellationToken);
        }
        catch (Exception e) when (e is ArgumentException or OutOfMemoryException)
        {
            _losses.RemoveAll(one => one.Loss == making && making.IsFaulted);
            return Reply.Refused(e.Message);
        }
        finally
        {
            _atWork.Remove(asked.Id);
        }
    }

    // Where two trainings have the same examples, both send them.
    private bool IsKnown(string hash) => _losses.Exists(one => one.Hash == hash);

    private Task<ISliceLoss>? Find(string hash)
    {
        int place = _losses.FindIndex(one => one.Hash == hash);
        if (place >= 0)
        {
            (string, Task<ISliceLoss> Loss) found = _losses[place];
            _losses.RemoveAt(place);
            _losses.Add(found);
            return found.Loss;
        }

        if (_parts.Whole(hash) is not byte[] bytes)
        {
            return null;
        }

        Task<ISliceLoss> making = threads.RunAsync(() => TrainingExamples.Read(bytes), CancellationToken.None);
        _losses.Add((hash, making));
        _losses.RemoveRange(0, Math.Max(0, _losses.Count - MostExamples));
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
