namespace TorchAttention.Numerics.Regression;

/// <summary>
/// One feature: a grid over the whole of log h, of estimates that cost little; then each of its valleys that could hold the least score, on all data.
/// </summary>
internal sealed partial class LineSearch(SmootherData data, BandwidthCriterion criterion, (double Least, double Most)[] bounds, IProgress<double>? progress)
    : Search(data, criterion, bounds, progress)
{
    private const double GridStep = 0.25;

    // A rough criterion has valleys that a wide step passes over; few examples have the most of them, and cost the least.
    private const double RoughStep = 0.1;
    private const double RoughStepForAnExample = 5e-6;
    private const double LeastRoughStep = 0.005;
    private const int MostRoughValleys = 16;
    private const int FewRoughExamples = 20_000;
    private const int FewestExamples = 100;
    private const double FineStep = 0.02;
    private const int FewExamples = 512;
    private const int StepsBetweenStretches = 2;

    // A valley of the grid that is this part above the deepest one may be as deep between two points of the grid; the less the more is known of both.
    private const double GridDoubt = 0.05;
    private const double FullDoubt = 1e-3;
    private const int MostValleys = 4;

    private bool _isNoiseFree;

    private bool IsEstimated => Data.Count > (IsRough ? FewRoughExamples : FewExamples) && Criterion.AllowsGrid && !_isNoiseFree;

    // So few examples are far apart for any kernel.
    private bool IsRough => Criterion.IsRough || Data.Count <= FewestExamples;

    private double Step => !IsRough ? GridStep : IsEstimated ? RoughStep : Math.Clamp(RoughStepForAnExample * Data.Count * Criterion.Fits, LeastRoughStep, GridStep);

    private bool HasSlope => !Criterion.HasJumps;

    private int FinestCells => Math.Min(MostCells, 1 << Math.ILogB(CellsForEachExample * Data.Count));

    protected override void Find()
    {
        (double low, double high) = (Math.Log(Bounds[0].Least), Math.Log(Bounds[0].Most));
        int steps = Math.Max(4, (int)Math.Ceiling((high - low) / Step));
        double step = (high - low) / steps;
        double[] logs = [.. Enumerable.Range(0, steps + 1).Select(i => low + (i * step)).Where((log, i) => _isNoiseFree || i % StepsBetweenStretches == 0 || HasGrid(log))];
        double[] scores = EstimateAll(logs);
        double least = scores.Min();
        if (IsEstimated && !(least >= (Criterion.IsLogarithm ? Math.Log(LeastEstimate * Variance()) : LeastEstimate * Variance())))
        {
            _isNoiseFree = true;
            Restart();
            Find();
            return;
        }

        if (double.IsPositiveInfinity(least))
        {
            Score([Bounds[0].Most]);
            return;
        }

        int[] valleys = [.. Enumerable.Range(0, scores.Length)
            .Where(i => double.IsFinite(scores[i]) && (i == 0 || scores[i - 1] >= scores[i]) && (i == scores.Length - 1 || scores[i + 1] > scores[i]) && MayBeLeast(scores[i], least, GridDoubt))
            .OrderBy(i => scores[i]).Take(IsRough ? MostRoughValleys : MostValleys)];
        double best = double.PositiveInfinity;
        double bestLog = logs[Array.IndexOf(scores, least)];
        var found = new List<double>();
        foreach (double start in IsEstimated ? Starts(valleys.Select(valley => logs[valley]), step, low, high) : valleys.Select(valley => logs[valley]))
        {
            if (IsEstimated && found.Exists(log => Math.Abs(start - log) < FineStep))
            {
                continue;
            }

            var first = default(Trial);
            if (HasSlope || (IsEstimated && found.Count > 0))
            {
                first = TrialAt(start);
                if (IsEstimated && double.IsFinite(best) && !MayBeLeast(first.Score, best, FullDoubt))
                {
                    continue;
                }
            }

            (double log, double score) = (HasSlope ? Downhill(first, step, low, high) : null)
                ?? Minimise(log => Score([Math.Exp(log)]), start, IsEstimated ? FineStep : step, Tolerance, low, high);
            found.Add(log);
            bestLog = score < best ? log : bestLog;
            best = Math.Min(best, score);
        }

        if (IsRough && (long)Data.Count * Criterion.Fits <= FewRoughExamples)
        {
            LookAround(bestLog, low, high);
        }
    }

    private bool MayBeLeast(double score, double least, double doubt) => score <= least + (doubt * (Criterion.IsLogarithm ? 1 : least));
}
