using TorchAttention.Numerics.Pooling;


namespace TorchAttention.Tests.Engine;

/// <summary>What was answered to a request, in float64.</summary>
internal sealed class Answers(PoolingRequest problem, bool hasGradients)
{
    private const double FloatUnit = 1.0 / (1 << 24);
    private const double DoubleUnit = FloatUnit / (1L << 29);

    private readonly int _gradients = hasGradients ? problem.QueryCount * problem.Columns * problem.Features : 0;

    public double[] Values { get; } = new double[problem.QueryCount * problem.Columns];

    public double[] LogWeightSum { get; } = new double[problem.QueryCount];

    public double[] EffectiveNeighbours { get; } = new double[problem.QueryCount];

    public bool[] HasNeighbour { get; } = new bool[problem.QueryCount];

    public double[] InverseBandwidthGradient => field ??= new double[_gradients];

    public double[] LogWeightSumGradient { get; } = new double[hasGradients ? problem.QueryCount * problem.Features : 0];

    public double[] QueryGradient => field ??= new double[_gradients];

    public PoolingReport? Report { get; set; }

    /// <summary>The same neighbours, and values within a part of their range and the rounding of the numbers that hold them.</summary>
    public void AssertNear(Answers actual, double tolerance, bool isSingle)
    {
        Assert.True(HasNeighbour.SequenceEqual(actual.HasNeighbour), $"Other queries have neighbours: {problem}");
        double bound = tolerance + actual.Report!.ErrorBound;
        for (int i = 0; i < Values.Length; i++)
        {
            (int query, int column) = Math.DivRem(i, problem.Columns);
            if (!HasNeighbour[query])
            {
                Assert.True(double.IsNaN(actual.Values[i]), $"Expected NaN for query {query}, got {actual.Values[i]}: {problem}");
                continue;
            }

            double rounding = Math.Abs(Values[i]) * (isSingle ? FloatUnit : DoubleUnit);
            double error = Math.Max(0, Math.Abs(Values[i] - actual.Values[i]) - rounding) / problem.Range(column);
            if (!(error <= bound))
            {
                Assert.Fail($"Expected {Values[i]:R} for query {query}, got {actual.Values[i]:R}, {error:E1} of the range off: {problem}");
            }
        }

        // The sum of weights is known as well as the distances are: a unit in an argument of -1e4 is 1e4 units in its exponential.
        double relative = isSingle ? 1e-5 : 1e-11;
        for (int m = 0; m < LogWeightSum.Length; m++)
        {
            if (HasNeighbour[m])
            {
                AssertRelative(LogWeightSum[m], actual.LogWeightSum[m], relative * Math.Max(1, Math.Abs(LogWeightSum[m])), m);
                AssertRelative(EffectiveNeighbours[m], actual.EffectiveNeighbours[m], 1e2 * relative * EffectiveNeighbours[m], m);
            }
            else
            {
                Assert.Equal((double.NegativeInfinity, 0), (actual.LogWeightSum[m], actual.EffectiveNeighbours[m]));
            }
        }
    }

    private void AssertRelative(double expected, double actual, double tolerance, int query)
    {
        if (!(Math.Abs(expected - actual) <= tolerance))
        {
            Assert.Fail($"Expected {expected:R} for query {query}, got {actual:R}: {problem}");
        }
    }
}
