using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// A criterion of one fit to all examples: R, the mean square of its residuals, corrected for t = tr H, the freedom that it took.
/// </summary>
internal abstract class FitCriterion(Smoother smoother, bool leaveOutTies) : Criterion(smoother, leaveOutTies)
{
    protected override bool LeavesOut => false;

    public override double At(SmootherData data, double[] bandwidths, bool isSingle = false)
    {
        if (!isSingle && Smoother.SumsInCells(data, bandwidths, leaveOut: false, hasSlopes: false) is { } sums)
        {
            return sums.IsAdmissible ? Score(data, sums.Squares / data.TotalWeight, sums.Trace) : double.PositiveInfinity;
        }

        Smoother.Fit fit = isSingle
            ? Smoother.At<float>(data, bandwidths, leaveOut: false)
            : Smoother.At<double>(data, bandwidths, leaveOut: false);
        return fit.IsAdmissible ? Score(data, fit.SquaresOf(data) / data.TotalWeight, fit.Trace()) : double.PositiveInfinity;
    }

    public override double WithGradient(SmootherData data, double[] bandwidths, double[] gradient, bool isSingle)
    {
        if (!isSingle && Smoother.SumsInCells(data, bandwidths, leaveOut: false, hasSlopes: true) is { } sums)
        {
            gradient[0] = sums.SquaresByLog;
            return sums.IsAdmissible ? Score(data, sums.Squares, sums.Trace, [sums.TraceByLog], gradient) : double.PositiveInfinity;
        }

        double[] byLog = new double[data.Values.Length * data.Features];
        double[] traceByLog = new double[data.Features];
        Smoother.Fit fit = isSingle
            ? Smoother.WithGradient<float>(data, bandwidths, byLog, traceByLog)
            : Smoother.WithGradient<double>(data, bandwidths, byLog, traceByLog);
        return fit.IsAdmissible
            ? Score(data, Squares(data, fit.Fitted, byLog, gradient), fit.Trace(), traceByLog, gradient)
            : double.PositiveInfinity;
    }

    protected abstract override double Corrected(double meanSquare, double trace, int examples);

    /// <summary>The derivative by log h.</summary>
    /// <param name="score">The criterion.</param>
    /// <param name="ofMeanSquare">The derivative of R, as a part of R.</param>
    /// <param name="trace">t.</param>
    /// <param name="ofTrace">The derivative of t.</param>
    /// <param name="examples">n.</param>
    protected abstract double Slope(double score, double ofMeanSquare, double trace, double ofTrace, double examples);

    private double Score(SmootherData data, double squares, double trace, double[] traceByLog, double[] gradient)
    {
        double mean = MeanOf(data, squares, gradient);
        double score = Score(data, mean, trace);
        for (int j = 0; j < gradient.Length && mean > RoundingOf(data); j++)
        {
            gradient[j] = Slope(score, gradient[j] / mean, trace, traceByLog[j], data.Examples);
        }

        return score;
    }

    private double Score(SmootherData data, double meanSquare, double trace) =>
        meanSquare <= RoundingOf(data) ? LeastScore(data) : Corrected(meanSquare, trace, data.Examples);
}
