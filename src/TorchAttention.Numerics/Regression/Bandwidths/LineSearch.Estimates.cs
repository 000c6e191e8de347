using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <content>Estimates that cost little.</content>
internal sealed partial class LineSearch
{
    // With so many intervals in a bandwidth an estimate is off by about a part in 1e5; in a valley by one in 1e6.
    private const double CellsInBandwidth = 4;
    private const double CellsInValley = 8;

    // So few points cost next to nothing; so many are a megabyte for each of the grid's sums.
    private const int LeastCells = 64;
    private const int MostCells = 1 << 17;

    // Where a bandwidth spans fewer than four examples, the score is little but the variance of a few neighbours, and smooth.
    private const int CellsForEachExample = 1;

    // A grid's point has its neighbours' values for its own. What that says of data nearly free of noise is the grid's error alone.
    private const double LeastEstimate = 1e-5;

    // A stretch is longer than a Gaussian of the widest bandwidth that is asked of it reaches (5.3, LineGrid).
    private const double BandwidthsInStretch = 6.5;

    // How far two estimates may be off from each other, with a wide margin; and to what part of h one is worth looking for its valley.
    private const double EstimateDoubt = 0.01;
    private const double EstimateTolerance = 1e-3;

    private readonly double _leastAdmissible = data.LeastAdmissible(criterion.Support);
    private readonly Dictionary<int, LineGrid> _grids = [];
    private SmootherData? _stretches;
    private double _ofAllLessStretches;

    // Where the estimates' valleys are deepest, the deepest first.
    private IEnumerable<(double Log, double Score)> Starts(IEnumerable<double> middles, double step, double low, double high)
    {
        (double Log, double Score)[] found = [.. middles
            .Select(middle => Minimise(EstimateAround(middle - step), middle, StepAt(middle), EstimateTolerance, low, high))
            .OrderBy(pair => pair.Score)];
        return found.Where(pair => MayBeLeast(pair.Score, found[0].Score, EstimateDoubt));

        double StepAt(double middle) => HasGrid(middle) ? step : StepsBetweenStretches * step;
    }

    // Where a valley is flat, the estimates of two grids may have it at two places: between these is no hill then.
    private bool IsOneValley(double start, double found, double step)
    {
        double way = found - start;
        if (Math.Abs(way) < FineStep)
        {
            return true;
        }

        if (Math.Abs(way) > step || !HasGrid(Math.Min(start, found)))
        {
            return false;
        }

        Func<double, double> estimate = EstimateAround(Math.Min(start, found));
        int steps = (int)Math.Ceiling(Math.Abs(way) / FineStep);
        double[] scores = [.. Enumerable.Range(0, steps + 1).Select(i => estimate(start + (i * way / steps)))];
        int least = Array.IndexOf(scores, scores.Min());
        return Enumerable.Range(0, steps).All(i => i < least ? scores[i] >= scores[i + 1] : scores[i] <= scores[i + 1]);
    }

    // At many bandwidths at once, each on a thread of its own: many threads for one bandwidth wait more.
    private double[] EstimateAll(double[] logs)
    {
        Criterion alone = Criterion.OnOneThread();
        bool areOnGrids = Array.TrueForAll(logs, HasGrid);
        (SmootherData seen, double unseen) = areOnGrids || !IsEstimated ? (Data, 0) : (Stretches(), _ofAllLessStretches);
        foreach (double log in logs.Where(HasGrid))
        {
            Grid(CellsFor(Math.Exp(log), CellsInBandwidth));
        }

        double[] scores = new double[logs.Length];
        Criterion.ForEach(logs.Length, i =>
        {
            double h = Math.Exp(logs[i]);
            scores[i] = HasGrid(logs[i]) ? OnGrid(h, CellsFor(h, CellsInBandwidth)) : alone.At(seen, [h]) + unseen;
        });
        return [.. logs.Zip(scores, (log, score) => Keep([Math.Exp(log)], score, IsEstimated))];
    }

    // The score for all data, or for data that says nearly the same; on one grid for all of a valley, so that two of them are off alike.
    private Func<double, double> EstimateAround(double leastLog)
    {
        int cells = Math.Min(FinestCells, CellsFor(Math.Exp(leastLog), CellsInValley));
        return log => Keep([Math.Exp(log)], Estimate(log), isEstimate: true);

        double Estimate(double log) =>
            HasGrid(log) ? OnGrid(Math.Exp(log), cells) : Criterion.At(Stretches(), [Math.Exp(log)]) + _ofAllLessStretches;
    }

    private double OnGrid(double h, int cells) => h <= _leastAdmissible ? double.PositiveInfinity : Criterion.At(Grid(cells), h);

    private bool HasGrid(double log) => IsEstimated && CellsFor(Math.Exp(log), CellsInBandwidth) <= FinestCells;

    // A power of 2.
    private int CellsFor(double h, double inBandwidth) =>
        (int)BitOperations.RoundUpToPowerOf2(
            (uint)Math.Clamp(inBandwidth * (Data.Keys[^1] - Data.Keys[0]) / h, LeastCells, 2.0 * MostCells));

    // From the next finer one, which has fewer points than there are examples.
    private LineGrid Grid(int cells)
    {
        if (!_grids.TryGetValue(cells, out LineGrid? grid))
        {
            _grids[cells] = grid = cells == FinestCells ? LineGrid.Bin(Data, cells) : Grid(2 * cells).Coarser();
        }

        return grid;
    }

    // What a part of the examples differs from all by, it differs by at most bandwidths alike: known at the narrowest one that a grid still
    // speaks for all of them at.
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
}
