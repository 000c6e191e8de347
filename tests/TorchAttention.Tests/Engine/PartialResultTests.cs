using CsCheck;
using TorchAttention.Numerics;

namespace TorchAttention.Tests.Engine;

public sealed class PartialResultTests
{
    private static readonly Gen<(double Score, double Value)[]> _pairs =
        Gen.Select(Gen.Frequency((9, Gen.Double[-50, 50]), (1, Gen.Const(double.NegativeInfinity))), Gen.Double[-10, 10]).Array[1, 30];

    [Fact]
    public void AnyOrderAndGrouping_GiveTheSame() => Gen.Select(_pairs, Gen.Int[0, 30]).Sample((pairs, cut) =>
    {
        PartialResult oneByOne = Of(pairs);
        PartialResult grouped = Of(pairs[Math.Min(cut, pairs.Length)..]).Merge(Of(pairs[..Math.Min(cut, pairs.Length)]));

        AssertClose(oneByOne, grouped);
        AssertClose(oneByOne, Of([.. pairs.Reverse()]));
    });

    [Fact]
    public void Result_IsTheSoftmaxAverage() => _pairs.Sample(pairs =>
    {
        double max = pairs.Max(pair => pair.Score);
        if (double.IsNegativeInfinity(max))
        {
            Assert.False(Of(pairs).HasNeighbour);
            return;
        }

        double[] weights = [.. pairs.Select(pair => Math.Exp(pair.Score - max))];
        PartialResult result = Of(pairs);
        Assert.Equal(weights.Zip(pairs, (w, pair) => w * pair.Value).Sum() / weights.Sum(), result.Output, 1e-12);
        Assert.Equal(max + Math.Log(weights.Sum()), result.LogWeightSum, 1e-12);
        Assert.Equal(weights.Sum() * weights.Sum() / weights.Sum(w => w * w), result.EffectiveNeighbours, 1e-9);
    });

    [Fact]
    public void NoNeighbour_IsNaNAndFlagged()
    {
        PartialResult none = PartialResult.Empty.Merge(PartialResult.Of(double.NegativeInfinity, 3));

        Assert.False(none.HasNeighbour);
        Assert.Equal((double.NaN, double.NegativeInfinity, 0), (none.Output, none.LogWeightSum, none.EffectiveNeighbours));
    }

    [Fact]
    public void EqualWeights_CountEachKey()
    {
        PartialResult result = Of([(-3, 1), (-3, 2), (-3, 6)]);
        Assert.Equal((3, 3, -3 + Math.Log(3)), (result.Output, result.EffectiveNeighbours, result.LogWeightSum));
    }

    private static PartialResult Of((double Score, double Value)[] pairs) =>
        pairs.Aggregate(PartialResult.Empty, (result, pair) => result.Merge(PartialResult.Of(pair.Score, pair.Value)));

    private static void AssertClose(PartialResult expected, PartialResult actual)
    {
        Assert.Equal(expected.HasNeighbour, actual.HasNeighbour);
        Assert.Equal(expected.MaxScore, actual.MaxScore);
        if (expected.HasNeighbour)
        {
            Assert.Equal(expected.Output, actual.Output, 1e-12);
            Assert.Equal(1, expected.WeightSum / actual.WeightSum, 1e-13);
            Assert.Equal(1, expected.SquaredWeightSum / actual.SquaredWeightSum, 1e-13);
        }
    }
}
