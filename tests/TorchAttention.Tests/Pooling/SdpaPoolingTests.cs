using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

public sealed class SdpaPoolingTests
{
    public static IEnumerable<TheoryDataRow<string>> Devices => PoolingProblem.Devices;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Output_IsTheTextbooks(string device)
    {
        foreach ((int m, int n, int d, int v) in PoolingProblem.Sizes)
        {
            using DisposeScope scope = NewDisposeScope();
            PoolingProblem problem = PoolingProblem.Random(m, n, d, v, seed: m, device);
            PoolingProblem.AssertClose(problem.InDoubles().Textbook().Output, Pool(problem), 1e-12);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Gradients_AreThoseOfTheTextbook(string device)
    {
        foreach ((int m, int n, int d, int v) in PoolingProblem.Sizes)
        {
            using DisposeScope scope = NewDisposeScope();
            PoolingProblem sdpa = PoolingProblem.Random(m, n, d, v, seed: n, device).WithGradients();
            PoolingProblem textbook = sdpa.InDoubles().WithGradients();
            Pool(sdpa).Squared().sum().backward();
            textbook.Textbook().Output.Squared().sum().backward();

            Assert.All(textbook.Leaves.Zip(sdpa.Leaves), pair => PoolingProblem.AssertClose(pair.First.grad!, pair.Second.grad!, 1e-10));
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void FarFromTheOrigin_CentringKeepsTheDigits(string device)
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(61, 80, 2, 2, seed: 5, device, ScalarType.Float32, offset: 1e6);

        PoolingProblem.AssertClose(problem.InDoubles().Textbook().Output, Pool(problem), 2e-5);
        Assert.True(SdpaPooling.IsAccurate(problem.Queries, problem.Keys, problem.W));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(100)]
    [InlineData(1000)]
    public void ExponentError_BoundsTheErrorAndIsNoMoreThanAHundredTimesIt(double range)
    {
        // Queries half way between keys of values 0 and 1: what is lost between two nearly equal scores shows in the output.
        using DisposeScope scope = NewDisposeScope();
        Tensor keys = Numbers(400, ScalarType.Float32).Over(400).Minus(0.5).Times(2 * range);
        Tensor queries = keys.Plus(range / 400);
        Tensor values = Numbers(400, ScalarType.Float32).remainder(Held.Two);
        Tensor w = tensor([1f]);
        var problem = new PoolingProblem(queries.unsqueeze(1), keys.unsqueeze(1), values.unsqueeze(1), w);
        double error = (problem.InDoubles().Textbook().Output - Pool(problem).to(ScalarType.Float64)).abs().max().ToDouble();
        double estimate = SdpaPooling.ExponentError(queries, keys, w);

        Assert.Equal(3 * Math.ScaleB(range * range, -23), estimate, estimate * 0.02 + Math.ScaleB(range, -23));
        Assert.InRange(error, estimate / 100, estimate + 1e-6);
    }

    [Fact]
    public void IsAccurate_FollowsTheTolerance()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor keys = tensor([-10f, 10f]);
        Tensor w = tensor([1f]);

        // 2 eps (10 * 10 + 10 * 10 / 2) = 3.6e-5.
        Assert.True(SdpaPooling.IsAccurate(keys, keys, w));
        Assert.True(SdpaPooling.IsAccurate(keys, keys, w, 3.6e-5));
        Assert.False(SdpaPooling.IsAccurate(keys, keys, w, 3.5e-5));
        Assert.False(SdpaPooling.IsAccurate(keys.Times(2), keys.Times(2), w));
        Assert.True(SdpaPooling.IsAccurate(Double(keys).Times(1000), Double(keys).Times(1000), Double(w)));
        Assert.False(SdpaPooling.IsAccurate(keys.mul(Held.NaN), keys, w));
        Assert.Throws<ArgumentOutOfRangeException>(() => SdpaPooling.IsAccurate(keys, keys, w, -1));
        Assert.Equal(1e-4, SdpaPooling.DefaultTolerance);

        static Tensor Double(Tensor tensor) => tensor.to(ScalarType.Float64);
    }

    [Fact]
    public void Vectors_GiveVectors()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor output = SdpaPooling.Pool(tensor([0.0]), tensor([1.0, 2.0]), tensor([10.0, 20.0]), tensor([1.0]));

        output.CheckShape(1);
        Assert.Equal(10 + 10 * (1 - 0.8175744761936437), output.ToDoubles()[0], 1e-13);
    }

    [Fact]
    public void Steps_LeaveNoTensorAlive()
    {
        DisposeScopeManager.Statistics.Reset();
        using (DisposeScope outer = NewDisposeScope())
        {
            PoolingProblem problem = PoolingProblem.Random(20, 30, 2, 1, seed: 16).WithGradients();
            long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            Tensor output = Pool(problem);
            _ = SdpaPooling.ExponentError(problem.Queries, problem.Keys, problem.W);
            Assert.Equal(before + 1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }

        Assert.Equal(0, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void WrongInputs_AreRefused()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Contains(
            "(3) and (5, 2)", Assert.Throws<ArgumentException>(() => SdpaPooling.Pool(zeros(3), zeros(5, 2), zeros(5), ones(2))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got (3)", Assert.Throws<ArgumentException>(() => SdpaPooling.ExponentError(zeros(3, 2), zeros(5, 2), ones(3))).Message,
            StringComparison.Ordinal);
    }

    private static Tensor Pool(PoolingProblem problem) => SdpaPooling.Pool(problem.Queries, problem.Keys, problem.Values, problem.W);
}
