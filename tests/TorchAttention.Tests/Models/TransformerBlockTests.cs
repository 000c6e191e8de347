using TorchAttention.Models;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Models;

[Collection(nameof(TorchsGenerator))]
public sealed class TransformerBlockTests : IDisposable
{
    private const int Size = 12;
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    // TorchSharp's is libtorch's own layer, normalised afterwards, with biases.
    [Fact]
    public void SelfAttention_IsPyTorchsEncoderLayer()
    {
        using TransformerBlock block = Create(normalizesFirst: false);
        TorchSharp.Modules.TransformerEncoderLayer layer = nn.TransformerEncoderLayer(Size, 3, 20, 0, nn.Activations.ReLU);
        Dictionary<string, Tensor> theirs = layer.state_dict();
        Dictionary<string, Tensor> ours = block.state_dict();
        using (no_grad())
        {
            foreach (string part in (string[])["weight", "bias"])
            {
                theirs[$"self_attn.in_proj_{part}"].copy_(cat([.. "qkv".Select(one => ours[$"attention.W_{one}.{part}"])]));
                theirs[$"self_attn.out_proj.{part}"].copy_(ours[$"attention.W_o.{part}"]);
                theirs[$"linear1.{part}"].copy_(ours[$"dense1.{part}"]);
                theirs[$"linear2.{part}"].copy_(ours[$"dense2.{part}"]);
                theirs[$"norm1.{part}"].copy_(ours[$"norm1.{part}"]);
                theirs[$"norm2.{part}"].copy_(ours[$"norm2.{part}"]);
            }
        }

        Tensor rows = Rows(2, 7, seed: 1).to(ScalarType.Float32).requires_grad_();
        block.to(ScalarType.Float32);
        Tensor output = block.call(rows, rows, null);
        Tensor expected = layer.call(rows.transpose(0, 1), null!, null!).transpose(0, 1);
        AssertNear(expected, output, 2e-6);
        Tensor weights = Rows(2, 7, seed: 2).to(ScalarType.Float32);
        AssertNear(autograd.grad([(expected * weights).sum()], [rows])[0], autograd.grad([(output * weights).sum()], [rows])[0], 1e-5);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Block_IsItsFormula(bool normalizesFirst)
    {
        using TransformerBlock block = Create(normalizesFirst);
        (Tensor rows, Tensor context) = (Rows(2, 4, seed: 3), Rows(2, 7, seed: 4));
        using var attention = new MultiHeadAttention(new MultiHeadOptions { QuerySize = Size, Heads = 3 });
        attention.to(ScalarType.Float64);
        Dictionary<string, Tensor> state = block.state_dict();
        using (no_grad())
        {
            foreach ((string name, Tensor tensor) in attention.state_dict())
            {
                tensor.copy_(state[$"attention.{name}"]);
            }
        }

        Tensor sum = normalizesFirst
            ? rows.Plus(attention.Attend(Norm(rows, 1), Norm(context, 1), Norm(context, 1)))
            : Norm(rows.Plus(attention.Attend(rows, context, context)), 1);
        Tensor expected = normalizesFirst ? sum.Plus(Feed(Norm(sum, 2))) : Norm(sum.Plus(Feed(sum)), 2);
        AssertNear(expected, block.call(rows, context, null), 1e-12);
        block.AttentionWeights!.CheckShape(2, 3, 4, 7);

        Tensor Norm(Tensor x, int which)
        {
            Tensor centred = x - x.mean([-1], keepdim: true);
            Tensor deviation = centred.Squared().mean([-1], keepdim: true).Plus(1e-5).sqrt();
            return (centred / deviation * state[$"norm{which}.weight"]).Plus(state[$"norm{which}.bias"]);
        }

        Tensor Feed(Tensor x) => x.matmul(state["dense1.weight"].T).Plus(state["dense1.bias"]).relu()
            .matmul(state["dense2.weight"].T).Plus(state["dense2.bias"]);
    }

    [Fact]
    public void RowLeftOut_HasNoSay()
    {
        using TransformerBlock block = Create(normalizesFirst: true);
        (Tensor rows, Tensor context) = (Rows(1, 3, seed: 5), Rows(1, 6, seed: 6));
        Tensor leaveOut = zeros([3, 6], ScalarType.Bool);
        leaveOut[TensorIndex.Colon, TensorIndex.Single(2)] = tensor(true);
        Tensor others = cat([context.narrow(1, 0, 2), context.narrow(1, 3, 3)], 1);
        AssertNear(block.call(rows, others, null), block.call(rows, context, new AttentionMasks { LeaveOut = leaveOut }), 1e-12);
    }

    [Fact]
    public void Dropout_IsOfTrainingAlone()
    {
        using var block = new TransformerBlock(new() { Size = Size, Heads = 3, Dropout = 0.5 });
        Tensor rows = Rows(1, 5, seed: 7).to(ScalarType.Float32);
        Assert.NotEqual(block.call(rows, rows, null).ToDoubles(), block.call(rows, rows, null).ToDoubles());
        block.eval();
        Assert.Equal(block.call(rows, rows, null).ToDoubles(), block.call(rows, rows, null).ToDoubles());
    }

    [Fact]
    public void WrongArguments_AreRefusedWithTheirValues()
    {
        Refused("multiple of 5 heads, got 12", () => new TransformerBlock(new() { Size = 12, Heads = 5 }));
        Refused("at least 1, got 0", () => new TransformerBlock(new() { Size = 12, Heads = 0 }));
        Refused("at least 1, got -1", () => new TransformerBlock(new() { Size = 12, Heads = 1, FeedForward = -1 }));
        Refused("below 1, got 1", () => new TransformerBlock(new() { Size = 12, Heads = 1, Dropout = 1 }));
        using TransformerBlock block = Create(normalizesFirst: true);
        Refused("Expected queries (batch, queries, 12), keys", () => block.call(Rows(1, 3, 1), Rows(2, 3, 1), null));

        static void Refused(string message, Func<object> create) =>
            Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(create).Message, StringComparison.Ordinal);
    }

    private static TransformerBlock Create(bool normalizesFirst)
    {
        var block = new TransformerBlock(
            new() { Size = Size, Heads = 3, FeedForward = 20, HasBias = true, NormalizesFirst = normalizesFirst });
        using var generator = new Generator(9);
        using IDisposable noGradients = no_grad();
        foreach (Tensor parameter in block.parameters())
        {
            parameter.add_(rand(parameter.shape, generator: generator).Over(4), Held.One);
        }

        block.to(ScalarType.Float64);
        return block;
    }

    private static Tensor Rows(long batch, long count, ulong seed)
    {
        using var generator = new Generator(seed);
        return randn([batch, count, Size], ScalarType.Float64, generator: generator);
    }

    private static void AssertNear(Tensor expected, Tensor actual, double tolerance)
    {
        actual.CheckShape(expected.shape);
        Assert.InRange((expected - actual).abs().max().ToDouble(), 0, tolerance);
    }
}
