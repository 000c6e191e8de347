using TorchAttention.Benchmarks.Suite;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Intervals;
using TorchAttention.Numerics.Regression.Smoothing;
using Noise = TorchAttention.Numerics.Regression.Intervals.Noise;

namespace TorchAttention.Tests.Regression;

/// <summary>Intervals beside their formulas, written out pair by pair.</summary>
public sealed class IntervalsTests
{
    private const double Level = 0.9;

    [Theory]
    [InlineData(1, 2)]
    [InlineData(1, 0)]
    [InlineData(2, 2)]
    public void NewObservations_AreThoseOfTheFormula(int features, int degree)
    {
        var plain = new Plain(features, degree);

        Predictions at = plain.Model.Predict(plain.Queries, new() { Interval = IntervalKind.NewObservation, Level = Level });

        Assert.Equal(plain.Quantile(), at.Quantile, 1e-9);
        for (int i = 0; i < at.Mean.Length; i++)
        {
            double deviation = Math.Sqrt(plain.Variance(plain.Query(i)));
            double half = plain.Quantile() * deviation * Math.Sqrt(1 + (1 / at.EffectiveNeighbours[i]));
            Assert.Equal(deviation, at.NoiseDeviation[i], 1e-9);
            Assert.Equal(at.Mean[i] - half, at.Lower[i], 1e-9);
            Assert.Equal(at.Mean[i] + half, at.Upper[i], 1e-9);
        }
    }

    // So many examples that their width is chosen with neighbours taken together.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void NoiseOfManyExamples_IsFoundWhereItGrows(int seed)
    {
        var random = new Random(seed);
        double[] x = [.. Enumerable.Range(0, 30_000).Select(_ => random.NextDouble())];
        double[] y = [.. x.Select(place => Math.Sin(6 * place) + (Deviation(place) * Normal()))];
        KernelRegression model = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = 2 });

        double[] queries = [0.1, 0.3, 0.5, 0.7, 0.9];
        Predictions at = model.Predict(queries, new() { Interval = IntervalKind.NewObservation });

        Assert.All(queries.Zip(at.NoiseDeviation), pair => Assert.InRange(pair.Second / Deviation(pair.First), 0.93, 1.07));

        double Deviation(double place) => 0.05 + (0.5 * place);

        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }

    [Fact]
    public void Sides_AreThoseOfTheResidualsNearby()
    {
        var plain = new Plain(1, 2);

        Predictions at = plain.Model.Predict(plain.Queries, new() { Interval = IntervalKind.NewObservationQuantiles, Level = Level });

        for (int i = 0; i < at.Mean.Length; i++)
        {
            (double lower, double upper) = plain.Quantiles(plain.Query(i));
            double scale = Math.Sqrt(plain.Variance(plain.Query(i)) * (1 + (1 / at.EffectiveNeighbours[i])));
            Assert.Equal(at.Mean[i] + (lower * scale), at.Lower[i], 1e-9);
            Assert.Equal(at.Mean[i] + (upper * scale), at.Upper[i], 1e-9);
        }
    }

    [Theory]
    [InlineData(1, 0, 2, 1)]
    [InlineData(1, 1, 2, 1)]
    [InlineData(1, 2, 3, 0.8)]
    [InlineData(2, 2, 3, 0.8)]
    public void Means_AreCorrectedByAHigherDegree(int features, int degree, int higher, double times)
    {
        var plain = new Plain(features, degree);
        double[] h = [.. plain.Model.Bandwidths.Select(one => one * times)];
        var corrected = new DenseRegression(
            plain.X, plain.Y, features, new() { Degree = higher, Ridge = 0.02, Kernel = plain.Model.Options.Kernel }, h);

        Predictions at = plain.Model.Predict(plain.Queries, new() { Interval = IntervalKind.Mean, Level = Level });

        Assert.Equal(StudentBand.Quantile(Level, plain.Freedom), at.Quantile, 1e-9);
        for (int i = 0; i < at.Mean.Length; i++)
        {
            (double mean, double error) = corrected.At(plain.Query(i));
            double squares = Math.Pow(error / corrected.Error, 2);
            double bias = mean - at.Mean[i];
            double expected = Math.Sqrt((plain.Variance(plain.Query(i)) * squares) + (bias * bias));
            Assert.Equal(expected, at.StandardError[i], 1e-7 * (1 + expected));
            Assert.Equal(at.Mean[i] - (at.Quantile * at.StandardError[i]), at.Lower[i], 1e-12);
        }
    }

    // Of the simultaneous band only what must hold: it is wider, and the same for any order of the queries and any chunk of them.
    [Fact]
    public void ABandForAll_IsWiderThanPointByPoint()
    {
        var plain = new Plain(1, 2);
        Predictions point = plain.Model.Predict(plain.Queries, new() { Interval = IntervalKind.Mean });
        Predictions all = plain.Model.Predict(plain.Queries, new() { Interval = IntervalKind.Mean, IsSimultaneous = true });
        Predictions first = plain.Model.Predict(plain.Queries[..1], new() { Interval = IntervalKind.Mean, IsSimultaneous = true });

        Assert.All(point.Lower.Zip(all.Lower), pair => Assert.True(pair.Second < pair.First));
        Assert.True(all.Quantile > point.Quantile + 0.5);
        Assert.Equal((all.Lower[0], all.Quantile), (first.Lower[0], first.Quantile));
    }

    [Fact]
    public void Units_ScaleThem()
    {
        var plain = new Plain(1, 2);
        const double times = 1024;
        KernelRegression other = KernelRegression.Fit(
            Array.ConvertAll(plain.X, x => x / times),
            Array.ConvertAll(plain.Y, y => (y * times) + 4096),
            plain.Model.Options with { Bandwidth = plain.Model.Bandwidths[0] / times });
        foreach (IntervalKind kind in Enum.GetValues<IntervalKind>())
        {
            Predictions here = plain.Model.Predict(plain.Queries, new() { Interval = kind });
            Predictions there = other.Predict(Array.ConvertAll(plain.Queries, x => x / times), new() { Interval = kind });
            Assert.All(here.Lower.Zip(there.Lower), pair => Assert.Equal(
                pair.First, (pair.Second - 4096) / times, 1e-6 * (1 + Math.Abs(pair.First))));
        }
    }

    [Fact]
    public void SeveralColumns_AreEachByItself()
    {
        var plain = new Plain(1, 2);
        double[] both = [.. plain.Y.SelectMany(y => new[] { y, -3 * y })];
        KernelRegression model = KernelRegression.Fit(plain.X, both, 1, plain.Model.Options);
        foreach (IntervalKind kind in Enum.GetValues<IntervalKind>())
        {
            Predictions one = plain.Model.Predict(plain.Queries, new() { Interval = kind });
            Predictions two = model.Predict(plain.Queries, new() { Interval = kind });
            for (int i = 0; i < one.Mean.Length; i++)
            {
                Assert.Equal(one.Lower[i], two.Lower[2 * i], 1e-9 * (1 + Math.Abs(one.Lower[i])));

                // The two sides of these are not each other's mirror: of so many residuals, one more is below than above.
                if (kind != IntervalKind.NewObservationQuantiles)
                {
                    Assert.Equal(-3 * one.Lower[i], two.Upper[(2 * i) + 1], 1e-9 * (1 + Math.Abs(one.Lower[i])));
                }
            }
        }
    }

    [Fact]
    public void ExactLines_HaveNoNoise()
    {
        double[] x = [.. Enumerable.Range(0, 40).Select(i => i / 8.0)];
        KernelRegression model = KernelRegression.Fit(x, Array.ConvertAll(x, _ => 2.0), new() { Degree = 2, Bandwidth = 0.5 });
        foreach (IntervalKind kind in Enum.GetValues<IntervalKind>())
        {
            Predictions at = model.Predict([1.1, 3.3, 7], new() { Interval = kind });
            Assert.All(at.Lower.Concat(at.Upper), end => Assert.Equal(2, end, 1e-12));
        }
    }

    [Fact]
    public void FewExamples_HaveStudentsQuantile()
    {
        (double[] x, double[] y) = Samples.Of(18, 1, seed: 5);
        KernelRegression model = KernelRegression.Fit(x, y, new() { Degree = 2, Bandwidth = 1 });
        double expected = StudentBand.Quantile(0.95, 18 - model.Diagnostics.EffectiveDegreesOfFreedom);
        Assert.Equal(expected, model.Predict([2.0], new() { Interval = IntervalKind.NewObservation }).Quantile, 1e-9);
        Assert.Equal(expected, model.Predict([2.0], new() { Interval = IntervalKind.NewObservationQuantiles }).Quantile, 1e-9);
    }

    [Theory]
    [InlineData(19, 0.99)]
    [InlineData(150, 0.999999)]
    public void SidesOfALevelThatSoFewCannotTell_AreNoNarrowerThanStudents(int n, double level)
    {
        (double[] x, double[] y) = Samples.Of(n, 1, seed: 5);
        KernelRegression model = KernelRegression.Fit(x, y, new() { Degree = 2, Bandwidth = 1 });
        double[] queries = [0.1, 2, 4.5];

        Predictions sides = model.Predict(queries, new() { Interval = IntervalKind.NewObservationQuantiles, Level = level });

        Predictions student = model.Predict(queries, new() { Interval = IntervalKind.NewObservation, Level = level });
        for (int i = 0; i < queries.Length; i++)
        {
            Assert.True(sides.Lower[i] <= student.Lower[i] + 1e-9);
            Assert.True(sides.Upper[i] >= student.Upper[i] - 1e-9);
        }
    }

    [Fact]
    public void WhatHasNone_IsRefused()
    {
        (double[] x, double[] y) = Samples.Of(60, 6, seed: 6);
        var options = new PredictionOptions { Interval = IntervalKind.Mean };
        KernelRegression six = KernelRegression.Fit(x, y, 6, new() { Bandwidth = 3 });
        var e = Assert.Throws<ArgumentException>(() => six.Predict(x[..6], options));
        Assert.StartsWith(
            "Expected at most 4 features for the interval Mean of a fit of degree 0, got 6", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, six.Predict(x[..6], new() { Interval = IntervalKind.NewObservation }).Upper.Count(double.IsFinite));

        KernelRegression classes = KernelRegression.FitClasses(x[..60], [.. Enumerable.Range(0, 60).Select(i => $"{i % 2}")], 1);
        Assert.Throws<ArgumentException>(() => classes.Predict([1.0], options));
        KernelRegression one = KernelRegression.Fit(x[..60], y, new() { Bandwidth = 0.5 });
        Assert.Throws<ArgumentException>(() => one.Predict([1.0], new() { Interval = IntervalKind.NewObservation, IsSimultaneous = true }));
        Assert.Throws<ArgumentOutOfRangeException>(() => one.Predict([1.0], new() { Interval = (IntervalKind)9 }));
        e = Assert.Throws<ArgumentException>(() => one.Condense().Predict([1.0], options));
        Assert.StartsWith(
            "Expected the interval MeanWithoutBias or NewObservation of a curve without rows, got Mean",
            e.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ALoadedModel_HasThemToo()
    {
        var plain = new Plain(1, 2);
        string file = Path.Combine(Directory.CreateTempSubdirectory("torchattention-").FullName, "m.safetensors");
        plain.Model.Save(file);
        KernelRegression loaded = KernelRegression.Load(file).Model;
        foreach (IntervalKind kind in Enum.GetValues<IntervalKind>())
        {
            Assert.Equal(
                plain.Model.Predict(plain.Queries, new() { Interval = kind }).Upper,
                loaded.Predict(plain.Queries, new() { Interval = kind }).Upper);
        }

        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    // A short form of the table in docs/intervals.md: eight sets of at most 500 rows, two draws.
    [Fact]
    public void Coverage_IsWhatIsSaid()
    {
        int[] sets = [0, 6, 12, 21, 27, 31, 42, 48];
        IntervalSuite.Covered[][] covered = [.. sets.Select(number => IntervalSuite.Measure(new CurveSet(number), 2))];

        Assert.InRange(Average("degree 2, ridge: NewObservation", one => one.Part), 0.92, 0.98);
        Assert.InRange(Average("degree 2, ridge: NewObservationQuantiles", one => one.Part), 0.92, 0.98);
        Assert.InRange(Average("degree 2, ridge: NewObservation", one => one.Width), 0.9, 1.4);
        Assert.InRange(Average("degree 2, ridge: Mean", one => one.Part), 0.9, 1);
        Assert.True(Average("degree 2, ridge: Mean", one => one.Part) > Average("degree 2, ridge: MeanWithoutBias", one => one.Part));

        double Average(string rule, Func<IntervalSuite.Covered, double> of)
        {
            int index = IntervalSuite.Rules.Index().Single(entry => entry.Item.Name == rule).Index;
            return covered.Average(set => of(set[index]));
        }
    }

    /// <summary>What an interval is made of, from the fit's residuals and leverages alone.</summary>
    private sealed class Plain
    {
        private readonly int _features;
        private readonly double[] _squares;
        private readonly double[] _studentised;
        private readonly double _common;
        private readonly double[] _widths;

        public Plain(int features, int degree)
        {
            _features = features;
            (X, Y) = Samples.Of(150, features, seed: 17);
            for (int i = 0; i < Y.Length; i++)
            {
                // Noise that grows with the first feature.
                double noise = Y[i] - Enumerable.Range(0, features).Sum(j => Samples.Truth(X[(i * features) + j]));
                Y[i] += noise * X[i * features];
            }

            Queries = [.. Enumerable.Range(0, 5 * features).Select(i => 0.3 + (i * 4.6 / (5 * features)))];
            Model = KernelRegression.Fit(X, Y, features, new() { Degree = degree, Bandwidth = features == 1 ? 0.45 : 1 });
            SmootherData data = SmootherData.Create(X, Y, [], features, out int[]? order);
            Smoother.Fit fit = new Smoother(Model.Options.Kernel, degree, Model.Options.RidgeInUse, null, CancellationToken.None)
                .At<double>(data, [.. Model.Bandwidths], leaveOut: true, neighbours: true);
            if (order is not null)
            {
                (X, Y) = ([.. order.Select(i => X[i])], [.. order.Select(i => Y[i])]);
            }

            Freedom = Y.Length - fit.Trace();
            _common = fit.SquaresOf(data) / Freedom;
            double[] residuals = [.. data.Values.Zip(fit.Fitted, (y, f) => y - f)];
            _squares = [.. residuals.Zip(fit.Leverage, (e, l) => e * e / Math.Max(1 - l, 0.05))];

            // Which width is chosen, the suite judges.
            _widths = Noise.Measure(data, fit, fit.SquaresWithoutOwn(data), 0, null).Variance.Widths;
            _studentised = [.. Enumerable.Range(0, Y.Length).Select(Studentised)];

            // What all others predict of an example, by a fit to these alone.
            double Studentised(int i)
            {
                int[] others = [.. Enumerable.Range(0, Y.Length).Where(other => other != i)];
                var options = Model.Options with { Bandwidth = Bandwidth.Fixed([.. Model.Bandwidths]) };
                double[] values = [.. others.Select(other => Y[other])];
                Predictions there = KernelRegression.Fit([.. others.SelectMany(Row)], values, features, options).Predict(Row(i));
                return (Y[i] - there.Mean[0]) / Math.Sqrt(Variance(Row(i), without: i) * (1 + (1 / there.EffectiveNeighbours[0])));
            }
        }

        public double[] X { get; }

        public double[] Y { get; }

        public double[] Queries { get; }

        public KernelRegression Model { get; }

        public double Freedom { get; }

        public double[] Query(int i) => Queries[(i * _features)..((i + 1) * _features)];

        public double Quantile() => _studentised.Select(Math.Abs).Order().ElementAt((int)Math.Ceiling((Y.Length + 1) * Level) - 1);

        public double Variance(double[] query, int without = -1)
        {
            int[] rows = [.. Enumerable.Range(0, Y.Length).Where(i => i != without)];
            double sum = rows.Sum(i => Weight(query, i, 1));
            return (rows.Sum(i => Weight(query, i, 1) * _squares[i]) + (4 * _common)) / (sum + 4);
        }

        public (double Lower, double Upper) Quantiles(double[] query)
        {
            double far = Enumerable.Range(0, Y.Length).Select(i => Distance(query, i)).Order().ElementAt(79);
            double[] weights = [.. Enumerable.Range(0, Y.Length).Select(i => Weight(query, i, Math.Max(2, far)))];
            int[] order = [.. Enumerable.Range(0, Y.Length).OrderBy(i => _studentised[i])];
            double total = weights.Sum() + 1;
            double[] sums = [.. order.Select((_, k) => order.Take(k + 1).Sum(i => weights[i]) / total)];
            int lower = Math.Max(0, sums.Count(sum => sum < (1 - Level) / 2) - 1);
            int upper = Math.Min(order.Length - 1, sums.Count(sum => sum < (1 + Level) / 2));
            return (_studentised[order[lower]], _studentised[order[upper]]);
        }

        private double[] Row(int i) => X[(i * _features)..((i + 1) * _features)];

        private double Distance(double[] query, int i) =>
            Math.Sqrt(Row(i).Select((x, j) => Math.Pow((x - query[j]) / _widths[j], 2)).Sum());

        private double Weight(double[] query, int i, double times) => Math.Exp(-Math.Pow(Distance(query, i) / times, 2) / 2);
    }
}
