using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

/// <summary>Random problems for faster forms of pooling, and the textbook's answers in float64 on the CPU.</summary>
internal sealed record PoolingProblem(Tensor Queries, Tensor Keys, Tensor Values, Tensor W, Tensor? Excluded = null)
{
    /// <summary>Small enough that the sizes below need many tiles, none of which fits evenly.</summary>
    public static StreamingOptions TinyTiles { get; } = new() { TileBytes = 8 * 7 * 11 };

    public static IEnumerable<TheoryDataRow<string>> Devices =>
    [
        new("cpu"),
        new("cuda") { Skip = ComputeDevice.CudaCount() == 0 ? "libtorch sees no CUDA device." : null },
    ];

    /// <summary>Keys, and queries among them, some of which are keys; w so that some tens of keys have a weight.</summary>
    public static PoolingProblem Random(
        int m, int n, int d, int v, int seed, string device = "cpu", ScalarType type = ScalarType.Float64, double offset = 0)
    {
        using var generator = new Generator((ulong)seed);
        Tensor keys = Normal(n, d).Times(2).Plus(offset);
        Tensor queries = Normal(m, d).Times(2).Plus(offset);
        int shared = Math.Min(m, n) / 3;
        queries.narrow(0, 0, shared).copy_(keys.narrow(0, 0, shared));
        return new PoolingProblem(On(queries), On(keys), On(Normal(n, v).Plus(3)), On(Normal(d).abs().Plus(0.5)));

        Tensor Normal(params long[] shape) => randn(shape, ScalarType.Float64, generator: generator);
        Tensor On(Tensor tensor) => tensor.to(type).to(ComputeDevice.Parse(device));
    }

    public static IEnumerable<(int M, int N, int D, int V)> Sizes =>
        [(1, 1, 1, 1), (1, 100, 1, 1), (100, 1, 2, 1), (37, 53, 1, 1), (61, 47, 2, 3), (23, 90, 3, 2), (75, 31, 4, 1)];

    public PoolingProblem LeavingOut(params long[] excluded) => this with { Excluded = tensor(excluded).to(Queries.device) };

    public PoolingProblem WithGradients() => this with
    {
        Queries = Leaf(Queries),
        Keys = Leaf(Keys),
        Values = Leaf(Values),
        W = Leaf(W),
    };

    public IReadOnlyList<Tensor> Leaves => [Queries, Keys, Values, W];

    public PoolingProblem InDoubles() =>
        this with { Queries = Double(Queries), Keys = Double(Keys), Values = Double(Values), W = Double(W), Excluded = Excluded?.cpu() };

    public (Tensor Output, Tensor LogWeightSum) Stream(StreamingOptions? options = null) =>
        StreamingPooling.PoolWithLogWeightSum(Queries, Keys, Values, W, Excluded, options ?? TinyTiles);

    /// <summary>softmax over a whole matrix of scores, with autograd.</summary>
    public (Tensor Output, Tensor LogWeightSum) Textbook()
    {
        Tensor scaled = (Queries.unsqueeze(1) - Keys.unsqueeze(0)) * W;
        Tensor scores = (scaled * scaled).sum(dim: 2).mul(Held.MinusHalf);
        if (Excluded is not null)
        {
            scores = scores.masked_fill(
                Held.Range(Keys.size(0), Keys.device).unsqueeze(0).eq(Excluded.unsqueeze(1)), Held.MinusInfinity);
        }

        return (nn.functional.softmax(scores, dim: 1).mm(Values), logsumexp(scores, 1));
    }

    public static void AssertClose(Tensor expected, Tensor actual, double tolerance)
    {
        actual.CheckShape(expected.shape);
        double scale = 1 + expected.abs().max().ToDouble();
        Assert.All(expected.ToDoubles().Zip(actual.ToDoubles()), pair => Assert.Equal(pair.First / scale, pair.Second / scale, tolerance));
    }

    private static Tensor Leaf(Tensor tensor) => tensor.detach().clone().requires_grad_();

    private static Tensor Double(Tensor tensor) => tensor.detach().cpu().to(ScalarType.Float64);
}
