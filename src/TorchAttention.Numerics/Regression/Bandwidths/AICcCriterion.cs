using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>AICc = ln R + 1 + 2 (t + 1) / (n - t - 2), with R the mean square of the residuals and t = tr H.</summary>
internal sealed class AICcCriterion(Smoother smoother, bool leaveOutTies) : FitCriterion(smoother, leaveOutTies)
{
    /// <summary>The criterion; infinite where no freedom is left.</summary>
    public static double Compute(double meanSquare, double trace, double examples)
    {
        double left = examples - trace - 2;
        return left > 0 ? Math.Log(meanSquare) + 1 + (2 * (trace + 1) / left) : double.PositiveInfinity;
    }

    public override double OfMeanSquare(double meanSquare) => Math.Log(meanSquare);

    public override double ScaleOf(double score) => 1;

    public override double InUnits(double score, double unit) => score + (2 * Math.Log(unit));

    protected override double Corrected(double meanSquare, double trace, int examples) => Compute(meanSquare, trace, examples);

    protected override double Slope(double score, double ofMeanSquare, double trace, double ofTrace, double examples)
    {
        double left = examples - trace - 2;
        return ofMeanSquare + (2 * (examples - 1) / (left * left) * ofTrace);
    }
}
