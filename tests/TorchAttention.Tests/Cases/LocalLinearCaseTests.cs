using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Cases;

/// <summary>Data on which local linear fits went astray.</summary>
public sealed class LocalLinearCaseTests
{
    [Theory]
    [InlineData(new double[] { 0, 0, 1, 2 }, new double[] { 1, 0 })]
    [InlineData(new double[] { 0, 0, 2, 1 }, new double[] { 0, 1 })]
    public void TwoExamplesInTwoFeatures_AreLevelAcrossTheirLineWhateverTheOrderOfFeatures(double[] x, double[] query)
    {
        var options = new KernelRegressionOptions { Degree = 1, Kernel = SmoothingKernel.Epanechnikov, Bandwidth = 3 };
        Predictions at = KernelRegression.Fit(x, [0, 1], 2, options).Predict(query);

        Assert.Equal(0.2, at.Mean[0], 1e-12);
        Assert.Equal([true], at.IsLevel);
    }

    [Fact]
    public void OrderOfColumns_ChangesNothing()
    {
        Table examples = CsvTable.Read(Case.Path("columns_order.csv"), ["a", "b", "y"]);
        Table queries = CsvTable.Read(Case.Path("columns_order_queries.csv"), ["a", "b"]);
        double[] ab = Predict("a", "b");
        double[] ba = Predict("b", "a");

        Assert.Equal(441, ab.Length);
        Assert.All(
            ab.Zip(ba), pair => Assert.True(pair.First.Equals(pair.Second) || Math.Abs(pair.First - pair.Second) < 1e-9, $"Got {pair}."));
        Assert.InRange(ab.Count(double.IsNaN), 1, 30);

        double[] Predict(params string[] columns) => KernelRegression
            .Fit(
                examples.Rows(columns), examples["y"].ToArray(), 2,
                new KernelRegressionOptions { Degree = 1, Kernel = SmoothingKernel.Epanechnikov, Bandwidth = 0.08 })
            .Predict(queries.Rows(columns), new PredictionOptions { HasErrors = false }).Mean;
    }

    // Two examples decide the line out there: y goes on as they have it, and so does its error, ever more.
    [Fact]
    public void FarFromTheKeys_TheLineGoesOnWithAnErrorThatGrows()
    {
        KernelRegression model = KernelRegression.Fit(
            Case.Column("small_llfar.csv", "x"), Case.Column("small_llfar.csv", "y"),
                new KernelRegressionOptions { Degree = 1, Bandwidth = 0.5 });
        Predictions at = model.Predict([4, 80, 100, 300, 3e4]);

        Assert.Equal(167.7, at.Mean[1], 1e-9);
        Assert.Equal(209.7, at.Mean[2], 1e-9);
        Assert.Equal(629.7, at.Mean[3], 1e-9);
        Assert.Equal(62999.7, at.Mean[4], 1e-6);
        Assert.Equal(at.StandardError.Order(), at.StandardError);
        Assert.InRange(at.StandardError[3], 40, 70);
        Assert.All(at.IsOutside, Assert.True);
    }

    [Theory]
    [InlineData(2e3)]
    [InlineData(5e8)]
    [InlineData(1e9)]
    [InlineData(1e12)]
    [InlineData(1e20)]
    public void ExampleFarAway_IsFittedAtItsOwnPlaceHoweverFarThatIs(double distance)
    {
        KernelRegression model = KernelRegression.Fit(
            [0, 1, 2, 3, 4, 5, 6, -distance], [0, 1, 0, 1, 0, 1, 0, 9], new KernelRegressionOptions { Degree = 1, Bandwidth = 0.5 });
        Predictions at = model.Predict([-distance]);

        Assert.Equal(9, at.Mean[0], 1e-12);
        Assert.Equal(1, at.EffectiveNeighbours[0], 1e-9);
        Assert.Equal(6.9326, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-4);
    }

    // So far away the distances of all keys are one number in float64, and then none.
    [Theory]
    [InlineData("gaussian")]
    [InlineData("tricube")]
    [InlineData("boxcar")]
    public void QueryAtAnyDistance_HasTheNearestKeysValueAndLine(string kernel)
    {
        double[] x = [2, 0, 1, 6, 3, 5, 4];
        double[] y = [0, 0.25, 1, 3, 1, 1, 0];
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            Bandwidth = 0.9,
            NoNeighbour = NoNeighbourPolicy.Nearest
        };
        KernelRegression means = KernelRegression.Fit(x, y, options);
        KernelRegression lines = KernelRegression.Fit(x, y, options with { Degree = 1 });
        Assert.All([1e3, 1e10, 1e15, 1e17, 1e40, 1e140, 1e155, 1e250], distance =>
        {
            Assert.Equal([3, 0.25, 3], means.Predict([distance, -distance, distance]).Mean);
            if (kernel == "gaussian")
            {
                double[] at = lines.Predict([distance, -distance]).Mean;

                Assert.Equal(2, (at[0] - 3) / (distance - 6), 1e-9);
                Assert.Equal(-0.75, (at[1] - 0.25) / distance, 1e-9);
            }
        });
    }

    [Theory]
    [InlineData(1e300)]
    [InlineData(1e-200)]
    public void BandwidthThatTheSquaresOfDistancesCannotBeTakenIn_IsRefused(double bandwidth)
    {
        RegressionDataException e = Assert.Throws<RegressionDataException>(
            () => KernelRegression.Fit([0, 1, 2], [0, 1, 0], new KernelRegressionOptions { Degree = 1, Bandwidth = bandwidth }));

        Assert.Equal($"Expected a bandwidth from 2E-100 to 2E+100 in feature 0, got {bandwidth}.", e.Message);
    }

    [Fact]
    public void InAGap_TheLineGoesOnAndSaysThatItIsOne()
    {
        double[] x = [0, 1, 2, 3, 103, 104, 105, 106];
        double[] y = [0, 2.1, 3.9, 6, 0, 2.1, 3.9, 6];
        KernelRegression model = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = 1, Bandwidth = 0.5 });
        Predictions at = model.Predict([1.5, 30, 52, 54, 76, 104.2]);

        Assert.Equal([false, true, true, true, true, false], at.IsInGap);
        Assert.Equal([3.9 + (2.1 * 28), 3.9 + (2.1 * 50)], at.Mean[1..3], (expected, got) => Math.Abs(expected - got) < 1e-6);
        Assert.True(at.StandardError[2] > at.StandardError[1] && at.StandardError[1] > 10 * at.StandardError[0]);
        Assert.DoesNotContain(true, at.IsOutside);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(0, 1e-6)]
    [InlineData(0, 1e6)]
    public void AGap_IsOneHoweverManyExamplesAreBeyond(int degree, double weight)
    {
        double[] x = [.. Enumerable.Range(0, 20_000).Select(i => (i % 2 * 11) + (i / 20_000.0))];
        double[] y = [.. x.Select(Math.Sin)];
        double[] weights = [.. x.Select(_ => weight)];
        KernelRegression model = KernelRegression.Fit(x, y, 1, new KernelRegressionOptions { Degree = degree, Bandwidth = 1 }, weights);
        Assert.Equal([false, false, true, true, true, false, false], model.Predict([0.5, 2, 4.5, 6, 7.5, 10, 11.5]).IsInGap);
    }

    [Fact]
    public void OneExampleInReach_IsLevelAndSaysSo()
    {
        KernelRegression model = KernelRegression.Fit(
            [0, 1, 2, 10], [0, 1, 2, 7], new KernelRegressionOptions { Degree = 1, Kernel = SmoothingKernel.Tricube, Bandwidth = 1.5 });
        Predictions at = model.Predict([1, 9.5, 5]);

        Assert.Equal([1, 7, double.NaN], at.Mean, (expected, got) => expected.Equals(got) || Math.Abs(expected - got) < 1e-12);
        Assert.Equal([false, true, false], at.IsLevel);
        Assert.Equal([true, true, false], at.HasNeighbour);
    }
}
