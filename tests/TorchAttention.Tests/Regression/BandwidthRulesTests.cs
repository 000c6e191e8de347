using TorchAttention.Numerics;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.Regression;

public sealed class BandwidthRulesTests
{
    [Fact]
    public void EveryRule_HasOneNameThatFindsIt()
    {
        Assert.Equal(Enum.GetValues<BandwidthRule>(), BandwidthRules.All);
        Assert.Equal(["loo", "aicc", "gcv", "silverman", "scott", "plugin", "kfold"], BandwidthRules.All.Select(BandwidthRules.NameOf));
        Assert.All(BandwidthRules.All, rule => Assert.Equal(rule, BandwidthRules.Find(BandwidthRules.NameOf(rule).ToUpperInvariant())));
        Assert.Null(BandwidthRules.Find("loocv"));
    }

    [Fact]
    public void RulesThatSearch_HaveATitleAndBounds()
    {
        (double[] x, double[] y) = Samples.Of(40, 1, seed: 1);
        foreach (BandwidthRule rule in BandwidthRules.All)
        {
            BandwidthSearch search = KernelRegression.Fit(x, y, new KernelRegressionOptions { Bandwidth = Bandwidth.By(rule) }).Search!;

            Assert.Equal(rule, search.Rule);
            Assert.Equal(BandwidthRules.CriterionOf(rule) is not null, search.Bounds.Count > 0);
            Assert.Equal(double.IsNaN(search.Score), search.Bounds.Count == 0);
        }
    }

    [Fact]
    public void RulesForOneFeature_RefuseTwo()
    {
        (double[] x, double[] y) = Samples.Of(40, 2, seed: 1);
        foreach (BandwidthRule rule in BandwidthRules.All.Where(rule => BandwidthRules.MostFeaturesOf(rule) == 1))
        {
            var options = new KernelRegressionOptions { Bandwidth = Bandwidth.By(rule) };

            Assert.Equal(
                RegressionProblem.Features, Assert.Throws<RegressionDataException>(() => KernelRegression.Fit(x, y, 2, options)).Kind);
        }
    }

    [Fact]
    public void UnknownRule_IsRefused()
    {
        const BandwidthRule Unknown = (BandwidthRule)99;
        Assert.Throws<ArgumentOutOfRangeException>(() => BandwidthRules.NameOf(Unknown));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => KernelRegression.Fit([1, 2, 3], [1, 2, 4], new KernelRegressionOptions { Bandwidth = Bandwidth.By(Unknown) }));
    }
}
