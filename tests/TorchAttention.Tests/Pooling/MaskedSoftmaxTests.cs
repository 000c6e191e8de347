using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

public sealed class MaskedSoftmaxTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<ScalarType> Types => [ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64];

    public static TheoryData<ScalarType> WholeTypes =>
        [ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Types))]
    public void MaskedScores_WeighNothingHoweverLowTheOthersAre(ScalarType type)
    {
        Tensor scores = tensor(new[] { -50000.0, -50000, 0, 60000 }).reshape(1, 1, 4).to(type);
        Tensor weights = MaskedSoftmax.Apply(scores, tensor([2L]));

        Assert.Equal(type, weights.dtype);
        Assert.Equal([0.5, 0.5, 0, 0], weights.ToDoubles());
    }

    [Theory]
    [InlineData(ScalarType.Float32, -3e38)]
    [InlineData(ScalarType.Float64, -1e300)]
    public void MaskedScores_AreBelowTheLowestNumbers(ScalarType type, double lowest)
    {
        Tensor scores = tensor(new[] { lowest, lowest, 0 }).reshape(1, 1, 3).to(type);
        Assert.Equal([0.5, 0.5, 0], MaskedSoftmax.Apply(scores, tensor([2L])).ToDoubles());
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void RowWithoutKeys_IsZeroOrUniform(ScalarType type)
    {
        Tensor scores = tensor(new[] { double.NaN, 1, double.PositiveInfinity, 0, 0, double.NegativeInfinity }).reshape(1, 2, 3).to(type);
        Tensor lengths = tensor(new long[,] { { 0, 2 } });

        Assert.Equal([0, 0, 0, 0.5, 0.5, 0], MaskedSoftmax.Apply(scores, lengths).ToDoubles());
        double third = ones(1, type).Over(3).ToDouble();
        Assert.Equal([third, third, third, 0.5, 0.5, 0], MaskedSoftmax.Apply(scores, lengths, EmptyRowPolicy.Uniform).ToDoubles());
    }

    [Theory]
    [InlineData(EmptyRowPolicy.Zero)]
    [InlineData(EmptyRowPolicy.Uniform)]
    public void Gradients_OfMaskedScoresAre0WhateverComesBack(EmptyRowPolicy emptyRows)
    {
        Tensor scores = tensor(new[] { 1.0, 2, double.NaN, 3, 4, 5 }).reshape(1, 2, 3).requires_grad_();
        Tensor weights = MaskedSoftmax.Apply(scores, tensor(new long[,] { { 2, 0 } }), emptyRows);
        double masked = emptyRows == EmptyRowPolicy.Zero ? double.NaN : 1;
        (weights * tensor(new[] { 1.0, 0, double.PositiveInfinity, masked, masked, masked }).reshape(1, 2, 3)).sum().backward();

        // p (1 - p) of the two that count.
        double p = 1 / (1 + Math.E);
        Assert.Equal([p * (1 - p), -p * (1 - p), 0, 0, 0, 0], scores.grad!.ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-15);
    }

    [Theory]
    [MemberData(nameof(WholeTypes))]
    public void Lengths_AreWholeNumbersOfAnyType(ScalarType type)
    {
        Tensor scores = zeros(2, 1, 4);
        Tensor lengths = tensor([2L, 4L]).to(type);
        Assert.Equal([0.5, 0.5, 0, 0, 0.25, 0.25, 0.25, 0.25], MaskedSoftmax.Apply(scores, lengths).ToDoubles());
        Assert.Equal([0.5, 0.5, 0, 0, 0.25, 0.25, 0.25, 0.25], MaskedSoftmax.Apply(scores, lengths.unsqueeze(1)).ToDoubles());
    }

    [Fact]
    public void WrongLengths_AreNamed()
    {
        Tensor scores = zeros(2, 3, 4);
        Refused("Expected valid lengths from 0 to 4, the number of keys, got -1.", tensor([-1L, 2L]));
        Refused("Expected valid lengths from 0 to 4, the number of keys, got 5.", tensor(new long[,] { { 1, 2, 3 }, { 4, 5, 0 } }));
        Refused("Expected valid lengths from 0 to 4, the number of keys, got 9223372036854775807.", tensor([1L, long.MaxValue]));
        Refused("Expected valid lengths as whole numbers, such as Int64, got Float32 (2).", tensor([1.5f, 2f]));
        Refused("Expected valid lengths as whole numbers, such as Int64, got Float64 (2).", tensor([double.NaN, 2]));
        Refused("Expected valid lengths as whole numbers, such as Int64, got Bool (2).", tensor([true, false]));
        const string Shapes = "Expected valid lengths (2) or (2, 3) for 2 examples of 3 queries and 4 keys, got shape";
        Refused($"{Shapes} (3).", tensor([1L, 2L, 3L]));
        Refused($"{Shapes} ().", tensor(1L));
        Refused($"{Shapes} (2, 1).", ones(2, 1, ScalarType.Int64));
        Refused($"{Shapes} (2, 3, 1).", ones(2, 3, 1, ScalarType.Int64));
        Assert.Throws<ArgumentOutOfRangeException>(() => MaskedSoftmax.Apply(scores, null, (EmptyRowPolicy)7));

        void Refused(string message, Tensor lengths)
        {
            ArgumentException refused = Assert.Throws<ArgumentException>(() => MaskedSoftmax.Apply(scores, lengths));
            Assert.Equal($"{message} (Parameter 'validLens')", refused.Message);
        }
    }

    [Fact]
    public void NoBatchNoQueriesNoKeys_GiveEmptyWeights()
    {
        MaskedSoftmax.Apply(zeros(0, 3, 4), zeros(0, ScalarType.Int64)).CheckShape(0, 3, 4);
        MaskedSoftmax.Apply(zeros(2, 0, 4), zeros(2, 0, ScalarType.Int64)).CheckShape(2, 0, 4);
        MaskedSoftmax.Apply(zeros(2, 3, 0), zeros(2, ScalarType.Int64)).CheckShape(2, 3, 0);
    }
}
