using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>Finds the bandwidths that make a criterion small, in the logarithms of the bandwidths, within bounds.</summary>
internal abstract class CriterionSearch
{
    protected const int ManyExamples = 100_000;

    // From part to part of the examples, so that all before cost a quarter of the last.
    private const int Growth = 5;

    // So wide a bandwidth weighs all examples the same to one part in a hundred.
    private const double MostInRanges = 8;

    // From one bandwidth to the next where the criterion is flat: what counts as flat at least (BandwidthSearch).
    private const double FlatStep = BandwidthSearch.FlatFrom;

    private readonly IProgress<double>? _progress;
    private readonly List<BandwidthTrial> _trials = [];
    private readonly List<BandwidthTrial> _bottoms = [];
    private double _told;

    protected CriterionSearch(SmootherData data, Criterion criterion, (double Least, double Most)[] bounds, IProgress<double>? progress)
    {
        Data = data;
        Criterion = criterion;
        Bounds = bounds;
        _progress = progress;
    }

    protected SmootherData Data { get; }

    protected Criterion Criterion { get; }

    /// <summary>The bounds of the bandwidths (d).</summary>
    protected (double Least, double Most)[] Bounds { get; }

    /// <summary>Searches.</summary>
    /// <param name="rule">The rule, for the record.</param>
    /// <param name="data">The data.</param>
    /// <param name="criterion">The criterion.</param>
    /// <param name="asked">The bounds of all features, or of each; null for the usual ones.</param>
    /// <param name="progress">Told the part done, roughly.</param>
    /// <exception cref="RegressionDataException">The data allows no bandwidth.</exception>
    public static BandwidthSearch Run(
        BandwidthRule rule,
        SmootherData data,
        Criterion criterion,
        IReadOnlyList<(double Least, double Most)>? asked,
        IProgress<double>? progress)
    {
        SearchData arranged = SearchData.Arrange(data);
        double[] units = criterion.IsShare ? [1] : arranged.Units;
        SmootherData prepared = criterion.Prepare(arranged.Data);
        (double Least, double Most)[] bounds = [.. arranged.Columns.Select((column, j) =>
        {
            (double Least, double Most) usual = BoundsOf(prepared, j, column, arranged.Units[j]);
            usual = criterion.IsShare ? (criterion.LeastShareOf(prepared.Count), 1) : usual;
            (double Least, double Most) own = asked is null ? usual : asked[asked.Count == 1 ? 0 : column];
            own = asked is null ? usual : (own.Least / units[j], own.Most / units[j]);
            double most = criterion.IsShare ? 1 : prepared.MostBandwidth(j, criterion.Support);
            return own.Least < most ? (own.Least, Math.Min(own.Most, most))
                : throw SmootherData.TooWide(own.Least * units[j], most * units[j], column);
        })];
        int[] given = [.. Enumerable.Range(0, data.Features).OrderBy(j => arranged.Columns[j])];
        CriterionSearch search = criterion.IsShare ? new ShareSearch(prepared, criterion, bounds, progress)
            : data.Features == 1
            ? new LineSearch(prepared, criterion, bounds, progress)
            : new PlaneSearch(prepared, criterion, bounds, progress);
        search.Find();
        search.Widen();
        BandwidthTrial[] trials = [.. search._trials.Select(InUnits)];
        (double, double)[] ofGiven = [.. given.Select(j => (bounds[j].Least * units[j], bounds[j].Most * units[j]))];
        BandwidthSearch found = BandwidthSearch.Of(rule, trials, search._bottoms.Select(InUnits), ofGiven)
            ?? throw new RegressionDataException(
                RegressionProblem.NoBandwidth,
                $"data for which the rule {rule} is finite at some bandwidth",
                $"{data.Count} examples for which it is not: there are too few of them, or too many stand alone");
        progress?.Report(1);
        return found with { IsShare = criterion.IsShare };

        BandwidthTrial InUnits(BandwidthTrial trial) => new(
            [.. given.Select(j => trial.Bandwidths[j] * units[j])],
            criterion.InUnits(trial.Score, arranged.UnitOfValues),
            trial.IsEstimate);
    }

    /// <summary>Looks for the best bandwidths; every evaluation goes through <see cref="Keep"/>.</summary>
    protected abstract void Find();

    /// <summary>The criterion over all data.</summary>
    protected double Score(double[] bandwidths) => Keep(bandwidths, Criterion.At(Data, bandwidths), isEstimate: false);

    /// <summary>How many examples are looked at after so many: five times as many, or all where that is at least half of them.</summary>
    protected int MoreThan(int examples) => examples * (long)Growth * 2 >= Data.Count ? Data.Count : examples * Growth;

    /// <summary>Whether a score might turn out to be the least one, by how far both are known.</summary>
    /// <param name="score">The score.</param>
    /// <param name="least">The least one.</param>
    /// <param name="doubt">What they may be off by, as a part of the score.</param>
    protected bool MayBeLeast(double score, double least, double doubt) => score <= least + (doubt * Criterion.ScaleOf(least));

    // Where errors are nothing but rounding, how far that goes.
    private void Widen()
    {
        double least = Criterion.LeastScore(Data);
        if (_trials.Exists(trial => !trial.IsEstimate && trial.Score <= least))
        {
            double[] bandwidths = [.. Bounds.Select(bound => bound.Most)];
            while (Score(bandwidths) <= least && bandwidths.Zip(Bounds, (h, bound) => h > bound.Least).All(isWider => isWider))
            {
                bandwidths = [.. bandwidths.Zip(Bounds, (h, bound) => Math.Max(bound.Least, h / FlatStep))];
            }
        }
    }

    /// <summary>Forgets the trials.</summary>
    protected void Restart()
    {
        _trials.Clear();
        _bottoms.Clear();
    }

    /// <summary>Notes that a trial is the bottom of a valley, by its slope.</summary>
    protected void KeepBottom(double bandwidth, double score) => _bottoms.Add(new BandwidthTrial([bandwidth], score, IsEstimate: false));

    /// <summary>Notes a trial.</summary>
    protected double Keep(double[] bandwidths, double score, bool isEstimate)
    {
        Criterion.ThrowIfCancelled();
        score = double.IsNaN(score) ? double.PositiveInfinity : score;
        _trials.Add(new BandwidthTrial([.. bandwidths], score, isEstimate));

        // Nobody knows how many steps are left; each takes a part of what remains.
        _told += (1 - _told) * (isEstimate ? 0.01 : 0.1);
        _progress?.Report(_told);
        return score;
    }

    private static (double Least, double Most) BoundsOf(SmootherData data, int feature, int given, double unit)
    {
        (double least, double most) = data.RangeOf(feature);
        double range = most - least;
        return range > 0 && double.IsFinite(range) ? (data.LeastBandwidth(feature), MostInRanges * range)
            : throw new RegressionDataException(
                range > 0 ? RegressionProblem.Range : RegressionProblem.NoSpread,
                range > 0 ? "a range that float64 can hold" : "numbers that vary",
                range > 0 ? null : $"{least * unit:R} everywhere: no bandwidth can be chosen by it")
            {
                Feature = given,
            };
    }
}
