using TorchAttention.Models;
using TorchAttention.Pooling;
using TorchAttention.Tests.Pooling;
using AttentionModule = TorchSharp.torch.nn.Module<
    TorchSharp.torch.Tensor, TorchSharp.torch.Tensor, TorchSharp.torch.Tensor, TorchSharp.torch.Tensor?, TorchSharp.torch.Tensor>;

namespace TorchAttention.Tests.Models;

/// <summary>Padding has no say in any attention, forward or backward, whatever numbers it holds; and empty batches are batches.</summary>
public sealed class AttentionPaddingTests : IDisposable
{
    private const int Batch = 3;
    private const int Queries = 2;
    private const int Keys = 5;

    private static readonly double[] _bad = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.MaxValue, 1e200];

    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Names => ["dot", "additive", "multi-head", "multi-head with biases", "one of one's own"];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void Score_BelowAMillion_IsNoPadding(ScalarType type)
    {
        using var attention = new DotProductAttention();
        Tensor keys = tensor(new[] { -1000.0, -1001, 0 }).reshape(1, 3, 1).to(type);
        Tensor queries = Filled([1, 1, 1], type == ScalarType.Float16 ? 60 : 2000, type);
        Tensor output = attention.call(queries, keys, tensor(new[] { 1.0, 2, 999 }).reshape(1, 3, 1).to(type), tensor([2L]));

        // In bfloat16 -1000 and -1001 are one number.
        Assert.Equal(type == ScalarType.BFloat16 ? 1.5 : 1, output.ToDouble());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Padding_IsAsIfItWereNotThere(string name)
    {
        using AttentionModule attention = Create(name);
        Problem clean = Random();
        Tensor ofQueries = tensor(new long[,] { { 3, 1 }, { 5, 4 }, { 0, 2 } });
        foreach (Tensor lengths in new[] { tensor([3L, 5L, 1L]), tensor([3L, 0L, 1L]), ofQueries })
        {
            Answer expected = Each(attention, clean, lengths);
            foreach (double bad in _bad)
            {
                Answer actual = All(attention, clean.Spoilt(lengths, bad), lengths);
                AssertSame(expected, actual);
            }

            AssertSame(expected, All(attention, clean, lengths));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void KeyOfOneQueryAlone_SpoilsNoOther(string name)
    {
        // The first query of each example sees two keys, the second all five, of which the last is no number.
        using AttentionModule attention = Create(name);
        Problem clean = Random();
        Problem spoilt = clean.Spoilt(Filled([Batch], Keys - 1, ScalarType.Int64), double.NaN);
        Tensor lengths = tensor(new long[] { 2, Keys }).expand(Batch, 2);
        Tensor output = attention.call(spoilt.Queries, spoilt.Keys, spoilt.Values, lengths);
        Assert.All(output[TensorIndex.Ellipsis, 1, TensorIndex.Colon].ToDoubles(), number => Assert.True(double.IsNaN(number)));

        Answer expected = All(attention, clean, lengths, row: 0);
        Answer actual = All(attention, spoilt, lengths, row: 0);
        AssertClose(expected.Output, actual.Output);
        AssertClose(expected.Gradients[0].narrow(1, 0, 1), actual.Gradients[0].narrow(1, 0, 1));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void GradientsOfGradients_SeeNoPadding(string name)
    {
        using AttentionModule attention = Create(name);
        Problem clean = Random();
        foreach (Tensor lengths in new[] { tensor([3L, 5L, 1L]), tensor([3L, 0L, 1L]) })
        {
            Tensor[] expected = Slopes(clean);
            Tensor[] actual = Slopes(clean.Spoilt(lengths, double.NaN));
            Assert.All(expected.Zip(actual), pair => AssertClose(pair.First, pair.Second));
            Assert.All(expected, gradient => Assert.True(gradient.isfinite().all().ToBoolean()));

            Tensor[] Slopes(Problem problem)
            {
                problem = problem.Leaves();
                attention.zero_grad();
                Tensor output = attention.call(problem.Queries, problem.Keys, problem.Values, lengths);
                Tensor[] leaves = [problem.Queries, problem.Keys, problem.Values];
                IList<Tensor> slopes = autograd.grad([output.Squared().sum()], leaves, create_graph: true, retain_graph: true);
                slopes.Select(slope => slope.Squared().sum()).Aggregate(Held.Plus).backward();
                return [.. leaves.Concat(attention.parameters()).Select(leaf => leaf.grad!.clone())];
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void QueryOfLength0_IsZeroAndHasNoGradient(string name)
    {
        using AttentionModule attention = Create(name);
        Problem problem = Random();
        Tensor lengths = zeros(Batch, ScalarType.Int64);
        problem = problem.Spoilt(lengths, double.NaN) with { Queries = Filled([Batch, Queries, 4], double.NaN, ScalarType.Float64) };
        Answer answer = All(attention, problem, lengths);
        Tensor none = zeros(answer.Output.shape[2], ScalarType.Float64);
        Tensor bias = name == "multi-head with biases" ? attention.get_parameter("W_o.bias")! : none;

        Assert.Equal(bias.expand(answer.Output.shape).ToDoubles(), answer.Output.ToDoubles());
        Assert.All(answer.Gradients[..3], gradient => Assert.All(gradient.ToDoubles(), number => Assert.Equal(0, number)));
        Assert.All(answer.Gradients, gradient => Assert.True(gradient.isfinite().all().ToBoolean()));
        Assert.Equal(0, Weights(attention).abs().sum().ToDouble());
    }

    [Theory]
    [InlineData("dot")]
    [InlineData("additive")]
    public void QueryOfLength0_HasTheMeanAsInTheBook(string name)
    {
        using AttentionModule attention = Create(name, EmptyRowPolicy.Uniform);
        Problem problem = Random();
        Tensor output = attention.call(problem.Queries, problem.Keys, problem.Values, tensor([0L, 5L, 2L]));

        AssertClose(problem.Values[0].mean([0]).expand(Queries, -1), output[0]);
        AssertClose(Filled([Queries, Keys], 0.2, ScalarType.Float64), Weights(attention)[0]);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void EmptyBatches_GiveEmptyOutputsAndGradientsOf0(string name)
    {
        using AttentionModule attention = Create(name);
        foreach ((int batch, int queries, int keys) in new[] { (0, 2, 5), (3, 0, 5), (0, 0, 5), (3, 2, 0), (0, 2, 0), (0, 0, 0) })
        {
            foreach (Tensor? lengths in new[] { null, zeros(batch, ScalarType.Int64), zeros(batch, queries, ScalarType.Int64) })
            {
                Answer answer = All(attention, Random(batch, queries, keys), lengths);
                answer.Output.CheckShape(batch, queries, name.StartsWith("multi", StringComparison.Ordinal) ? 8 : 6);
                Weights(attention).CheckShape(batch * (name.StartsWith("multi", StringComparison.Ordinal) ? 2 : 1), queries, keys);
                Assert.All(answer.Gradients[..3], gradient => Assert.Equal(0, gradient.abs().sum().ToDouble()));
                Assert.True(answer.Output.isfinite().all().ToBoolean());
            }
        }
    }

    [Fact]
    public void WrongLengths_AreInTheUsersTerms()
    {
        using var heads = new MultiHeadAttention(4, 4, 6, 8, 4);
        Tensor[] inputs = [zeros(2, 3, 4), zeros(2, 5, 4), zeros(2, 5, 6)];
        Refused("Expected valid lengths (2) or (2, 3) for 2 examples of 3 queries and 5 keys, got shape (3).", tensor([1L, 2L, 3L]));
        Refused("Expected valid lengths (2) or (2, 3) for 2 examples of 3 queries and 5 keys, got shape (8).", ones(8, ScalarType.Int64));
        Refused("Expected valid lengths from 0 to 5, the number of keys, got 6.", tensor([1L, 6L]));
        Refused("Expected valid lengths as whole numbers, such as Int64, got Float32 (2).", tensor([1f, 2f]));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new DotProductAttention(emptyRows: (EmptyRowPolicy)(-1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new MultiHeadAttention(4, 4, 6, 8, 4, emptyRows: (EmptyRowPolicy)2));

        void Refused(string message, Tensor lengths)
        {
            ArgumentException refused = Assert.Throws<ArgumentException>(() => heads.call(inputs[0], inputs[1], inputs[2], lengths));
            Assert.StartsWith(message, refused.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void PassesWithLengths_LeaveNoTensorAlive(string name)
    {
        using AttentionModule attention = Create(name);
        Problem problem = Random().Leaves();
        Tensor lengths = tensor([3L, 0L, 1L]);
        var alive = new List<long>();
        for (int step = 0; step < 4; step++)
        {
            using (DisposeScope passing = NewDisposeScope())
            {
                attention.call(problem.Queries, problem.Keys, problem.Values, lengths).Squared().sum().backward();
            }

            alive.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }

        Assert.Equal(alive[1], alive[^1]);
    }

    private static AttentionModule Create(string name, EmptyRowPolicy emptyRows = EmptyRowPolicy.Zero)
    {
        AttentionModule attention = name switch
        {
            "dot" => new DotProductAttention(emptyRows: emptyRows),
            "additive" => new AdditiveAttention(4, 4, 8, emptyRows: emptyRows),
            "multi-head" => new MultiHeadAttention(4, 4, 6, 8, 2, emptyRows: emptyRows),
            "multi-head with biases" => new MultiHeadAttention(4, 4, 6, 8, 2, bias: true, emptyRows: emptyRows),
            _ => new Distances(emptyRows),
        };
        using var generator = new Generator(5);
        using IDisposable noGradients = no_grad();
        attention.to(ScalarType.Float64);
        foreach (TorchSharp.Modules.Parameter parameter in attention.parameters())
        {
            parameter.copy_(randn(parameter.shape, ScalarType.Float64, generator: generator));
        }

        return attention;
    }

    private static Problem Random(int batch = Batch, int queries = Queries, int keys = Keys)
    {
        using var generator = new Generator(6);
        return new Problem(Normal(batch, queries, 4), Normal(batch, keys, 4), Normal(batch, keys, 6));

        Tensor Normal(params long[] shape) => randn(shape, ScalarType.Float64, generator: generator);
    }

    // Each query by itself, with the keys that it sees and no others.
    private static Answer Each(AttentionModule attention, Problem problem, Tensor lengths)
    {
        problem = problem.Leaves();
        attention.zero_grad();
        var outputs = new List<Tensor>();
        for (int i = 0; i < Batch * Queries; i++)
        {
            (int example, int query) = Math.DivRem(i, Queries);
            long seen = (lengths.dim() == 1 ? lengths[example] : lengths[example, query]).ToInt64();
            Tensor keys = problem.Keys[example].narrow(0, 0, seen).unsqueeze(0);
            Tensor values = problem.Values[example].narrow(0, 0, seen).unsqueeze(0);
            outputs.Add(attention.call(problem.Queries[example][query].reshape(1, 1, -1), keys, values, null));
        }

        return Backward(attention, problem, cat(outputs, dim: 1).reshape(Batch, Queries, -1));
    }

    private static Answer All(AttentionModule attention, Problem problem, Tensor? lengths, int? row = null)
    {
        problem = problem.Leaves();
        attention.zero_grad();
        Tensor output = attention.call(problem.Queries, problem.Keys, problem.Values, lengths);
        return Backward(attention, problem, row is int only ? output.narrow(1, only, 1) : output);
    }

    private static Answer Backward(AttentionModule attention, Problem problem, Tensor output)
    {
        output.Times(3).Plus(output.Squared()).sum().backward();
        Tensor[] all = [problem.Queries, problem.Keys, problem.Values, .. attention.parameters()];
        return new Answer(output.detach(), [.. all.Select(tensor => tensor.grad is { } gradient ? gradient.clone() : zeros_like(tensor))]);
    }

    private static Tensor Weights(nn.Module attention) =>
        attention is Attention one ? one.AttentionWeights! : ((MultiHeadAttention)attention).AttentionWeights!;

    private static void AssertSame(Answer expected, Answer actual)
    {
        AssertClose(expected.Output, actual.Output);
        Assert.Equal(expected.Gradients.Length, actual.Gradients.Length);
        Assert.All(expected.Gradients.Zip(actual.Gradients), pair => AssertClose(pair.First, pair.Second));
    }

    private static void AssertClose(Tensor expected, Tensor actual) => PoolingProblem.AssertClose(expected, actual, 1e-12);

    private sealed record Answer(Tensor Output, Tensor[] Gradients);

    private sealed record Problem(Tensor Queries, Tensor Keys, Tensor Values)
    {
        public Problem Leaves() => new(Leaf(Queries), Leaf(Keys), Leaf(Values));

        // With a number in every key and value that no query of the example sees.
        public Problem Spoilt(Tensor lengths, double bad)
        {
            Tensor most = lengths.dim() == 1 ? lengths : lengths.amax([1]);
            Tensor isPadding = (Numbers(Keys.shape[1]).unsqueeze(0) >= most.unsqueeze(1)).unsqueeze(-1);
            return this with { Keys = Keys.Masked(isPadding, bad), Values = Values.Masked(isPadding, bad) };
        }

        private static Tensor Leaf(Tensor tensor) => tensor.detach().clone().requires_grad_();
    }

    // The Gaussian's score, as a user of the base class would write it.
    private sealed class Distances : Attention
    {
        public Distances(EmptyRowPolicy emptyRows)
            : base(nameof(Distances), 0, emptyRows) => RegisterComponents();

        protected override Tensor Scores(Tensor queries, Tensor keys) =>
            (queries.unsqueeze(2) - keys.unsqueeze(1)).Squared().sum(dim: -1).Over(-2);
    }
}
