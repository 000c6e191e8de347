using CsCheck;
using TorchAttention.Models;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

public sealed class AttentionPoolingTests
{
    // Scaled differences stay small enough that no weight vanishes in float64.
    private static readonly Gen<(double[] Queries, double[] Keys, double[] Values)> _problems =
        from n in Gen.Int[1, 12]
        from m in Gen.Int[1, 6]
        from queries in Gen.Double[-3, 3].Array[m]
        from keys in Gen.Double[-3, 3].Array[n]
        from values in Gen.Double[-10, 10].Array[n]
        select (queries, keys, values);

    [Fact]
    public void Weights_AreADistributionOverTheKeys() => Check((queries, keys, _) =>
    {
        Tensor weights = AttentionPooling.Weights(AttentionPooling.Diff(queries, keys));

        weights.CheckShape(queries.shape[0], keys.shape[0]);
        Assert.All(weights.ToDoubles(), weight => Assert.InRange(weight, 0, 1));
        Assert.All(weights.sum(dim: 1).ToDoubles(), sum => Assert.Equal(1, sum, 1e-14));
    });

    [Fact]
    public void Output_LiesWithinTheValues() => Check((queries, keys, values) =>
    {
        double[] sorted = [.. values.ToDoubles().Order()];
        Assert.All(Pool(queries, keys, values, 1), output => Assert.InRange(output, sorted[0] - 1e-12, sorted[^1] + 1e-12));
    });

    [Fact]
    public void Shift_ChangesNothing() => Check((queries, keys, values) =>
        AssertClose(Pool(queries, keys, values, 1), Pool(queries.Plus(100), keys.Plus(100), values, 1), 1e-11));

    [Fact]
    public void PermutingThePairs_ChangesNothing() => Check((queries, keys, values) =>
        AssertClose(Pool(queries, keys, values, 1), Pool(queries, keys.flip([0]), values.flip([0]), 1), 1e-12));

    [Fact]
    public void VanishingW_GivesTheAverage() => Check((queries, keys, values) =>
    {
        double average = values.ToDoubles().Average();
        Assert.All(Pool(queries, keys, values, 1e-9), output => Assert.Equal(average, output, 1e-12));
    });

    [Fact]
    public void GrowingW_GivesTheNearestNeighbour()
    {
        // Keys 1 apart and queries at most 0.4 from one of them: at w = 100 every other key is at least 20 standard deviations further.
        Gen.Select(Gen.Double[-0.4, 0.4], Gen.Int[0, 9], Gen.Double[-10, 10].Array[10]).Sample((offset, nearest, values) =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor keys = Numbers(10, ScalarType.Float64);
            Assert.Equal(values[nearest], Pool(tensor([nearest + offset]), keys, tensor(values), 100)[0], 1e-12);
        });
    }

    [Fact]
    public void TwoKeys_AreWeighedAsByHand()
    {
        // exp(-1/2) and exp(-2): the nearer key gets 1 / (1 + exp(-3/2)) = 0.81757.
        double output = Pool(tensor([0.0]), tensor([1.0, 2.0]), tensor([10.0, 20.0]), 1)[0];

        Assert.Equal(10 + 10 * (1 - 0.8175744761936437), output, 1e-13);
    }

    [Fact]
    public void EachQuerysOwnValues_PoolAsSharedOnes() => Check((queries, keys, values) =>
    {
        Tensor weights = AttentionPooling.Weights(AttentionPooling.Diff(queries, keys));
        Tensor own = values.unsqueeze(0).expand(queries.shape[0], -1);
        AssertClose(AttentionPooling.Pool(weights, values).ToDoubles(), AttentionPooling.Pool(weights, own).ToDoubles(), 1e-13);
    });

    [Fact]
    public void Bmm_MultipliesMatrixByMatrix()
    {
        // The book's shapes: n products of (a, b) and (b, c) are n matrices (a, c).
        using DisposeScope scope = NewDisposeScope();
        bmm(ones(2, 1, 4), ones(2, 4, 6)).CheckShape(2, 1, 6);

        Tensor weights = ones(2, 10).Times(0.1);
        Tensor values = Numbers(20, ScalarType.Float32).reshape(2, 10);
        Tensor averages = bmm(weights.unsqueeze(1), values.unsqueeze(-1));
        averages.CheckShape(2, 1, 1);
        Assert.Equal([4.5, 14.5], averages.ToDoubles().Select(value => Math.Round(value, 5)));
    }

    [Fact]
    public void CheckShape_NamesBothShapes()
    {
        using Tensor matrix = zeros(2, 3);
        Assert.Equal(
            "Expected shape (3, 2), got (2, 3). (Parameter 'tensor')",
            Assert.Throws<ArgumentException>(() => matrix.CheckShape(3, 2)).Message);
    }

    [Fact]
    public void WrongShapes_AreRefusedWithBothShapes()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Contains(
            "got shape (2, 3)", Assert.Throws<ArgumentException>(() => AttentionPooling.Diff(zeros(2, 3), zeros(3))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got shape (3)", Assert.Throws<ArgumentException>(() => AttentionPooling.Weights(zeros(3))).Message, StringComparison.Ordinal);
        Assert.Contains(
            "got shape (3)", Assert.Throws<ArgumentException>(() => AttentionPooling.Pool(zeros(3), zeros(3))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got (4)", Assert.Throws<ArgumentException>(() => AttentionPooling.Pool(zeros(2, 3), zeros(4))).Message,
            StringComparison.Ordinal);
        Assert.Contains("(3), got 4", Assert.Throws<ArgumentException>(() => new NWKernelRegression(zeros(3), zeros(4))).Message
            .Replace("keys (3)", "(3)", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    private static void Check(Action<Tensor, Tensor, Tensor> property) => _problems.Sample(
        (queries, keys, values) =>
        {
            using DisposeScope scope = NewDisposeScope();
            property(tensor(queries), tensor(keys), tensor(values));
        },
        iter: 200);

    private static double[] Pool(Tensor queries, Tensor keys, Tensor values, double w) =>
        AttentionPooling.AttentionPool(AttentionPooling.Diff(queries, keys).Times(w), values).Output.ToDoubles();

    private static void AssertClose(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }
}
