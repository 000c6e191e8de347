using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

public sealed class EnginePoolingTests
{
    [Fact]
    public void Outputs_AreThoseOfTheTextbook()
    {
        foreach ((int m, int n, int d, int v) in PoolingProblem.Sizes)
        {
            using DisposeScope scope = NewDisposeScope();
            PoolingProblem problem = PoolingProblem.Random(m, n, d, v, seed: m + n);

            PoolingProblem.AssertClose(problem.Textbook().Output, Engine(problem), 1e-13);
        }
    }

    [Fact]
    public void Gradients_AreThoseOfTheTextbook()
    {
        foreach ((int m, int n, int d, int v) in PoolingProblem.Sizes)
        {
            using DisposeScope scope = NewDisposeScope();
            AssertGradients(PoolingProblem.Random(m, n, d, v, seed: m + n), 1e-11);
        }
    }

    [Fact]
    public void LeaveOneOut_HasTheTextbooksNumbers()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(45, 45, 1, 2, seed: 12).LeavingOut([.. Enumerable.Range(-1, 45)]);

        PoolingProblem.AssertClose(problem.Textbook().Output, Engine(problem), 1e-13);
        AssertGradients(problem, 1e-10);
    }

    [Fact]
    public void Float32_IsAsGoodAsFloat32()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem single = PoolingProblem.Random(61, 80, 2, 2, seed: 5, type: ScalarType.Float32, offset: 1e6);

        Assert.Equal(ScalarType.Float32, Engine(single).dtype);
        PoolingProblem.AssertClose(single.InDoubles().Textbook().Output, Engine(single).to(ScalarType.Float64), 2e-6);
        AssertGradients(single, 2e-5);
    }

    [Fact]
    public void Gradients_AreTheSlopes()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (string kernel in new[] { "gaussian", "biweight", "tricube" })
        {
            PoolingProblem problem = Learning(PoolingProblem.Random(20, 30, 2, 2, seed: 3));
            problem = problem with { W = problem.W.detach().Over(8).requires_grad_() };
            Loss(problem, kernel).backward();
            foreach (Tensor leaf in new[] { problem.Queries, problem.Values, problem.W })
            {
                double[] gradient = leaf.grad!.ToDoubles();
                Assert.Contains(gradient, slope => Math.Abs(slope) > 1e-3);
                for (int i = 0; i < gradient.Length; i += 3)
                {
                    double slope = (At(leaf, i, 1e-5) - At(leaf, i, -1e-5)) / 2e-5;
                    Assert.Equal(slope, gradient[i], 1e-6 * (1 + Math.Abs(slope)));
                }
            }

            double At(Tensor leaf, int element, double step)
            {
                using IDisposable noGraph = no_grad();
                Tensor numbers = leaf.detach().reshape(-1);
                numbers[element].AddInPlace(step);
                double loss = Loss(problem, kernel).ToDouble();
                numbers[element].AddInPlace(-step);
                return loss;
            }
        }
    }

    [Fact]
    public void QueriesFarAway_HaveFiniteGradients()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor values = tensor([1f, 2f, 4f]).requires_grad_();
        Tensor w = tensor([1f]).requires_grad_();
        Tensor output = EnginePooling.Pool<Gaussian>(tensor([1e6f]), tensor([0f, 5f, 5f]), values, w);
        output.sum().backward();

        Assert.Equal([3], output.ToDoubles());
        Assert.Equal([0, 0.5, 0.5], values.grad!.ToDoubles());
        Assert.Equal([0], w.grad!.ToDoubles());
    }

    [Fact]
    public void QueryWithoutNeighbour_IsNaNAndHasNoGradient()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor w = tensor([1.0]).requires_grad_();
        Tensor output = EnginePooling.Pool<Epanechnikov>(tensor([9.0, 0.1]), tensor([0.0, 0.5]), tensor([1.0, 2.0]), w);
        output[1].backward();

        Assert.True(double.IsNaN(output.ToDoubles()[0]));
        Assert.True(double.IsFinite(w.grad!.ToDoubles()[0]));
    }

    [Fact]
    public void OneWForAllFeatures_GetsTheSumOfTheirGradients()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem shared = Learning(PoolingProblem.Random(20, 30, 3, 1, seed: 7) with { W = tensor([0.8]) });
        PoolingProblem each = Learning(shared with { W = Filled([3], 0.8, ScalarType.Float64) });
        Engine(shared).Squared().sum().backward();
        Engine(each).Squared().sum().backward();

        shared.W.grad!.CheckShape(1);
        Assert.Equal(each.W.grad!.ToDoubles().Sum(), shared.W.grad!.ToDoubles()[0], 1e-11);
    }

    [Fact]
    public void LaidOutOtherwise_GivesTheSame()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(20, 30, 3, 2, seed: 7);
        PoolingProblem turned =
            problem with { Queries = problem.Queries.t().contiguous().t(), Values = problem.Values.t().contiguous().t() };

        Assert.False(turned.Queries.is_contiguous());
        Assert.Equal(Engine(problem).ToDoubles(), Engine(turned).ToDoubles());
    }

    [Fact]
    public void InputsThatChangeBeforeBackward_ChangeNoGradient()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = Learning(PoolingProblem.Random(20, 30, 1, 1, seed: 7));
        Engine(problem).Squared().sum().backward();
        PoolingProblem changed = Learning(problem);
        Tensor loss = Engine(changed).Squared().sum();
        changed.Keys.detach().zero_();
        loss.backward();

        Assert.Equal(problem.Values.grad!.ToDoubles(), changed.Values.grad!.ToDoubles());
        Assert.Equal(problem.W.grad!.ToDoubles(), changed.W.grad!.ToDoubles());
    }

    [Fact]
    public void BackwardTwice_AddsTheSameAgain()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = Learning(PoolingProblem.Random(20, 30, 1, 1, seed: 15));
        Tensor loss = Engine(problem).Squared().sum();
        loss.backward(retain_graph: true);
        double once = problem.W.grad!.ToDoubles()[0];
        loss.backward();

        Assert.NotEqual(0, once);
        Assert.Equal(2 * once, problem.W.grad!.ToDoubles()[0], 1e-12);
    }

    [Fact]
    public void OnlyWhatIsLearned_GetsAGradient()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(20, 30, 2, 1, seed: 13);
        problem = problem with { W = problem.W.requires_grad_() };
        Engine(problem).Squared().sum().backward();

        Assert.NotNull(problem.W.grad);
        Assert.All([problem.Queries, problem.Keys, problem.Values], leaf => Assert.Null(leaf.grad));
        using IDisposable noGraph = no_grad();
        Assert.False(Engine(problem).requires_grad);
    }

    [Fact]
    public void NegativeAndZeroW_HaveTheTextbooksGradients()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(20, 30, 2, 1, seed: 8);
        AssertGradients(problem with { W = -problem.W }, 1e-11);
        AssertGradients(problem with { W = tensor([0.0, 0.7]) }, 1e-11);
    }

    [Theory]
    [InlineData(9.5)]
    [InlineData(30)]
    [InlineData(1e5)]
    public void QueriesFarFromTheirKeys_SpoilNoOtherGradient(double distance)
    {
        // At 9.5 and 30 bandwidths the sums of weights are e^-45 and e^-450; the other queries' are about 10.
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(40, 60, 1, 1, seed: 21);
        problem = problem with { W = ones(1, ScalarType.Float64) };
        problem.Queries[0].copy_(problem.Keys.max().Plus(distance));
        problem.Queries[39].copy_(problem.Keys.min().Minus(distance));

        AssertGradients(problem, 1e-9);
    }

    [Fact]
    public void IsolatedExamples_LeaveOneOut()
    {
        // An example far from all others: what is left without its own pair is e^-40 of the sum with it.
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(40, 40, 1, 1, seed: 22);
        problem.Keys[7].copy_(problem.Keys.max().Plus(9));
        problem = problem with { Queries = problem.Keys.clone(), W = ones(1, ScalarType.Float64) };

        AssertGradients(problem.LeavingOut([.. Enumerable.Range(0, 40)]), 1e-9);
    }

    [Fact]
    public void GradientThatIsNotFinite_PassesThroughAsNaN()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = Learning(PoolingProblem.Random(20, 30, 1, 1, seed: 7));
        Engine(problem).mul(Held.Infinity).sum().backward();

        Assert.All(problem.Values.grad!.ToDoubles(), gradient => Assert.True(double.IsNaN(gradient)));
    }

    [Fact]
    public void WrongTensors_AreNamed()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor three = tensor([1.0, 2, 3]);
        Tensor w = tensor([1.0]);

        Assert.Contains("Keys that learn", Message(three, three.clone().requires_grad_(), three, w), StringComparison.Ordinal);
        Assert.Contains("Float32 or Float64, got Int64", Message(tensor([1L]), three, three, w), StringComparison.Ordinal);
        Assert.Contains("a value for each of 3 keys, got (2)", Message(three, three, tensor([1.0, 2]), w), StringComparison.Ordinal);
        Assert.Contains(
            "Expected finite Queries, got NaN in row 1, column 0", Message(tensor([1.0, double.NaN]), three, three, w),
            StringComparison.Ordinal);
        Assert.Contains(
            "Expected finite inverse bandwidths, got NaN", Message(three, three, three, tensor([double.NaN])), StringComparison.Ordinal);

        static string Message(Tensor queries, Tensor keys, Tensor values, Tensor w) =>
            Assert.ThrowsAny<ArgumentException>(() => EnginePooling.Pool<Gaussian>(queries, keys, values, w)).Message;
    }

    [Fact]
    public void Backward_LeavesNoTensorAlive()
    {
        DisposeScopeManager.Statistics.Reset();
        for (int i = 0; i < 3; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            PoolingProblem problem = Learning(PoolingProblem.Random(20, 30, 1, 1, seed: i));
            Engine(problem).Squared().sum().backward();
        }

        Assert.Equal(0, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static PoolingProblem Learning(PoolingProblem problem)
    {
        PoolingProblem learning = problem.WithGradients();
        return learning with { Keys = learning.Keys.detach().clone() };
    }

    private static Tensor Engine(PoolingProblem problem) =>
        EnginePooling.Pool<Gaussian>(problem.Queries, problem.Keys, problem.Values, problem.W, problem.Excluded, new PoolingOptions());

    private static Tensor Loss(PoolingProblem problem, string kernel)
    {
        Tensor output = kernel switch
        {
            "biweight" => EnginePooling.Pool<Biweight>(problem.Queries, problem.Keys, problem.Values, problem.W),
            "tricube" => EnginePooling.Pool<Tricube>(problem.Queries, problem.Keys, problem.Values, problem.W),
            _ => EnginePooling.Pool<Gaussian>(problem.Queries, problem.Keys, problem.Values, problem.W),
        };
        return output.Squared().sum();
    }

    private static void AssertGradients(PoolingProblem problem, double tolerance)
    {
        PoolingProblem engine = Learning(problem);
        PoolingProblem textbook = Learning(problem.InDoubles());
        Engine(engine).Squared().sum().backward();
        textbook.Textbook().Output.Squared().sum().backward();
        foreach ((Tensor expected, Tensor actual) in
            new[] { (textbook.Queries, engine.Queries), (textbook.Values, engine.Values), (textbook.W, engine.W) })
        {
            PoolingProblem.AssertClose(expected.grad!, actual.grad!.to(ScalarType.Float64), tolerance);
        }
    }
}
