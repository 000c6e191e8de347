using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

/// <summary>Every kernel in its textbook form: the weights by hand, the slopes, and the engine's numbers beside it.</summary>
public sealed class KernelWeightsTests : IDisposable
{
    private static readonly PoolingOptions _nearest = new() { NoNeighbour = NoNeighbourPolicy.Nearest };

    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Kernels => [.. SmoothingKernel.All.Select(kernel => kernel.Name)];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Weights_AreTheKernelsParts(string name)
    {
        SmoothingKernel kernel = SmoothingKernel.Find(name)!;
        double[] distances = [0, 0.3, 0.8, 0.999, 1, 1.7];
        double[] kernels = [.. distances.Select(r => kernel.Weight(r * r))];

        Tensor weights = KernelWeights.Compute(kernel, tensor(distances).Squared().unsqueeze(0));

        Assert.All(kernels.Zip(weights.ToDoubles()), pair => Assert.Equal(pair.First / kernels.Sum(), pair.Second, 1e-14));
    }

    [Fact]
    public void TwoKeys_AreWeighedAsByHand()
    {
        // r = 1/2 and 0: 1 - 1/4 = 3/4 of 7/4, 1/2 of 3/2, 9/16 of 25/16, 343/512 of 855/512.
        (SmoothingKernel, double)[] byHand =
            [(SmoothingKernel.Epanechnikov, 3 / 7.0), (SmoothingKernel.Triangular, 1 / 3.0), (SmoothingKernel.Biweight, 9 / 25.0),
                (SmoothingKernel.Tricube, 343 / 855.0)];
        Assert.All(
            byHand,
            pair => Assert.Equal(pair.Item2, KernelWeights.Compute(pair.Item1, tensor(new[,] { { 0.25, 0.0 } })).ToDoubles()[0], 1e-15));
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Gradients_AreTheSlopes(string name)
    {
        SmoothingKernel kernel = SmoothingKernel.Find(name)!;
        PoolingProblem problem = Problem(12, 30, 2, seed: 4);
        PoolingProblem learning = problem.WithGradients();
        Textbook(kernel, learning).Squared().sum().backward();
        foreach ((Tensor leaf, Tensor numbers) in learning.Leaves.Zip(problem.Leaves))
        {
            double[] gradient = Gradient(leaf).ToDoubles();
            Assert.Equal(kernel == SmoothingKernel.Boxcar && leaf.grad is null, gradient.All(slope => Math.Abs(slope) < 1e-3));
            for (int i = 0; i < gradient.Length; i += 5)
            {
                double slope = (At(numbers, i, 1e-6) - At(numbers, i, -1e-6)) / 2e-6;
                Assert.Equal(slope, gradient[i], 1e-6 * (1 + Math.Abs(slope)));
            }
        }

        double At(Tensor numbers, int element, double step)
        {
            Tensor flat = numbers.reshape(-1);
            double before = flat[element].ToDouble();
            flat[element] = tensor(before + step, ScalarType.Float64);
            double loss = Textbook(kernel, problem).Squared().sum().ToDouble();
            flat[element] = tensor(before, ScalarType.Float64);
            return loss;
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Engine_HasTheTextbooksNumbers(string name)
    {
        SmoothingKernel kernel = SmoothingKernel.Find(name)!;
        foreach (int features in new[] { 1, 3 })
        {
            // Some tens of queries, every third a key itself, and two that no key is in reach of.
            PoolingProblem problem = Problem(60, 80, features, seed: features);
            problem.Queries[58].copy_(problem.Keys.amax([0]).Plus(40));
            problem.Queries[59].copy_(problem.Keys.amin([0]).Minus(70));
            PoolingProblem textbook = problem.WithGradients();
            PoolingProblem engine = problem.WithGradients();
            engine = engine with { Keys = problem.Keys };
            Tensor expected = Textbook(kernel, textbook);
            Tensor actual = EnginePooling.Pool(kernel, engine.Queries, engine.Keys, engine.Values, engine.W, options: _nearest);
            expected.Squared().sum().backward();
            actual.Squared().sum().backward();

            PoolingProblem.AssertClose(expected, actual, 1e-11);
            PoolingProblem.AssertClose(Gradient(textbook.Queries), engine.Queries.grad!, 1e-10);
            PoolingProblem.AssertClose(Gradient(textbook.Values), engine.Values.grad!, 1e-10);
            PoolingProblem.AssertClose(Gradient(textbook.W), engine.W.grad!, 1e-10);
        }
    }

    [Fact]
    public void QueryWithoutNeighbour_GetsTheNearestKeysValue()
    {
        Tensor w = tensor([1.0]).requires_grad_();
        Tensor values = tensor([1.0, 3, 10]).requires_grad_();
        Tensor scaled = AttentionPooling.Diff(tensor([9.0, -5]), tensor([0.0, 0, 5])) * w;
        Tensor weights = KernelWeights.Compute(SmoothingKernel.Tricube, AttentionPooling.SquaredDistances(scaled));
        Tensor output = AttentionPooling.Pool(weights, values);
        output.sum().backward();

        Assert.Equal([10, 2], output.ToDoubles());
        Assert.Equal([0], w.grad!.ToDoubles());
        Assert.Equal([0.5, 0.5, 1], values.grad!.ToDoubles());
    }

    [Fact]
    public void LoneKeyLeftOut_LeavesTheEngineNothing()
    {
        Tensor one = tensor([1.0]);
        Tensor output = EnginePooling.Pool(SmoothingKernel.Biweight, one, one, one, one, tensor([0L]), _nearest);
        Assert.Equal([double.NaN], output.ToDoubles());
    }

    [Fact]
    public void InfiniteDistances_AreNoNumbers()
    {
        Tensor distances = tensor(new[,] { { double.PositiveInfinity, double.PositiveInfinity }, { double.NaN, 1 }, { 9, 4 } });
        double[] weights = KernelWeights.Compute(SmoothingKernel.Epanechnikov, distances).ToDoubles();
        Assert.Equal([double.NaN, double.NaN, double.NaN, double.NaN, 0, 1], weights);
    }

    [Fact]
    public void WrongShapes_AreRefused()
    {
        Refused("got shape (3)", () => KernelWeights.Compute(SmoothingKernel.Gaussian, zeros(3)));
        Refused("(queries, keys, d), got shape (3)", () => AttentionPooling.SquaredDistances(zeros(3)));
        Refused("got shape (4, 2) and (5, 3)", () => AttentionPooling.Diff(zeros(4, 2), zeros(5, 3)));
        Assert.Throws<ArgumentNullException>(() => KernelWeights.Compute(null!, zeros(1, 1)));

        static void Refused(string message, Action action) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    // The boxcar's weights have no graph to the distances.
    private static Tensor Gradient(Tensor leaf) => leaf.grad ?? zeros_like(leaf);

    private static PoolingProblem Problem(int m, int n, int d, int seed)
    {
        PoolingProblem problem = PoolingProblem.Random(m, n, d, 1, seed);
        return problem with { W = problem.W.Over(4) };
    }

    private static Tensor Textbook(SmoothingKernel kernel, PoolingProblem problem)
    {
        Tensor scaled = AttentionPooling.Diff(problem.Queries, problem.Keys) * problem.W;
        return KernelWeights.Compute(kernel, AttentionPooling.SquaredDistances(scaled)).mm(problem.Values);
    }
}
