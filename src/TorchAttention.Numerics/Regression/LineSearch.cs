namespace TorchAttention.Numerics.Regression;

/// <summary>
/// One feature: a grid over the whole of log h, on data put together in cells much narrower than h, so that it costs little; then each of its valleys
/// that could hold the least score, on all data.
/// </summary>
internal sealed class LineSearch(SmootherData data, BandwidthCriterion criterion, (double Least, double Most)[] bounds, IProgress<double>? progress)
    : Search(data, criterion, bounds, progress)
{
    private const double GridStep = 0.25;
    private const double FineStep = 0.05;

    // Cells of an 8th of the bandwidth change a score by about a part in 1e3.
    private const double CellsInBandwidth = 8;
    private const int LeastCells = 64;
    private const int FewExamples = 512;

    // Up to so many places float32 is faster than what saves pairs, and an estimate needs no more digits.
    private const int SingleUpTo = 1100;

    // Where a bandwidth spans fewer examples than cells would, the score is little but the variance of a few neighbours, and smooth.
    private const int StepsBetweenStretches = 2;
    private const double BandwidthsInStretch = 6.5;

    // A valley of the grid that is this part above the deepest one may be as deep between two points of the grid; the less the more is known of both.
    private const double GridDoubt = 0.05;
    private const double EstimateDoubt = 0.02;
    private const double FullDoubt = 1e-3;
    private const int MostValleys = 4;
    private const double Golden = 0.38196601125010515;

    private readonly Dictionary<int, SmootherData> _binned = [];
    private SmootherData? _stretches;
    private double _ofAllLessStretches;

    protected override double[] Find()
    {
        (double low, double high) = (Math.Log(Bounds[0].Least), Math.Log(Bounds[0].Most));
        int steps = Math.Max(4, (int)Math.Ceiling((high - low) / GridStep));
        double step = (high - low) / steps;
        double[] logs = [.. Enumerable.Range(0, steps + 1).Select(i => low + (i * step)).Where((log, i) => i % StepsBetweenStretches == 0 || HasCells(log))];
        double[] scores = EstimateAll(logs);
        double least = scores.Min();
        if (double.IsPositiveInfinity(least))
        {
            Score([Bounds[0].Most]);
            return [Bounds[0].Most];
        }

        int[] valleys = [.. Enumerable.Range(0, scores.Length)
            .Where(i => double.IsFinite(scores[i]) && (i == 0 || scores[i - 1] >= scores[i]) && (i == scores.Length - 1 || scores[i + 1] > scores[i]) && MayBeLeast(scores[i], least, GridDoubt))
            .OrderBy(i => scores[i]).Take(MostValleys)];
        (double Log, double Score) best = (high, double.PositiveInfinity);
        foreach (double start in IsEstimated ? Starts(valleys.Select(valley => logs[valley]), step, low, high) : valleys.Select(valley => logs[valley]))
        {
            if (IsEstimated && double.IsFinite(best.Score) && (Math.Abs(start - best.Log) < FineStep || !MayBeLeast(Score([Math.Exp(start)]), best.Score, FullDoubt)))
            {
                continue;
            }

            (double Log, double Score) found = Minimise(log => Score([Math.Exp(log)]), start, IsEstimated ? FineStep : step, Tolerance, low, high);
            best = found.Score < best.Score ? found : best;
        }

        return [Math.Exp(best.Log)];
    }

    // Where the estimates' valleys are deepest, the deepest first.
    private IEnumerable<double> Starts(IEnumerable<double> middles, double step, double low, double high)
    {
        (double Log, double Score)[] found = [.. middles
            .Select(middle => Minimise(Estimate, middle, HasCells(middle) ? step : StepsBetweenStretches * step, 0.02, low, high)).OrderBy(pair => pair.Score)];
        return found.Where(pair => MayBeLeast(pair.Score, found[0].Score, EstimateDoubt)).Select(pair => pair.Log);
    }

    private bool MayBeLeast(double score, double least, double doubt) => score <= least + (doubt * (Criterion.IsLogarithm ? 1 : least));

    // The grid's bandwidths at once, each on a thread of its own: less waiting than many threads for each.
    private double[] EstimateAll(double[] logs)
    {
        BandwidthCriterion alone = Criterion.OnOneThread();
        SmootherData[] seen = Array.ConvertAll(logs, log => !IsEstimated ? Data : HasCells(log) ? OfCells(log) : Stretches());
        double[] scores = new double[logs.Length];
        Criterion.ForEach(logs.Length, i => scores[i] = alone.At(seen[i], [Math.Exp(logs[i])], IsEstimated && HasCells(logs[i]) && seen[i].Count <= SingleUpTo));
        for (int i = 0; i < logs.Length; i++)
        {
            scores[i] = Keep([Math.Exp(logs[i])], scores[i] + (ReferenceEquals(seen[i], _stretches) ? _ofAllLessStretches : 0), IsEstimated);
        }

        return scores;
    }

    private bool IsEstimated => Data.Count > FewExamples && Criterion.AllowsBins;

    private int StretchCount => Data.Count < ManyExamples ? 4 : 16;

    // So many that the widest bandwidth of the stretches, which cells no longer resolve, fits several times into each of them.
    private int PartSize => Math.Min(Data.Count / 2, (int)Math.Sqrt(BandwidthsInStretch * CellsInBandwidth * StretchCount * Data.Count));

    private bool HasCells(double log) => !IsEstimated || CellsFor(log) <= PartSize;

    private double CellsFor(double log) => Math.Max(LeastCells, CellsInBandwidth * (Data.Keys[^1] - Data.Keys[0]) / Math.Exp(log));

    // The score for all data, or for data that says nearly the same.
    private double Estimate(double log)
    {
        double[] h = [Math.Exp(log)];
        if (!IsEstimated)
        {
            return Score(h);
        }

        return Keep(h, HasCells(log) ? Criterion.At(OfCells(log), h) : Criterion.At(Stretches(), h) + _ofAllLessStretches, isEstimate: true);
    }

    private SmootherData OfCells(double log) => Binned((int)Math.Pow(2, Math.Ceiling(Math.Log2(CellsFor(log)))));

    // What a part of the examples differs from all by, it differs by at most bandwidths alike: known where cells still say the score of all.
    private SmootherData Stretches()
    {
        if (_stretches is null)
        {
            _stretches = TakeStretches();
            double narrowest = Math.Log(CellsInBandwidth * (Data.Keys[^1] - Data.Keys[0]) / PartSize) + 1e-9;
            double difference = Criterion.At(OfCells(narrowest), [Math.Exp(narrowest)]) - Criterion.At(_stretches, [Math.Exp(narrowest)]);
            _ofAllLessStretches = double.IsFinite(difference) ? difference : 0;
        }

        return _stretches;
    }

    // From the next finer cells, which are fewer than the examples, and lie within these.
    private SmootherData Binned(int cells)
    {
        if (!_binned.TryGetValue(cells, out SmootherData? binned))
        {
            _binned[cells] = binned = (2 * cells <= PartSize ? Binned(2 * cells) : Data).Binned(cells);
        }

        return binned;
    }

    // Some stretches of neighbouring examples: at bandwidths far narrower than a stretch each is like the whole.
    private SmootherData TakeStretches()
    {
        int length = PartSize / StretchCount;
        int[] places = new int[length * StretchCount];
        for (int i = 0; i < places.Length; i++)
        {
            (int stretch, int place) = Math.DivRem(i, length);
            places[i] = (int)((long)stretch * (Data.Count - length) / (StretchCount - 1)) + place;
        }

        return Data.Take(places);
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
}
