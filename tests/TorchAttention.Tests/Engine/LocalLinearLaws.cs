using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Engine;

/// <summary>Local linear fits of awkward keys against their definition in thousands of bits, by every method.</summary>
public sealed class LocalLinearLaws
{
    private const int Queries = 5;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, LongTests.AreAskedFor ? 24 : 12)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Planes_AreThoseOfExactArithmetic(int seed)
    {
        Problem problem = Problem.Of(seed);
        Check<Gaussian>(problem);
        Check<Epanechnikov>(problem);
        if (seed % 4 == 0)
        {
            Check<Tricube>(problem);
            Check<Boxcar>(problem);
        }
    }

    private static void Check<TKernel>(Problem problem)
        where TKernel : IKernel
    {
        int d = problem.Bandwidths.Length;
        ExactPlane?[] exact = [.. Enumerable.Range(0, Queries).Select(i =>
            IsAtAnEnd(problem, i)
            ? null
            : ExactPlane.Of<TKernel>(problem.Queries[(i * d)..((i + 1) * d)], problem.Keys, problem.Values, problem.Bandwidths))];
        Assert.Contains(exact, plane => plane is not null);
        foreach (PoolingMethod method in
            (PoolingMethod[])[PoolingMethod.Exact, PoolingMethod.Tree, .. d == 1 ? (PoolingMethod[])[PoolingMethod.Line] : []])
        {
            double[] heights = new double[Queries];
            double[] neighbours = new double[Queries];
            bool[] isLevel = new bool[Queries];
            if (method == PoolingMethod.Line && typeof(TKernel) == typeof(Boxcar))
            {
                continue;
            }

            KernelPooling.Pool<TKernel>(
                new PoolingInput<double>
                {
                    Queries = problem.Queries,
                    Keys = problem.Keys,
                    Values = problem.Values,
                    Bandwidths = problem.Bandwidths
                },
                new PoolingOutput<double> { Values = heights, EffectiveNeighbours = neighbours, IsLevel = isLevel },
                new PoolingOptions { Degree = 1, Method = method });
            foreach ((int i, ExactPlane plane) in
                exact.Index().Where(pair => pair.Item is not null).Select(pair => (pair.Index, pair.Item!)))
            {
                string where = $"{TKernel.Name}, {method}, query {i}, {problem}";
                if (plane.Weights.Length == 0)
                {
                    Assert.True(double.IsNaN(heights[i]), $"Expected no neighbour, got {heights[i]}: {where}.");
                    continue;
                }

                double size = plane.Weights.Sum(Math.Abs) * problem.Values.Max(Math.Abs);
                double squares = plane.Weights.Sum(l => l * l);
                Assert.True(
                    Math.Abs(heights[i] - plane.Height) <= 1e-10 * size,
                    $"Expected {plane.Height:R}, got {heights[i]:R}, beyond 1e-10 of {size:R}: {where}.");
                Assert.True(
                    Math.Abs((1 / neighbours[i]) - squares) <= 1e-5 * squares,
                    $"Expected squares {squares:R}, got {1 / neighbours[i]:R}: {where}.");
                Assert.True(plane.Open > 0 == isLevel[i], $"Expected {plane.Open} open directions, got {isLevel[i]}: {where}.");
            }
        }
    }

    // Where rounding decides whether a key is in reach, neither answer is the right one.
    private static bool IsAtAnEnd(Problem problem, int query)
    {
        int d = problem.Bandwidths.Length;
        return Enumerable.Range(0, problem.Values.Length).Any(k => Math.Abs(Enumerable.Range(0, d)
            .Sum(j => Math.Pow((problem.Queries[(query * d) + j] - problem.Keys[(k * d) + j]) / problem.Bandwidths[j], 2)) - 1) < 1e-9);
    }

    /// <summary>
    /// Even, in two clusters, skewed, with ties, on a line, with a constant feature; as they are, or far from 0 in other units.
    /// </summary>
    private sealed record Problem(int Seed, double[] Queries, double[] Keys, double[] Values, double[] Bandwidths)
    {
        public static Problem Of(int seed)
        {
            var random = new Random(seed);
            int d = random.Next(1, 4);
            int n = random.Next(1, 40);
            double unit = seed % 2 == 0 ? 1 : Math.ScaleB(1, random.Next(-300, 301));
            double offset = seed % 3 == 0 ? Math.ScaleB(1, 40) : 0;
            double width = Math.Pow(10, (random.NextDouble() * 2.5) - 1.7);
            double[] keys = new double[n * d];
            for (int i = 0; i < keys.Length; i++)
            {
                double even = random.NextDouble();
                keys[i] = Place((seed % 6) switch
                {
                    1 => (i / d % 2 * 0.95) + (0.05 * even),
                    2 => Math.Exp(6 * even) / 60,
                    3 => random.Next(4) / 4.0,
                    4 when i % d > 0 => ((keys[i - (i % d)] / unit) - offset) / 2,
                    5 when i % d == d - 1 && d > 1 => 0.5,
                    _ => even,
                });
            }

            // At a key, among the keys, far from them.
            double[] queries = [.. Enumerable.Range(0, LocalLinearLaws.Queries * d).Select(i =>
                i < d ? keys[i] : i < 3 * d ? Place(random.NextDouble()) : Place((random.NextDouble() * 9) - 4))];
            double[] values = [.. Enumerable.Range(0, n).Select(_ => (2 * random.NextDouble()) - 1)];
            return new Problem(seed, queries, keys, values, [.. Enumerable.Repeat(width * unit, d)]);

            double Place(double x) => (offset + (Math.Round(x * 4096) / 4096)) * unit;
        }

        public override string ToString() =>
            $"seed {Seed}, {Values.Length} keys, {Bandwidths.Length} features, bandwidth {Bandwidths[0]:R}";
    }
}
