using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Tests.Regression;

public sealed class CellNodesTests
{
    private const int N = 20_000;

    public static TheoryData<string, double, int, double> Cases
    {
        get
        {
            var cases = new TheoryData<string, double, int, double>();
            foreach (string keys in (string[])["even", "clusters", "tails", "weights", "heavy", "ties", "gap in a cell"])
            {
                foreach ((int degree, double ridge) in ((int, double)[])[(0, 0), (1, 0), (1, 0.25), (2, 0.25), (2, 0), (3, 0.25)])
                {
                    cases.Add(keys, 0.3, degree, ridge);
                    cases.Add(keys, 0.05, degree, ridge);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void FitsByNodes_AreThoseOfEachKey(string keys, double h, int degree, double ridge)
    {
        SmootherData data = DataOf(keys);
        Assert.NotNull(CellNodes.Create((data.Places?.Data ?? data).Keys, h));
        (double[] values, double[] own, double[] neighbours) = (new double[N], new double[N], new double[N]);
        double[] noWeights = data.Weights.Length == 0 ? neighbours : [];
        Ask(data, h, degree, ridge, new() { Values = values, OwnWeight = own, EffectiveNeighbours = noWeights }, []);

        Smoother.Fit fit = NewSmoother(degree, ridge).At<double>(data, [h], leaveOut: true, neighbours: noWeights.Length > 0);

        double size = values.Max(Math.Abs);
        for (int i = 0; i < N; i++)
        {
            double leverage = own[i] * data.WeightAt(i);
            Assert.Equal(values[i], fit.Fitted[i], 2e-12 * size);
            Assert.Equal(leverage, fit.Leverage[i], 1e-11 * leverage);
            if (noWeights.Length > 0)
            {
                Assert.Equal(neighbours[i], fit.EffectiveNeighbours[i], 1e-11 * neighbours[i]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LeaveOneOutByNodes_IsThatOfAllOthersOfEachKey(string keys, double h, int degree, double ridge)
    {
        SmootherData data = DataOf(keys);
        (double[] values, double[] byW) = (new double[N], new double[N]);
        Ask(
            data, h, degree, ridge, new() { Values = values, InverseBandwidthGradient = byW }, [.. Enumerable.Range(0, N)]);
        var criterion = new LeaveOneOutCriterion(NewSmoother(degree, ridge), leaveOutTies: false);
        double[] slope = [0];

        double score = criterion.WithGradient(data, [h], slope, isSingle: false);

        (double squares, double byLog, double size) = SquaresOf(data, values, byW, h);
        Assert.Equal(squares / data.TotalWeight, score, 1e-9 * score);
        Assert.Equal(byLog / data.TotalWeight, slope[0], 1e-8 * size / data.TotalWeight);
        Assert.Equal(score, criterion.At(data, [h]), 1e-9 * score);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void CrossValidationByNodes_IsThatOfEachKey(string keys, double h, int degree, double ridge)
    {
        SmootherData data = DataOf(keys);
        (double[] values, double[] byW, double[] own, double[] ownByW) = (new double[N], new double[N], new double[N], new double[N]);
        Ask(
            data, h, degree, ridge,
            new() { Values = values, InverseBandwidthGradient = byW, OwnWeight = own, OwnWeightGradient = ownByW }, []);
        var criterion = new GcvCriterion(NewSmoother(degree, ridge), leaveOutTies: false);
        double[] slope = [0];

        double score = criterion.WithGradient(data, [h], slope, isSingle: false);

        (double squares, double byLog, double size) = SquaresOf(data, values, byW, h);
        double left = N - own.Select((weight, i) => weight * data.WeightAt(i)).Sum();
        double leftByLog = ownByW.Select((weight, i) => weight * data.WeightAt(i)).Sum() / h;
        double expected = squares / data.TotalWeight / (left / N * (left / N));
        Assert.Equal(expected, score, 1e-10 * expected);
        Assert.Equal(expected * ((byLog / squares) - (2 * leftByLog / left)), slope[0], 1e-9 * expected * size / squares);
        Assert.Equal(expected, criterion.At(data, [h]), 1e-10 * expected);
    }

    [Fact]
    public void CellsOfAFunctionThatIsNoPolynomial_AreAskedByKeys()
    {
        double[] keys = [.. Enumerable.Range(0, N).Select(i => 10.0 * i / N)];
        CellNodes nodes = CellNodes.Create(keys, 1)!;
        bool[] isRough = nodes.NoneRough();
        double[] bent = [.. nodes.Queries.Select(place => Math.Abs(place - 4.3))];

        nodes.LookAt(bent, 1, 1, 1e-12, isRough);

        Assert.InRange(nodes.Queries.Length, 100, N / 4);
        int[] asked = nodes.KeysIn(isRough);
        Assert.Equal([.. Enumerable.Range(0, N).Where(i => keys[i] is >= 4 and < 5)], asked);
        double[] all = new double[N];
        var answers = new FitAnswers(1, bent, [], [], [], []);
        FitAnswers atAsked = answers with { Values = [.. asked.Select(_ => -1.0)] };
        nodes.ForEach(
            answers, isRough, atAsked, (count, run) => Enumerable.Range(0, count).ToList().ForEach(run),
            (_, first, count, some, place) => some.Values.AsSpan(place, count).CopyTo(all.AsSpan(first)));
        Assert.All(Enumerable.Range(0, N), i => Assert.Equal(keys[i] is >= 4 and < 5 ? -1 : Math.Abs(keys[i] - 4.3), all[i], 1e-13));
    }

    [Theory]
    [InlineData(1000, 0.001)]
    [InlineData(1000, 0.2)]
    [InlineData(2, 1)]
    public void FewKeysInABandwidth_AreAskedThemselves(int count, double h) =>
        Assert.Null(CellNodes.Create([.. Enumerable.Range(0, count).Select(i => 10.0 * i / count)], h));

    private static Smoother NewSmoother(int degree, double ridge) =>
        new(SmoothingKernel.Gaussian, degree, ridge, 2, TestContext.Current.CancellationToken);

    // All keys as queries, by the engine itself.
    private static void Ask(SmootherData data, double h, int degree, double ridge, PoolingOutput<double> output, int[] leftOut)
    {
        if (LocalPolynomials.Covers(degree, ridge))
        {
            using var polynomials = new LocalPolynomials(SmoothingKernel.Gaussian, data.Samples<double>(), [h], degree, ridge, threads: 2);
            polynomials.At(data.Keys, output, NoNeighbourPolicy.Nearest, leftOut);
            return;
        }

        SmoothingKernel.Gaussian.Pool(
            data.Samples<double>(), new PoolingWidths { Bandwidths = [h] }, data.Keys, output, leftOut.Length == 0 ? null : leftOut,
            new PoolingOptions { Degree = degree, NoNeighbour = NoNeighbourPolicy.Nearest }, null, TestContext.Current.CancellationToken);
    }

    // sum s (y - f)^2, its derivative by log h, and how large the numbers are that make that up.
    private static (double Squares, double ByLog, double Size) SquaresOf(SmootherData data, double[] values, double[] byW, double h)
    {
        (double squares, double byLog, double size) = (0, 0, 0);
        for (int i = 0; i < N; i++)
        {
            double residual = data.Values[i] - values[i];
            double change = 2 * data.WeightAt(i) * residual * byW[i] / h;
            (squares, byLog, size) = (
                squares + (data.WeightAt(i) * residual * residual), byLog + change,
                size + Math.Abs(change) + (data.WeightAt(i) * Math.Abs(residual)));
        }

        return (squares, byLog, size);
    }

    private static SmootherData DataOf(string keys)
    {
        var random = new Random(11);
        double[] x = [.. Enumerable.Range(0, N).Select(i => keys switch
        {
            "clusters" => (3 * (i % 3)) + random.NextDouble(),
            "tails" => Math.Clamp(2 + Normal(random), -3, 7),
            "ties" => 10.0 * (i / 2) / N,
            "gap in a cell" => i % 2 == 0 ? 0.2 * random.NextDouble() : 4.9 + (0.1 * random.NextDouble()),
            _ => 5 * random.NextDouble(),
        }).Order()];
        double[] y = [.. x.Select(place => 100 + (2 * Math.Sin(place)) + (0.5 * Normal(random)))];
        double[] weights = keys == "weights" ? [.. Enumerable.Range(0, N).Select(i => 0.4 + (0.4 * (i % 4)))]
            : keys == "heavy" ? [.. Enumerable.Range(0, N).Select(i => i % 2000 == 7 ? 1900.9 : 0.05)] : [];
        return SmootherData.Create(x, y, weights, 1, out _);
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
