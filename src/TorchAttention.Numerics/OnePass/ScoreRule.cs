using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass;

/// <summary>What the rules that moments answer make of a bandwidth's sums.</summary>
internal static class ScoreRule
{
    /// <summary>Refuses a rule that moments do not answer.</summary>
    public static void Check(BandwidthRule rule, bool hasFolds)
    {
        if (rule is not (BandwidthRule.LeaveOneOut or BandwidthRule.GCV or BandwidthRule.AICc)
            && !(hasFolds && rule == BandwidthRule.KFold))
        {
            throw new ArgumentException(
                $"Expected the rule LeaveOneOut, GCV{(hasFolds ? ", AICc or KFold" : " or AICc")}, got {rule}: moments do not answer it.",
                nameof(rule));
        }
    }

    /// <summary>The criterion.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="leaveOneOut">The mean of the leave-one-out squares.</param>
    /// <param name="meanSquare">The mean of the squares.</param>
    /// <param name="trace">tr H.</param>
    /// <param name="n">The number of rows.</param>
    public static double Value(BandwidthRule rule, double leaveOneOut, double meanSquare, double trace, double n) => rule switch
    {
        BandwidthRule.GCV => GcvCriterion.Compute(meanSquare, trace, n),
        BandwidthRule.AICc => AICcCriterion.Compute(meanSquare, trace, n),
        _ => leaveOneOut,
    };

    /// <summary>Its derivative by log h.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="value">The criterion.</param>
    /// <param name="leaveOneOut">The derivative of the mean of the leave-one-out squares.</param>
    /// <param name="residual">The derivative of the squares, as a part of them.</param>
    /// <param name="trace">tr H.</param>
    /// <param name="traceByLog">Its derivative.</param>
    /// <param name="n">The number of rows.</param>
    public static double Slope(
        BandwidthRule rule, double value, double leaveOneOut, double residual, double trace, double traceByLog, double n)
    {
        double left = n - trace;
        return rule switch
        {
            BandwidthRule.GCV => value * (residual + (2 / left * traceByLog)),
            BandwidthRule.AICc => residual + (2 * (n - 1) / ((left - 2) * (left - 2)) * traceByLog),
            _ => leaveOneOut,
        };
    }

    /// <summary>How a fit describes its rows, by their sums.</summary>
    /// <param name="rows">n.</param>
    /// <param name="weight">What they weigh.</param>
    /// <param name="trace">tr H.</param>
    /// <param name="traceOfSquare">tr H'H.</param>
    /// <param name="leaveOneOut">The leave-one-out squares.</param>
    /// <param name="residuals">The squares of each column (v).</param>
    /// <param name="totals">Those about the mean (v).</param>
    public static Diagnostics Describe(
        double rows, double weight, double trace, double traceOfSquare, double leaveOneOut, double[] residuals, double[] totals)
    {
        double freedom = Diagnostics.Freedom(rows, trace, traceOfSquare);
        double mean = Math.Max(0, residuals.Sum() / weight);
        return new Diagnostics
        {
            EffectiveDegreesOfFreedom = trace,
            ResidualDegreesOfFreedom = freedom,
            ResidualStandardError =
                [.. residuals.Select(squares => Diagnostics.Deviation(Math.Max(0, squares / weight) * rows, freedom, rows))],
            RSquared = [.. residuals.Zip(totals, (squares, total) => total > 0 ? 1 - (Math.Max(0, squares) / total) : double.NaN)],
            LeaveOneOutError = Math.Max(0, leaveOneOut / weight),
            AICc = AICcCriterion.Compute(mean, trace, rows),
            GCV = GcvCriterion.Compute(mean, trace, rows),
        };
    }
}
