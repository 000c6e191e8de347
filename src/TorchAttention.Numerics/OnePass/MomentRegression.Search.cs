using MathNet.Numerics.RootFinding;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass;

/// <content>The search for the bandwidth: a scan of log h, then where the slope turns.</content>
public sealed partial class MomentRegression
{
    // A bandwidth so much narrower than a cell asks more of 16 terms than a bound of use (docs/certificates.md).
    private const double LeastInCells = 1 / 1.5;

    // So wide a bandwidth weighs all rows the same to one part in a hundred.
    private const double MostInRanges = 8;

    // Of log h: valleys of a Gaussian's criterion are wider. The deepest of the scan may not be the deepest of all by so much.
    private const double Step = 0.25;
    private const double Doubt = 0.05;
    private const int MostValleys = 4;
    private const double Tolerance = 1e-9;
    private const int MostSteps = 60;

    // Of the square of the values' unit: errors below are what sums are rounded to.
    private const double Rounding = 1e-14;

    private void Find(BandwidthRule rule, MomentFolds? folds, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        ScoreRule.Check(rule, hasFolds: true);
        MomentLevel finest = _near.Finest;
        double range = finest.Count == 0 ? 0
            : Math.Min(MostX, finest.Ends(finest.Count - 1).Most) - Math.Max(LeastX, finest.Ends(0).Least);
        if (!(range > 0))
        {
            throw new RegressionDataException(RegressionProblem.NoSpread, "numbers that vary", $"{LeastX:R} everywhere") { Feature = 0 };
        }

        double low = Math.Log(LeastInCells * finest.CellWidth);
        double high = Math.Max(low + Step, Math.Log(MostInRanges * range));
        int steps = (int)Math.Ceiling((high - low) / Step);
        var trials = new List<BandwidthTrial>();
        double[] logs = [.. Enumerable.Range(0, steps + 1).Select(i => low + (i * (high - low) / steps))];
        var scanned = new (double Score, double Slope)[logs.Length];
        for (int i = logs.Length - 1; i >= 0; i--)
        {
            scanned[i] = At(logs[i]);
            progress?.Report(0.8 * (logs.Length - i) / logs.Length);
        }

        double least = scanned.Min(at => at.Score);
        if (double.IsPositiveInfinity(least))
        {
            throw new RegressionDataException(
                RegressionProblem.NoBandwidth,
                $"rows for which the rule {rule} is finite at some bandwidth",
                $"{Count} for which it is not");
        }

        double scale = rule == BandwidthRule.AICc ? 1 : Math.Abs(least);
        int[] valleys = [.. Enumerable.Range(0, logs.Length)
            .Where(i => scanned[i].Score <= least + (Doubt * scale)
                && (i == 0 || scanned[i - 1].Score >= scanned[i].Score)
                && (i == logs.Length - 1 || scanned[i + 1].Score > scanned[i].Score))
            .OrderBy(i => scanned[i].Score).Take(MostValleys)];
        var bottoms = new List<BandwidthTrial>();
        foreach (int i in valleys)
        {
            // Downhill from here to a neighbour, where the slope turns.
            int other = scanned[i].Slope > 0 ? i - 1 : i + 1;
            if (other >= 0 && other < logs.Length && double.IsFinite(scanned[other].Score)
                && scanned[i].Slope * scanned[other].Slope < 0)
            {
                // Brent's method ends where what it is asked for is small, too.
                double turn = Math.Abs(scanned[i].Slope - scanned[other].Slope);
                (double Slope, BandwidthTrial Trial) levellest = (double.PositiveInfinity, trials[0]);
                _ = Brent.TryFindRoot(SlopeAt, Math.Min(logs[i], logs[other]), Math.Max(logs[i], logs[other]), Tolerance, MostSteps, out _);
                bottoms.Add(levellest.Trial);

                double SlopeAt(double log)
                {
                    double slope = At(log).Slope / turn;
                    levellest = Math.Abs(slope) < levellest.Slope ? (Math.Abs(slope), trials[^1]) : levellest;
                    return slope;
                }
            }
        }

        Search = BandwidthSearch.Of(rule, trials, bottoms, [(Math.Exp(low), Math.Exp(high))])!;
        Bandwidth = Search.Bandwidths[0];

        (double Score, double Slope) At(double log)
        {
            cancellationToken.ThrowIfCancellationRequested();
            double h = Math.Exp(log);
            (double value, double slope) = folds is null
                ? ByRule(rule, Sum(Scores(_near, h, isCertified: false, cancellationToken)))
                : ByFolds(folds.At(h, _threads, cancellationToken));
            trials.Add(new BandwidthTrial([h], value, IsEstimate: false));
            return (value, slope);
        }
    }

    private double LeastSquare() => Rounding * _all.FinestOfColumns.Sum(level => level.ValueUnit * level.ValueUnit);

    private (double Score, double Slope) ByRule(BandwidthRule rule, in MomentScore score)
    {
        double n = _near.Rows;
        double least = LeastSquare();
        double mean = Math.Max(score.Residual / _near.Weight, least);
        double value = ScoreRule.Value(rule, Math.Max(score.LeaveOneOut / _near.Weight, least), mean, score.Trace, n);
        double slope = ScoreRule.Slope(
            rule, value, score.LeaveOneOutByLog / _near.Weight, score.ResidualByLog / score.Residual, score.Trace, score.TraceByLog, n);
        return double.IsFinite(value) ? (value, slope) : (double.PositiveInfinity, double.NaN);
    }
}
