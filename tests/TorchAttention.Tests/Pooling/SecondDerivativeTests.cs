using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;
using TorchAttention.Pooling;
using TorchAttention.Tests.Models;

namespace TorchAttention.Tests.Pooling;

/// <summary>Gradients of a loss that is made of gradients itself, in every form of pooling.</summary>
public sealed class SecondDerivativeTests : IDisposable
{
    private const double Tolerance = 1e-10;

    private static readonly PoolingOptions _nearest = new() { NoNeighbour = NoNeighbourPolicy.Nearest };

    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Forms => ["engine", "streaming", "streaming's weights", "fused"];

    public static TheoryData<string> Kernels => [.. KernelModels.Kernels.Select(kernel => kernel.Name)];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Forms))]
    public void EveryForm_HasTheTextbooks(string form)
    {
        foreach ((int m, int n, int d, int v) in PoolingProblem.Sizes)
        {
            foreach (double offset in new[] { 0.0, 50 })
            {
                PoolingProblem problem = PoolingProblem.Random(m, n, d, v, seed: m + n, offset: offset);
                AssertTheTextbooks(form, problem);
                AssertTheTextbooks(form, problem with { W = tensor([0.7]) });
                if (form != "fused" && n > 1)
                {
                    AssertTheTextbooks(form, problem.LeavingOut([.. Enumerable.Range(-1, m).Select(i => (long)(i % n))]));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void SecondDerivatives_AreTheSlopesOfTheGradients(string form)
    {
        // The slopes of plain gradients along a direction, against the gradient of their product with it.
        PoolingProblem problem = Learning(form, PoolingProblem.Random(7, 9, 2, 2, seed: 3));
        Tensor[] leaves = Leaves(form, problem);
        Tensor[] directions =
            [.. leaves.Select((leaf, i) => Numbers(leaf.numel(), ScalarType.Float64).Times(2).Plus(i).sin().reshape(leaf.shape))];
        Tensor[] gradients = Gradients(Pool(form, problem).sin().sum(), leaves, createGraph: true);
        gradients.Zip(directions).Select(pair => (pair.First * pair.Second).sum()).Aggregate(Held.Plus).backward();

        const double Step = 2e-4;
        double[][][] at = [.. new[] { -2, -1, 1, 2 }.Select(steps => At(steps * Step))];
        foreach ((int i, Tensor leaf) in leaves.Index())
        {
            double[] slopes =
                [.. at[0][i].Select((first, j) => (first - (8 * at[1][i][j]) + (8 * at[2][i][j]) - at[3][i][j]) / (12 * Step))];
            Assert.Contains(slopes, slope => Math.Abs(slope) > 1e-3);
            PoolingProblem.AssertClose(tensor(slopes).reshape(leaf.shape), leaf.grad!, 1e-8);
        }

        double[][] At(double step)
        {
            PoolingProblem moved = Learning(form, problem);
            Tensor[] there = Leaves(form, moved);
            using (no_grad())
            {
                foreach ((Tensor leaf, Tensor direction) in there.Zip(directions))
                {
                    leaf.add_(direction.Times(step), Held.One);
                }
            }

            return [.. Gradients(Pool(form, moved).sin().sum(), there, createGraph: false).Select(gradient => gradient.ToDoubles())];
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void EveryKernelOfTheEngine_HasTheTextbooks(string name)
    {
        SmoothingKernel kernel = SmoothingKernel.Find(name)!;
        foreach (int features in new[] { 1, 3 })
        {
            PoolingProblem problem = PoolingProblem.Random(40, 60, features, 2, seed: 8);
            problem = problem with { W = problem.W.Over(2 * features) };

            // The last query has no key in reach.
            problem.Queries[39].FillInPlace(40);
            foreach (Tensor? excluded in new[] { null, Numbers(40) - Held.One })
            {
                PoolingProblem engine = Learning("engine", problem);
                PoolingProblem textbook = Learning("engine", problem);
                Penalty(Engine(kernel, engine, engine.W, excluded), Leaves("engine", engine));
                Penalty(Textbook(kernel, textbook, textbook.W, excluded), Leaves("engine", textbook));
                AssertSame("engine", textbook, engine, Tolerance);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void WOfEachKeyAndOfEachRegion_HaveTheTextbooks(string name)
    {
        SmoothingKernel kernel = SmoothingKernel.Find(name)!;
        PoolingProblem problem = PoolingProblem.Random(70, 90, 1, 1, seed: 8);
        Tensor w = tensor([0.5, 0.9, 0.7, -0.6]);
        problem = new PoolingProblem(problem.Queries.squeeze(1), problem.Keys.squeeze(1), problem.Values.squeeze(1), w);
        Tensor regions = tensor(Enumerable.Range(0, 90).Select(i => i % 4L).ToArray());
        foreach (Tensor? excluded in new[] { null, Numbers(70) - Held.One })
        {
            PoolingProblem engine = Learning("engine", problem);
            PoolingProblem textbook = Learning("engine", problem);
            Penalty(Engine(kernel, engine, engine.W[regions], excluded), Leaves("engine", engine));
            Penalty(Textbook(kernel, textbook, textbook.W[regions], excluded), Leaves("engine", textbook));
            AssertSame("engine", textbook, engine, Tolerance);

            Tensor merged = problem.W.clone().requires_grad_();
            Tensor alone = problem.W.clone().requires_grad_();
            Penalty(
                RegionPooling.Merged(
                    kernel, new PoolingInputs(problem.Queries, problem.Keys, problem.Values, merged, excluded), regions, _nearest),
                [merged]);
            Penalty(Textbook(kernel, problem, alone[regions], excluded), [alone]);
            PoolingProblem.AssertClose(alone.grad!, merged.grad!, 1e-9);
        }
    }

    [Fact]
    public void Boxcar_HasSecondDerivativesOfItsValuesAlone()
    {
        PoolingProblem problem = PoolingProblem.Random(40, 60, 1, 1, seed: 8);
        PoolingProblem engine = Learning("engine", problem);
        PoolingProblem textbook = Learning("engine", problem);
        Penalty(Engine(SmoothingKernel.Boxcar, engine, engine.W, null), Leaves("engine", engine));
        Penalty(Textbook(SmoothingKernel.Boxcar, textbook, textbook.W, null), [textbook.Values]);

        PoolingProblem.AssertClose(textbook.Values.grad!, engine.Values.grad!, Tolerance);
        Assert.All([.. engine.Queries.grad!.ToDoubles(), .. engine.W.grad!.ToDoubles()], gradient => Assert.Equal(0, gradient));

        // Nothing that learns is in its graph.
        Tensor w = tensor([1.0]).requires_grad_();
        Penalty(Engine(SmoothingKernel.Boxcar, problem, w, null), [w]);
        Assert.Equal(0, w.grad!.ToDouble());
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void GradientsWithAGraph_AreThePlainOnes(string form)
    {
        PoolingProblem problem = Learning(form, PoolingProblem.Random(23, 40, 2, 2, seed: 4, offset: 100));
        Tensor output = Pool(form, problem);
        Tensor[] plain = Gradients(output.Squared().sum(), Leaves(form, problem), createGraph: false);
        Tensor[] withGraph = Gradients(output.Squared().sum(), Leaves(form, problem), createGraph: true);

        Assert.All(plain.Zip(withGraph), pair => PoolingProblem.AssertClose(pair.First, pair.Second.detach(), 1e-11));
        Assert.All(plain, gradient => Assert.False(gradient.requires_grad));
        Assert.All(withGraph, gradient => Assert.True(gradient.requires_grad));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void ThirdDerivatives_AreTheTextbooks(string form)
    {
        PoolingProblem problem = Learning(form, PoolingProblem.Random(5, 9, 1, 1, seed: 4));
        PoolingProblem textbook = Learning(form, problem);
        Assert.Equal(Third(Reference(form, textbook), textbook.W), Third(Pool(form, problem), problem.W), 1e-10);

        static double Third(Tensor output, Tensor w)
        {
            Tensor first = Gradients(output.sum(), [w], createGraph: true)[0];
            Tensor second = Gradients(first.sum(), [w], createGraph: true)[0];
            return Gradients(second.sum(), [w], createGraph: false)[0].ToDouble();
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void OneInputThatLearns_HasItsSecondDerivativeAlone(string form)
    {
        // The engine's keys do not learn, and the sums of weights do not depend on the values.
        foreach (int only in Enumerable.Range(0, 4).Except(form == "engine" ? [1] : form == "streaming's weights" ? [2] : []))
        {
            PoolingProblem pooled = Only(only);
            PoolingProblem textbook = Only(only);
            Penalty(Pool(form, pooled), [pooled.Leaves[only]]);
            Penalty(Reference(form, textbook), [textbook.Leaves[only]]);
            PoolingProblem.AssertClose(textbook.Leaves[only].grad!, pooled.Leaves[only].grad!, Tolerance);
            Assert.Equal(1, pooled.Leaves.Count(leaf => leaf.grad is not null));
        }

        static PoolingProblem Only(int only)
        {
            PoolingProblem problem = PoolingProblem.Random(20, 30, 2, 2, seed: 5);
            problem.Leaves[only].requires_grad_();
            return problem;
        }
    }

    [Theory]
    [InlineData("streaming")]
    [InlineData("fused")]
    public void OneTensorForAll_HasTheTextbooks(string form)
    {
        Tensor pooled = linspace(-1, 2, 12, ScalarType.Float64).reshape(6, 2).requires_grad_();
        Tensor textbook = pooled.detach().clone().requires_grad_();
        Tensor w = tensor([1.2]);
        Penalty(Pool(form, new PoolingProblem(pooled, pooled, pooled, w)), [pooled]);
        Penalty(new PoolingProblem(textbook, textbook, textbook, w).Textbook().Output, [textbook]);
        PoolingProblem.AssertClose(textbook.grad!, pooled.grad!, Tolerance);

        Tensor shared = linspace(-1, 2, 7, ScalarType.Float64).requires_grad_();
        Tensor same = shared.detach().clone().requires_grad_();
        Tensor keys = linspace(0, 1, 7, ScalarType.Float64);
        Penalty(EnginePooling.Pool<Gaussian>(shared, keys, shared, w), [shared]);
        Penalty(AttentionPooling.AttentionPool(AttentionPooling.Diff(same, keys) * w, same).Output, [same]);
        PoolingProblem.AssertClose(same.grad!, shared.grad!, Tolerance);
    }

    [Fact]
    public void QueryWithoutNeighbour_HasNoSecondDerivativeAndSpoilsNoOther()
    {
        Tensor w = tensor([1.0]).requires_grad_();
        Tensor alone = tensor([1.0]).requires_grad_();
        Tensor queries = tensor([9.0, 0.1, 0.2]);
        Tensor keys = tensor([0.0, 0.5]);
        Tensor values = tensor([1.0, 3.0]).requires_grad_();
        Tensor output = EnginePooling.Pool<Epanechnikov>(queries, keys, values, w);
        Penalty(output.slice(0, 1, 3, 1), [w, values]);
        double[] valueGradient = values.grad!.ToDoubles();
        values.grad!.zero_();
        Penalty(EnginePooling.Pool<Epanechnikov>(queries.slice(0, 1, 3, 1), keys, values, alone), [alone, values]);

        Assert.True(double.IsNaN(output.ToDoubles()[0]));
        Assert.Equal(alone.grad!.ToDouble(), w.grad!.ToDouble(), 1e-13);
        Assert.All(valueGradient.Zip(values.grad!.ToDoubles()), pair => Assert.Equal(pair.First, pair.Second, 1e-13));

        PoolingProblem lone = PoolingProblem.Random(2, 1, 1, 1, seed: 1).LeavingOut(0, -1).WithGradients();
        Penalty(lone.Stream().Output[1], [lone.Values]);
        Assert.All(lone.Leaves, leaf => Assert.True(leaf.grad!.isfinite().all().ToBoolean()));
    }

    [Fact]
    public void InputThatChangedInPlace_GivesNaNAndNotTheProcesssEnd()
    {
        PoolingProblem problem = Learning("engine", PoolingProblem.Random(20, 30, 1, 1, seed: 14));
        Tensor output = Pool("engine", problem).sum();
        using (no_grad())
        {
            problem.W.AddInPlace(1);
        }

        Tensor[] leaves = Leaves("engine", problem);
        Assert.All(Gradients(output, leaves, createGraph: true), gradient => Assert.True(gradient.isnan().all().ToBoolean()));
        Assert.All(Gradients(output, leaves, createGraph: false), gradient => Assert.True(gradient.isfinite().all().ToBoolean()));
    }

    [Theory]
    [InlineData("streaming")]
    [InlineData("streaming's weights")]
    public void StreamingForm_HasCopiesThatNobodyChanges(string form)
    {
        PoolingProblem changed = Learning(form, PoolingProblem.Random(20, 30, 1, 1, seed: 14));
        PoolingProblem unchanged = Learning(form, changed);
        Tensor output = Pool(form, changed);
        using (no_grad())
        {
            Assert.All(Leaves(form, changed), leaf => leaf.FillInPlace(0));
        }

        Penalty(output, Leaves(form, changed));
        Penalty(Pool(form, unchanged), Leaves(form, unchanged));
        AssertSame(form, unchanged, changed, 0);
    }

    [Fact]
    public void KernelOfOnesOwn_HasDerivativesOfEveryOrder()
    {
        PoolingProblem own = Learning("engine", PoolingProblem.Random(20, 60, 1, 1, seed: 14));
        PoolingProblem known = Learning("engine", PoolingProblem.Random(20, 60, 1, 1, seed: 14));

        Penalty(EnginePooling.Pool<Own>(own.Queries, own.Keys, own.Values, own.W), Leaves("engine", own));
        Penalty(EnginePooling.Pool<Epanechnikov>(known.Queries, known.Keys, known.Values, known.W.div(Held.Two)), Leaves("engine", known));

        AssertSame("engine", known, own, Tolerance);
        Assert.All(Leaves("engine", own), leaf => Assert.True(leaf.grad!.isfinite().all().ToBoolean()));
    }

    [Theory]
    [InlineData("engine")]
    [InlineData("streaming")]
    [InlineData("fused")]
    public void StepsWithAGraph_LeaveNoTensorAlive(string form)
    {
        PoolingProblem problem = Learning(form, PoolingProblem.Random(20, 30, 2, 1, seed: 16));
        var alive = new List<long>();
        for (int step = 0; step < 5; step++)
        {
            using (DisposeScope scope = NewDisposeScope())
            {
                Penalty(Pool(form, problem), Leaves(form, problem));
            }

            alive.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }

        Assert.All(alive, count => Assert.Equal(alive[0], count));
    }

    private static void AssertTheTextbooks(string form, PoolingProblem problem)
    {
        PoolingProblem pooled = Learning(form, problem);
        PoolingProblem textbook = Learning(form, problem);
        Penalty(Pool(form, pooled), Leaves(form, pooled));
        Penalty(Reference(form, textbook), Leaves(form, textbook));
        AssertSame(form, textbook, pooled, Tolerance);
    }

    // f^2 and the squares of its derivatives with respect to all that learns.
    private static void Penalty(Tensor output, Tensor[] leaves)
    {
        Tensor[] gradients = Gradients(output.sum().Plus(output.Squared().sum()), leaves, createGraph: true);
        output.Squared().sum().Plus(gradients.Select(gradient => gradient.Squared().sum()).Aggregate(Held.Plus)).backward();
    }

    private static Tensor[] Gradients(Tensor loss, Tensor[] leaves, bool createGraph) =>
        [.. autograd.grad([loss], leaves, create_graph: createGraph, retain_graph: true)];

    private static void AssertSame(string form, PoolingProblem expected, PoolingProblem actual, double tolerance) =>
        Assert.All(
            Leaves(form, expected).Zip(Leaves(form, actual)),
            pair => PoolingProblem.AssertClose(pair.First.grad!, pair.Second.grad!, tolerance));

    // The engine's keys do not learn.
    private static PoolingProblem Learning(string form, PoolingProblem problem)
    {
        PoolingProblem learning = problem.WithGradients();
        return form == "engine" ? learning with { Keys = learning.Keys.detach() } : learning;
    }

    private static Tensor[] Leaves(string form, PoolingProblem problem) => form switch
    {
        "engine" => [problem.Queries, problem.Values, problem.W],
        "streaming's weights" => [problem.Queries, problem.Keys, problem.W],
        _ => [.. problem.Leaves],
    };

    private static Tensor Pool(string form, PoolingProblem problem) => form switch
    {
        "engine" => EnginePooling.Pool<Gaussian>(problem.Queries, problem.Keys, problem.Values, problem.W, problem.Excluded),
        "streaming" => StreamingPooling.Pool(
            problem.Queries, problem.Keys, problem.Values, problem.W, problem.Excluded, PoolingProblem.TinyTiles),
        "streaming's weights" => problem.Stream().LogWeightSum,
        _ => SdpaPooling.Pool(problem.Queries, problem.Keys, problem.Values, problem.W),
    };

    private static Tensor Reference(string form, PoolingProblem problem) =>
        form == "streaming's weights" ? problem.Textbook().LogWeightSum : problem.Textbook().Output;

    private static Tensor Engine(SmoothingKernel kernel, PoolingProblem problem, Tensor w, Tensor? excluded) =>
        EnginePooling.Pool(kernel, problem.Queries, problem.Keys, problem.Values, w, excluded, _nearest);

    private static Tensor Textbook(SmoothingKernel kernel, PoolingProblem problem, Tensor w, Tensor? excluded)
    {
        Tensor squares = AttentionPooling.SquaredDistances(AttentionPooling.Diff(problem.Queries, problem.Keys) * w);
        if (excluded is null)
        {
            return KernelWeights.Compute(kernel, squares).matmul(problem.Values);
        }

        // The others' distances alone.
        Tensor[] rows = [.. Enumerable.Range(0, (int)squares.shape[0]).Select(Row)];
        return cat(rows);

        Tensor Row(int row)
        {
            Tensor others = Numbers(problem.Keys.shape[0]);
            others = others[others.not_equal(excluded[row].ToInt64())];
            return KernelWeights.Compute(kernel, squares[row][others].unsqueeze(0)).matmul(problem.Values[others]);
        }
    }

    // A kernel that the library does not know, by a name that it knows.
    private readonly struct Own : IKernel
    {
        public static string Name => "gaussian";

        public static double Support => 2;

        public static double Score(double squaredDistance) =>
            squaredDistance < 4 ? double.LogP1(-squaredDistance / 4) : double.NegativeInfinity;

        public static TLanes Weight<TLanes, T>(TLanes argument)
            where TLanes : struct, ILanes<TLanes, T>
            where T : unmanaged =>
            TLanes.WhereLess(argument, TLanes.All(4), TLanes.All(1) - (argument * TLanes.All(0.25)));

        public static TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
            where TLanes : struct, ILanes<TLanes, T>
            where T : unmanaged =>
            TLanes.WhereLess(argument, TLanes.All(4), TLanes.All(0.5));
    }
}
