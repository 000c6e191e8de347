using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Groups;

/// <summary>Bandwidths, and a degree, that are the same for all groups.</summary>
internal static class SharedBandwidths
{
    // As in a search of one fit.
    private const double MostInRanges = 8;

    // Two scores this close are off from each other by the rounding of their sums.
    private const double EqualScores = 1e-12;

    /// <summary>The options with the bandwidths, and the degree, of the least error over all groups.</summary>
    public static KernelRegressionOptions Choose(GroupRows[] groups, KernelRegressionOptions options, CancellationToken cancellationToken)
    {
        if (options.Bandwidth.IsShare || !GroupedRegression.IsSharedRule(options.Bandwidth.Rule))
        {
            throw new ArgumentException(
                $"Expected leave-one-out, folds or numbers for bandwidths that groups share, got {options.Bandwidth}: the errors of groups "
                    + "have a mean, other criteria none.", nameof(options));
        }

        GroupRows[] weighted = [.. groups.Where(group => group.TotalWeight > 0)];
        if (weighted.Length == 0)
        {
            throw new RegressionDataException(
                RegressionProblem.TooFew, $"a group of at least {GroupedRegression.LeastExamples} examples", "none", nameof(groups));
        }

        IEnumerable<KernelRegressionOptions> asked = options.Degrees.Count == 0 ? [options] : options.Degrees.Select(options.For);
        (double[] bandwidths, double _, KernelRegressionOptions best) = asked.Select(one => Find(weighted, one, cancellationToken))
            .MinBy(found => found.Score);
        return best with { Bandwidth = Bandwidth.Fixed(bandwidths), SearchBounds = null };
    }

    private static (double[] Bandwidths, double Score, KernelRegressionOptions Options) Find(
        GroupRows[] groups, KernelRegressionOptions options, CancellationToken cancellationToken)
    {
        int features = groups[0].Features;
        RegressionCheck.Terms(options, features);
        Smoother smoother = options.NewSmoother(cancellationToken);
        bool isSideBySide = groups.Length >= 2 * (options.Threads ?? Environment.ProcessorCount);
        Criterion criterion = BandwidthRules.Create(
            options.Bandwidth, isSideBySide ? smoother.OnOneThread() : smoother, options.LeaveOutTies);
        SmootherData[] data = [.. groups.Select(group => criterion.Prepare(
            KernelRegression.DataOf(group.X, group.Y, features, options, group.Weights).Near()))];
        (double Least, double Most)[] bounds = [.. Enumerable.Range(0, features).Select(j => BoundsOf(data, j, options))];
        double[] weights = [.. groups.Select(group => group.TotalWeight)];
        double[] bandwidthsAt(double[] point) =>
            [.. point.Zip(bounds, (part, bound) => bound.Least * Math.Pow(bound.Most / bound.Least, part))];
        (double[] point, double least) = DirectSearch.Find(Score, features);
        double[] widest = [.. Enumerable.Repeat(1.0, features)];
        return double.IsPositiveInfinity(least)
            ? throw new RegressionDataException(
                RegressionProblem.NoBandwidth, "groups for which the error is finite at some bandwidth for all of them",
                $"{groups.Length} groups for which it is not: some rows stand too far apart")
            : (bandwidthsAt(Score(widest) <= least + (EqualScores * Math.Abs(least)) ? widest : point), least, options);

        double Score(double[] point)
        {
            cancellationToken.ThrowIfCancellationRequested();
            double[] h = bandwidthsAt(point);
            double[] scores = new double[data.Length];
            if (isSideBySide)
            {
                smoother.ForEach(data.Length, g => scores[g] = weights[g] * criterion.At(data[g], h));
            }
            else
            {
                scores = [.. data.Select((one, g) => weights[g] * criterion.At(one, h))];
            }

            return scores.Sum() / weights.Sum();
        }
    }

    private static (double Least, double Most) BoundsOf(SmootherData[] data, int feature, KernelRegressionOptions options)
    {
        double most = data.Min(one => one.MostBandwidth(feature, options.Kernel.Support));
        if (options.SearchBounds is { } asked)
        {
            (double Least, double Most) own = asked[asked.Count == 1 ? 0 : feature];
            return own.Least < most ? (own.Least, Math.Min(own.Most, most)) : throw SmootherData.TooWide(own.Least, most, feature);
        }

        double[] least = [.. data.Select(one => one.LeastBandwidth(feature)).Where(h => h > 0)];
        double range = data.Max(one => one.RangeOf(feature) is var (from, to) ? to - from : 0);
        return least.Length > 0 ? (least.Min(), Math.Min(MostInRanges * range, most))
            : throw new RegressionDataException(
                RegressionProblem.NoSpread, "numbers that vary within a group", "one number in each: no bandwidth can be chosen by it")
            {
                Feature = feature,
            };
    }
}
