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
        var smoother = new Smoother(Options.Kernel, Options.Degree, Options.RidgeInUse, Options.Threads, cancellationToken);
        double[]? found = SquaredErrors(_bandwidths);
        return found is null ? [] : [.. Enumerable.Range(0, Features).Select(j => (End(j, -1), End(j, 1)))];

        // Ever longer steps until the error is above, then halves of the last one.
        double End(int feature, int sign)
        {
            double bound = sign < 0 ? search.Bounds[feature].Least : search.Bounds[feature].Most;
            double most = Math.Abs(Math.Log(bound / _bandwidths[feature]));
            (double within, double step) = (0, FirstStep);
            while (within < most && IsWithin(feature, sign * Math.Min(most, within + step)))
            {
                (within, step) = (Math.Min(most, within + step), 2 * step);
            }

            for (step /= 2; within < most && step > LastStep / 2; step /= 2)
            {
                within = IsWithin(feature, sign * Math.Min(most, within + step)) ? Math.Min(most, within + step) : within;
            }

            return within >= most ? bound : _bandwidths[feature] * Math.Exp(sign * within);
        }

        bool IsWithin(int feature, double log) =>
            SquaredErrors([.. _bandwidths.Select((h, j) => j == feature ? h * Math.Exp(log) : h)]) is { } errors
            && IsWithinOneStandardError(data, errors, found);

        double[]? SquaredErrors(double[] bandwidths)
        {
            Smoother.Fit fit = smoother.At<double>(data, bandwidths, leaveOut: true);
            return !fit.IsAdmissible ? null
                : [.. Enumerable.Range(0, data.Count)
                    .Select(i => Enumerable.Range(i * Columns, Columns).Sum(at => Math.Pow(data.Values[at] - fit.WithoutOwn[at], 2)))];
        }
    }

    private static bool IsWithinOneStandardError(SmootherData data, double[] errors, double[] least)
    {
        // In units of the largest difference: float64 holds the squares of values, not always their fourth powers.
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

        return mean <= Math.Sqrt(Math.Max(0, squares - (mean * mean)) / data.Examples);
    }
}
