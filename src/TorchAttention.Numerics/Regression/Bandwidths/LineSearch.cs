using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// One feature: a grid over the whole of log h, of estimates that cost little; then each of its valleys that could hold the least score, on
/// all data.
/// </summary>
internal sealed partial class LineSearch(
    SmootherData data, Criterion criterion, (double Least, double Most)[] bounds, IProgress<double>? progress)
    : CriterionSearch(data, criterion, bounds, progress)
{
    // Steps are of log h. These numbers, and how many valleys are followed, were found by trial: with them no search of BandwidthLaws and
    // BandwidthSearchTests is beaten by a fine grid.
    private const double GridStep = 0.25;
    private const double ExactStep = 0.1;

    // As many as one pass over all bandwidths takes little time for.
    private const int SomeExamples = 2000;

    // A rough criterion has valleys that a wide step passes over; few examples have the most of them, and cost the least.
    private const double RoughStep = 0.1;
    private const double RoughStepForAnExample = 5e-6;
    private const double LeastRoughStep = 0.005;
    private const int MostRoughValleys = 16;
    private const int FewRoughExamples = 20_000;
    private const int FewestExamples = 100;

    // An estimate's valley is known to a fiftieth; so few examples cost little to be asked themselves.
    private const double FineStep = 0.02;
    private const int FewExamples = 512;

    // Estimates on stretches of the data take longer than a grid's, and are made at every second step.
    private const int StepsBetweenStretches = 2;

    // A valley of the grid that is this part above the deepest one may be as deep between two points of the grid; the less the more is
    // known of both.
    private const double GridDoubt = 0.05;
    private const double FullDoubt = 1e-3;
    private const int MostValleys = 4;

    // What an estimate is off by is known from the valleys before; no other was found to be off by so many times as much.
    private const double TimesAsFarOff = 10;

    // An even grid over keys that lie so unevenly has most of them in a few cells; keys drawn evenly have 3.
    private const double UnevenFrom = 32;

    // Without a slope a search is over when h is known to this part; where an evaluation takes long, to a coarser one that moves the score
    // by a part in 1e8.
    private const double Precise = 1e-5;
    private const double Coarse = 1e-4;

    // However far apart the bounds are.
    private const int MostGridPoints = 5000;

    private bool _isExact = data.Unevenness(0) > UnevenFrom;
    private readonly List<(double Log, double Score)> _found = [];

    // A grid is of keys on a line.
    private bool IsEstimated => Data.Count > (IsRough ? FewRoughExamples : FewExamples) && Criterion.AllowsGrid
        && Data.Periods.Length == 0 && !_isExact;

    // So few examples are far apart for any kernel.
    private bool IsRough => Criterion.IsRough || Data.Count <= FewestExamples;

    private double Step =>
        !IsRough ? (_isExact ? ExactStep : GridStep)
        : IsEstimated ? RoughStep
        : Math.Clamp(RoughStepForAnExample * Data.Count * Criterion.Fits, LeastRoughStep, GridStep);

    private double Tolerance => Data.Count > ManyExamples ? Coarse : Precise;

    private bool HasSlope => !Criterion.HasJumps;

    private int FinestCells => Math.Min(MostCells, 1 << Math.ILogB(CellsForEachExample * Data.Count));

    protected override void Find()
    {
        if (_isExact && Criterion.AllowsGrid && Data.Count > SomeExamples)
        {
            FindByParts();
            return;
        }

        (double low, double high) = (Math.Log(Bounds[0].Least), Math.Log(Bounds[0].Most));
        int steps = Math.Clamp((int)Math.Ceiling((high - low) / Step), 4, MostGridPoints);
        double step = (high - low) / steps;
        double[] logs = [.. Enumerable.Range(0, steps + 1).Select(i => low + (i * step))
            .Where((log, i) => _isExact || i % StepsBetweenStretches == 0 || HasGrid(log))];
        double[] scores = EstimateAll(logs);
        double least = scores.Min();
        double leastEstimate = LeastEstimate * Data.Variance;
        if (IsEstimated && !(least > Criterion.OfMeanSquare(leastEstimate)))
        {
            FindExactly();
            return;
        }

        if (double.IsPositiveInfinity(least))
        {
            Score([Bounds[0].Most]);
            return;
        }

        (double Log, double Score)[] valleys = [.. Enumerable.Range(0, scores.Length)
            .Where(i => double.IsFinite(scores[i])
                && (i == 0 || scores[i - 1] >= scores[i])
                && (i == scores.Length - 1 || scores[i + 1] > scores[i])
                && MayBeLeast(scores[i], least, GridDoubt))
            .OrderBy(i => scores[i]).Take(IsRough || _isExact ? MostRoughValleys : MostValleys).Select(i => (logs[i], scores[i]))];
        double best = double.PositiveInfinity;
        double off = 0;
        foreach ((double start, double estimate) in IsEstimated ? Starts(valleys.Select(valley => valley.Log), step, low, high) : valleys)
        {
            if (IsEstimated && double.IsFinite(best)
                && (!MayBeLeast(estimate, best, FullDoubt + (TimesAsFarOff * off))
                    || _found.Exists(valley => IsOneValley(start, valley.Log, step))))
            {
                continue;
            }

            Trial first = HasSlope || IsEstimated ? TrialAt(start) : default;
            if (IsEstimated && !(Math.Abs(first.Score - estimate) <= GridDoubt * Criterion.ScaleOf(first.Score)))
            {
                FindExactly();
                return;
            }

            if (IsEstimated && double.IsFinite(best) && !MayBeLeast(first.Score, best, FullDoubt))
            {
                continue;
            }

            off = Math.Max(off, Math.Abs(first.Score - estimate) / Criterion.ScaleOf(first.Score));
            (double Log, double Score) found = WayDown(first, start, step, low, high);
            _found.Add(found);
            best = Math.Min(best, found.Score);
        }

        if (IsRough && (long)Data.Count * Criterion.Fits <= FewRoughExamples)
        {
            LookAround(_found.Count > 0 ? _found.MinBy(valley => valley.Score).Log : logs[Array.IndexOf(scores, least)], low, high);
        }
    }

    private (double Log, double Score) WayDown(Trial first, double start, double step, double low, double high) =>
        (HasSlope ? Downhill(first, step, low, high) : null)
        ?? Minimise(log => Score([Math.Exp(log)]), start, IsEstimated ? FineStep : step, Tolerance, low, high);

    // Where the estimates turn out to say little about the scores.
    private void FindExactly()
    {
        _isExact = true;
        _found.Clear();
        Restart();
        Find();
    }

    // Every so many of the examples first, which lie as unevenly as all do; the best valleys among them, narrowed for the number of
    // examples, lead on to more of them and at last to all.
    private void FindByParts()
    {
        (double low, double high) = (Math.Log(Bounds[0].Least), Math.Log(Bounds[0].Most));
        SmootherData part = Part(SomeExamples);
        var some = new LineSearch(part, Criterion, Bounds, null) { _isExact = true };
        some.Find();
        (double Log, double Score)[] valleys = [.. some._found];
        while (true)
        {
            double least = valleys.Min(valley => valley.Score);
            double before = part.Count;
            int next = MoreThan(part.Count);
            bool isAll = next == Data.Count;
            part = isAll ? Data : Part(next);
            double shift = Math.Log(part.Count / before) / 5;
            double[] starts = [.. valleys.Where(valley => MayBeLeast(valley.Score, least, GridDoubt)).OrderBy(valley => valley.Score)
                .Take(MostValleys).Select(valley => valley.Log >= high ? high : Math.Max(low, valley.Log - shift))];
            if (isAll)
            {
                // The first one is the best of the last part; the others are there where it is not admissible among all.
                foreach (double start in starts.Append(high).TakeWhile(_ => !_found.Exists(valley => double.IsFinite(valley.Score))))
                {
                    _found.Add(WayDown(HasSlope ? TrialAt(start) : default, start, ExactStep, low, high));
                }

                return;
            }

            valleys = [.. starts.Select(start => Minimise(AmongThese, start, ExactStep, EstimateTolerance, low, high))];
        }

        double AmongThese(double log) => Keep([Math.Exp(log)], Criterion.At(part, [Math.Exp(log)]), isEstimate: true);
    }

    private SmootherData Part(int count) => Data.Take([.. Enumerable.Range(0, count).Select(i => (int)((long)i * Data.Count / count))]);
}
