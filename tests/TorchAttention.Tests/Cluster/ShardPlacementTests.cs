using TorchAttention.Cluster;

namespace TorchAttention.Tests.Cluster;

/// <summary>Which silo has which shard.</summary>
public sealed class ShardPlacementTests
{
    [Fact]
    public void Shards_AreSpreadByTheirBytes() =>
        Assert.Equal([[0], [1], [1], [0]], ShardDirector.PlaceOf([100, 60, 50, 10], replicas: 1, silos: 2));

    [Theory]
    [InlineData(2, 2)]
    [InlineData(2, 3)]
    [InlineData(3, 5)]
    public void Replicas_AreOnDifferentSilos(int replicas, int silos)
    {
        long[] bytes = [.. Enumerable.Range(0, 30).Select(i => 1000L + (i * 7919 % 500))];
        int[][] places = ShardDirector.PlaceOf(bytes, replicas, silos);

        Assert.All(places, own => Assert.Equal(replicas, own.Distinct().Count()));
        long[] filled = [.. Enumerable.Range(0, silos).Select(
            silo => places.Index().Sum(own => own.Item.Contains(silo) ? bytes[own.Index] : 0))];
        Assert.True(filled.Max() - filled.Min() <= bytes.Max());
    }

    [Fact]
    public void MoreReplicasThanSilos_AreSpreadEvenly()
    {
        int[][] places = ShardDirector.PlaceOf([5, 5, 5], replicas: 3, silos: 2);

        Assert.All(places, own => Assert.Equal([0, 1], own.Distinct().Order()));
    }

    [Fact]
    public void Key_IsReadAsItIsWritten() => Assert.Equal(new ShardKey(12, 3), ShardKey.Parse("0123abcd/12/3"));
}
