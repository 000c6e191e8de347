using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass;

/// <summary>Classes in one pass are the classes in memory.</summary>
public sealed class MomentClassesTests
{
    [Theory]
    [InlineData(400, false, BandwidthRule.LeaveOneOut)]
    [InlineData(3_000, false, BandwidthRule.LeaveOneOut)]
    [InlineData(1_500, false, BandwidthRule.AICc)]
    [InlineData(1_500, true, BandwidthRule.LeaveOneOut)]
    public void Fit_IsThatOfTheRowsInMemory(int n, bool hasWeights, BandwidthRule rule)
    {
        (double[] x, string[] labels) = MomentRows.Classes(n, 21);
        double[] weights = hasWeights ? MomentRows.Weights(n, 21) : [];
        var moments = new Moments(MomentGrid.ChooseClasses(x, labels, n, null, weights));
        moments.AddClasses(x, labels, weights);
        var options = new KernelRegressionOptions { Bandwidth = Bandwidth.By(rule) };
        var memory = KernelRegression.FitClasses(x, labels, 1, options, weights);
        var found = MomentRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.By(rule) });
        var model = MomentRegression.Fit(moments, new MomentOptions { Bandwidth = memory.Bandwidths[0] });

        Assert.Equal(memory.Classes, model.Classes);
        Assert.Equal(memory.Bandwidths[0], found.Bandwidth, 1e-6 * memory.Bandwidths[0]);
        Assert.Equal(memory.Diagnostics.LeaveOneOutError, model.Diagnostics.LeaveOneOutError, 1e-11);
        Assert.Equal(memory.Diagnostics.AICc, model.Diagnostics.AICc, 1e-9);
        Assert.True(model.Certificate.IsProved, $"{model.Certificate}");
        Assert.InRange(model.Certificate.Bound, 0, 1e-9);
        Assert.Equal(LogLoss(x, labels, weights, model.Bandwidth), model.LeaveOneOutLogLoss, 1e-8);
        double[] queries = [.. Enumerable.Range(0, 40).Select(i => i / 39.0)];
        double[] expected = memory.Predict(queries).Mean;
        foreach (double[] mean in (double[][])[model.Predict(queries).Mean, model.CondenseColumns().Predict(queries).Mean])
        {
            Assert.All(expected.Zip(mean), pair => Assert.Equal(pair.First, pair.Second, 1e-8));
        }
    }

    // Seen in the last rows alone, in a cell of many others: its rows are taken one by one.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void ClassOfLateRows_IsOneOfTheOthers(int late)
    {
        const int n = 2000;
        (double[] x, string[] labels) = MomentRows.Classes(n, 22);
        var moments = new Moments(MomentGrid.ChooseClasses(x, labels, n));
        moments.AddClasses(x, labels);
        double[] more = [.. Enumerable.Range(0, late).Select(i => 0.4 + (0.1 * i))];
        moments.AddClasses(more, [.. more.Select(_ => "late")]);
        (x, labels) = ([.. x, .. more], [.. labels, .. more.Select(_ => "late")]);
        var memory = KernelRegression.FitClasses(x, labels, 1);
        var model = MomentRegression.Fit(moments, new MomentOptions { Bandwidth = memory.Bandwidths[0] });

        Assert.Contains("late", model.Classes);
        Assert.Equal(memory.Classes, model.Classes);
        Assert.Equal(memory.Diagnostics.LeaveOneOutError, model.Diagnostics.LeaveOneOutError, 1e-11);
        Assert.Equal(LogLoss(x, labels, [], model.Bandwidth), model.LeaveOneOutLogLoss, 1e-8);
    }

    // Pair by pair.
    private static double LogLoss(double[] x, string[] labels, double[] weights, double h)
    {
        double loss = 0;
        double total = 0;
        for (int i = 0; i < x.Length; i++)
        {
            (double own, double all) = (0, 0);
            for (int j = 0; j < x.Length; j++)
            {
                double u = (x[i] - x[j]) / h;
                double weight = j == i ? 0 : (weights.Length == 0 ? 1 : weights[j]) * Math.Exp(-0.5 * u * u);
                all += weight;
                own += labels[j] == labels[i] ? weight : 0;
            }

            double s = weights.Length == 0 ? 1 : weights[i];
            loss -= s * Math.Log(Math.Max(own / all, Math.ScaleB(1, -52)));
            total += s;
        }

        return loss / total;
    }
}
