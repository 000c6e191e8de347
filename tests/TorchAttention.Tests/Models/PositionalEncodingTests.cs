using TorchAttention.Models;

namespace TorchAttention.Tests.Models;

[Collection(nameof(TorchsGenerator))]
public sealed class PositionalEncodingTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    // The book's line: P[:, :, 0::2] = sin(X), P[:, :, 1::2] = cos(X), X = arange(max_len) / 10000^(arange(0, h, 2) / h).
    [Fact]
    public void Places_AreTheBooksSinesAndCosines()
    {
        const int Places = 60;
        const int Length = 32;
        using var module = new PositionalEncoding(Length);
        double[] encoded = module.call(zeros([1, Places, Length], ScalarType.Float64)).ToDoubles();
        for (int place = 0; place < Places; place++)
        {
            for (int j = 0; j < Length; j++)
            {
                double angle = place / Math.Pow(10_000, (j - (j % 2)) / (double)Length);
                Assert.Equal(j % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle), encoded[(place * Length) + j], 1e-12);
            }
        }
    }

    // The same in PyTorch's operations, in float32 as the book has them; there X itself is rounded.
    [Fact]
    public void Places_ArePyTorchsOperations()
    {
        using Scalar step = 2;
        using Scalar end = 8;
        using Scalar longest = 10_000f;
        Tensor exponents = arange(Held.Zero, end, step, ScalarType.Float32).Over(8);
        Tensor angles = Numbers(50, ScalarType.Float32).reshape(-1, 1) / full_like(exponents, longest).pow(exponents);
        Tensor expected = zeros(1, 50, 8);
        expected[TensorIndex.Ellipsis, TensorIndex.Slice(0, null, 2)] = angles.sin();
        expected[TensorIndex.Ellipsis, TensorIndex.Slice(1, null, 2)] = angles.cos();
        using var module = new PositionalEncoding(8);
        Tensor rows = ones(3, 50, 8);
        Assert.InRange((module.call(rows) - rows - expected).abs().max().ToDouble(), 0, 1e-5);
    }

    [Fact]
    public void DotProducts_AreOfTheDifferenceAlone()
    {
        Tensor places = tensor([0.3, -2.5, 7.25]);
        Tensor encoded = PositionalEncoding.Encode(places, 10, longest: 50);
        Tensor moved = PositionalEncoding.Encode(places.Plus(123.4), 10, longest: 50);
        Assert.InRange((encoded.matmul(encoded.T) - moved.matmul(moved.T)).abs().max().ToDouble(), 0, 1e-12);
        Assert.All(encoded.matmul(encoded.T).diagonal().ToDoubles(), square => Assert.Equal(5, square, 1e-12));
    }

    [Fact]
    public void Dropout_IsOfTrainingAlone()
    {
        using var module = new PositionalEncoding(6, dropout: 0.5);
        Tensor rows = ones(2, 9, 6);
        Assert.Contains(0, module.call(rows).ToDoubles());
        module.eval();
        using var without = new PositionalEncoding(6);
        Assert.Equal(without.call(rows).ToDoubles(), module.call(rows).ToDoubles());
        Assert.Empty(module.state_dict());
    }

    [Fact]
    public void WrongArguments_AreRefusedWithTheirValues()
    {
        Refused("an even length of at least 2, got 5", () => _ = new PositionalEncoding(5));
        Refused("below 1, got 1", () => _ = new PositionalEncoding(4, 1));
        Refused("a number type with a point, got Int64", () => PositionalEncoding.Encode(Numbers(3), 4));
        Refused("a positive, finite number, got 0", () => PositionalEncoding.Encode(zeros(3), 4, 0));
        using var module = new PositionalEncoding(4);
        Refused("Expected rows (batch, places, 4) of a number type with a point, got Float32 (2, 4).", () => module.call(zeros(2, 4)));

        static void Refused(string message, Action action) =>
            Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
    }
}
