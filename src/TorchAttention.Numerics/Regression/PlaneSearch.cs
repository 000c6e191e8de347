namespace TorchAttention.Numerics.Regression;

/// <summary>
/// Several features: quasi-Newton steps (BFGS) from several starts, on some of the examples first; the best of these, narrowed for the number of examples, leads on to more of them and at
/// last to all, each time with the curvature that is known so far. Where the criterion jumps and has no slope, steps along each feature instead, ever shorter ones.
/// </summary>
internal sealed class PlaneSearch(SmootherData data, BandwidthCriterion criterion, (double Least, double Most)[] bounds, IProgress<double>? progress)
    : Search(data, criterion, bounds, progress)
{
    private const int SomeExamples = 800;
    private const int SingleFrom = 3000;
    private const int MostSteps = 60;
    private const int Growth = 5;
    private const double RoughSlope = 1e-2;
    private const double SingleSlope = 1e-3;
    private const double LeastSlope = 1e-7;
    private const double LongestStep = 0.5;
    private const double ShortestStep = 0.02;
    private static readonly double[] _factors = [0.25, 0.5, 1, 2];

    private int Features => Data.Features;

    protected override void Find()
    {
        bool isMany = Data.Count > 2 * SomeExamples;
        int[] order = isMany ? Shuffled() : [];
        SmootherData data = isMany ? Data.Take(order.AsSpan(0, SomeExamples)) : Data;
        double[] reference = [.. Enumerable.Range(0, Features).Select(j => Math.Log(
            Math.Max(RulesOfThumb.DeviationOf(data, j), 1e-300) * Math.Pow(data.Count, -1.0 / (Features + 4))))];
        List<double[]> starts = [.. _factors.Select(factor => Clamped([.. reference.Select(log => log + Math.Log(factor))]))];

        // A feature that says nothing is smoothed away, which no path from small bandwidths may find.
        starts.AddRange(Enumerable.Range(0, Features).Select(k => Clamped([.. reference.Select((log, j) => j == k ? double.MaxValue : log)])));
        var run = new Descent(this, data, isSingle: false, isEstimate: isMany);
        Valley[] found = [.. starts
            .Select(start => (Logs: start, Score: run.At(start))).OrderBy(pair => pair.Score).Take(isMany ? 3 : 4)
            .Select(pair => run.From(pair.Logs, null, isMany ? RoughSlope : LeastSlope)).OrderBy(valley => valley.Score)];
        while (data.Count < Data.Count)
        {
            int before = data.Count;
            bool isAll = before * (long)Growth * 2 >= Data.Count;
            data = isAll ? Data : Data.Take(order.AsSpan(0, before * Growth));
            bool isSingle = data.Count >= SingleFrom;
            run = new Descent(this, data, isSingle, isEstimate: isSingle || !isAll);
            Valley[] narrowed = [.. found.Select(valley => valley with { Logs = Narrowed(valley.Logs, before, data.Count) }).DistinctBy(valley => string.Join(' ', valley.Logs))];
            Valley start = narrowed.Length == 1 ? narrowed[0] : narrowed.MinBy(valley => run.At(valley.Logs))!;
            found = [run.From(start.Logs, start.Inverse, isSingle ? SingleSlope : LeastSlope)];
        }

        if (isMany)
        {
            Score([.. found[0].Logs.Select(Math.Exp)]);
        }
    }

    private int[] Shuffled()
    {
        int[] places = [.. Enumerable.Range(0, Data.Count)];
        new Random(0).Shuffle(places);
        return places;
    }

    // As the best bandwidths shrink with the number of examples; one that smooths its feature away stays.
    private double[] Narrowed(double[] logs, int before, int after)
    {
        double shift = Math.Log((double)after / before) / (Features + 4);
        return Clamped([.. logs.Select((log, j) => log >= Math.Log(Bounds[j].Most) ? log : log - shift)]);
    }

    private double[] Clamped(double[] logs) => [.. logs.Select((log, j) => Math.Clamp(log, Math.Log(Bounds[j].Least), Math.Log(Bounds[j].Most)))];

    /// <summary>Descent on one set of examples.</summary>
    private sealed class Descent(PlaneSearch owner, SmootherData data, bool isSingle, bool isEstimate)
    {
        private int Features => owner.Features;

        public double At(double[] logs)
        {
            double[] bandwidths = [.. logs.Select(Math.Exp)];
            return owner.Keep(bandwidths, owner.Criterion.At(data, bandwidths, isSingle), isEstimate);
        }

        /// <summary>Walks downhill until the slope is this part of the score.</summary>
        /// <param name="start">The logarithms to begin at.</param>
        /// <param name="inverse">The inverse of the curvature as far as it is known; null where it is not.</param>
        /// <param name="tolerance">The part.</param>
        public Valley From(double[] start, double[,]? inverse, double tolerance) => owner.Criterion.HasJumps ? WithoutSlope(start) : BySlope(start, inverse, tolerance);

        private Valley WithoutSlope(double[] start)
        {
            (double[] Logs, double Score) best = (start, At(start));
            for (double step = LongestStep; step >= ShortestStep;)
            {
                (double[] Logs, double Score) around = Enumerable.Range(0, 2 * Features)
                    .Select(i => owner.Clamped([.. best.Logs.Select((log, j) => j == i / 2 ? log + (i % 2 == 0 ? step : -step) : log)]))
                    .Select(logs => (Logs: logs, Score: At(logs))).MinBy(pair => pair.Score);
                (best, step) = around.Score < best.Score ? (around, step) : (best, step / 2);
            }

            return new Valley(best.Logs, best.Score, null);
        }

        private Valley BySlope(double[] start, double[,]? known, double tolerance)
        {
            double[] x = start;
            double[] gradient = new double[Features];
            double score = WithGradient(x, gradient);
            double[,] inverse = known is null ? Identity(score) : (double[,])known.Clone();
            for (int step = 0; step < MostSteps && double.IsFinite(score); step++)
            {
                bool[] isFree = [.. Enumerable.Range(0, Features).Select(j => !IsHeld(x, gradient, j))];
                double slope = Enumerable.Range(0, Features).Where(j => isFree[j]).Select(j => Math.Abs(gradient[j])).DefaultIfEmpty(0).Max();
                if (slope <= tolerance / ScaleOf(score))
                {
                    break;
                }

                double[] direction = Direction(inverse, gradient, isFree);
                if (!(Dot(direction, gradient) < 0))
                {
                    inverse = Identity(score);
                    direction = Direction(inverse, gradient, isFree);
                }

                double[] next = x;
                double[] nextGradient = new double[Features];
                double nextScore = double.PositiveInfinity;
                double length = 1;
                for (; length > 1e-4; length /= 4)
                {
                    next = owner.Clamped([.. x.Select((log, j) => log + (length * direction[j]))]);
                    nextScore = WithGradient(next, nextGradient);
                    if (nextScore <= score + (1e-4 * Dot([.. next.Select((log, j) => log - x[j])], gradient)))
                    {
                        break;
                    }
                }

                if (!(nextScore < score))
                {
                    break;
                }

                double[] moved = [.. next.Select((log, j) => log - x[j])];
                Update(inverse, moved, [.. nextGradient.Select((g, j) => g - gradient[j])]);
                (x, score, gradient) = (next, nextScore, nextGradient);
            }

            return new Valley(x, score, inverse);
        }

        // At a bound, and the way down leads out of it.
        private bool IsHeld(double[] x, double[] gradient, int j) =>
            (x[j] <= Math.Log(owner.Bounds[j].Least) && gradient[j] > 0) || (x[j] >= Math.Log(owner.Bounds[j].Most) && gradient[j] < 0);

        private double WithGradient(double[] logs, double[] gradient)
        {
            double[] bandwidths = [.. logs.Select(Math.Exp)];
            return owner.Keep(bandwidths, owner.Criterion.WithGradient(data, bandwidths, gradient, isSingle), isEstimate);
        }

        // A slope counts as a part of the score; that of a logarithm is one.
        private double ScaleOf(double score) => owner.Criterion.IsLogarithm ? 1 : 1 / Math.Max(Math.Abs(score), 1e-300);

        private double[,] Identity(double score)
        {
            double[,] identity = new double[Features, Features];
            for (int j = 0; j < Features; j++)
            {
                identity[j, j] = ScaleOf(score);
            }

            return identity;
        }

        private double[] Direction(double[,] inverse, double[] gradient, bool[] isFree)
        {
            const double MostStep = 1.5;
            double[] direction = [.. Enumerable.Range(0, Features).Select(j => isFree[j] ? -Enumerable.Range(0, Features).Where(k => isFree[k]).Sum(k => inverse[j, k] * gradient[k]) : 0)];
            double largest = direction.Max(Math.Abs);
            return largest > MostStep ? [.. direction.Select(d => d * MostStep / largest)] : direction;
        }

        private static double Dot(double[] a, double[] b) => a.Zip(b).Sum(pair => pair.First * pair.Second);

        private void Update(double[,] inverse, double[] moved, double[] bent)
        {
            double curvature = Dot(moved, bent);
            if (!(curvature > 1e-12 * Math.Sqrt(Dot(moved, moved) * Dot(bent, bent))))
            {
                return;
            }

            double[] product = [.. Enumerable.Range(0, Features).Select(j => Enumerable.Range(0, Features).Sum(k => inverse[j, k] * bent[k]))];
            double factor = (1 + (Dot(bent, product) / curvature)) / curvature;
            for (int j = 0; j < Features; j++)
            {
                for (int k = 0; k < Features; k++)
                {
                    inverse[j, k] += (factor * moved[j] * moved[k]) - (((moved[j] * product[k]) + (product[j] * moved[k])) / curvature);
                }
            }
        }
    }

    /// <summary>Where a walk ended, and the inverse of the curvature as it learned it.</summary>
    private sealed record Valley(double[] Logs, double Score, double[,]? Inverse);
}
