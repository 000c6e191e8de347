using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass;

/// <content>The search for the bandwidth: steps around that of some of the rows, then golden sections.</content>
public sealed partial class OrderedRegression
{
    // The best bandwidth of more rows is known from that of some to a factor of 1.5 or so; three of these steps.
    private const double Step = 0.25;
    private const int StepsAround = 3;
    private const int MostSteps = 16;
    private const double Tolerance = 1e-4;

    // As the search in memory has it.
    private const double MostInRanges = 8;

    private double Find(BandwidthRule rule, double first, IProgress<double>? progress)
    {
        double start = Math.Log(first);
        double most = Math.Log(MostInRanges * (MostX - LeastX));
        var scores = new Dictionary<int, double>();
        int best = 0;
        (int low, int high) = (-StepsAround, StepsAround);
        while (true)
        {
            for (int step = low; step <= high; step++)
            {
                if (!scores.ContainsKey(step))
                {
                    scores[step] = At(start + (step * Step));
                    progress?.Report(0.5 * scores.Count / (scores.Count + StepsAround));
                }
            }

            best = scores.MinBy(pair => (pair.Value, -pair.Key)).Key;
            if ((best > low && best < high) || high - low >= MostSteps || double.IsPositiveInfinity(scores[best]))
            {
                break;
            }

            (low, high) = best == low ? (low - StepsAround, high) : (low, high + StepsAround);
        }

        if (double.IsPositiveInfinity(scores[best]))
        {
            throw new RegressionDataException(
                RegressionProblem.NoBandwidth, $"rows for which the rule {rule} is finite at some bandwidth", "others");
        }

        if (_mostInReach > MostInReach && Math.Exp(start + ((best + 1) * Step)) >= _tooWide)
        {
            throw TooMany(_mostInReach);
        }

        Narrow(start + ((best - 1) * Step), Math.Min(most, start + ((best + 1) * Step)), progress);
        Search = BandwidthSearch.Of(rule, _trials, [], [(Math.Exp(start + (low * Step)), Math.Exp(start + (high * Step)))])!;
        return Search.Bandwidths[0];

        double At(double log) => log > most ? double.PositiveInfinity : Try(rule, Math.Exp(log));

        // Golden sections.
        void Narrow(double left, double right, IProgress<double>? told)
        {
            double ratio = (Math.Sqrt(5) - 1) / 2;
            (double a, double b) = (right - (ratio * (right - left)), left + (ratio * (right - left)));
            (double atA, double atB) = (At(a), At(b));
            double whole = right - left;
            while (right - left > Tolerance)
            {
                if (atA <= atB)
                {
                    (right, b, atB) = (b, a, atA);
                    a = right - (ratio * (right - left));
                    atA = At(a);
                }
                else
                {
                    (left, a, atA) = (a, b, atB);
                    b = left + (ratio * (right - left));
                    atB = At(b);
                }

                told?.Report(1 - (0.5 * Math.Log((right - left) / Tolerance) / Math.Log(whole / Tolerance)));
            }
        }
    }

    private double Try(BandwidthRule rule, double h)
    {
        if (Pass(h, isFinal: false, leaveOut: rule == BandwidthRule.LeaveOneOut) is not { } sums)
        {
            return double.PositiveInfinity;
        }

        double n = _rows.Count;
        double mean = sums.Residuals.Sum(column => column.Sum) / n;
        double score = sums.Alone > n / AloneForAnother ? double.PositiveInfinity
            : ScoreRule.Value(rule, sums.LeaveOneOut.Sum / n, mean, sums.Trace.Sum, n);
        _trials.Add(new BandwidthTrial([h], score, IsEstimate: false));
        return score;
    }
}
