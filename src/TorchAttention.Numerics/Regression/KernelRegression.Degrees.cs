using TorchAttention.Numerics.Pooling;
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
        KernelRegressionOptions[] asked = [.. options.Degrees.Select(degree => options.For(degree) with { RobustIterations = 0 })];
        foreach (KernelRegressionOptions one in asked)
        {
            RegressionCheck.Terms(one, features);
        }

        var examples = Examples.Prepare(x, y, features, options, weights);
        var models = new KernelRegression[asked.Length];
        double[] errors = new double[asked.Length];
        var parts = new PartsOf(progress, asked.Length);
        new Work(options.Threads ?? Environment.ProcessorCount, null, cancellationToken).ForEach(asked.Length, k =>
        {
            Examples own = examples with { Data = examples.Data.ForAnother() };
            models[k] = FitTo(own, asked[k], progress is null ? null : parts.Part(k), cancellationToken);
            errors[k] = models[k].LeaveOneOutOfNear(cancellationToken);
        });
        int least = Enumerable.Range(0, errors.Length).MinBy(k => double.IsNaN(errors[k]) ? double.PositiveInfinity : errors[k]);
        KernelRegression best = models[least];
        KernelRegressionOptions found = best.Options with { RobustIterations = options.RobustIterations };
        return new KernelRegression(
            best._data, best._order, best._bandwidths, found, best.Search, null, best._unweighted,
            RobustWeightsOf(best._data, best._bandwidths, found, cancellationToken))
        {
            DegreeTrials = [.. errors.Select((error, k) => (asked[k].Degree, error > Criterion.LeastMeanSquare ? error : 0))],
        };
    }

    // By the examples that choose the bandwidth: one that stands far from all others has no say.
    private double LeaveOneOutOfNear(CancellationToken cancellationToken)
    {
        Smoother smoother = Options.NewSmoother(cancellationToken);
        var criterion = new LeaveOneOutCriterion(smoother, Options.LeaveOutTies);
        return Search is { Rule: BandwidthRule.LeaveOneOut }
            ? Search.Score
            : criterion.At(criterion.Prepare(_data.Near()), _bandwidths);
    }

    // The mean of what its parts say, which several threads do at once.
    private sealed class PartsOf(IProgress<double>? whole, int parts)
    {
        private readonly double[] _done = new double[parts];

        public IProgress<double> Part(int part) => new One(this, part);

        private sealed class One(PartsOf all, int part) : IProgress<double>
        {
            public void Report(double value)
            {
                lock (all._done)
                {
                    all._done[part] = value;
                    all.Whole?.Report(all._done.Average());
                }
            }
        }

        private IProgress<double>? Whole => whole;
    }
}
