using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.Regression;

/// <summary>Features that repeat, beside sums over pairs around the circle.</summary>
public sealed class PeriodsTests
{
    private const double Period = 24;

    [Theory]
    [InlineData("gaussian", 0, 1, 3)]
    [InlineData("gaussian", 0, 1, 0.4)]
    [InlineData("gaussian", 1, 1, 2)]
    [InlineData("gaussian", 2, 1, 2.5)]
    [InlineData("gaussian", 0, 2, 2)]
    [InlineData("gaussian", 1, 2, 3)]
    [InlineData("gaussian", 2, 2, 3)]
    [InlineData("epanechnikov", 0, 1, 12)]
    [InlineData("tricube", 1, 1, 5)]
    [InlineData("biweight", 2, 1, 8)]
    [InlineData("triangular", 0, 2, 9)]
    [InlineData("epanechnikov", 1, 2, 9)]
    public void Fit_IsTheSumOverPairsAroundTheCircle(string kernel, int degree, int features, double h)
    {
        var plain = new Plain(kernel, degree, features, h, 150, 3);
        double[] queries = [.. plain.X[..(40 * features)].Select((x, i) => i % features == 0 ? (x * 1.7) - 31 : x)];

        Predictions at = plain.Model.Predict(queries);

        for (int i = 0; i < at.Mean.Length; i++)
        {
            Assert.Equal(plain.At(queries.AsSpan(i * features, features), -1), at.Mean[i], 1e-8);
        }

        double error = Enumerable.Range(0, plain.Y.Length)
            .Average(i => Math.Pow(plain.Y[i] - plain.At(plain.X.AsSpan(i * features, features), i), 2));
        Assert.Equal(error, plain.Model.Diagnostics.LeaveOneOutError, 1e-8 * error);
        Assert.All(at.IsOutside.Where((_, i) => features == 1), Assert.False);
    }

    [Theory]
    [InlineData("gaussian", 0)]
    [InlineData("gaussian", 2)]
    [InlineData("tricube", 1)]
    public void Curve_TurnsWithTheRows(string kernel, int degree)
    {
        var plain = new Plain(kernel, degree, 1, 2, 400, 4);
        KernelRegressionOptions options = plain.Options with { Bandwidth = Bandwidth.LeaveOneOut };
        KernelRegression model = KernelRegression.Fit(plain.X, plain.Y, options);
        KernelRegression turned = KernelRegression.Fit([.. plain.X.Select(x => x + 101.3)], plain.Y, options);
        double[] queries = [.. Enumerable.Range(0, 50).Select(i => i * 0.5)];

        Assert.Equal(model.Bandwidths[0], turned.Bandwidths[0], 1e-3 * model.Bandwidths[0]);
        foreach (IntervalKind kind in Enum.GetValues<IntervalKind>().Where(kind => kind != IntervalKind.JackknifePlus))
        {
            Predictions at = model.Predict(queries, new PredictionOptions { Interval = kind });
            Predictions there = turned.Predict([.. queries.Select(x => x + 101.3)], new PredictionOptions { Interval = kind });
            Assert.All(at.Mean.Zip(there.Mean), pair => Assert.Equal(pair.First, pair.Second, 1e-3));
            Assert.All(at.Upper.Zip(there.Upper), pair => Assert.Equal(pair.First, pair.Second, 0.02));
        }

        Predictions once = model.Predict([0.25, 23.75]);
        Predictions again = model.Predict([24.25, -0.25]);
        Assert.All(once.Mean.Zip(again.Mean), pair => Assert.Equal(pair.First, pair.Second, 1e-10));
    }

    [Theory]
    [InlineData("gaussian", 0, 1)]
    [InlineData("gaussian", 2, 1)]
    [InlineData("gaussian", 0, 2)]
    [InlineData("gaussian", 1, 2)]
    [InlineData("epanechnikov", 0, 1)]
    [InlineData("boxcar", 0, 1)]
    public void Search_FindsTheLeastErrorOfThePairs(string kernel, int degree, int features)
    {
        var plain = new Plain(kernel, degree, features, 2, 120, 5);

        KernelRegression model = KernelRegression.Fit(
            plain.X, plain.Y, features, plain.Options with { Bandwidth = Bandwidth.LeaveOneOut });

        double found = plain.LeaveOneOut([.. model.Bandwidths]);
        Assert.Equal(found, model.Search!.Score, 1e-7 * found);
        foreach (double times in new[] { 0.3, 0.5, 0.8, 0.95, 1.05, 1.2, 2 })
        {
            for (int j = 0; j < features; j++)
            {
                double[] other = [.. model.Bandwidths.Select((h, k) => k == j ? times * h : h)];
                double most = model.Search.Bounds[j].Most;
                Assert.False(other[j] <= most && plain.LeaveOneOut(other) < found * (1 - 1e-7), $"{times} of feature {j}");
            }
        }
    }

    [Theory]
    [InlineData(9)]
    [InlineData(10)]
    public void TwoPeriodsAndWeights_AreTheSumOverPairs(int seed)
    {
        var random = new Random(seed);
        double[] x = [.. Enumerable.Range(0, 160).Select(i => Math.Round(random.NextDouble() * (i % 2 == 0 ? 24 : 360)))];
        double[] y = [.. Enumerable.Range(0, 80).Select(i => Math.Cos(x[2 * i] * Math.PI / 12) + random.NextDouble())];
        double[] weights = [.. y.Select(_ => 0.5 + random.NextDouble())];
        double[] h = [2.5, 40];
        double[] periods = [24, 360];
        var options = new KernelRegressionOptions { Bandwidth = Bandwidth.Fixed(h), Periods = periods };

        KernelRegression model = KernelRegression.Fit(x, y, 2, options, weights);

        double[] queries = [0, 0, 23.9, 359, -13, 725, 12, 180];
        Predictions at = model.Predict(queries, new PredictionOptions { HasSlopes = true });
        for (int i = 0; i < 4; i++)
        {
            const double step = 1e-4;
            (double a, double b) = (queries[2 * i], queries[(2 * i) + 1]);
            Assert.Equal(Dense(a, b, -1), at.Mean[i], 1e-9);
            Assert.Equal((Dense(a + step, b, -1) - Dense(a - step, b, -1)) / (2 * step), at.Slopes[2 * i], 1e-6);
            Assert.Equal((Dense(a, b + step, -1) - Dense(a, b - step, -1)) / (2 * step), at.Slopes[(2 * i) + 1], 1e-6);
        }

        double error = y.Index().Sum(row => weights[row.Index] * Math.Pow(
            row.Item - Dense(x[2 * row.Index], x[(2 * row.Index) + 1], row.Index), 2)) / weights.Sum();
        Assert.Equal(error, model.Diagnostics.LeaveOneOutError, 1e-9);

        // A Gaussian in both features is a product, each factor a sum over images.
        double Dense(double first, double second, int without)
        {
            double sum = 0;
            double total = 0;
            for (int i = 0; i < y.Length; i++)
            {
                double weight = i == without ? 0 : weights[i] * Images(x[2 * i] - first, 0) * Images(x[(2 * i) + 1] - second, 1);
                sum += weight * y[i];
                total += weight;
            }

            return sum / total;
        }

        double Images(double difference, int j) => Enumerable.Range(-6, 13)
            .Sum(k => Math.Exp(-Math.Pow((difference + (k * periods[j])) / h[j], 2) / 2));
    }

    [Fact]
    public void File_KeepsThePeriods()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid()}.safetensors");
        try
        {
            KernelRegression model = new Plain("gaussian", 1, 2, 2, 60, 6).Model;
            model.Save(path);
            KernelRegression loaded = KernelRegression.Load(path).Model;
            Assert.Equal(model.Options.Periods, loaded.Options.Periods);
            Assert.Equal(model.Predict([30, 0.5]).Mean, loaded.Predict([6, 0.5]).Mean);
            Assert.Equal("3", Numerics.Storage.SafeTensorsFile.Read(path).Metadata["version"]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Predictions_InFloat32AreThoseOfFloat64()
    {
        var plain = new Plain("gaussian", 0, 2, 2, 300, 7);
        KernelRegression single = KernelRegression.Fit(
            plain.X, plain.Y, 2, plain.Options with { Precision = NumberPrecision.Float32 });
        double[] queries = plain.X[..60];
        Assert.All(plain.Model.Predict(queries).Mean.Zip(single.Predict(queries).Mean),
            pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    [Theory]
    [InlineData("Expected periods above 0", 0, 1)]
    [InlineData("Expected periods above 0", -24, 1)]
    [InlineData("Expected periods above 0", double.NaN, 1)]
    [InlineData("a bandwidth of at most 3, at which the kernel reaches half a period", 24, 3.1)]
    public void Others_AreRefused(string message, double period, double h) => Assert.Contains(
        message,
        Assert.ThrowsAny<ArgumentException>(() => KernelRegression.Fit(
            [1, 2, 3, 4], [1, 3, 2, 5], new KernelRegressionOptions { Periods = [period], Bandwidth = h })).Message,
        StringComparison.Ordinal);

    [Fact]
    public void WhatIsOnALine_IsRefused()
    {
        KernelRegression model = KernelRegression.Fit(
            [1, 2, 3, 4], [1, 3, 2, 5], new KernelRegressionOptions { Periods = [24], Bandwidth = 1 });
        Assert.Throws<ArgumentException>(() => model.Predict([1], new PredictionOptions { IsSimultaneous = true }));
        Assert.Throws<NotSupportedException>(() => model.Condense());
        Assert.Throws<ArgumentException>(() => KernelRegression.Fit([1, 2, 3], [1, 2, 3], model.Options with { Periods = [24, 24] }));
        Assert.ThrowsAny<ArgumentException>(
            () => KernelRegression.Fit([1, 2, 3], [1, 2, 3], model.Options with { Bandwidth = Bandwidth.Silverman }));
    }

    /// <summary>Examples around a day, and for two features along a line as well; the fit as a sum over pairs of images.</summary>
    private sealed class Plain
    {
        private readonly int _features;

        public Plain(string kernel, int degree, int features, double h, int count, int seed)
        {
            var random = new Random(seed);
            _features = features;
            X = [.. Enumerable.Range(0, count * features).Select(i => random.NextDouble() * (i % features == 0 ? 3 * Period : 2))];
            Y = [.. Enumerable.Range(0, count).Select(i => Math.Cos(2 * Math.PI * X[i * features] / Period)
                + (features == 2 ? X[(i * 2) + 1] : 0) + (0.4 * (random.NextDouble() - 0.5)))];
            Options = new KernelRegressionOptions
            {
                Kernel = SmoothingKernel.Find(kernel)!,
                Degree = degree,
                Bandwidth = Bandwidth.Fixed(features == 1 ? [h] : [h, 0.6]),
                Periods = features == 1 ? [Period] : [Period, double.PositiveInfinity],
            };
            Model = KernelRegression.Fit(X, Y, features, Options);
        }

        public double[] X { get; }

        public double[] Y { get; }

        public KernelRegressionOptions Options { get; }

        public KernelRegression Model { get; }

        public double LeaveOneOut(double[] h) => Enumerable.Range(0, Y.Length)
            .Average(i => Math.Pow(Y[i] - At(X.AsSpan(i * _features, _features), i, h), 2));

        // The weighted least squares polynomial around a query, of all images but those of one example.
        public double At(ReadOnlySpan<double> query, int without, double[]? bandwidths = null)
        {
            double[] h = bandwidths ?? [.. Model.Bandwidths];
            double[] center = query.ToArray();
            center[0] -= Period * Math.Floor(center[0] / Period);
            int terms = Terms(new double[_features]).Length;
            double[,] sums = new double[terms, terms];
            double[] right = new double[terms];
            for (int i = 0; i < Y.Length; i++)
            {
                for (int shift = -1; shift <= 1 && i != without; shift++)
                {
                    double[] u = new double[_features];
                    for (int j = 0; j < _features; j++)
                    {
                        double x = X[(i * _features) + j];
                        double place = j == 0 ? x - (Period * Math.Floor(x / Period)) + (shift * Period) : x;
                        u[j] = (place - center[j]) / h[j];
                    }

                    double weight = Options.Kernel.Weight(u.Sum(v => v * v));
                    double[] z = Terms(u);
                    for (int a = 0; a < terms; a++)
                    {
                        right[a] += weight * z[a] * Y[i];
                        for (int b = 0; b < terms; b++)
                        {
                            sums[a, b] += weight * z[a] * z[b];
                        }
                    }
                }
            }

            for (int a = 1; a < terms; a++)
            {
                sums[a, a] += Options.Ridge ?? (Options.Degree > 1 ? 0.25 : 0);
            }

            return MathNet.Numerics.LinearAlgebra.Matrix<double>.Build.DenseOfArray(sums)
                .Solve(MathNet.Numerics.LinearAlgebra.Vector<double>.Build.DenseOfArray(right))[0];
        }

        private double[] Terms(double[] u) =>
        [
            1,
            .. Options.Degree > 0 ? u : [],
            .. Options.Degree > 1 ? u.SelectMany((a, j) => u.Skip(j).Select(b => a * b)) : [],
        ];
    }
}
