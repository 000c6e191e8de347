using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Tests.Regression;

public sealed class BandwidthCriterionTests
{
    public static TheoryData<BandwidthRule, string, int, bool> Cases
    {
        get
        {
            var cases = new TheoryData<BandwidthRule, string, int, bool>();
            foreach (BandwidthRule rule in
                (BandwidthRule[])[BandwidthRule.LeaveOneOut, BandwidthRule.AICc, BandwidthRule.GCV, BandwidthRule.KFold])
            {
                foreach (SmoothingKernel kernel in SmoothingKernel.All.Where(kernel => kernel != SmoothingKernel.Boxcar))
                {
                    for (int degree = 0; degree <= 2; degree++)
                    {
                        cases.Add(rule, kernel.Name, degree, false);
                        cases.Add(rule, kernel.Name, degree, true);
                    }
                }
            }

            return cases;
        }
    }

    // By rows, each fold predicted by a fit to the others; places are weighted means, and of a kernel that ends some have no neighbour.
    [Theory]
    [InlineData("gaussian", 0, 1, 0.5)]
    [InlineData("gaussian", 1, 1, 0.5)]
    [InlineData("gaussian", 2, 2, 1.5)]
    [InlineData("epanechnikov", 0, 1, 1.2)]
    [InlineData("tricube", 1, 2, 2.2)]
    public void TiedRowsByFolds_AreTheSumOverRows(string kernel, int degree, int features, double h)
    {
        var random = new Random(7);
        const int N = 150;
        double[] x = [.. Enumerable.Range(0, N * features).Select(_ => (double)random.Next(features == 1 ? 12 : 5))];
        double[] y = [.. Enumerable.Range(0, N).Select(i => Math.Sin(x[i * features]) + random.NextDouble())];
        double[] weights = [.. Enumerable.Range(0, N).Select(_ => 0.5 + random.NextDouble())];
        double mean = weights.Average();
        weights = [.. weights.Select(weight => weight / mean)];
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Degree = degree,
            Ridge = 0,
            Bandwidth = Bandwidth.KFold(5, 3),
        };
        var data = SmootherData.Create(x, y, weights, features, out int[]? order);
        Assert.NotNull(data.Places);
        int[] places = order ?? [.. Enumerable.Range(0, N)];
        int[] dealt = FoldsCriterion.Deal(N, 5, 3);
        int[] foldOf = new int[N];
        foreach ((int i, int place) in data.OrderOfItsOwn().Index())
        {
            foldOf[places[place]] = dealt[i];
        }

        double sum = 0;
        for (int fold = 0; fold < 5; fold++)
        {
            int[] others = [.. Enumerable.Range(0, N).Where(i => foldOf[i] != fold)];
            int[] held = [.. Enumerable.Range(0, N).Where(i => foldOf[i] == fold)];
            var model = KernelRegression.Fit(
                Rows(others), [.. others.Select(i => y[i])], features, options with { Bandwidth = h },
                [.. others.Select(i => weights[i])]);
            double[] predicted = model.Predict(Rows(held)).Mean;
            sum += held.Zip(predicted, (i, at) => weights[i] * Math.Pow(y[i] - at, 2)).Sum();
        }

        double[] widths = [.. Enumerable.Repeat(h, features)];
        Assert.Equal(sum / N, Samples.CriterionOf(options).At(data, widths), 1e-10);

        double[] Rows(int[] rows) => [.. rows.SelectMany(i => x[(i * features)..((i + 1) * features)])];
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradient_IsTheSlope(BandwidthRule rule, string kernel, int degree, bool leaveOutTies)
    {
        for (int features = 1; features <= 2; features++)
        {
            var random = new Random(features);
            double[] x = [.. Enumerable.Range(0, 90 * features).Select(_ => leaveOutTies ? random.Next(12) : 12 * random.NextDouble())];
            double[] y = [.. Enumerable.Range(0, 90 * 2).Select(i => Math.Sin(x[i / 2 * features]) + random.NextDouble())];
            double[] weights = [.. Enumerable.Range(0, 90).Select(_ => 0.5 + random.NextDouble())];
            Criterion criterion = Samples.CriterionOf(new KernelRegressionOptions
            {
                Kernel = SmoothingKernel.Find(kernel)!,
                Degree = degree,
                Bandwidth = Bandwidth.By(rule),
                LeaveOutTies = leaveOutTies,
            });
            SmootherData data = criterion.Prepare(SmootherData.Create(x, y, weights, features, out _));
            double[] h = features == 1 ? [2.3] : [4.1, 5.2];
            double[] gradient = new double[features];

            double score = criterion.WithGradient(data, h, gradient, isSingle: false);

            Assert.False(criterion.HasJumps);
            Assert.Equal(criterion.At(data, h), score, 1e-12);
            for (int j = 0; j < features; j++)
            {
                const double Step = 1e-5;
                double Shifted(double step) => criterion.At(data, [.. h.Select((width, k) => k == j ? width * Math.Exp(step) : width)]);
                double slope = (Shifted(Step) - Shifted(-Step)) / (2 * Step);
                Assert.True(Math.Abs(slope) > 1e-4, $"Expected a slope to compare, got {slope}.");
                Assert.Equal(slope, gradient[j], 1e-6 * (1 + Math.Abs(slope)));
            }
        }
    }

    [Theory]
    [InlineData(BandwidthRule.LeaveOneOut, "gaussian", 0)]
    [InlineData(BandwidthRule.LeaveOneOut, "gaussian", 1)]
    [InlineData(BandwidthRule.LeaveOneOut, "gaussian", 2)]
    [InlineData(BandwidthRule.LeaveOneOut, "epanechnikov", 1)]
    [InlineData(BandwidthRule.LeaveOneOut, "tricube", 2)]
    [InlineData(BandwidthRule.AICc, "gaussian", 1)]
    [InlineData(BandwidthRule.GCV, "tricube", 1)]
    public void OfFewPlaces_IsThatOfEachExampleByItself(BandwidthRule rule, string kernel, int degree)
    {
        for (int features = 1; features <= 2; features++)
        {
            // Of the last place there is one example, which hardly any other speaks to.
            var random = new Random(features);
            double[] x = [.. Enumerable.Range(0, 60 * features).Select(i => i < 59 * features ? random.Next(features == 1 ? 9 : 4) : 9.5)];
            double[] y = [.. Enumerable.Range(0, 60).Select(i => Math.Sin(x[i * features]) + random.NextDouble())];
            double[] counts = [.. Enumerable.Range(0, 60).Select(_ => 0.5 + random.NextDouble())];
            double[] weights = [.. counts.Select(count => count / counts.Average())];
            var options = new KernelRegressionOptions
            {
                Kernel = SmoothingKernel.Find(kernel)!,
                Degree = degree,
                Bandwidth = Bandwidth.By(rule),
                Ridge = degree == 2 ? 0.25 : 0,
            };
            Criterion criterion = Samples.CriterionOf(options);
            SmootherData data = criterion.Prepare(SmootherData.Create(x, y, weights, features, out _));
            double[] h = (features, double.IsFinite(options.Kernel.Support)) switch
            {
                (1, false) => [1.3],
                (1, true) => [4.1],
                (_, false) => [2.1, 2.9],
                _ => [11.9, 12.9],
            };
            double[] gradient = new double[features];

            double score = criterion.WithGradient(data, h, gradient, isSingle: false);

            Assert.True(data.Places is { } places && places.Data.Count < 20);
            Assert.Equal(Expected(h), score, 1e-11 * Math.Abs(score));
            Assert.Equal(criterion.At(data, h), score, 1e-12 * Math.Abs(score));
            for (int j = 0; j < features; j++)
            {
                const double Step = 1e-5;
                double Shifted(double step) => Expected([.. h.Select((width, k) => k == j ? width * Math.Exp(step) : width)]);
                Assert.Equal((Shifted(Step) - Shifted(-Step)) / (2 * Step), gradient[j], 1e-6);
            }

            double Expected(double[] bandwidths) =>
                new DenseRegression(x, y, features, options, bandwidths, weights) is var dense && rule == BandwidthRule.LeaveOneOut
                    ? dense.LeaveOneOut : rule == BandwidthRule.AICc ? dense.AICc : dense.GCV;
        }
    }

    [Fact]
    public void BoxcarInTwoFeatures_IsNotBeatenByAGrid()
    {
        var random = new Random(3);
        double[] x = [.. Enumerable.Range(0, 400).Select(_ => random.NextDouble())];
        double[] y = [.. Enumerable.Range(0, 200).Select(i => Math.Sin(9 * x[2 * i]) + x[(2 * i) + 1] + (0.3 * random.NextDouble()))];
        var options = new KernelRegressionOptions { Kernel = SmoothingKernel.Boxcar, Bandwidth = Bandwidth.GCV };

        BandwidthSearch search = KernelRegression.Fit(x, y, 2, options).Search!;

        double least = (
            from i in Enumerable.Range(0, 12)
            from j in Enumerable.Range(0, 12)
            select KernelRegression.Fit(
            x, y, 2,
            options with { Bandwidth = Bandwidth.Fixed(0.03 * Math.Exp(0.3 * i), 0.03 * Math.Exp(0.3 * j)) }).Diagnostics.GCV).Min();
        Assert.True(
            search.Score <= least * 1.005,
            $"Expected about {least:R} at most, got {search.Score:R} at {string.Join(", ", search.Bandwidths)}.");
    }
}
