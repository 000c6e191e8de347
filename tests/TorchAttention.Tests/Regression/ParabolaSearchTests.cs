using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.Regression;

public sealed class ParabolaSearchTests
{
    [Fact]
    public void ASmoothLeast_IsFoundInFewValues()
    {
        int values = 0;
        double[] least = [0.42, 0.61, 0.3];

        (double[] point, double score) = ParabolaSearch.From(Function, [0.5, 0.5, 0.5], Function([0.5, 0.5, 0.5]), 0.08, 1e-4);

        Assert.All(point.Zip(least), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        Assert.Equal(1, score, 1e-7);
        Assert.InRange(values, 1, 80);

        double Function(double[] at)
        {
            values++;
            double[] away = [.. at.Zip(least, (a, b) => a - b)];
            return Math.Exp((3 * away[0] * away[0]) + (away[1] * away[1]) + (2 * away[2] * away[2]) + (away[0] * away[1]));
        }
    }

    [Theory]
    [InlineData(1.3, 0.5)]
    [InlineData(-0.4, 0.2)]
    [InlineData(1.0, 0.0)]
    [InlineData(2.0, -1.0)]
    public void ALeastBeyondTheCube_IsAtItsEnd(double x, double y)
    {
        double Function(double[] at) => Math.Pow(at[0] - x, 2) + Math.Pow(at[1] - y, 2) + (0.5 * (at[0] - x) * (at[1] - y));
        double[] start = [0.4, 0.7];

        (double[] point, double score) = ParabolaSearch.From(Function, start, Function(start), 0.1, 1e-4);

        double least = Enumerable.Range(0, 1001 * 1001).Min(i => Function([i / 1001 / 1000.0, i % 1001 / 1000.0]));
        Assert.All(point, at => Assert.InRange(at, 0, 1));
        Assert.InRange(score, 0, least + 1e-6);
    }

    [Fact]
    public void StepsAndWalls_AreWalkedDownAsFarAsTheyGo()
    {
        // A kernel that ends has a criterion with steps, and none at all where too many stand alone.
        double Function(double[] at) =>
            at[0] < 0.3 ? double.PositiveInfinity : Math.Floor(40 * Math.Abs(at[0] - 0.35)) + Math.Abs(at[1] - 0.6);

        (double[] point, double score) = ParabolaSearch.From(Function, [0.8, 0.2], Function([0.8, 0.2]), 0.1, 1e-4);

        Assert.InRange(score, 0, 1);
        Assert.InRange(point[0], 0.3, 0.42);
    }

    [Fact]
    public void WhereNothingDiffers_ThePointStays()
    {
        int values = 0;
        double[] start = [0.5, 0.5];
        (double[] point, double score) = ParabolaSearch.From(Constant, start, 2, 0.1, 1e-4);
        Assert.Equal(start, point);
        Assert.Equal(2, score);
        Assert.InRange(values, 1, 6);

        double Constant(double[] at)
        {
            values++;
            return 2;
        }
    }
}
