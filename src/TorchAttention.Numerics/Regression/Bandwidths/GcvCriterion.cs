using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>GCV = R / (1 - t/n)^2, with R the mean square of the residuals and t = tr H.</summary>
internal sealed class GcvCriterion(Smoother smoother, bool leaveOutTies) : FitCriterion(smoother, leaveOutTies)
{
    // Below this part of the examples no freedom is left but rounding.
    private const double LeastFreedom = 1e-9;

    /// <summary>The criterion; infinite where no freedom is left.</summary>
    public static double Compute(double meanSquare, double trace, double examples)
    {
        double left = 1 - (trace / examples);
        return left > LeastFreedom ? meanSquare / (left * left) : double.PositiveInfinity;
    }

    protected override double Corrected(double meanSquare, double trace, int examples) => Compute(meanSquare, trace, examples);

    protected override double Slope(double score, double ofMeanSquare, double trace, double ofTrace, double examples) =>
        score * (ofMeanSquare + (2 / (examples - trace) * ofTrace));
}
