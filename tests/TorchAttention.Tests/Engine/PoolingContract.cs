using System.Collections.Concurrent;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Engine;

/// <summary>
/// What pooling by every kernel promises, by every method, vector width and number type; a new kernel adds a class at the end.
/// </summary>
public abstract class PoolingContract<TKernel>
    where TKernel : IKernel
{
    private const double Single = 2e-6;
    private const double Double = 1e-12;

    // Every width is compared with the same sums over all pairs.
    private static readonly ConcurrentDictionary<(int Seed, PoolingMethod Method), Answers> _definitions = [];

    protected virtual bool HasLine => true;

    [Theory]
    [MemberData(nameof(PoolingCases.MethodsAndWidths), MemberType = typeof(PoolingCases))]
    public void Answers_AreTheDefinitions(PoolingMethod method, int vectorBits)
    {
        if (method == PoolingMethod.Line && !HasLine)
        {
            Assert.Contains(
                TKernel.Name, Assert.Throws<ArgumentException>(() => Problem(0, method).Pool<TKernel, double>(Options(method))).Message,
                StringComparison.Ordinal);
            return;
        }

        int compared = 0;
        for (int seed = 0; seed < 25; seed++)
        {
            PoolingRequest problem = Problem(seed, method);
            Answers definition = _definitions.GetOrAdd((seed, method), _ => problem.Definition<TKernel>());
            PoolingOptions options = Options(method) with { VectorBits = vectorBits };

            Answers wide = problem.Pool<TKernel, double>(options);
            definition.AssertNear(wide, Double, isSingle: false);
            definition.AssertNear(problem.Pool<TKernel, float>(options), Single, isSingle: true);
            Assert.Equal(method, wide.Report!.Method);
            Assert.InRange(wide.Report.ErrorBound, 0, 1e-10);
            compared += definition.HasNeighbour.Count(has => has);
        }

        Assert.InRange(compared, 300, 25 * 60);
    }

    [Theory]
    [InlineData(PoolingMethod.Exact)]
    [InlineData(PoolingMethod.Line)]
    [InlineData(PoolingMethod.Tree)]
    public void Gradients_AreTheSlopes(PoolingMethod method)
    {
        if (method == PoolingMethod.Line && !HasLine)
        {
            return;
        }

        int compared = 0;
        for (int seed = 100; seed < 112; seed++)
        {
            // The differences of a query a thousand bandwidths away are those of rounding alone.
            PoolingRequest problem = PoolingRequest.Random(seed, mostFeatures: method == PoolingMethod.Line ? 1 : 3, mostKeys: 80);
            problem = problem with { Bandwidths = [.. problem.Bandwidths.Select(h => 3 * h)] };
            Answers answers = problem.Pool<TKernel, double>(Options(method), hasGradients: true);
            for (int j = 0; j < problem.Features; j++)
            {
                double h = problem.Bandwidths[j];
                const double Step = 1e-5;
                PoolingRequest less =
                    problem with { Bandwidths = [.. problem.Bandwidths.Select((b, at) => at == j ? 1 / ((1 - Step) / h) : b)] };
                PoolingRequest more =
                    problem with { Bandwidths = [.. problem.Bandwidths.Select((b, at) => at == j ? 1 / ((1 + Step) / h) : b)] };
                AssertSlopes(less.Definition<TKernel>(), more.Definition<TKernel>(), answers.InverseBandwidthGradient, j, 1 / h);
                AssertLogSlopes(less.Definition<TKernel>(), more.Definition<TKernel>(), j, 1 / h);
                PoolingRequest before =
                    problem with { Queries = [.. problem.Queries.Select((q, at) => at % problem.Features == j ? q - (Step * h) : q)] };
                PoolingRequest after =
                    problem with { Queries = [.. problem.Queries.Select((q, at) => at % problem.Features == j ? q + (Step * h) : q)] };
                AssertSlopes(before.Definition<TKernel>(), after.Definition<TKernel>(), answers.QueryGradient, j, h);

                void AssertLogSlopes(Answers low, Answers high, int feature, double unit)
                {
                    for (int query = 0; query < problem.QueryCount; query++)
                    {
                        if (low.HasNeighbour[query] && high.HasNeighbour[query] && low.LogWeightSum[query] >= -5)
                        {
                            compared++;
                            double slope = (high.LogWeightSum[query] - low.LogWeightSum[query]) / (2 * Step);
                            double actual = answers.LogWeightSumGradient[(query * problem.Features) + feature] * unit;
                            Assert.True(
                                Math.Abs(slope - actual) <= 1e-5 * (1 + Math.Abs(slope)),
                                $"Expected {slope} for query {query}, feature {feature}, got {actual}, seed {seed}: {problem}");
                        }
                    }
                }

                void AssertSlopes(Answers low, Answers high, double[] gradient, int feature, double unit)
                {
                    for (int i = 0; i < low.Values.Length; i++)
                    {
                        (int query, int column) = Math.DivRem(i, problem.Columns);
                        if (!low.HasNeighbour[query] || !high.HasNeighbour[query] || low.LogWeightSum[query] < -5)
                        {
                            continue;
                        }

                        compared++;
                        double range = problem.Range(column);
                        double slope = (high.Values[i] - low.Values[i]) / (2 * Step) / range;
                        double actual = gradient[(i * problem.Features) + feature] * unit / range;
                        Assert.True(
                            Math.Abs(slope - actual) <= 1e-5 * (1 + Math.Abs(slope)),
                            $"Expected {slope} for query {query}, feature {feature}, got {actual}, seed {seed}: {problem}");
                    }
                }
            }
        }

        Assert.InRange(compared, 500, 12 * 60 * 3 * 3 * 3);
    }

    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    [InlineData(512)]
    public void GradientsOfTheLine_AreThoseOfAllPairs(int vectorBits)
    {
        int compared = 0;
        for (int seed = 200; HasLine && seed < 225; seed++)
        {
            PoolingRequest problem = PoolingRequest.Random(seed, mostFeatures: 1, mostKeys: 3000);
            Answers exact = problem.Pool<TKernel, double>(Options(PoolingMethod.Exact), hasGradients: true);
            Answers line = problem.Pool<TKernel, double>(Options(PoolingMethod.Line) with { VectorBits = vectorBits }, hasGradients: true);
            Assert.InRange(line.Report!.ErrorBound, 0, 1e-10);
            for (int i = 0; i < exact.Values.Length; i++)
            {
                (int query, int column) = Math.DivRem(i, problem.Columns);
                if (exact.HasNeighbour[query] && exact.LogWeightSum[query] > -5)
                {
                    compared++;
                    AssertNear(
                        exact.InverseBandwidthGradient[i] / problem.Bandwidths[0],
                        line.InverseBandwidthGradient[i] / problem.Bandwidths[0]);
                    AssertNear(exact.QueryGradient[i] * problem.Bandwidths[0], line.QueryGradient[i] * problem.Bandwidths[0]);
                }

                void AssertNear(double expected, double actual)
                {
                    if (!(Math.Abs(expected - actual) <= 1e-9 * problem.Range(column)))
                    {
                        Assert.Fail($"Expected {expected} for query {query}, got {actual}, seed {seed}: {problem}");
                    }
                }
            }
        }

        Assert.True(compared > 500 || !HasLine, $"{compared} were compared.");
    }

    [Theory]
    [MemberData(nameof(PoolingCases.MethodsAndWidths), MemberType = typeof(PoolingCases))]
    public void Numbers_DoNotDependOnTheThreads(PoolingMethod method, int vectorBits)
    {
        if (method == PoolingMethod.Line && !HasLine)
        {
            return;
        }

        var random = new Random(3);
        double[] keys = Sample(40_000);
        var problem = new PoolingRequest { Keys = keys, Queries = Sample(300), Values = Sample(40_000), Bandwidths = [0.05] };
        PoolingOptions options = Options(method) with { VectorBits = vectorBits };
        Answers one = problem.Pool<TKernel, float>(options with { Threads = 1 });
        Answers three = problem.Pool<TKernel, float>(options with { Threads = 3 });

        Assert.Equal(one.Values, three.Values);
        Assert.Equal(one.LogWeightSum, three.LogWeightSum);
        Assert.Equal(one.EffectiveNeighbours, three.EffectiveNeighbours);

        double[] Sample(int count) => [.. Enumerable.Range(0, count).Select(_ => (double)random.NextSingle())];
    }

    private static PoolingOptions Options(PoolingMethod method) => new() { Method = method, Threads = 1 };

    private static PoolingRequest Problem(int seed, PoolingMethod method) => method switch
    {
        PoolingMethod.Line => PoolingRequest.Random(seed, mostFeatures: 1, mostKeys: 3000),
        PoolingMethod.Tree => PoolingRequest.Random(seed, mostFeatures: 4, mostKeys: 3000),
        _ => PoolingRequest.Random(seed, mostFeatures: seed % 8 == 0 ? 16 : 5, mostKeys: 2000),
    };
}

public static class PoolingCases
{
    public static TheoryData<PoolingMethod, int> MethodsAndWidths => new MatrixTheoryData<PoolingMethod, int>(
        [PoolingMethod.Exact, PoolingMethod.Line, PoolingMethod.Tree], [128, 256, 512]);
}

public sealed class GaussianPoolingTests : PoolingContract<Gaussian>;

public sealed class BoxcarPoolingTests : PoolingContract<Boxcar>;

public sealed class EpanechnikovPoolingTests : PoolingContract<Epanechnikov>;

public sealed class TriangularPoolingTests : PoolingContract<Triangular>;

public sealed class BiweightPoolingTests : PoolingContract<Biweight>;

public sealed class TricubePoolingTests : PoolingContract<Tricube>;

public sealed class ConstantPoolingTests : PoolingContract<Constant>
{
    protected override bool HasLine => false;
}
