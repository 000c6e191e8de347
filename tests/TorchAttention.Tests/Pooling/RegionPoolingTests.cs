using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

public sealed class RegionPoolingTests
{
    private static readonly PoolingOptions _nearest = new() { NoNeighbour = NoNeighbourPolicy.Nearest };

    public static TheoryData<string> Kernels =>
        [.. SmoothingKernel.All.Where(kernel => kernel != SmoothingKernel.Boxcar).Select(kernel => kernel.Name)];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void RegionByRegion_IsAllPairsAtOnce(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        SmoothingKernel kernel = SmoothingKernel.Find(name)!;
        (Tensor queries, Tensor keys, Tensor values, Tensor regions) = Data();
        foreach (Tensor? excluded in new[] { null, Numbers(queries.size(0)) - Held.One })
        {
            Tensor w = tensor([0.8, -3.0, 2.0, 25.0, 1.0]).requires_grad_();
            Tensor wAlone = w.detach().clone().requires_grad_();

            Tensor merged = RegionPooling.Merged(kernel, new PoolingInputs(queries, keys, values, w, excluded), regions, _nearest);
            Tensor pairs = EnginePooling.Pool(kernel, queries, keys, values, wAlone[regions], excluded, _nearest);

            PoolingProblem.AssertClose(pairs, merged, 1e-9);
            Tensor direction = linspace(-1, 2, queries.size(0), ScalarType.Float64);
            (merged * direction).sum().backward();
            (pairs * direction).sum().backward();
            Assert.True(
                wAlone.grad!.abs().min().ToDouble() > 1e-6,
                $"Expected every w to count, got {string.Join(", ", wAlone.grad!.ToDoubles())}.");
            PoolingProblem.AssertClose(wAlone.grad!, w.grad!, 1e-8);
        }
    }

    [Fact]
    public void ManyKeys_GoRegionByRegion()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor keys = linspace(0, 10, 20_000, ScalarType.Float32);
        Tensor regions = Numbers(20_000).Over(4000).floor().to(ScalarType.Int64);
        Tensor w = tensor([10f, 20f, 30f, 20f, 10f]).requires_grad_();
        Tensor queries = keys[TensorIndex.Slice(0, 100)];
        Tensor pooled = RegionPooling.Pool(
            SmoothingKernel.Gaussian, new PoolingInputs(queries, keys, keys.sin(), w), regions, _nearest);
        pooled.sum().backward();

        Assert.Equal(ScalarType.Float32, pooled.dtype);
        Assert.Equal(ScalarType.Float32, w.grad!.dtype);
        PoolingProblem.AssertClose(
            EnginePooling.Pool(SmoothingKernel.Gaussian, queries, keys, keys.sin(), w.detach()[regions], null, _nearest),
            pooled.detach(), 1e-6);
    }

    // Regions side by side and one among all, a key that stands alone, queries that no key of bounded reach is near.
    private static (Tensor Queries, Tensor Keys, Tensor Values, Tensor Regions) Data()
    {
        var random = new Random(4);
        double[] keys = [.. Enumerable.Range(0, 300).Select(i => i == 0 ? 30 : 10 * random.NextDouble())];
        long[] regions = [.. keys.Select(key => random.Next(6) == 0 ? 4L : (long)Math.Min(3, key / 2.5))];
        double[] queries = [.. Enumerable.Range(0, 90).Select(i => i is > 0 and < 60 ? keys[i - 1] : 14 * random.NextDouble())];
        queries[^1] = 55;
        return (
            tensor(queries), tensor(keys), tensor(keys.Select(key => 100 + Math.Sin(key) + random.NextDouble()).ToArray()),
            tensor(regions));
    }
}
