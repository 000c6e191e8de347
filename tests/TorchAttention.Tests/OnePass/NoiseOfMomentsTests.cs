using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.OnePass;

/// <summary>The noise's local variance from moments, and the intervals of new observations that it makes.</summary>
public sealed class NoiseOfMomentsTests : IDisposable
{
    private static readonly PredictionOptions _new = new() { Interval = IntervalKind.NewObservation };

    private readonly string _folder = Directory.CreateTempSubdirectory("torchattention-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The squares about the weighted mean, or the line, and what is left of the weights for them, by all pairs.
    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void Variance_IsThatOfAllPairs(int degree, bool hasWeights)
    {
        (double[] x, double[] y) = Draw(3_000, seed: 3);
        double[] weights = hasWeights ? [.. x.Select((_, i) => 0.5 + (i % 4))] : [];
        const double H = 0.15;
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length, H, degree, weights));
        moments.Add(x, y, weights);
        var model = MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = H });
        double[] queries = [0, 0.3, 1.77, 4, 6.2];
        Predictions got = model.Predict(queries, _new with { HasSlopes = true });
        double meanWeight = hasWeights ? weights.Average() : 1;
        double weightOf(int i) => hasWeights ? weights[i] : 1;
        for (int q = 0; q < queries.Length; q++)
        {
            double[] v = [.. x.Select(key => (key - queries[q]) / H)];
            double[] k = [.. v.Select((distance, i) => weightOf(i) * Math.Exp(-0.5 * distance * distance))];
            double s(int power) => k.Zip(v, (weight, distance) => weight * Math.Pow(distance, power)).Sum();
            double r(int power) => k.Select((weight, i) => weight * weight / weightOf(i) * Math.Pow(v[i], power)).Sum() * meanWeight;
            double slope = degree == 0 ? 0 : got.Slopes[q] * H;
            double squares = k.Select((weight, i) => weight * Math.Pow(y[i] - got.Mean[q] - (slope * v[i]), 2)).Sum();
            double used = degree == 0 ? r(0) / s(0)
                : ((s(2) * r(0)) - (2 * s(1) * r(1)) + (s(0) * r(2))) / ((s(0) * s(2)) - (s(1) * s(1)));
            double expected = squares / (s(0) - used);
            expected -= degree == 0 ? Math.Min(0.9 * expected, Math.Pow(got.Slopes[q] * H, 2) * s(2) / s(0)) : 0;
            Assert.Equal(Math.Sqrt(expected), got.NoiseDeviation[q], 1e-8);
            Assert.Equal(Math.Sqrt(expected * (1 + (1 / got.EffectiveNeighbours[q]))), got.StandardError[q], 1e-8);
            Assert.Equal(got.Mean[q] + (got.Quantile * got.StandardError[q]), got.Upper[q], 1e-12);
            if (degree == 0)
            {
                double neighbours = s(0) * s(0) / r(0);
                Assert.Equal(neighbours, got.EffectiveNeighbours[q], 1e-9 * neighbours);
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void CondensedCurve_HasItToAPercentAndKeepsIt(int degree)
    {
        (double[] x, double[] y) = Draw(20_000, seed: 4);
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length, degree: degree));
        moments.Add(x, y);
        var model = MomentRegression.Fit(moments, new MomentOptions { Degree = degree });
        CondensedCurve curve = model.Condense(1e-6);
        double[] queries = [.. Enumerable.Range(0, 500).Select(i => 2 * Math.PI * i / 499.0)];
        double[] expected = model.Predict(queries, _new).NoiseDeviation;
        Predictions got = curve.Predict(queries, _new);
        double tolerance = 0.01 * expected.Average();
        Assert.All(queries.Index(), query => Assert.Equal(expected[query.Index], got.NoiseDeviation[query.Index], tolerance));

        string path = Path.Combine(_folder, "curve.safetensors");
        curve.Save(path);
        Assert.Equal(got.Upper, CondensedCurve.Load(path).Curve.Predict(queries, _new).Upper);

        // As files were before there was a variance: the curve is the same, and says that it has none.
        SafeTensorsFile file = SafeTensorsFile.Read(path);
        new SafeTensorsFile(
            file.Tensors.Where(tensor => tensor.Key != "noise").ToDictionary(tensor => tensor.Key, tensor => tensor.Value),
            file.Metadata.ToDictionary(text => text.Key, text => text.Value)).Write(path);
        CondensedCurve before = CondensedCurve.Load(path).Curve;
        Assert.False(before.HasNoise);
        Assert.Equal(curve.Predict(queries).Upper, before.Predict(queries).Upper);
        var e = Assert.Throws<ArgumentException>(() => before.Predict(queries, _new));
        Assert.StartsWith("Expected the interval MeanWithoutBias of a curve", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<ArgumentException>(() => curve.Predict(queries, new() { Interval = IntervalKind.Mean }));
        Assert.StartsWith("Expected the interval MeanWithoutBias or NewObservation of", e.Message, StringComparison.Ordinal);
    }

    // Noise that grows from 0.1 to 1: 95 in a hundred at both ends, where one variance for all would cover all of them at the one.
    [Fact]
    public void Intervals_CoverNewObservationsWhereNoiseIsLittleAndWhereItIsMuch()
    {
        (double[] x, double[] y) = Draw(30_000, seed: 5);
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length));
        moments.Add(x, y);
        CondensedCurve curve = MomentRegression.Fit(moments).Condense();
        (double[] places, double[] values) = Draw(20_000, seed: 6);
        Predictions got = curve.Predict(places, _new);
        bool[] isIn = [.. values.Select((value, i) => value >= got.Lower[i] && value <= got.Upper[i])];
        foreach (Func<double, bool> part in (Func<double, bool>[])[_ => true, at => at < 1.5, at => at > 4.7])
        {
            bool[] there = [.. isIn.Where((_, i) => part(places[i]))];
            Assert.InRange(there.Average(inside => inside ? 1.0 : 0), 0.935, 0.965);
        }
    }

    private static (double[] X, double[] Y) Draw(int n, int seed)
    {
        var random = new Random(seed);
        double normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double[] x = [.. Enumerable.Range(0, n).Select(_ => 2 * Math.PI * random.NextDouble())];
        return (x, [.. x.Select(at => 50 + Math.Sin(2 * at) + ((0.1 + (0.9 * at / (2 * Math.PI))) * normal()))]);
    }
}
