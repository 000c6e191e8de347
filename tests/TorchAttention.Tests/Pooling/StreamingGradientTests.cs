using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

public sealed class StreamingGradientTests
{
    public static IEnumerable<TheoryDataRow<string>> Devices => PoolingProblem.Devices;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Gradients_AreThoseOfTheTextbook(string device)
    {
        foreach ((int m, int n, int d, int v) in PoolingProblem.Sizes)
        {
            using DisposeScope scope = NewDisposeScope();
            PoolingProblem streaming = PoolingProblem.Random(m, n, d, v, seed: m + n, device).WithGradients();
            PoolingProblem textbook = streaming.InDoubles().WithGradients();
            Backward(streaming.Stream());
            Backward(textbook.Textbook());

            AssertGradientsClose(textbook, streaming, 1e-11);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void FarFromTheOriginInFloat32_GradientsAreThoseOfTheTextbook(string device)
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem streaming = PoolingProblem.Random(61, 80, 2, 2, seed: 5, device, ScalarType.Float32, offset: 1e6).WithGradients();
        PoolingProblem textbook = streaming.InDoubles().WithGradients();
        Backward(streaming.Stream());
        Backward(textbook.Textbook());

        AssertGradientsClose(textbook, streaming, 2e-5);
    }

    [Fact]
    public void Gradients_AreTheSlopes()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(20, 30, 2, 2, seed: 3).WithGradients();
        Backward(problem.Stream());

        foreach (Tensor leaf in problem.Leaves)
        {
            Tensor values = leaf.detach().reshape(-1);
            double[] gradient = leaf.grad!.ToDoubles();
            foreach (int element in new[] { 0, gradient.Length / 2, gradient.Length - 1 })
            {
                double slope = (At(values, element, 1e-5) - At(values, element, -1e-5)) / 2e-5;
                Assert.Equal(slope, gradient[element], 1e-6 * (1 + Math.Abs(slope)));
            }
        }

        double At(Tensor values, int element, double step)
        {
            using IDisposable noGraph = no_grad();
            values[element].AddInPlace(step);
            double loss = Loss(problem.Stream()).ToDouble();
            values[element].AddInPlace(-step);
            return loss;
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void LeaveOneOut_HasTheTextbooksGradients(string device)
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem streaming = PoolingProblem.Random(
            45, 45, 1, 2, seed: 12, device).LeavingOut([.. Enumerable.Range(-1, 45)]).WithGradients();
        PoolingProblem textbook = streaming.InDoubles().WithGradients();
        Backward(streaming.Stream());
        Backward(textbook.Textbook());

        AssertGradientsClose(textbook, streaming, 1e-11);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void QueriesFarAway_HaveFiniteGradients(string device)
    {
        // Two keys are equally near: p = 1/2 each although the scores, of about -5e11, hold no log 2.
        using DisposeScope scope = NewDisposeScope();
        Device place = ComputeDevice.Parse(device);
        Tensor values = tensor([1f, 2f, 4f], device: place).requires_grad_();
        Tensor w = tensor([1f], device: place).requires_grad_();
        StreamingPooling.Pool(tensor([1e6f], device: place), tensor([0f, 5f, 5f], device: place), values, w).sum().backward();

        Assert.Equal([0, 0.5, 0.5], values.grad!.ToDoubles());
        Assert.Equal([0], w.grad!.ToDoubles());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void QueryWithoutNeighbour_SpoilsNoGradientWhereItIsLeftOut(string device)
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(2, 1, 1, 1, seed: 1, device).LeavingOut(0, -1).WithGradients();
        problem.Stream().Output[1].sum().backward();

        Assert.Equal([1], problem.Values.grad!.ToDoubles());
        Assert.All(problem.Leaves, leaf => Assert.All(leaf.grad!.ToDoubles(), gradient => Assert.True(double.IsFinite(gradient))));
    }

    [Fact]
    public void OneOfTheResults_IsEnoughForAGradient()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (bool first in new[] { true, false })
        {
            PoolingProblem streaming = PoolingProblem.Random(20, 30, 2, 2, seed: 4).WithGradients();
            PoolingProblem textbook = streaming.InDoubles().WithGradients();
            Pick(streaming.Stream(), first).Squared().sum().backward();
            Pick(textbook.Textbook(), first).Squared().sum().backward();

            IEnumerable<(Tensor, Tensor)> wanted = textbook.Leaves.Zip(streaming.Leaves).Where(pair => pair.First.grad is not null);
            Assert.Equal(first ? 4 : 3, wanted.Count());
            Assert.All(wanted, pair => PoolingProblem.AssertClose(pair.Item1.grad!, pair.Item2.grad!, 1e-11));
        }

        static Tensor Pick((Tensor Output, Tensor LogWeightSum) results, bool first) => first ? results.Output : results.LogWeightSum;
    }

    [Fact]
    public void OneWForAllFeatures_GetsTheSumOfTheirGradients()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem shared = PoolingProblem.Random(20, 30, 3, 1, seed: 7);
        shared = (shared with { W = tensor([0.8]) }).WithGradients();
        PoolingProblem each = (shared with { W = Filled([3], 0.8, ScalarType.Float64) }).WithGradients();
        Backward(shared.Stream());
        Backward(each.Stream());

        shared.W.grad!.CheckShape(1);
        Assert.Equal(each.W.grad!.ToDoubles().Sum(), shared.W.grad!.ToDoubles()[0], 1e-11);
    }

    [Fact]
    public void OnlyWhatIsLearned_GetsAGradient()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(20, 30, 2, 1, seed: 13);
        problem = problem with { W = problem.W.requires_grad_() };
        Backward(problem.Stream());

        Assert.NotNull(problem.W.grad);
        Assert.All(problem.Leaves.Take(3), leaf => Assert.Null(leaf.grad));
    }

    [Fact]
    public void InputsChangedAfterwards_ChangeNoGradient()
    {
        // Autograd's own operations throw here; in a custom backward that would end the process.
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem changed = PoolingProblem.Random(20, 30, 1, 1, seed: 14).WithGradients();
        PoolingProblem unchanged = changed.WithGradients();
        Tensor loss = Loss(changed.Stream());
        using (no_grad())
        {
            foreach (Tensor leaf in changed.Leaves)
            {
                leaf.FillInPlace(0);
            }
        }

        loss.backward();
        Backward(unchanged.Stream());
        AssertGradientsClose(unchanged, changed, 0);
    }

    [Fact]
    public void BackwardTwice_AddsTheSameAgain()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(20, 30, 1, 1, seed: 15).WithGradients();
        Tensor loss = Loss(problem.Stream());
        loss.backward(retain_graph: true);
        double once = problem.W.grad!.ToDoubles()[0];
        loss.backward();

        Assert.Equal(2 * once, problem.W.grad!.ToDoubles()[0], 1e-12);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Steps_LeaveNoTensorAlive(string device)
    {
        DisposeScopeManager.Statistics.Reset();
        using (DisposeScope outer = NewDisposeScope())
        {
            PoolingProblem problem = PoolingProblem.Random(20, 30, 2, 1, seed: 16, device).WithGradients();
            var alive = new List<long>();
            for (int step = 0; step < 5; step++)
            {
                using (DisposeScope scope = NewDisposeScope())
                {
                    Backward(problem.Stream());
                }

                alive.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
            }

            Assert.All(alive, count => Assert.Equal(alive[0], count));
        }

        Assert.Equal(0, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void OutsideAScope_OnlyTheResultsStayAlive()
    {
        using DisposeScope inputs = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(20, 30, 2, 1, seed: 17).WithGradients();
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        (Tensor output, Tensor log) = problem.Stream();

        Assert.Equal(before + 2, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        output.Dispose();
        log.Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static Tensor Loss((Tensor Output, Tensor LogWeightSum) results) =>
        results.Output.Squared().sum().Plus(results.LogWeightSum.sin().sum());

    private static void Backward((Tensor, Tensor) results) => Loss(results).backward();

    private static void AssertGradientsClose(PoolingProblem expected, PoolingProblem actual, double tolerance) =>
        Assert.All(expected.Leaves.Zip(actual.Leaves), pair => PoolingProblem.AssertClose(pair.First.grad!, pair.Second.grad!, tolerance));
}
