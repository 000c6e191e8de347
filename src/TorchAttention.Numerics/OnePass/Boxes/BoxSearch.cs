namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The search for the bandwidths: a grid of log h, where wide bandwidths cost little, then quasi-Newton steps (BFGS) from its valleys.
/// </summary>
/// <param name="at">The criterion of some log h, its slopes where they are asked for first, and roughly where that is asked for.</param>
/// <param name="bounds">The bounds of log h (d).</param>
/// <param name="isCoarse">Whether scores cost much, and valleys are wide, as those of planes.</param>
internal sealed class BoxSearch(
    Func<double[], bool, bool, (double Score, double[] Slopes)> at, (double Least, double Most)[] bounds, bool isCoarse = false)
{
    // Of log h, with two features and with three.
    private const double GridStep = 0.35;
    private const double GridStepOfThree = 0.7;
    private const double MostStep = 1.5;

    // The deepest of the grid may not be the deepest of all by so much.
    private const double Doubt = 0.05;
    private const int MostValleys = 4;

    // Slopes as a part of the score.
    private const double RoughSlope = 1e-2;
    private const double LeastSlope = 1e-9;
    private const double Rounding = 1e-13;
    private const int MostSteps = 60;

    private int Features => bounds.Length;

    /// <summary>Searches.</summary>
    /// <param name="scale">What a score counts as: itself, or 1 for a logarithm.</param>
    /// <param name="progress">Told the part done, roughly.</param>
    /// <returns>Where the way down ended; none where no score is finite.</returns>
    public IEnumerable<(double[] Logs, double Score)> Run(Func<double, double> scale, IProgress<double>? progress)
    {
        double between = Features < 3 && !isCoarse ? GridStep : GridStepOfThree;
        double[][] axes = [.. bounds.Select(bound => Axis(bound.Least, bound.Most, between))];
        int[] sizes = [.. axes.Select(axis => axis.Length)];
        int points = sizes.Aggregate((product, size) => product * size);
        double[] scores = new double[points];
        for (int i = points - 1; i >= 0; i--)
        {
            scores[i] = at(PointOf(i), false, true).Score;
            progress?.Report(0.6 * (points - i) / points);
        }

        double least = scores.Min();
        if (double.IsPositiveInfinity(least))
        {
            return [];
        }

        Valley[] valleys = [.. Enumerable.Range(0, points)
            .Where(i => scores[i] <= least + (Doubt * scale(least)) && Neighbours(i).All(j => scores[j] >= scores[i]))
            .OrderBy(i => scores[i]).Take(MostValleys)
            .Select(i => Descend(PointOf(i), null, isRough: true, scale)).OrderBy(valley => valley.Score)];
        progress?.Report(0.8);
        Valley found = Descend(valleys[0].Logs, valleys[0].Inverse, isRough: false, scale);
        return [(found.Logs, found.Score)];

        double[] PointOf(int i) => [.. axes.Select((axis, j) => axis[i / Step(j) % sizes[j]])];

        int Step(int feature) => sizes.Take(feature).Aggregate(1, (product, size) => product * size);

        IEnumerable<int> Neighbours(int i)
        {
            int all = (int)Math.Pow(3, Features);
            for (int way = 0; way < all; way++)
            {
                int[] moves = [.. Enumerable.Range(0, Features).Select(j => (way / (int)Math.Pow(3, j) % 3) - 1)];
                if (Enumerable.Range(0, Features).All(j => i / Step(j) % sizes[j] + moves[j] is var to && to >= 0 && to < sizes[j]))
                {
                    yield return i + moves.Select((move, j) => move * Step(j)).Sum();
                }
            }
        }
    }

    // Narrower ones than the first cost as much as all others together: the way down finds them.
    private static double[] Axis(double least, double most, double step)
    {
        double first = Math.Min(least + GridStepOfThree, most);
        int steps = (int)Math.Floor((most - first) / step);
        return [.. Enumerable.Range(0, steps + 1).Select(i => most - ((steps - i) * step))];
    }

    private Valley Descend(double[] start, double[,]? known, bool isRough, Func<double, double> scale)
    {
        double[] x = start;
        (double score, double[] slopes) = at(x, true, isRough);
        double[,] inverse = known ?? Identity(scale(score));
        for (int step = 0; step < MostSteps && double.IsFinite(score); step++)
        {
            bool[] isFree = [.. x.Select((log, j) => !IsHeld(log, slopes[j], j))];
            if (Largest(slopes, isFree) <= (isRough ? RoughSlope : LeastSlope) * scale(score))
            {
                break;
            }

            double[] direction = Direction(inverse, slopes, isFree);
            if (!(Dot(direction, slopes) < 0))
            {
                inverse = Identity(scale(score));
                direction = Direction(inverse, slopes, isFree);
            }

            if (Along(x, score, slopes, direction, isFree, isRough, scale) is not var (next, nextScore, nextSlopes))
            {
                break;
            }

            Update(inverse, [.. next.Select((log, j) => log - x[j])], [.. nextSlopes.Select((slope, j) => slope - slopes[j])]);
            (x, score, slopes) = (next, nextScore, nextSlopes);
        }

        return new Valley(x, score, inverse);
    }

    // Shorter steps until it goes down; where scores are equal up to rounding, until the slope is less.
    private (double[] Logs, double Score, double[] Slopes)? Along(
        double[] x, double score, double[] slopes, double[] direction, bool[] isFree, bool isRough, Func<double, double> scale)
    {
        for (double length = 1; length > 1e-4; length /= 4)
        {
            double[] next = [.. x.Select((log, j) => Math.Clamp(log + (length * direction[j]), bounds[j].Least, bounds[j].Most))];
            (double nextScore, double[] nextSlopes) = at(next, true, isRough);
            double promised = 1e-4 * Dot([.. next.Select((log, j) => log - x[j])], slopes);
            bool isLower = nextScore <= score + promised && nextScore < score;
            bool isFlatter = Math.Abs(nextScore - score) <= Rounding * scale(score)
                && Largest(nextSlopes, isFree) < Largest(slopes, isFree) / 2;
            if (isLower || isFlatter)
            {
                return (next, nextScore, nextSlopes);
            }
        }

        return null;
    }

    private static double Largest(double[] slopes, bool[] isFree) =>
        slopes.Select((slope, j) => isFree[j] ? Math.Abs(slope) : 0).Max();

    // At a bound, and the way down leads out of it.
    private bool IsHeld(double log, double slope, int j) =>
        (log <= bounds[j].Least && slope > 0) || (log >= bounds[j].Most && slope < 0);

    private double[,] Identity(double scale)
    {
        double[,] identity = new double[Features, Features];
        for (int j = 0; j < Features; j++)
        {
            identity[j, j] = 1 / Math.Max(scale, 1e-300);
        }

        return identity;
    }

    private static double[] Direction(double[,] inverse, double[] slopes, bool[] isFree)
    {
        double[] direction = [.. slopes.Select((_, j) =>
            isFree[j] ? -slopes.Select((slope, k) => isFree[k] ? inverse[j, k] * slope : 0).Sum() : 0)];
        double largest = direction.Max(Math.Abs);
        return largest > MostStep ? [.. direction.Select(step => step * MostStep / largest)] : direction;
    }

    // Broyden, Fletcher, Goldfarb, Shanno, of the inverse.
    private static void Update(double[,] inverse, double[] moved, double[] turned)
    {
        double along = Dot(moved, turned);
        if (!(along > 0))
        {
            return;
        }

        int d = moved.Length;
        double[] bent = [.. Enumerable.Range(0, d).Select(j => Enumerable.Range(0, d).Sum(k => inverse[j, k] * turned[k]))];
        double factor = (1 + (Dot(turned, bent) / along)) / along;
        for (int j = 0; j < d; j++)
        {
            for (int k = 0; k < d; k++)
            {
                inverse[j, k] += (factor * moved[j] * moved[k]) - (((bent[j] * moved[k]) + (moved[j] * bent[k])) / along);
            }
        }
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (one, other) => one * other).Sum();

    private sealed record Valley(double[] Logs, double Score, double[,] Inverse);
}
