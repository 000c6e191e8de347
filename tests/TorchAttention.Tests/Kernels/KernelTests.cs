using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Tests.Kernels;

/// <summary>What every kernel promises; a new kernel adds a class at the end.</summary>
public abstract class KernelContract<TKernel>
    where TKernel : IKernel
{
    [Fact]
    public void Score_IsZeroAtDistanceZero() => Assert.Equal(0, TKernel.Score(0));

    [Fact]
    public void Score_NeverRises()
    {
        double[] scores = [.. Enumerable.Range(0, 200).Select(i => TKernel.Score(i * i * 1e-4))];
        Assert.Equal(scores.OrderDescending(), scores);
    }

    [Fact]
    public void Weight_EndsAtTheSupport()
    {
        if (double.IsFinite(TKernel.Support))
        {
            Assert.Equal(double.NegativeInfinity, TKernel.Score(TKernel.Support * TKernel.Support));
            Assert.True(TKernel.Score(Math.BitDecrement(TKernel.Support * TKernel.Support)) > double.NegativeInfinity);
        }
        else
        {
            Assert.True(TKernel.Score(1e12) > double.NegativeInfinity);
        }
    }

    protected static void AssertWeight(double distance, double expected) =>
        Assert.Equal(expected, Math.Exp(TKernel.Score(distance * distance)), 1e-15);
}

public sealed class GaussianTests : KernelContract<Gaussian>
{
    [Fact]
    public void Weight_IsByHand() => AssertWeight(1, Math.Exp(-0.5));
}

public sealed class BoxcarTests : KernelContract<Boxcar>
{
    [Fact]
    public void Weight_IsByHand() => AssertWeight(0.99, 1);
}

public sealed class EpanechnikovTests : KernelContract<Epanechnikov>
{
    [Fact]
    public void Weight_IsByHand() => AssertWeight(0.5, 0.75);
}

public sealed class TriangularTests : KernelContract<Triangular>
{
    [Fact]
    public void Weight_IsByHand() => AssertWeight(0.25, 0.75);
}

public sealed class BiweightTests : KernelContract<Biweight>
{
    [Fact]
    public void Weight_IsByHand() => AssertWeight(0.5, 0.5625);
}

public sealed class TricubeTests : KernelContract<Tricube>
{
    [Fact]
    public void Weight_IsByHand() => AssertWeight(0.5, 0.669921875);
}

public sealed class ConstantTests : KernelContract<Constant>
{
    [Fact]
    public void Weight_IsByHand() => AssertWeight(1000, 1);
}
