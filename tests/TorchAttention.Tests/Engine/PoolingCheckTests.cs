using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Engine;

public sealed class PoolingCheckTests
{
    private delegate void Request();

    [Fact]
    public void WrongInput_IsNamedWithWhatWasExpectedAndGiven()
    {
        AssertRefused("Expected either bandwidths or their inverses", () => Pool([1], [1], [1], []));
        AssertRefused("Expected either bandwidths or their inverses", () => Pool([1], [1], [1], [1], inverse: [1]));
        AssertRefused("Expected positive, finite bandwidths, got 0 for feature 1", () => Pool([1, 1], [1, 1], [1], [1, 0]));
        AssertRefused("Expected positive, finite bandwidths, got -1 for feature 0", () => Pool([1], [1], [1], [-1]));
        AssertRefused("Expected positive, finite bandwidths, got NaN", () => Pool([1], [1], [1], [double.NaN]));
        AssertRefused(
            "Expected finite inverse bandwidths, got Infinity for feature 0",
            () => Pool([1], [1], [1], [], inverse: [double.PositiveInfinity]));
        AssertRefused(
            "Expected Queries row by row, a multiple of 2 numbers for 2 bandwidths, got 3", () => Pool([1, 2, 3], [1, 2], [1], [1, 1]));
        AssertRefused(
            "Expected Keys row by row, a multiple of 2 numbers for 2 bandwidths, got 3", () => Pool([1, 2], [1, 2, 3], [1], [1, 1]));
        AssertRefused("Expected at least one key, got none", () => Pool([1], [], [], [1]));
        AssertRefused("Expected values (n, v) for 2 keys, got 3 numbers", () => Pool([1], [1, 2], [1, 2, 3], [1]));
        AssertRefused("Expected finite Queries, got NaN in row 1, column 0", () => Pool([1, double.NaN], [1], [1], [1]));
        AssertRefused(
            "Expected finite Keys, got Infinity in row 0, column 1", () => Pool([1, 1], [1, double.PositiveInfinity], [1], [1, 1]));
        AssertRefused("Expected finite Values, got NaN in row 1, column 0", () => Pool([1], [1, 2], [1, double.NaN], [1]));
        AssertRefused("Expected a sample weight for each of 2 keys, got 1", () => Pool([1], [1, 2], [1, 2], [1], weights: [1]));
        AssertRefused("Expected sample weights of at least 0, got -1 for key 1", () => Pool([1], [1, 2], [1, 2], [1], weights: [1, -1]));
        AssertRefused("Expected a left-out key for each of 1 queries, got 2", () => Pool([1], [1, 2], [1, 2], [1], leftOut: [0, 1]));
        AssertRefused(
            "Expected the left-out key to be -1 or one of 2, got 2 for query 0", () => Pool([1], [1, 2], [1, 2], [1], leftOut: [2]));
        AssertRefused("Expected Values of length 1, got 2", () => Pool([1], [1, 2], [1, 2], [1], outputs: 2));
        AssertRefused("Expected LogWeightSum of length 1, got 3", () => Pool([1], [1, 2], [1, 2], [1], logs: 3));
    }

    [Fact]
    public void WrongOptions_AreNamed()
    {
        AssertRefused("Expected one of the methods", () => With(new PoolingOptions { Method = (PoolingMethod)9 }));
        AssertRefused("Expected one of the policies", () => With(new PoolingOptions { NoNeighbour = (NoNeighbourPolicy)9 }));
        AssertRefused("Expected a tolerance between 0 and 1", () => With(new PoolingOptions { Tolerance = 0 }));
        AssertRefused("Expected a tolerance between 0 and 1", () => With(new PoolingOptions { Tolerance = double.NaN }));
        AssertRefused("Expected a finite sum of weights", () => With(new PoolingOptions { MergedWeightSum = -1 }));
        AssertRefused("Expected at least 1 thread", () => With(new PoolingOptions { Threads = 0 }));
        AssertRefused("Expected vectors of 128, 256 or 512 bits", () => With(new PoolingOptions { VectorBits = 64 }));

        static void With(PoolingOptions options) => Pool([1], [1], [1], [1], options: options);
    }

    [Fact]
    public void OtherNumberTypes_AreRefused()
    {
        NotSupportedException error = Assert.Throws<NotSupportedException>(() => KernelPooling.Pool<Gaussian, Half>(
            new PoolingInput<Half> { Queries = [Half.One], Keys = [Half.One], Values = [Half.One], Bandwidths = [1] },
            new PoolingOutput<Half> { Values = new Half[1] }));
        Assert.Contains("Expected float or double, got Half", error.Message, StringComparison.Ordinal);
    }

    private static void AssertRefused(string message, Request request) =>
        Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(() => request()).Message, StringComparison.Ordinal);

    private static void Pool(
        double[] queries, double[] keys, double[] values, double[] bandwidths, double[]? inverse = null, double[]? weights = null,
        int[]? leftOut = null,
        int outputs = 1, int logs = 1, PoolingOptions? options = null) =>
        KernelPooling.Pool<Gaussian>(
            new PoolingInput<double>
            {
                Queries = queries,
                Keys = keys,
                Values = values,
                Bandwidths = bandwidths,
                InverseBandwidths = inverse,
                SampleWeights = weights,
                LeftOut = leftOut,
            },
            new PoolingOutput<double> { Values = new double[outputs], LogWeightSum = new double[logs] },
            options);
}
