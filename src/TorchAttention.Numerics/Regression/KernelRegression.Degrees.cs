using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression;

/// <content>The degree of the least leave-one-out error.</content>
public sealed partial class KernelRegression
{
    private static KernelRegression FitBest(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, int features, KernelRegressionOptions options, ReadOnlySpan<double> weights,
        IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var trials = new List<(int Degree, double Error)>();
        KernelRegression? best = null;
        foreach (int degree in options.Degrees)
        {
            var part = progress is null ? null : new PartOf(progress, trials.Count, options.Degrees.Count);
            KernelRegression model = Fit(x, y, features, options.For(degree), weights, part, cancellationToken);
            double error = model.LeaveOneOutOfNear(cancellationToken);
            best = best is null || error < trials.Min(trial => trial.Error) ? model : best;
            trials.Add((degree, error > Criterion.LeastMeanSquare ? error : 0));
        }

        return new KernelRegression(best!._data, best._order, best._bandwidths, best.Options, best.Search, null, best._unweighted)
        {
            DegreeTrials = trials,
        };
    }

    // By the examples that choose the bandwidth: one that stands far from all others has no say.
    private double LeaveOneOutOfNear(CancellationToken cancellationToken)
    {
        var smoother = new Smoother(Options.Kernel, Options.Degree, Options.RidgeInUse, Options.Threads, cancellationToken);
        var criterion = new LeaveOneOutCriterion(smoother, Options.LeaveOutTies);
        return Search is { Rule: BandwidthRule.LeaveOneOut }
            ? Search.Score
            : criterion.At(criterion.Prepare(_data.Near()), _bandwidths);
    }

    private sealed class PartOf(IProgress<double> whole, int part, int parts) : IProgress<double>
    {
        public void Report(double value) => whole.Report((part + value) / parts);
    }
}
