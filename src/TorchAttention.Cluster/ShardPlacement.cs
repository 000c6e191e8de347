using Orleans.Placement;
using Orleans.Runtime.Placement;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>Shards go to silos by their bytes: the largest first, each to the silo that has the fewest bytes so far.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class ShardPlacementAttribute() : PlacementAttribute(new ByBytes());

/// <summary>The name of that.</summary>
[GenerateSerializer]
[Immutable]
[Alias("torchattention.placement")]
internal sealed class ByBytes : PlacementStrategy;

/// <summary>Which silo a shard goes to: every silo comes to the same answer, since all know the silos and the manifest.</summary>
/// <param name="manifest">The shards.</param>
internal sealed class ShardDirector(ShardManifest manifest) : IPlacementDirector
{
    /// <inheritdoc/>
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) =>
        Task.FromResult(SiloOf(manifest, ShardGrain.NumberOf(target.GrainIdentity.Key.ToString()!), context.GetCompatibleSilos(target)));

    /// <summary>Which of some silos a shard goes to.</summary>
    public static SiloAddress SiloOf(ShardManifest manifest, int shard, SiloAddress[] silos) =>
        silos.Order().ElementAt(PlaceOf([.. manifest.Shards.Select(one => one.Bytes)], silos.Length)[shard % manifest.Shards.Length]);

    /// <summary>Which of some silos each shard goes to.</summary>
    /// <param name="bytes">The bytes of the shards.</param>
    /// <param name="silos">How many silos there are.</param>
    public static int[] PlaceOf(long[] bytes, int silos)
    {
        long[] filled = new long[silos];
        int[] places = new int[bytes.Length];
        foreach (int shard in Enumerable.Range(0, bytes.Length).OrderByDescending(shard => bytes[shard]))
        {
            int least = Array.IndexOf(filled, filled.Min());
            places[shard] = least;
            filled[least] += bytes[shard];
        }

        return places;
    }
}
