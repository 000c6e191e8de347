namespace TorchAttention.Numerics.Regression;

/// <summary>Finds the bandwidths that make a criterion small, in the logarithms of the bandwidths, within bounds.</summary>
internal abstract class Search
{
    // A search is over when every bandwidth is known to this part; where an evaluation takes long, to a coarser one that moves the score by a part in 1e8.
    private const double Precise = 1e-5;
    private const double Coarse = 1e-4;
    protected const int ManyExamples = 100_000;

    private readonly IProgress<double>? _progress;
    private readonly List<BandwidthTrial> _trials = [];
    private double _told;

    protected Search(SmootherData data, BandwidthCriterion criterion, (double Least, double Most)[] bounds, IProgress<double>? progress)
    {
        Data = data;
        Criterion = criterion;
        Bounds = bounds;
        _progress = progress;
    }

    protected SmootherData Data { get; }

    protected BandwidthCriterion Criterion { get; }

    /// <summary>The bounds of the bandwidths (d).</summary>
    protected (double Least, double Most)[] Bounds { get; }

    protected double Tolerance => Data.Count > ManyExamples ? Coarse : Precise;

    /// <summary>Searches.</summary>
    /// <param name="rule">The rule, for the record.</param>
    /// <param name="data">The data.</param>
    /// <param name="criterion">The criterion.</param>
    /// <param name="relativeBounds">The bounds in units of each feature's range; null for the usual ones.</param>
    /// <param name="progress">Told the part done, roughly.</param>
    /// <exception cref="RegressionDataException">The data allows no bandwidth.</exception>
    public static BandwidthSearch Run(
        BandwidthRule rule, SmootherData data, BandwidthCriterion criterion, (double Least, double Most)? relativeBounds, IProgress<double>? progress)
    {
        SmootherData prepared = criterion.Prepare(data);
        (double Least, double Most)[] bounds = [.. Enumerable.Range(0, data.Features).Select(j => BoundsOf(prepared, j, relativeBounds))];
        Search search = data.Features == 1 ? new LineSearch(prepared, criterion, bounds, progress) : new PlaneSearch(prepared, criterion, bounds, progress);
        search.Find();
        BandwidthTrial found = search._trials.Where(trial => !trial.IsEstimate).MinBy(trial => trial.Score)!;
        if (double.IsPositiveInfinity(found.Score))
        {
            throw new RegressionDataException($"Expected data for which the rule {rule} is finite at some bandwidth, got {data.Count} examples for which it is not: there are too few of them, or some stand alone.");
        }

        progress?.Report(1);
        return new BandwidthSearch { Rule = rule, Bandwidths = found.Bandwidths, Score = found.Score, Bounds = bounds, Trials = search._trials };
    }

    /// <summary>Looks for the best bandwidths; every evaluation goes through <see cref="Keep"/>.</summary>
    protected abstract void Find();

    /// <summary>The criterion over all data.</summary>
    protected double Score(double[] bandwidths) => Keep(bandwidths, Criterion.At(Data, bandwidths), isEstimate: false);

    /// <summary>Forgets the trials.</summary>
    protected void Restart() => _trials.Clear();

    /// <summary>Notes a trial.</summary>
    protected double Keep(double[] bandwidths, double score, bool isEstimate)
    {
        Criterion.ThrowIfCancelled();
        _trials.Add(new BandwidthTrial([.. bandwidths], score, isEstimate));

        // Nobody knows how many steps are left; each takes a part of what remains.
        _told += (1 - _told) * (isEstimate ? 0.01 : 0.1);
        _progress?.Report(_told);
        return score;
    }

    private static (double Least, double Most) BoundsOf(SmootherData data, int feature, (double Least, double Most)? relative)
    {
        (double least, double most) = data.RangeOf(feature);
        double range = most - least;
        if (!(range > 0 && double.IsFinite(range)))
        {
            throw new RegressionDataException(range > 0 ? $"Expected a feature {feature} whose range float64 can hold." : $"Expected a feature {feature} that varies, got {least:R} everywhere: no bandwidth can be chosen by it.");
        }

        (double from, double to) = relative ?? (Math.Max(1e-9, 1 / (4.0 * data.Count)), 8);
        return (range * from, range * to);
    }
}
