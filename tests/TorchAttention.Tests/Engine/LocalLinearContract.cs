using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Engine;

/// <summary>What a local linear fit by every kernel promises, by every method and number type.</summary>
public abstract class LocalLinearContract<TKernel>
    where TKernel : IKernel
{
    private static int Problems => LongTests.AreAskedFor ? 40 : 12;

    [Theory]
    [InlineData(PoolingMethod.Exact)]
    [InlineData(PoolingMethod.Line)]
    [InlineData(PoolingMethod.Tree)]
    public void Planes_AreTheLeastSquares(PoolingMethod method)
    {
        if (method == PoolingMethod.Line && TKernel.Polynomial.IsEmpty && typeof(TKernel) != typeof(Gaussian))
        {
            return;
        }

        int compared = 0;
        double greatest = 0;
        for (int seed = 0; seed < Problems; seed++)
        {
            PoolingRequest problem = PoolingRequest.Random(
                seed, mostFeatures: method == PoolingMethod.Line ? 1 : 4, mostKeys: method == PoolingMethod.Exact ? 400 : 2000);
            problem = problem with { Bandwidths = [.. problem.Bandwidths.Select(h => 2 * h)] };
            var planes = LocalPlanes.Of<TKernel, double>(problem, new PoolingOptions { Method = method, Degree = 1, Threads = 1 });
            var single = LocalPlanes.Of<TKernel, float>(problem, new PoolingOptions { Method = method, Degree = 1, Threads = 1 });
            Assert.Equal(method, planes.Report!.Method);
            LocalPlanes definition = LocalPlanes.Definition<TKernel>(problem);
            for (int m = 0; m < problem.QueryCount; m++)
            {
                // What an ill-conditioned plane says at its query is not known to as many digits.
                double doubt = definition.Condition[m];
                if (!(doubt < 1e3))
                {
                    continue;
                }

                for (int c = 0; c < problem.Columns; c++)
                {
                    int at = (m * problem.Columns) + c;
                    double range = problem.Range(c);
                    double size = range + Math.Abs(definition.Heights[at]);
                    AssertNear(definition.Heights[at], planes.Heights[at], 1e-12 * doubt * size, m);
                    AssertNear(definition.Heights[at], single.Heights[at], 3e-6 * doubt * size, m);
                    for (int j = 0; j < problem.Features; j++)
                    {
                        int slope = (at * problem.Features) + j;
                        AssertNear(definition.Slopes[slope], planes.Slopes[slope], 1e-12 * doubt * doubt * size / problem.Bandwidths[j], m);
                        double change = size * problem.Bandwidths[j] * doubt;
                        AssertNear(definition.InverseBandwidthGradient[slope], planes.InverseBandwidthGradient[slope], 1e-8 * change, m);
                        AssertNear(definition.InverseBandwidthGradient[slope], single.InverseBandwidthGradient[slope], 1e-4 * change, m);
                        greatest = Math.Max(greatest, Math.Abs(definition.InverseBandwidthGradient[slope] / change));
                    }
                }

                AssertNear(definition.OwnWeight[m], planes.OwnWeight[m], 1e-10 * doubt * definition.OwnWeight[m], m);
                AssertNear(
                    definition.EffectiveNeighbours[m], planes.EffectiveNeighbours[m], 1e-10 * doubt * definition.EffectiveNeighbours[m], m);
                for (int j = 0; j < problem.Features; j++)
                {
                    int at = (m * problem.Features) + j;
                    AssertNear(
                        definition.OwnWeightGradient[at], planes.OwnWeightGradient[at],
                        1e-8 * doubt * definition.OwnWeight[m] * problem.Bandwidths[j], m);
                }

                compared++;
            }

            void AssertNear(double expected, double actual, double tolerance, int query)
            {
                if (!(Math.Abs(expected - actual) <= tolerance))
                {
                    Assert.Fail(
                        $"Expected {expected:R} for query {query}, got {actual:R}, {Math.Abs(expected - actual):E1} off of "
                        + $"{tolerance:E1}, seed {seed}: {problem}");
                }
            }
        }

        Assert.InRange(compared, 6 * Problems, 60 * Problems);
        Assert.Equal(TKernel.HasJump || typeof(TKernel) == typeof(Constant), greatest < 1e-3);
    }

    [Fact]
    public void Lines_StayLinesAndConstantsConstants()
    {
        var random = new Random(5);
        double[] x = [.. Enumerable.Range(0, 3000).Select(_ => 1e3 + (10 * random.NextDouble()))];
        foreach (PoolingMethod method in (PoolingMethod[])[PoolingMethod.Exact, PoolingMethod.Auto])
        {
            var problem = new PoolingRequest
            {
                Queries = x,
                Keys = x,
                Values = [.. x.SelectMany(x => (double[])[3 - (2 * x), 5])],
                Bandwidths = [0.5]
            };
            var planes = LocalPlanes.Of<TKernel, double>(problem, new PoolingOptions { Method = method, Degree = 1 });
            for (int i = 0; i < x.Length; i++)
            {
                Assert.Equal(3 - (2 * x[i]), planes.Heights[2 * i], 2e-9);
                Assert.Equal(5, planes.Heights[(2 * i) + 1], 1e-12);
                Assert.Equal(-2, planes.Slopes[2 * i], 1e-8);
            }
        }
    }

    [Fact]
    public void LoneNeighbour_GivesItsValueAndNoSlope()
    {
        var problem = new PoolingRequest { Queries = [3, 3.2], Keys = [3, 3, 50], Values = [4, 6, 100], Bandwidths = [1] };
        var planes = LocalPlanes.Of<Epanechnikov, double>(problem, new PoolingOptions { Degree = 1 });

        Assert.Equal([5, 5], planes.Heights);
        Assert.Equal([0, 0], planes.Slopes);
    }
}

public sealed class GaussianLocalLinearTests : LocalLinearContract<Gaussian>;

public sealed class BoxcarLocalLinearTests : LocalLinearContract<Boxcar>;

public sealed class EpanechnikovLocalLinearTests : LocalLinearContract<Epanechnikov>;

public sealed class TriangularLocalLinearTests : LocalLinearContract<Triangular>;

public sealed class BiweightLocalLinearTests : LocalLinearContract<Biweight>;

public sealed class TricubeLocalLinearTests : LocalLinearContract<Tricube>;

public sealed class ConstantLocalLinearTests : LocalLinearContract<Constant>;
