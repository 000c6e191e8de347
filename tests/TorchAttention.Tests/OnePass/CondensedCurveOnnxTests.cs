using Microsoft.ML.OnnxRuntime;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Tests.OnePass;

/// <summary>A curve that is written as an ONNX model predicts in onnxruntime as it does here.</summary>
public sealed class CondensedCurveOnnxTests
{
    private static int Problems => LongTests.AreAskedFor ? 400 : 20;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Model_PredictsAsTheCurve(int degree)
    {
        int estimates = 0;
        for (int seed = 0; seed < Problems; seed++)
        {
            MomentProblem problem = MomentProblem.Draw(seed);
            var options = new KernelRegressionOptions { Degree = degree, Bandwidth = problem.H };
            CondensedCurve curve = KernelRegression.Fit(problem.X, problem.Y, options).Condense(seed % 2 == 0 ? 1e-6 : 1e-12);
            var random = new Random(seed);
            double range = curve.MostX - curve.LeastX;
            double[] queries =
            [
                .. problem.X.Take(300),
                .. Enumerable.Range(0, 300).Select(_ => curve.LeastX - range + (3 * range * random.NextDouble())),
                -1e300, 1e300, double.BitDecrement(curve.LeastX), double.BitIncrement(curve.MostX), 0, -0.0,
            ];
            AssertSame(curve, queries, problem.ToString());
            estimates += curve.Estimates;
        }

        Assert.True(estimates > 0, "No curve has a gap.");
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1e6, 0)]
    [InlineData(0, 1e6)]
    [InlineData(-1e6, 1e6)]
    public void GapsAndOffsets_AreAsInTheCurve(double offsetX, double offsetY)
    {
        double[] x = [.. Enumerable.Range(0, 600).Select(i => offsetX + (i / 200 * 1000) + (i % 200 * 0.01))];
        double[] y = [.. x.Select(at => offsetY + Math.Sin(at) + (at - offsetX > 500 ? 3 : 0))];
        CondensedCurve curve = KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = 0.1 }).Condense();

        double[] queries = [.. Enumerable.Range(-500, 4000).Select(i => offsetX + (0.97 * i))];
        AssertSame(curve, [.. x, .. queries], $"{offsetX}, {offsetY}");
        Assert.True(curve.Estimates > 0);
    }

    [Fact]
    public void Pieces_AreMetAtTheirEnds()
    {
        MomentProblem problem = MomentProblem.Draw(0);
        CondensedCurve curve = KernelRegression.Fit(problem.X, problem.Y).Condense();

        // Pieces begin at multiples of a power of 2 that all these are multiples of as well.
        double step = Math.ScaleB(1, Math.ILogB(curve.Bandwidth) - 4);
        double[] starts = [.. Enumerable.Range(-200, 2000).Select(i => step * i)];
        AssertSame(curve, [.. starts.SelectMany(at => new[] { double.BitDecrement(at), at, double.BitIncrement(at) })], "ends");
    }

    [Fact]
    public void OddQueries_HaveOneAnswerEach()
    {
        CondensedCurve curve = KernelRegression.Fit(
            [1, 2, 3, 4, 5, 6.0], [1, 3, 2, 5, 4, 6.0], new KernelRegressionOptions { Bandwidth = 1.0 }).Condense();
        (double[] mean, double[] neighbours, IReadOnlyDictionary<string, string> notes) = Run(
            curve, [double.NaN, double.PositiveInfinity, 1e9, double.NegativeInfinity, -1e9]);

        Assert.Equal([double.NaN, mean[2], mean[2], mean[4], mean[4]], mean);
        Assert.All(neighbours, number => Assert.True(double.IsNaN(number)));
        Assert.Empty(Run(curve, []).Mean);
        Assert.Equal("6", notes["examples"]);
        Assert.Equal("times", notes["note.x"]);
        Assert.Equal(curve.Diagnostics.ResidualStandardError[0].ToString("R"), notes["residual_standard_error"]);
    }

    // A sum in Clenshaw's recurrence is off by some roundings of its terms' sizes, and these are about as large as the curve's values.
    private static void AssertSame(CondensedCurve curve, double[] queries, string problem)
    {
        Predictions expected = curve.Predict(queries);
        (double[] mean, double[] neighbours, _) = Run(curve, queries);
        double size = expected.Mean.Max(value => Math.Abs(value)) + (expected.Mean.Max() - expected.Mean.Min());
        double most = expected.EffectiveNeighbours.Where(double.IsFinite).DefaultIfEmpty().Max();
        for (int i = 0; i < queries.Length; i++)
        {
            Assert.True(
                Math.Abs(expected.Mean[i] - mean[i]) <= 2e-15 * size,
                $"{problem}: {mean[i]:R}, not {expected.Mean[i]:R} at {queries[i]:R}.");
            double count = expected.EffectiveNeighbours[i];
            Assert.True(
                double.IsNaN(count) ? double.IsNaN(neighbours[i]) : Math.Abs(count - neighbours[i]) <= 1e-14 * most,
                $"{problem}: {neighbours[i]:R} neighbours, not {count:R} at {queries[i]:R}.");
        }
    }

    private static (double[] Mean, double[] Neighbours, IReadOnlyDictionary<string, string> Notes) Run(
        CondensedCurve curve, double[] queries)
    {
        using var stream = new MemoryStream();
        curve.WriteOnnx(stream, new Dictionary<string, string> { ["x"] = "times" });
        using var options = new SessionOptions { IntraOpNumThreads = 1 };
        using var session = new InferenceSession(stream.ToArray(), options);
        using var x = OrtValue.CreateTensorValueFromMemory(queries, [queries.Length]);
        using var run = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(run, ["x"], [x], ["mean", "effective_neighbours"]);
        Assert.All(outputs, output => Assert.Equal([queries.Length], output.GetTensorTypeAndShape().Shape));
        return (
            outputs[0].GetTensorDataAsSpan<double>().ToArray(),
            outputs[1].GetTensorDataAsSpan<double>().ToArray(),
            session.ModelMetadata.CustomMetadataMap);
    }
}
