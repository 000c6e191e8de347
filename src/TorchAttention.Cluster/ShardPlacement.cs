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
/// <param name="settings">How many silos each is on.</param>
internal sealed class ShardDirector(ShardManifest manifest, ShardSettings settings) : IPlacementDirector
{
    /// <inheritdoc/>
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) =>
        Task.FromResult(SiloOf(
            manifest, settings, ShardKey.Parse(target.GrainIdentity.Key.ToString()!), context.GetCompatibleSilos(target)));

    /// <summary>Which of some silos a replica goes to.</summary>
    public static SiloAddress SiloOf(ShardManifest manifest, ShardSettings settings, ShardKey key, SiloAddress[] silos)
    {
        int[][] places = PlaceOf([.. manifest.Shards.Select(one => one.Bytes)], settings.Replicas, silos.Length);

        // A silo of more replicas may ask for those that this one does not know.
        return silos.Order().ElementAt(places[key.Shard % manifest.Shards.Length][key.Replica % settings.Replicas]);
    }

    /// <summary>Which of some silos each shard's replicas go to: different ones, where there are as many.</summary>
    /// <param name="bytes">The bytes of the shards.</param>
    /// <param name="replicas">How many silos each shard is on.</param>
    /// <param name="silos">How many silos there are.</param>
    public static int[][] PlaceOf(long[] bytes, int replicas, int silos)
    {
        long[] filled = new long[silos];
        int[][] places = [.. bytes.Select(_ => new int[replicas])];
        foreach (int shard in Enumerable.Range(0, bytes.Length).OrderByDescending(shard => bytes[shard]))
        {
            for (int replica = 0; replica < replicas; replica++)
            {
                int[] taken = places[shard][..replica];
                int least = Enumerable.Range(0, silos)
                    .OrderBy(silo => taken.Count(one => one == silo)).ThenBy(silo => filled[silo]).First();
                places[shard][replica] = least;
                filled[least] += bytes[shard];
            }
        }

        return places;
    }
}

/// <summary>The key of a shard's replica.</summary>
/// <param name="Shard">The number of the shard.</param>
/// <param name="Replica">The number of the replica.</param>
internal readonly record struct ShardKey(int Shard, int Replica)
{
    /// <summary>As a grain's key.</summary>
    public string In(ShardManifest manifest) => string.Create(CultureInfo.InvariantCulture, $"{manifest.Hash}/{Shard}/{Replica}");

    /// <summary>The key of a grain.</summary>
    public static ShardKey Parse(string key)
    {
        string[] parts = key.Split('/');
        return new ShardKey(
            int.Parse(parts[^2], CultureInfo.InvariantCulture), int.Parse(parts[^1], CultureInfo.InvariantCulture));
    }
}
