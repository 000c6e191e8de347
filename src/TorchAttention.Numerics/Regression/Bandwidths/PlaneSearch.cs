using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// Several features: quasi-Newton steps (BFGS) from several starts, on some of the examples first; the best of these, narrowed for the
/// number of examples, leads on to more of them and at last to all, each time with the curvature that is known so far. Where the criterion
/// jumps and has no slope, or where the way down ends at bandwidths that leave an example without a neighbour, steps along features
/// instead, ever shorter ones.
/// </summary>
internal sealed partial class PlaneSearch(
    SmootherData data, Criterion criterion, (double Least, double Most)[] bounds, IProgress<double>? progress)
    : CriterionSearch(data, criterion, bounds, progress)
{
    // As many as a walk from each start takes little time for.
    private const int SomeExamples = 800;

    // Fewer are quick in float64 too.
    private const int SingleFrom = 3000;

    // A walk that is not at its end by then stops where it is.
    private const int MostSteps = 60;

    // What the scores of a part of the examples may be off by, as a part of them.
    private const double Doubt = 0.02;

    // The slope as a part of the score where a walk ends: among some examples first, in float32, whose slope has few more digits, and at
    // last.
    private const double RoughSlope = 1e-2;
    private const double SingleSlope = 3e-4;
    private const double LeastSlope = 1e-7;

    // Steps of log h without a slope, and how many rounds of them; those to bandwidths that every example has a neighbour at. By trial, on
    // examples far from all others (BandwidthSearchTests).
    private const double LongestStep = 0.5;
    private const double ShortestStep = 0.02;
    private const double EdgeStep = 0.2;
    private const double WideningStep = 0.3;
    private const int MostRounds = 8;

    // Starts: bandwidths from half or an eighth of the rule of thumb's to twice the range of the keys, and some around the rule of thumb's
    // together.
    private const double LeastGridFactor = 0.5;
    private const double LeastRoughGridFactor = 0.125;
    private const double MostGridFactor = 0.25;
    private static readonly double[] _factors = [0.25, 0.5, 1, 2];

    // For no feature, one, two and three: about a hundred starts.
    private static readonly int[] _gridPoints = [0, 0, 10, 5];

    // Of few examples a kernel that ends makes many narrow valleys, and an evaluation takes little time. By trial against fine grids: of
    // 128 searches of 20 to 50 examples two miss the least by more than a part in fifty; with the starts of other kernels six did.
    private const int FewRoughExamples = 400;
    private static readonly int[] _roughGridPoints = [0, 0, 20, 6];

    private int Features => Data.Features;

    protected override void Find()
    {
        bool isMany = Data.Count > 2 * SomeExamples;
        int[] order = isMany ? Shuffled() : [];
        SmootherData data = isMany ? Data.Take(order.AsSpan(0, SomeExamples)) : Data;
        double[] reference = [.. Enumerable.Range(0, Features)
            .Select(j => Math.Log(Math.Max(data.DenseDeviation(j), 1e-300) * Math.Pow(data.Count, -1.0 / (Features + 4))))];
        double[] widest = [.. Bounds.Select(bound => Math.Log(bound.Most))];
        List<double[]> first = [.. _factors.Select(factor => Clamped([.. reference.Select(log => log + Math.Log(factor))])), widest];

        // A feature that says nothing is smoothed away, which no path from small bandwidths may find.
        first.AddRange(Enumerable.Range(0, Features).Select(k => Clamped([.. reference.Select((log, j) => j == k ? widest[j] : log)])));
        bool isFewRough = Criterion.IsRough && data.Count <= FewRoughExamples;
        int[] points = isFewRough ? _roughGridPoints : _gridPoints;
        double least = isFewRough ? LeastRoughGridFactor : LeastGridFactor;
        first.AddRange(Features < points.Length ? Grid(reference, points[Features], least) : []);
        var run = new Descent(this, data, isSingle: false, isEstimate: isMany);
        Valley[] found = [.. first
            .Select(run.Admissible).OrderBy(pair => pair.Score).Take(isMany ? 3 : isFewRough ? 16 : Criterion.IsRough ? 8 : 4)
            .Select(pair => run.From(pair.Logs, null, isMany ? RoughSlope : LeastSlope)).OrderBy(valley => valley.Score)];
        while (data.Count < Data.Count)
        {
            int before = data.Count;
            int next = MoreThan(before);
            bool isAll = next == Data.Count;
            data = isAll ? Data : Data.Take(order.AsSpan(0, next));
            bool isSingle = data.Count >= SingleFrom;
            run = new Descent(this, data, isSingle, isEstimate: isSingle || !isAll);
            Valley[] starts = [.. found.Where(valley => MayBeLeast(valley.Score, found[0].Score, Doubt))
                .Select(valley => valley with { Logs = Narrowed(valley.Logs, before, data.Count) })
                .DistinctBy(valley => string.Join(' ', valley.Logs.Select(log => Math.Round(log, 1))))];
            if (starts.Length > 1 || Criterion.IsRough)
            {
                starts = [.. starts.Select(Admissible).OrderBy(valley => valley.Score)];
            }

            // All of the examples are asked about one valley alone.
            found = [.. starts.Take(isAll ? 1 : starts.Length)
                .Select(valley => run.From(valley.Logs, valley.Inverse, isSingle ? SingleSlope : LeastSlope))
                .OrderBy(valley => valley.Score)];
        }

        if (isMany)
        {
            Score([.. found[0].Logs.Select(Math.Exp)]);
        }

        Valley Admissible(Valley valley)
        {
            (double[] logs, double score) = run.Admissible(valley.Logs);
            return valley with { Logs = logs, Score = score };
        }
    }

    // Features of different kinds have valleys at bandwidths that no common factor leads to; where a kernel ends, there are no ways between
    // them.
    private IEnumerable<double[]> Grid(double[] reference, int points, double least)
    {
        double[][] logs = [.. reference.Select((log, j) =>
        {
            (double low, double high) = (log + Math.Log(least), Math.Log(MostGridFactor * Bounds[j].Most));
            return Enumerable.Range(0, points).Select(i => low + (i * (high - low) / (points - 1))).ToArray();
        })];
        return Enumerable.Range(0, (int)Math.Pow(points, Features))
            .Select(i => Clamped([.. logs.Select((line, j) => line[i / (int)Math.Pow(points, j) % points])]));
    }

    private int[] Shuffled()
    {
        int[] order = [.. Data.OrderOfItsOwn()];
        new Random(0).Shuffle(order);
        return order;
    }

    // As the best bandwidths shrink with the number of examples; one that smooths its feature away stays.
    private double[] Narrowed(double[] logs, int before, int after)
    {
        double shift = Math.Log((double)after / before) / (Features + 4);
        return Clamped([.. logs.Select((log, j) => log >= Math.Log(Bounds[j].Most) ? log : log - shift)]);
    }

    private double[] Clamped(double[] logs) =>
        [.. logs.Select((log, j) => Math.Clamp(log, Math.Log(Bounds[j].Least), Math.Log(Bounds[j].Most)))];
}
