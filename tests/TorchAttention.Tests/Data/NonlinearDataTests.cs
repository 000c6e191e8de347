using TorchAttention.Data;

namespace TorchAttention.Tests.Data;

public sealed class NonlinearDataTests
{
    [Fact]
    public void TrainingInputs_AreSortedInRange()
    {
        using var data = new NonlinearData(n: 200);
        double[] x = data.XTrain.ToDoubles();

        Assert.Equal(x.Order(), x);
        Assert.All(x, value => Assert.InRange(value, 0, 5));
    }

    [Fact]
    public void ValidationPart_IsTheTruthOnAGrid()
    {
        using var data = new NonlinearData(n: 20);

        Assert.Equal(Enumerable.Range(0, 20).Select(i => i / 4.0), data.XVal.ToDoubles());
        Assert.All(data.XVal.ToDoubles().Zip(data.YVal.ToDoubles()), pair =>
            Assert.Equal(2 * Math.Sin(pair.First) + Math.Pow(pair.First, 0.8), pair.Second, 1e-6));
    }

    [Fact]
    public void Noise_HasTheDeviationAskedFor()
    {
        using var quiet = new NonlinearData(n: 4000, noiseStd: 0);
        using var noisy = new NonlinearData(n: 4000, noiseStd: 0.5);
        using DisposeScope scope = NewDisposeScope();
        Tensor noise = noisy.YTrain - quiet.YTrain;

        // Four standard errors of a deviation estimated from 4,000 draws.
        Assert.InRange(noise.std().ToDouble(), 0.5 * (1 - 4 / Math.Sqrt(8000)), 0.5 * (1 + 4 / Math.Sqrt(8000)));
        Assert.Equal(quiet.XTrain.ToDoubles(), noisy.XTrain.ToDoubles());
    }

    [Fact]
    public void Defaults_AreTheChapters()
    {
        using var data = new NonlinearData();
        Assert.Equal((50, 10, 0.5), (data.XTrain.shape[0], data.BatchSize, data.NoiseStd));
    }

    [Theory]
    [InlineData(0, 10, 0.5)]
    [InlineData(50, 0, 0.5)]
    [InlineData(50, 10, -1)]
    [InlineData(50, 10, double.PositiveInfinity)]
    public void WrongArguments_AreRefused(int n, int batchSize, double noiseStd) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new NonlinearData(n, batchSize, noiseStd));
}
