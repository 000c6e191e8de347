using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Tests.Regression;

public sealed class FitNodesTests
{
    // Even keys, clusters with gaps, tails, and keys that many examples share; with weights too.
    [Theory]
    [InlineData("even", "tricube", 2, 0.25)]
    [InlineData("even", "epanechnikov", 1, 0)]
    [InlineData("clusters", "tricube", 2, 0.25)]
    [InlineData("clusters", "tricube", 0, 0)]
    [InlineData("tails", "tricube", 2, 0.25)]
    [InlineData("tails", "biweight", 1, 0.25)]
    [InlineData("ties", "tricube", 1, 0.25)]
    [InlineData("weights", "tricube", 2, 0)]
    public void ScoresAtNodes_AreNearlyThoseOfAllExamples(string keys, string kernel, int degree, double ridge)
    {
        const int N = 6000;
        var random = new Random(5);
        double[] x = [.. Enumerable.Range(0, N).Select(i => keys switch
        {
            "clusters" => (10 * (i % 3)) + random.NextDouble(),
            "tails" => Math.Exp(1.5 * Normal(random)),
            "ties" => Math.Round(200 * random.NextDouble()) / 40,
            _ => 5 * random.NextDouble(),
        }).Order()];
        double[] y = [.. x.Select(place => (2 * Math.Sin(place)) + (0.5 * Normal(random)))];
        double[] weights = keys == "weights" ? [.. Enumerable.Range(0, N).Select(i => 0.5 + (i % 4))] : [];
        SmootherData data = SmootherData.Create(x, y, weights, 1, out _);
        var smoother = new Smoother(SmoothingKernel.Find(kernel)!, degree, ridge, 2, TestContext.Current.CancellationToken, isShare: true);
        foreach (double share in (double[])[0.05, 0.1, 0.3, 0.7, 1])
        {
            foreach (Criterion exact in (Criterion[])[new LeaveOneOutCriterion(smoother, false), new GcvCriterion(smoother, false)])
            {
                double expected = exact.At(data, [share]);
                double found = exact.AtNodes().At(data, [share]);
                Assert.Equal(expected, found, 2e-4 * expected);
                Assert.NotEqual(keys == "ties" ? double.NaN : expected, found);
            }
        }
    }

    // At fewer nodes than keys a cubic is itself, at the ends too, but for what a parabola misses of its slope.
    [Fact]
    public void Spread_OfAParabola_IsExact()
    {
        double[] keys = [.. Enumerable.Range(0, 100).Select(i => Math.Pow(i / 99.0, 3))];
        int[] nodes = FitNodes.Choose(keys, 12);
        double[] all = new double[200];
        FitNodes.Spread(keys, nodes, [.. nodes.SelectMany(i => (double[])[ParabolaAt(keys[i]), -keys[i]])], all);
        Assert.InRange(nodes.Length, 12, 30);
        for (int i = 0; i < keys.Length; i++)
        {
            Assert.Equal(ParabolaAt(keys[i]), all[2 * i], 1e-13);
            Assert.Equal(-keys[i], all[(2 * i) + 1], 1e-13);
        }

        static double ParabolaAt(double place) => 1 + (2 * place) - (3 * place * place);
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
