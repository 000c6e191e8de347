using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression;

/// <content>How far the data tell bandwidths apart.</content>
public sealed partial class KernelRegression
{
    private const int MostExamplesForSpans = 200_000;
    private const double FirstStep = 0.1;
    private const double LastStep = 0.05;

    /// <summary>
    /// The bandwidths of each feature, the others held, that are as good as the one found, within one standard error: the mean over the
    /// examples of d_i = e_i(h)^2 - e_i(h*)^2, with e_i the error of the leave-one-out prediction, is at most sd(d) / sqrt(n). Each is
    /// known to a part in twenty.
    /// </summary>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>
    /// The least and the largest (d), within the bounds of the search; empty where bandwidths were not searched for, or where there are
    /// more than 200,000 examples, which tell bandwidths apart well.
    /// </returns>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public IReadOnlyList<(double Least, double Most)> SpansWithinOneStandardError(CancellationToken cancellationToken = default)
    {
        if (Search is not { Bounds.Count: > 0 } search || Count > MostExamplesForSpans)
        {
            return [];
        }

        SmootherData data = Options.LeaveOutTies ? _data.Near().TiesTogether() : _data.Near();
        Smoother smoother = Options.NewSmoother(cancellationToken);
        double[]? least = SquaredErrors(_bandwidths);
        return least is null ? [] : [.. Enumerable.Range(0, Features).Select(j => (End(j, -1), End(j, 1)))];

        // Ever longer steps until the error is above, then where the excess, nearly a straight line of log h, is 0.
        double End(int feature, int sign)
        {
            double bound = sign < 0 ? search.Bounds[feature].Least : search.Bounds[feature].Most;
            double most = Math.Abs(Math.Log(bound / _bandwidths[feature]));
            (double Log, double Excess) within = (0, double.NaN);
            (double Log, double Excess) above = At(Math.Min(most, FirstStep));
            for (double step = 2 * FirstStep; !(above.Excess > 0); step *= 2)
            {
                if (above.Log >= most)
                {
                    return bound;
                }

                (within, above) = (above, At(Math.Min(most, above.Log + step)));
            }

            double found = double.NaN;
            for (bool isByLine = true; above.Log - within.Log > LastStep; isByLine = !isByLine)
            {
                if (Math.Abs(OnLine() - found) <= LastStep / 2)
                {
                    break;
                }

                found = isByLine ? OnLine() : (within.Log + above.Log) / 2;
                (double Log, double Excess) here = At(found);
                (within, above) = here.Excess > 0 ? (within, here) : (here, above);
            }

            return _bandwidths[feature] * Math.Exp(sign * OnLine());

            (double Log, double Excess) At(double log) => (log, Excess(feature, sign * log));

            double OnLine() => double.IsFinite(above.Excess - within.Excess)
                ? within.Log + ((above.Log - within.Log) * within.Excess / (within.Excess - above.Excess))
                : (within.Log + above.Log) / 2;
        }

        double Excess(int feature, double log) =>
            SquaredErrors([.. _bandwidths.Select((h, j) => j == feature ? h * Math.Exp(log) : h)]) is { } errors
                ? ExcessOver(data, errors, least) : double.PositiveInfinity;

        double[]? SquaredErrors(double[] bandwidths)
        {
            Smoother.Fit fit = bandwidths == _bandwidths && data == _weighted ? _smooth.Value
                : smoother.At<double>(data, bandwidths, leaveOut: true);
            if (!fit.IsAdmissible)
            {
                return null;
            }

            double[] squares = new double[data.Count];
            for (int at = 0; at < data.Values.Length; at++)
            {
                double error = data.Values[at] - fit.WithoutOwn[at];
                squares[at / Columns] += error * error;
            }

            return squares;
        }
    }

    // By how much the mean of the differences is more than its standard error, in units of the largest difference.
    private static double ExcessOver(SmootherData data, double[] errors, double[] least)
    {
        // Float64 holds the squares of values, not always their fourth powers.
        double largest = 0;
        for (int i = 0; i < errors.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(errors[i] - least[i]));
        }

        double mean = 0;
        double squares = 0;
        double total = data.TotalWeight;
        for (int i = 0; i < errors.Length && largest > 0; i++)
        {
            double difference = (errors[i] - least[i]) / largest;
            mean += data.WeightAt(i) / total * difference;
            squares += data.WeightAt(i) / total * difference * difference;
        }

        return mean - Math.Sqrt(Math.Max(0, squares - (mean * mean)) / data.Examples);
    }
}
