using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Engine;

/// <summary>What a pooling with a bandwidth for each key promises, by every kernel.</summary>
public abstract class SamplePointContract<TKernel>
    where TKernel : IKernel
{
    [Fact]
    public void Answers_AreTheDefinitions()
    {
        int far = 0;
        for (int seed = 0; seed < 60; seed++)
        {
            var problem = SamplePointProblem.Random(seed);
            SamplePointProblem.Answers expected = problem.Definition<TKernel>();
            foreach (int bits in (int[])[128, 256, 512])
            {
                SamplePointProblem.Answers actual = problem.Pool<TKernel>(new PoolingOptions { VectorBits = bits });
                for (int m = 0; m < problem.Queries.Length; m++)
                {
                    string text = $"query {m}, {bits} bits, seed {seed}";
                    Near(expected.LogSums[m], actual.LogSums[m], 1e-11 * (1 + Math.Abs(expected.LogSums[m])), text);
                    Near(expected.Values[m], actual.Values[m], 1e-11 * (1 + Math.Abs(problem.Values[0])), text);
                    Near(expected.Slopes[m], actual.Slopes[m], 1e-9 * (1 + expected.SlopeSizes[m]), text);
                    far += expected.LogSums[m] < -750 && double.IsFinite(expected.LogSums[m]) ? 1 : 0;
                }
            }
        }

        Assert.Equal(typeof(TKernel) == typeof(Gaussian), far > 20);
    }

    [Fact]
    public void Gradients_AreTheSlopes()
    {
        const double Step = 1e-6;
        double greatest = 0;
        for (int seed = 100; seed < 125; seed++)
        {
            var problem = SamplePointProblem.Random(seed);
            double[] g = [.. problem.Queries.Select((_, m) => Math.Sin(m + 1))];
            foreach (NoNeighbourPolicy policy in (NoNeighbourPolicy[])[NoNeighbourPolicy.NaN, NoNeighbourPolicy.Nearest])
            {
                var options = new PoolingOptions { NoNeighbour = policy };
                (double[] byValue, double[] byW) = problem.Backward<TKernel>(g, options);
                for (int i = 0; i < problem.Keys.Length; i += 1 + (problem.Keys.Length / 9))
                {
                    double ofValue = (Loss(problem.With(i, 0, Step)) - Loss(problem.With(i, 0, -Step))) / (2 * Step);
                    double width = Math.Abs(problem.W[i]) * Step;
                    double ofW = (Loss(problem.With(i, width, 0)) - Loss(problem.With(i, -width, 0))) / (2 * width);
                    Near(ofValue, byValue[i], 1e-6, $"value {i}, seed {seed}");
                    if (!TKernel.HasJump)
                    {
                        double size = Math.Max(1, Math.Abs(problem.W[i]));
                        Near(ofW * size, byW[i] * size, 2e-4 * (1 + Math.Abs(byW[i] * size)), $"w {i}, seed {seed}");
                        greatest = Math.Max(greatest, Math.Abs(byW[i] * size));
                    }
                }

                double Loss(SamplePointProblem changed)
                {
                    SamplePointProblem.Answers answers = changed.Pool<TKernel>(options);
                    return answers.Values.Index().Where(value => !double.IsNaN(value.Item)).Sum(
                        value => (value.Item - problem.Values[0]) * g[value.Index]);
                }
            }
        }

        Assert.Equal(TKernel.HasJump || typeof(TKernel) == typeof(Constant), greatest < 1e-3);
    }

    [Fact]
    public void OneWForAll_IsTheKernelPooling()
    {
        var problem = SamplePointProblem.Random(7) with { LeftOut = [] };
        problem = problem with { W = [.. problem.Keys.Select(_ => 1.75)] };
        double[] pooled = new double[problem.Queries.Length];
        KernelPooling.Pool<TKernel>(
            new PoolingInput<double>
            {
                Queries = problem.Queries,
                Keys = problem.Keys,
                Values = problem.Values,
                InverseBandwidths = [1.75]
            },
            new PoolingOutput<double> { Values = pooled });

        SamplePointProblem.Answers actual = problem.Pool<TKernel>(new PoolingOptions());

        Assert.All(
            pooled.Zip(actual.Values), pair => Assert.True(pair.First.Equals(pair.Second) || Math.Abs(pair.First - pair.Second) < 1e-11));
    }

    [Fact]
    public void Threads_ChangeNoDigit()
    {
        var problem = SamplePointProblem.Random(3);
        double[] g = [.. problem.Queries.Select((_, m) => Math.Cos(m))];

        Assert.Equal(
            problem.Pool<TKernel>(new PoolingOptions { Threads = 1 }).Values,
            problem.Pool<TKernel>(new PoolingOptions { Threads = 2 }).Values);
        Assert.Equal(
            problem.Backward<TKernel>(g, new PoolingOptions { Threads = 1 }).ByW,
            problem.Backward<TKernel>(g, new PoolingOptions { Threads = 2 }).ByW);
    }

    private static void Near(double expected, double actual, double tolerance, string what) => Assert.True(
        expected.Equals(actual) || Math.Abs(expected - actual) <= tolerance, $"Expected {expected:R}, got {actual:R}: {what}.");
}

public sealed class GaussianSamplePointTests : SamplePointContract<Gaussian>;

public sealed class BoxcarSamplePointTests : SamplePointContract<Boxcar>;

public sealed class EpanechnikovSamplePointTests : SamplePointContract<Epanechnikov>;

public sealed class TriangularSamplePointTests : SamplePointContract<Triangular>;

public sealed class BiweightSamplePointTests : SamplePointContract<Biweight>;

public sealed class TricubeSamplePointTests : SamplePointContract<Tricube>;

public sealed class ConstantSamplePointTests : SamplePointContract<Constant>;
