using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <summary>The bandwidths of the least leave-one-out deviance, each example fitted again without itself.</summary>
internal sealed class LikelihoodSearch(
    ResponseFamily family, SmootherData data, double[] values, KernelRegressionOptions options, IProgress<double> progress,
    CancellationToken cancellationToken)
{
    // So wide a bandwidth weighs all examples the same to one part in a hundred.
    private const double MostInRanges = 8;

    // Of more examples the search begins by looking at some, predicted from all, and of very many it ends so.
    private const int ManyExamples = 600;
    private const int FewExamples = 300;
    private const int VeryManyExamples = 4000;
    private const int SomeExamples = 2000;
    private const double StepOfAll = 0.03;

    // Two scores this close are off from each other by the ends of their iterations.
    private const double EqualScores = 1e-8;
    private const double TrialsOfOne = 45;

    private static readonly double[] _likely = [0.05, 0.1, 0.2, 0.4];
    private readonly List<BandwidthTrial> _trials = [];
    private int _guesses;

    /// <summary>What was found.</summary>
    /// <param name="Problem">The examples with the bandwidths.</param>
    /// <param name="Score">The mean leave-one-out deviance.</param>
    /// <param name="Error">The mean of the squared leave-one-out errors.</param>
    /// <param name="Search">What was tried; null where the bandwidths were given.</param>
    public sealed record Found(LikelihoodProblem Problem, double Score, double Error, BandwidthSearch? Search);

    public Found Find()
    {
        Bandwidth asked = options.Bandwidth;
        int d = data.Features;
        if (asked.Values.Count > 1 && asked.Values.Count != d)
        {
            throw new ArgumentException(
                $"Expected one bandwidth or one for each of {d} features, got {asked.Values.Count}.", nameof(options));
        }

        double[]? given = asked.Values.Count == 0 ? BandwidthRules.FromFormula(asked.Rule!.Value, data, options.Kernel)
            : [.. Enumerable.Range(0, d).Select(j => asked.Values[asked.Values.Count == 1 ? 0 : j])];
        if (given is not null)
        {
            RegressionCheck.Bandwidths(given, data, options.Kernel);
            (double score, double error) = LeaveOneOut(given, 1);
            return new Found(ProblemOf(given), score, error, null);
        }

        if (options.SearchBounds is { } pairs && pairs.Count != 1 && pairs.Count != d)
        {
            throw new ArgumentException(
                $"Expected one pair of bounds or one for each of {d} features, got {pairs.Count}.", nameof(options));
        }

        (double Least, double Most)[] bounds = [.. Enumerable.Range(0, d).Select(BoundsOf)];
        int last = data.Count > VeryManyExamples ? data.Count / SomeExamples : 1;
        int first = data.Count > ManyExamples ? data.Count / FewExamples : last;
        (double[] point, double best) = DirectSearch.Find(place => Try(bounds, place, first), d, [.. Likely(bounds)]);
        if (first > last)
        {
            _guesses = _trials.Count;
            (point, best) = DirectSearch.From(place => Try(bounds, place, last), point, StepOfAll);
        }

        // Of equals the widest: what does not help is at its end.
        for (int j = 0; j < d; j++)
        {
            double[] wider = [.. point];
            wider[j] = 1;
            if (point[j] < 1 && Try(bounds, wider, last) is double there && there <= best * (1 + EqualScores))
            {
                (point, best) = (wider, Math.Min(best, there));
            }
        }

        if (!double.IsFinite(best))
        {
            throw new RegressionDataException(
                RegressionProblem.NoBandwidth, "data for which the leave-one-out deviance is finite at some bandwidth",
                $"{data.Count} examples for which it is not: too many stand alone");
        }

        double[] bandwidths = At(bounds, point);
        BandwidthTrial[] good = [.. _trials.Skip(_guesses).Where(trial => trial.Score <= best * (1 + EqualScores))];
        (double all, double ofAll) = LeaveOneOut(bandwidths, 1);
        if (last > 1)
        {
            _trials.Add(new BandwidthTrial(bandwidths, all, false));
        }

        return new Found(ProblemOf(bandwidths), all, ofAll, new BandwidthSearch
        {
            Rule = BandwidthRule.LeaveOneOut,
            Bandwidths = bandwidths,
            Score = all,
            Bounds = bounds,
            EquallyGood = [.. Enumerable.Range(0, d).Select(
                j => (good.Min(trial => trial.Bandwidths[j]), good.Max(trial => trial.Bandwidths[j])))],
            Trials = _trials,
        });
    }

    private LikelihoodProblem ProblemOf(double[] bandwidths) =>
        new(family, data, values, options.Kernel, bandwidths, options.Degree, options.RidgeInUse);

    private static double[] At((double Least, double Most)[] bounds, double[] point) =>
        [.. bounds.Select((bound, j) => bound.Least * Math.Pow(bound.Most / bound.Least, point[j]))];

    private double Try((double Least, double Most)[] bounds, double[] point, int step)
    {
        double[] bandwidths = At(bounds, point);
        double score = LeaveOneOut(bandwidths, step).Deviance;
        _trials.Add(new BandwidthTrial(bandwidths, score, step > 1));
        progress.Report(_trials.Count / (_trials.Count + (TrialsOfOne * data.Features)));
        return score;
    }

    // Of every so manieth example.
    private (double Deviance, double Error) LeaveOneOut(double[] bandwidths, int step)
    {
        LikelihoodProblem problem = ProblemOf(bandwidths);
        int d = data.Features;
        int count = (data.Count + step - 1) / step;
        double[] etas = new double[count];
        problem.ForEach(
            count,
            (k, pass) =>
            {
                pass.Fit(data.Keys.AsSpan(k * step * d, d), k * step);
                etas[k] = pass.Eta;
            },
            options.Threads, null, cancellationToken);
        (double deviance, double error, double total, int alone) = (0, 0, 0, 0);
        for (int k = 0; k < count; k++)
        {
            double weight = data.WeightAt(k * step);
            alone += double.IsNaN(etas[k]) ? 1 : 0;
            double eta = double.IsNaN(etas[k]) ? family.Link(problem.Mean) : etas[k];
            double residual = values[k * step] - family.Mean(eta);
            deviance += weight * family.Deviance(values[k * step], eta);
            error += weight * residual * residual;
            total += weight;
        }

        return (alone * step <= data.MostAlone ? deviance / total : double.PositiveInfinity, error / total);
    }

    private IEnumerable<double[]> Likely((double Least, double Most)[] bounds) => _likely.Select(part => (double[])
    [
        .. bounds.Select((bound, j) => Math.Clamp(Math.Log(part * RangeOf(j) / bound.Least) / Math.Log(bound.Most / bound.Least), 0, 1)),
    ]);

    private double RangeOf(int feature) => data.RangeOf(feature) is var (least, most) ? most - least : 0;

    private (double Least, double Most) BoundsOf(int feature) =>
        options.SearchBounds is { } asked ? asked[asked.Count == 1 ? 0 : feature]
        : RangeOf(feature) is > 0 and var range ? (data.LeastBandwidth(feature), MostInRanges * range)
        : throw new RegressionDataException(
            RegressionProblem.NoSpread, "numbers that vary",
            $"{data.RangeOf(feature).Least:R} everywhere: no bandwidth can be chosen by it")
        {
            Feature = feature,
        };
}
