using TorchAttention.Numerics.Attention;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

/// <summary>Attention in tiles beside the same formula on whole matrices, written out here in operations of libtorch.</summary>
public sealed class TiledAttentionTests : IDisposable
{
    private const int Heads = 2;
    private static readonly string[] _scores = ["dot product", "gaussian", "boxcar", "additive"];
    private static readonly string[] _ranges = ["all", "causal", "window", "causal window", "first"];
    private static readonly int[] _threads = [1, 2, 5];
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string, string> Pairs
    {
        get
        {
            var pairs = new TheoryData<string, string>();
            foreach (string score in _scores)
            {
                foreach (string range in _ranges)
                {
                    pairs.Add(score, range);
                }
            }

            return pairs;
        }
    }

    public void Dispose() => _scope.Dispose();

    // More queries than a block, more keys than two tiles, neither a multiple of anything.
    [Theory]
    [MemberData(nameof(Pairs))]
    public void OutputsAndGradients_AreThoseOfWholeMatrices(string score, string range)
    {
        foreach ((int queries, int keys, int features, int columns) in new[] { (53, 260, 3, 3), (50, 7, 17, 5) })
        {
            foreach (int bits in Widths(range))
            {
                Tensor[] inputs = Inputs(1, queries, keys, features, ScalarType.Float64, columns);
                Tensor[] twins = [.. inputs.Select(input => input.detach().clone().requires_grad_())];
                Tensor output = Tiled(score, range, inputs, new TiledOptions { VectorBits = bits });
                Tensor expected = Whole(score, range, twins);
                AssertNear(expected, output, 1e-12);
                (output * inputs[0].select(-1, 0).detach().unsqueeze(-1)).sum().backward();
                (expected * inputs[0].select(-1, 0).detach().unsqueeze(-1)).sum().backward();
                for (int i = 0; i < inputs.Length; i++)
                {
                    AssertNear(twins[i].grad ?? zeros_like(twins[i]), inputs[i].grad ?? zeros_like(inputs[i]), 1e-11);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Float32_IsWithinItsRounding(string score, string range)
    {
        foreach (int bits in Widths(range))
        {
            Tensor[] inputs = Inputs(2, 53, 260, 3, ScalarType.Float32);
            Tensor[] twins = [.. inputs.Select(input => input.detach().to(ScalarType.Float64).requires_grad_())];
            Tensor output = Tiled(score, range, inputs, new TiledOptions { VectorBits = bits });
            Tensor expected = Whole(score, range, twins);
            AssertNear(expected, output, 4e-6);
            output.Squared().sum().backward();
            expected.Squared().sum().backward();
            for (int i = 0; i < inputs.Length; i++)
            {
                AssertNear(twins[i].grad ?? zeros_like(twins[i]), inputs[i].grad ?? zeros_like(inputs[i]), 3e-5);
            }
        }
    }

    [Theory]
    [InlineData("dot product")]
    [InlineData("gaussian")]
    [InlineData("additive")]
    public void SecondDerivatives_AreThoseOfWholeMatrices(string score)
    {
        Tensor[] inputs = Inputs(3, 5, 9, 2, ScalarType.Float64);
        Tensor[] twins = [.. inputs.Select(input => input.detach().clone().requires_grad_())];
        Tensor[] tiled = Second(Tiled(score, "causal", inputs, new TiledOptions()), inputs);
        Tensor[] whole = Second(Whole(score, "causal", twins), twins);
        for (int i = 0; i < inputs.Length; i++)
        {
            AssertNear(whole[i], tiled[i], 1e-11);
        }

        static Tensor[] Second(Tensor output, Tensor[] inputs)
        {
            Tensor first = autograd.grad([output.Squared().sum()], [inputs[0]], create_graph: true, retain_graph: true)[0];
            first.Squared().sum().backward();
            return [.. inputs.Select(input => input.grad ?? zeros_like(input))];
        }
    }

    [Fact]
    public void Numbers_DoNotDependOnTheThreads()
    {
        double[][] all = [.. _threads.Select(threads =>
        {
            Tensor[] inputs = Inputs(4, 150, 150, 3, ScalarType.Float32);
            Tensor output = Tiled("additive", "window", inputs, new TiledOptions { Threads = threads });
            output.Squared().sum().backward();
            return inputs.SelectMany(input => input.grad!.ToDoubles()).Concat(output.ToDoubles()).ToArray();
        })];
        Assert.Equal(all[0], all[1]);
        Assert.Equal(all[0], all[2]);
    }

    [Fact]
    public void QueriesWithoutKeys_AreZeroAndHaveNoGradient()
    {
        Tensor queries = ones(2, 3, 2).requires_grad_();
        Tensor keys = ones(2, 4, 2).requires_grad_();
        var lengths = new TiledOptions { Range = new FirstKeys([0, 2]) };
        Tensor output = TiledAttention.Attend<DotProductScore>(queries, keys, ones(2, 4, 3), lengths);
        output.sum().backward();
        Assert.Equal([.. Enumerable.Repeat(0.0, 9), .. Enumerable.Repeat(1.0, 9)], output.ToDoubles());
        Assert.All(queries.grad!.ToDoubles().Concat(keys.grad!.ToDoubles()), gradient => Assert.Equal(0, gradient, 1e-7));
        Assert.Equal([0, 0], TiledAttention.Attend<BoxcarScore>(zeros(2, 1), ones(1, 1).Times(3), ones(1, 1)).ToDoubles());
        Assert.Equal([0, 0, 0, 0], TiledAttention.Attend<DotProductScore>(ones(2, 3), zeros(0, 3), zeros(0, 2)).ToDoubles());
        Assert.Equal([0, 2], TiledAttention.Attend<DotProductScore>(ones(0, 3), zeros(5, 3), zeros(5, 2)).shape);
    }

    // As a matrix it would take 1.6 GB.
    [Fact]
    public void ManyPlaces_TakeTheMemoryOfTiles()
    {
        const int Places = 20_000;
        Tensor x = linspace(0, 7, Places).unsqueeze(1).requires_grad_();
        Tensor output = TiledAttention.Attend<GaussianScore>(x, x, x, new TiledOptions { Range = new WindowKeys(3) });
        Tensor middle = output.narrow(0, 100, Places - 200) - x.narrow(0, 100, Places - 200);
        Assert.All(middle.ToDoubles(), difference => Assert.Equal(0, difference, 1e-5));
        output.sum().backward();
        Assert.Equal(Places, x.grad!.sum().ToDouble(), 1.0);
    }

    [Fact]
    public void HalfPrecision_TakesTheTextbookForm()
    {
        Tensor[] inputs = Inputs(5, 7, 9, 4, ScalarType.Float32);
        Tensor[] half = [.. inputs.Select(input => input.detach().to(ScalarType.BFloat16))];
        Tensor output = Tiled("gaussian", "window", half, new TiledOptions());
        Assert.Equal(ScalarType.BFloat16, output.dtype);
        AssertNear(Tiled("gaussian", "window", inputs, new TiledOptions()), output, 5e-2);
    }

    [Fact]
    public void ScoresOfTensors_AreTheSameToo()
    {
        Tensor[] inputs = Inputs(6, 7, 9, 4, ScalarType.Float64);
        (Tensor output, Tensor weights) = TiledAttention.Attend(
            (q, k) => (q.unsqueeze(-2) - k.unsqueeze(-3)).Squared().sum(dim: -1).Times(-0.5),
            inputs[0], inputs[1], inputs[2], new AttentionMasks { IsCausal = true });
        var causal = new TiledOptions { Range = new CausalKeys() };
        Tensor expected = TiledAttention.Attend<GaussianScore>(inputs[0], inputs[1], inputs[2], causal);
        AssertNear(expected, output, 1e-12);
        Assert.Equal([2, Heads, 7, 9], weights.shape);
        ArgumentException e = Assert.Throws<ArgumentException>(
            () => TiledAttention.Attend((q, k) => q.matmul(q.transpose(-1, -2)), inputs[0], inputs[1], inputs[2]));
        Assert.StartsWith("Expected a score of shape (2, 2, 7, 9) for queries", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RelativeBias_HoldsTheTablesEnds()
    {
        Tensor table = tensor(new double[] { 1, 2, 3, 4, 5 });
        Assert.Equal([1, 1, 1, 2, 3, 4, 5, 5], TiledOptions.RelativeBias(table, queries: 5, keys: 4).ToDoubles());
        Assert.Equal([-4, -2, 0, -2, -4, -6], TiledOptions.Alibi(tensor(new double[] { 2 }), queries: 3, keys: 4).ToDoubles());
        ArgumentException e = Assert.Throws<ArgumentException>(() => TiledOptions.RelativeBias(ones(4), 3, 3));
        Assert.StartsWith("Expected a table of 2 reach + 1 leads, got shape (4).", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WrongInput_IsOneLineWithExpectedAndGiven()
    {
        Tensor q = zeros(3, 5, 2);
        Refused("got (3, 5, 2), (3, 7, 4) and (3, 7, 2).", () => Attend(zeros(3, 7, 4), zeros(3, 7, 2)));
        Refused("of one floating type on one device, got Float32", () => Attend(q, q.to(ScalarType.Float64)));
        Refused("Expected a bias (9) or (3, 9)", () => Attend(q, q, new TiledOptions { LeadBias = zeros(8) }));
        Refused("Expected no weights of DotProductScore, got shape (2).", () => Attend(q, q, new TiledOptions { Weights = zeros(2) }));
        Refused(
            "Expected weights (2) of the score's terms, got none.", () => TiledAttention.Attend<AdditiveScore>(q, q, q));
        Refused("Expected a window of at least 1, got 0.", () => _ = new WindowKeys(0));
        Refused("Expected at least 1, got 0.", () => Attend(q, q, new TiledOptions { Threads = 0 }));

        void Attend(Tensor keys, Tensor values, TiledOptions? options = null) =>
            TiledAttention.Attend<DotProductScore>(q, keys, values, options);
        static void Refused(string message, Action action) =>
            Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    // Ranges do not know of vectors: one of them tells their widths apart.
    private static int[] Widths(string range) => range == "window" ? [128, 256, 512] : [512];

    // Queries, keys, values, biases of each head, and weights.
    private static Tensor[] Inputs(ulong seed, int queries, int keys, int features, ScalarType type, int columns = 5)
    {
        using var generator = new Generator(seed);
        long[][] shapes = [[2, Heads, queries, features], [2, Heads, keys, features], [2, Heads, keys, columns],
            [Heads, queries + keys - 1], [features]];
        return [.. shapes.Select(shape => randn(shape, ScalarType.Float64, generator: generator).to(type).requires_grad_())];
    }

    private static Tensor Tiled(string score, string range, Tensor[] inputs, TiledOptions options)
    {
        options = options with
        {
            LeadBias = inputs[3],
            Range = range switch
            {
                "all" => null,
                "causal" => new CausalKeys(),
                "window" => new WindowKeys(4),
                "first" => new FirstKeys([5, 0], Heads),
                _ => new WindowKeys(4, isCausal: true),
            },
        };
        (Tensor q, Tensor k, Tensor v) = (inputs[0], inputs[1], inputs[2]);
        return score switch
        {
            "dot product" => TiledAttention.Attend<DotProductScore>(q, k, v, options),
            "gaussian" => TiledAttention.Attend<GaussianScore>(q, k, v, options),
            "boxcar" => TiledAttention.Attend<BoxcarScore>(q, k, v, options),
            _ => TiledAttention.Attend<AdditiveScore>(q, k, v, options with { Weights = inputs[4] }),
        };
    }

    private static Tensor Whole(string score, string range, Tensor[] inputs)
    {
        (Tensor q, Tensor k) = (inputs[0].unsqueeze(-2), inputs[1].unsqueeze(-3));
        (int queries, int keys) = ((int)inputs[0].size(-2), (int)inputs[1].size(-2));
        Tensor squares = (q - k).Squared().sum(dim: -1);
        Tensor scores = score switch
        {
            "dot product" => (q * k).sum(dim: -1).Times(1 / Math.Sqrt(q.size(-1))),
            "gaussian" => squares.Times(-0.5),
            "boxcar" => zeros_like(squares).masked_fill(squares.gt(Held.One), Held.MinusInfinity),
            _ => (tanh(q.Plus(k)) * inputs[4]).sum(dim: -1),
        };
        var places = new long[queries * keys];
        var seen = new bool[2 * queries * keys];
        for (int i = 0; i < queries; i++)
        {
            for (int j = 0; j < keys; j++)
            {
                places[(i * keys) + j] = j - i + queries - 1;
                for (int example = 0; example < 2; example++)
                {
                    seen[(((example * queries) + i) * keys) + j] = range switch
                    {
                        "all" => true,
                        "causal" => j <= i,
                        "window" => Math.Abs(i - j) < 4,
                        "first" => j < (example == 0 ? 5 : 0),
                        _ => j <= i && i - j < 4,
                    };
                }
            }
        }

        Tensor bias = inputs[3].index_select(1, tensor(places)).reshape(1, Heads, queries, keys);
        Tensor leftOut = tensor(seen).reshape(2, 1, queries, keys).logical_not().logical_or(scores.detach().isneginf());
        Tensor known = scores.masked_fill(leftOut, Held.Zero).Plus(bias);
        Tensor weights = (known - known.detach().amax([-1], keepdim: true)).exp().masked_fill(leftOut, Held.Zero);
        Tensor total = weights.sum(dim: -1, keepdim: true);
        return weights.matmul(inputs[2]) / total.masked_fill(total.eq(Held.Zero), Held.One);
    }

    private static void AssertNear(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        double[] whole = expected.ToDoubles();
        double allowed = tolerance * Math.Max(1, whole.Max(Math.Abs));
        foreach ((int i, double number) in actual.ToDoubles().Index())
        {
            Assert.True(Math.Abs(number - whole[i]) <= allowed, $"place {i}: expected {whole[i]:R}, got {number:R}");
        }
    }
}
