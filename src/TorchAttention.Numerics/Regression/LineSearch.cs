using System.Numerics;

namespace TorchAttention.Numerics.Regression;

/// <summary>
/// One feature: a grid over the whole of log h, of estimates that cost little; then each of its valleys that could hold the least score, on all data.
/// </summary>
internal sealed class LineSearch(SmootherData data, BandwidthCriterion criterion, (double Least, double Most)[] bounds, IProgress<double>? progress)
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
    private const int FewForEveryJump = 128;
    private const double FinestStep = 1e-3;
    private const int FinestSteps = 60;
    private const double FinestTolerance = 1e-8;
    private const double FineStep = 0.02;

    // With so many intervals in a bandwidth an estimate is off by about a part in 1e5; in a valley by one in 1e6.
    private const double CellsInBandwidth = 4;
    private const double CellsInValley = 8;
    private const int LeastCells = 64;
    private const int MostCells = 1 << 17;
    private const int FewExamples = 512;

    // Where a bandwidth spans fewer than four examples, the score is little but the variance of a few neighbours, and smooth.
    private const int CellsForEachExample = 1;
    private const int StepsBetweenStretches = 2;
    private const double BandwidthsInStretch = 6.5;

    // A valley of the grid that is this part above the deepest one may be as deep between two points of the grid; the less the more is known of both.
    private const double GridDoubt = 0.05;
    private const double EstimateDoubt = 0.01;
    private const double FullDoubt = 1e-3;
    private const int MostValleys = 4;
    private const double EstimateTolerance = 1e-3;
    private const double BendStep = 0.05;
    private const int MostSteps = 30;
    private const double Golden = 0.38196601125010515;

    private readonly double _leastAdmissible = criterion.LeastAdmissible(data);
    private readonly Dictionary<int, LineGrid> _grids = [];
    private SmootherData? _stretches;
    private double _ofAllLessStretches;

    private bool IsEstimated => Data.Count > (IsRough ? FewRoughExamples : FewExamples) && Criterion.AllowsGrid;

    // So few examples are far apart for any kernel.
    private bool IsRough => Criterion.IsRough || Data.Count <= FewestExamples;

    private double Step => !IsRough ? GridStep : IsEstimated ? RoughStep : Math.Clamp(RoughStepForAnExample * Data.Count * Criterion.Fits, LeastRoughStep, GridStep);

    private bool HasSlope => Criterion.HasGradient;

    private int FinestCells => Math.Min(MostCells, 1 << Math.ILogB(CellsForEachExample * Data.Count));

    protected override void Find()
    {
        (double low, double high) = (Math.Log(Bounds[0].Least), Math.Log(Bounds[0].Most));
        int steps = Math.Max(4, (int)Math.Ceiling((high - low) / Step));
        double step = (high - low) / steps;
        double[] logs = [.. Enumerable.Range(0, steps + 1).Select(i => low + (i * step)).Where((log, i) => i % StepsBetweenStretches == 0 || HasGrid(log))];
        double[] scores = EstimateAll(logs);
        double least = scores.Min();
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

    // A walk downhill ends at the first kink or jump that holds it.
    private void LookAround(double log, double low, double high)
    {
        double[] logs = Criterion.HasJumps && Data.Count * Criterion.Fits <= FewForEveryJump
            ? BetweenJumps(low, high)
            : [.. Enumerable.Range(-FinestSteps, (2 * FinestSteps) + 1).Select(i => Math.Clamp(log + (i * FinestStep), low, high))];
        if (logs.Length > 0)
        {
            double[] scores = EstimateAll(logs);
            Minimise(at => Score([Math.Exp(at)]), logs[Array.IndexOf(scores, scores.Min())], FinestStep, FinestTolerance, low, high);
        }
    }

    // A sum of a kernel that jumps changes where a distance between two examples comes within reach, and nowhere else.
    private double[] BetweenJumps(double low, double high)
    {
        var distances = new SortedSet<double>();
        for (int i = 0; i < Data.Count; i++)
        {
            for (int k = i + 1; k < Data.Count; k++)
            {
                distances.Add(Math.Log((Data.Keys[k] - Data.Keys[i]) / Criterion.Support));
            }
        }

        double[] jumps = [low, .. distances.Where(jump => jump > low && jump < high), high];
        return [.. jumps.Zip(jumps[1..], (a, b) => (a + b) / 2)];
    }

    // Where the estimates' valleys are deepest, the deepest first.
    private IEnumerable<double> Starts(IEnumerable<double> middles, double step, double low, double high)
    {
        (double Log, double Score)[] found = [.. middles
            .Select(middle => Minimise(EstimateAround(middle - step), middle, HasGrid(middle) ? step : StepsBetweenStretches * step, EstimateTolerance, low, high)).OrderBy(pair => pair.Score)];
        return found.Where(pair => MayBeLeast(pair.Score, found[0].Score, EstimateDoubt)).Select(pair => pair.Log);
    }

    private bool MayBeLeast(double score, double least, double doubt) => score <= least + (doubt * (Criterion.IsLogarithm ? 1 : least));

    // What is not read off a grid is computed at many bandwidths at once, each on a thread of its own: less waiting than many threads for each.
    private double[] EstimateAll(double[] logs)
    {
        double[] scores = new double[logs.Length];
        int[] slow = [.. Enumerable.Range(0, logs.Length).Where(i => !HasGrid(logs[i]))];
        if (slow.Length > 0)
        {
            BandwidthCriterion alone = Criterion.OnOneThread();
            SmootherData seen = IsEstimated ? Stretches() : Data;
            Criterion.ForEach(slow.Length, i => scores[slow[i]] = alone.At(seen, [Math.Exp(logs[slow[i]])]) + _ofAllLessStretches);
        }

        for (int i = 0; i < logs.Length; i++)
        {
            double h = Math.Exp(logs[i]);
            scores[i] = Keep([h], HasGrid(logs[i]) ? OnGrid(h, CellsFor(h, CellsInBandwidth)) : scores[i], IsEstimated);
        }

        return scores;
    }

    // The score for all data, or for data that says nearly the same; on one grid for all of a valley, so that two of them are off alike.
    private Func<double, double> EstimateAround(double leastLog)
    {
        int cells = Math.Min(FinestCells, CellsFor(Math.Exp(leastLog), CellsInValley));
        return log => Keep([Math.Exp(log)], HasGrid(log) ? OnGrid(Math.Exp(log), cells) : Criterion.At(Stretches(), [Math.Exp(log)]) + _ofAllLessStretches, isEstimate: true);
    }

    private double OnGrid(double h, int cells) => h <= _leastAdmissible ? double.PositiveInfinity : Criterion.At(Grid(cells), h);

    private bool HasGrid(double log) => IsEstimated && CellsFor(Math.Exp(log), CellsInBandwidth) <= FinestCells;

    // A power of 2.
    private int CellsFor(double h, double inBandwidth) =>
        (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(inBandwidth * (Data.Keys[^1] - Data.Keys[0]) / h, LeastCells, 2.0 * MostCells));

    // From the next finer one, which has fewer points than there are examples.
    private LineGrid Grid(int cells)
    {
        if (!_grids.TryGetValue(cells, out LineGrid? grid))
        {
            _grids[cells] = grid = cells == FinestCells ? LineGrid.Of(Data, cells) : Grid(2 * cells).Coarser();
        }

        return grid;
    }

    // What a part of the examples differs from all by, it differs by at most bandwidths alike: known where a grid still says the score of all.
    private SmootherData Stretches()
    {
        if (_stretches is null)
        {
            double narrowest = CellsInBandwidth * (Data.Keys[^1] - Data.Keys[0]) / FinestCells;
            _stretches = TakeStretches();
            double difference = OnGrid(narrowest, FinestCells) - Criterion.At(_stretches, [narrowest]);
            _ofAllLessStretches = double.IsFinite(difference) ? difference : 0;
        }

        return _stretches;
    }

    // Some stretches of neighbouring examples: at bandwidths far narrower than a stretch each is like the whole.
    private SmootherData TakeStretches()
    {
        int stretches = Data.Count < ManyExamples ? 4 : 16;
        int widest = (int)(BandwidthsInStretch * CellsInBandwidth * Data.Count / FinestCells);
        int length = Math.Max(FewExamples / 2, Math.Min(Data.Count / 2, stretches * widest)) / stretches;
        int[] places = new int[length * stretches];
        for (int i = 0; i < places.Length; i++)
        {
            (int stretch, int place) = Math.DivRem(i, length);
            places[i] = (int)((long)stretch * (Data.Count - length) / (stretches - 1)) + place;
        }

        return Data.Take(places);
    }

    private Trial TrialAt(double log)
    {
        double[] h = [Math.Exp(log)];
        if (!HasSlope)
        {
            return new Trial(log, Score(h), double.NaN);
        }

        double[] slope = [double.NaN];
        return new Trial(log, Keep(h, Criterion.WithGradient(Data, h, slope, isSingle: false), isEstimate: false), slope[0]);
    }

    // Newton's steps to where the slope is 0, with the bend of the estimates at first and of the last two slopes then; null where they lead nowhere.
    private (double Log, double Score)? Downhill(Trial first, double step, double low, double high)
    {
        double bend = IsEstimated ? Bend(first.Log) : double.NaN;
        (double left, double right) = (low, high);
        Trial best = first;
        Trial last = first;
        for (int i = 0; i < MostSteps && double.IsFinite(last.Score) && double.IsFinite(last.Slope); i++)
        {
            (left, right) = last.Slope > 0 ? (left, Math.Min(right, last.Log)) : (Math.Max(left, last.Log), right);
            double move = bend > 0 ? Math.Clamp(-last.Slope / bend, -step, step) : -Math.Sign(last.Slope) * step / 4;
            double next = Math.Clamp(last.Log + move, low, high);
            if (Math.Abs(next - last.Log) <= Tolerance)
            {
                return (best.Log, best.Score);
            }

            if (next <= left || next >= right)
            {
                next = (left + right) / 2;
            }

            Trial here = TrialAt(next);
            bend = (here.Slope - last.Slope) / (here.Log - last.Log);
            last = here;
            best = here.Score < best.Score ? here : best;
        }

        return null;
    }

    private double Bend(double log)
    {
        Func<double, double> estimate = EstimateAround(log - BendStep);
        return (estimate(log - BendStep) - (2 * estimate(log)) + estimate(log + BendStep)) / (BendStep * BendStep);
    }

    // Brent's: a parabola through the three best points where it helps, the golden section where not; the bracket is sought first.
    private static (double Log, double Score) Minimise(Func<double, double> at, double middle, double step, double tolerance, double low, double high)
    {
        double a = Math.Max(low, middle - step);
        double b = Math.Min(high, middle + step);
        double x = middle;
        double fx = at(x);
        double fa = a < x ? at(a) : double.PositiveInfinity;
        double fb = b > x ? at(b) : double.PositiveInfinity;
        while ((fa < fx && a > low) || (fb < fx && b < high))
        {
            double next = fa < fb ? Math.Max(low, a - (2 * (x - a))) : Math.Min(high, b + (2 * (b - x)));
            (a, fa, x, fx, b, fb) = fa < fb ? (next, at(next), a, fa, x, fx) : (x, fx, b, fb, next, at(next));
        }

        (double v, double fv, double w, double fw) = fa < fb ? (b, fb, a, fa) : (a, fa, b, fb);
        if (fw < fx)
        {
            // The least stands at the end of what is allowed.
            (x, fx, w, fw) = (w, fw, x, fx);
        }

        double before = b - a;
        double last = before;
        for (int i = 0; i < 60 && b - a > 2 * tolerance; i++)
        {
            double centre = (a + b) / 2;
            double edge = Math.Max(tolerance, 1e-9 * Math.Abs(x));
            if (Math.Abs(x - centre) <= (2 * edge) - ((b - a) / 2))
            {
                break;
            }

            double move = Parabola(x, fx, w, fw, v, fv);
            bool isGood = double.IsFinite(move) && Math.Abs(move) < 0.5 * before && x + move > a && x + move < b;
            before = last;
            if (!isGood)
            {
                move = Golden * ((x < centre ? b : a) - x);
                before = Math.Max(b - x, x - a);
            }

            last = Math.Abs(move);
            if (last < edge)
            {
                if (isGood)
                {
                    break;
                }

                move = x < centre ? edge : -edge;
            }

            double u = Math.Clamp(x + move, a, b);
            double fu = at(u);
            if (fu <= fx)
            {
                (a, b) = u < x ? (a, x) : (x, b);
                (v, fv, w, fw, x, fx) = (w, fw, x, fx, u, fu);
            }
            else
            {
                (a, b) = u < x ? (u, b) : (a, u);
                if (fu <= fw || w == x)
                {
                    (v, fv, w, fw) = (w, fw, u, fu);
                }
                else if (fu <= fv || v == x || v == w)
                {
                    (v, fv) = (u, fu);
                }
            }
        }

        return (x, fx);
    }

    private static double Parabola(double x, double fx, double w, double fw, double v, double fv)
    {
        double r = (x - w) * (fx - fv);
        double q = (x - v) * (fx - fw);
        double p = ((x - v) * q) - ((x - w) * r);
        q = 2 * (q - r);
        return q == 0 ? double.NaN : -p / q;
    }

    /// <summary>A score over all data and its derivative by log h; NaN where there is none.</summary>
    private readonly record struct Trial(double Log, double Score, double Slope);
}
