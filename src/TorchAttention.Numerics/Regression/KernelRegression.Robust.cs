using MathNet.Numerics.Statistics;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression;

/// <content>Weights that residuals leave to the examples.</content>
public sealed partial class KernelRegression
{
    private const double MedianDeviations = 6;

    // Of residuals most of which are 0 the others would all be outliers; lowess stops at the same part of their mean.
    private const double LeastMedian = 1e-7;

    private readonly double[]? _robust;

    /// <summary>
    /// The weights r (n) that the last residuals left to the examples, in the order that these were given in; empty where
    /// <see cref="KernelRegressionOptions.RobustIterations"/> is 0. That of an example of weight 0 is 0.
    /// </summary>
    public IReadOnlyList<double> RobustWeights
    {
        get
        {
            if (_robust is null)
            {
                return [];
            }

            double[] given = new double[Count + _unweighted.Count];
            for (int i = 0; i < Count; i++)
            {
                given[_order is null ? i : _order[i]] = _robust[i];
            }

            return given;
        }
    }

    // Null where none are asked for.
    private static double[]? RobustWeightsOf(
        SmootherData data, double[] bandwidths, KernelRegressionOptions options, CancellationToken cancellationToken)
    {
        if (options.RobustIterations == 0)
        {
            return null;
        }

        Smoother smoother = options.NewSmoother(cancellationToken);
        double[] weights = [.. Enumerable.Repeat(1.0, data.Count)];
        for (int iteration = 0; iteration < options.RobustIterations; iteration++)
        {
            double[] fitted = smoother.At<double>(Reweighted(data, weights), bandwidths, leaveOut: false).Fitted;
            double[] sizes = [.. data.Values.Zip(fitted, (y, f) => Math.Abs(y - f))];
            double[] known = [.. sizes.Where(double.IsFinite)];
            double end = MedianDeviations * known.Median();
            if (!(end > LeastMedian * known.Mean()))
            {
                break;
            }

            weights = Array.ConvertAll(sizes, size => size < end && size / end is var part ? Squared(1 - (part * part)) : 0);
        }

        return weights;

        static double Squared(double number) => number * number;
    }

    private static SmootherData Reweighted(SmootherData data, double[] robust) =>
        data.WithWeights([.. robust.Select((weight, i) => weight * data.WeightAt(i))]);
}
