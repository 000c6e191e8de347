using TorchAttention.Cluster;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Tests.Sharding;

namespace TorchAttention.Tests.Cluster;

public sealed class ParkedShardsTests : ShardFolder
{
    // Its rows are there, and it is given away once; of two replicas the first stays.
    [Fact]
    public void ParkedShard_IsTakenOnce()
    {
        ShardManifest manifest = Write(Rows(500, 2), 2, 2);
        var parked = new ParkedShards();
        var first = ShardPool.Load(manifest, 1);
        parked.Park(1, first);
        parked.Park(1, ShardPool.Load(manifest, 1));
        Assert.Null(parked.Take(0));
        using ShardPool taken = parked.Take(1)!;

        Assert.Same(first, taken);
        Assert.Null(parked.Take(1));
        var request = new ShardRequest { Kernel = SmoothingKernel.Gaussian, Bandwidths = [1, 1] };
        Assert.Equal(1, taken.SumsAt(request, [1, 1], isCareful: false, TestContext.Current.CancellationToken).Count);
    }
}
