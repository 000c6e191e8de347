namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// The least of a function on the unit cube that has values alone: a scan of the diagonal, of each side, and within, then the simplex of J.
/// A. Nelder and R. Mead (1965), begun again from where it ended until that finds no less.
/// </summary>
internal static class DirectSearch
{
    // What a bandwidth's logarithm goes over is some 10 units: a step of the last simplex is a part in a thousand of a bandwidth.
    private const double Precise = 1e-4;
    private const int PointsOfDiagonal = 17;
    private const int PointsOfSide = 9;
    private const int PointsWithin = 24;
    private const int MostStarts = 3;
    private const double FirstStep = 0.08;
    private const int MostBegun = 4;
    private const double Gain = 1e-7;
    private const int MostTurns = 100;

    private static readonly int[] _primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];

    /// <summary>Looks everywhere.</summary>
    /// <param name="score">The function; infinite where a point is not admissible.</param>
    /// <param name="dimensions">Of the cube.</param>
    /// <param name="likely">Points that are likely to be near the best one.</param>
    /// <returns>The best point and its score.</returns>
    public static (double[] Point, double Score) Find(Func<double[], double> score, int dimensions, params double[][] likely) =>
        Scan(score, dimensions, likely).Take(dimensions > 1 ? MostStarts : 1)
            .Select(start => From(score, start.Point, FirstStep, start.Score)).MinBy(found => found.Score);

    /// <summary>The points of the scan alone, the best one first.</summary>
    /// <param name="score">The function; infinite where a point is not admissible.</param>
    /// <param name="dimensions">Of the cube.</param>
    /// <param name="likely">Points that are likely to be near the best one.</param>
    public static IEnumerable<(double[] Point, double Score)> Scan(
        Func<double[], double> score, int dimensions, params double[][] likely)
    {
        var tried = new List<(double[] Point, double Score)>();
        for (int k = PointsOfDiagonal - 1; k >= 0; k--)
        {
            Try(Diagonal((double)k / (PointsOfDiagonal - 1), dimensions));
        }

        Array.ForEach(likely, Try);
        for (int j = 0; j < dimensions && dimensions > 1; j++)
        {
            double[] from = tried.MinBy(one => one.Score).Point;
            for (int k = PointsOfSide - 1; k >= 0; k--)
            {
                double[] point = [.. from];
                point[j] = (double)k / (PointsOfSide - 1);
                Try(point);
            }
        }

        for (int k = 1; k <= PointsWithin * dimensions && dimensions > 1; k++)
        {
            Try([.. Enumerable.Range(0, dimensions).Select(j => RadicalInverse(k, _primes[j % _primes.Length]))]);
        }

        return tried.OrderBy(one => one.Score);

        void Try(double[] point) => tried.Add((point, Finite(score(point))));
    }

    // The points of J. H. Halton (1960): even over the cube, however many are taken.
    private static double RadicalInverse(int number, int radix)
    {
        (double inverse, double digit) = (0, 1);
        for (; number > 0; number /= radix)
        {
            digit /= radix;
            inverse += digit * (number % radix);
        }

        return inverse;
    }

    /// <summary>Looks around a point.</summary>
    /// <param name="score">The function.</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="step">How far to look at first.</param>
    /// <param name="known">The score there; null where it is not known.</param>
    public static (double[] Point, double Score) From(Func<double[], double> score, double[] start, double step, double? known = null)
    {
        (double[] Point, double Score) best = (start, known ?? Finite(score(start)));
        for (int begun = 0; begun < MostBegun; begun++)
        {
            double before = best.Score;
            best = Simplex(score, best, step);
            if (!(before - best.Score > Gain * Math.Abs(before)))
            {
                break;
            }

            step /= 3;
        }

        return best;
    }

    private static (double[] Point, double Score) Simplex(
        Func<double[], double> score, (double[] Point, double Score) start, double step)
    {
        int d = start.Point.Length;
        List<(double[] Point, double Score)> corners = [start];
        for (int j = 0; j < d; j++)
        {
            double[] point = [.. start.Point];
            point[j] += point[j] + step <= 1 ? step : -step;
            corners.Add((point, Finite(score(point))));
        }

        for (int turn = 0; turn < MostTurns * d; turn++)
        {
            corners = [.. corners.OrderBy(corner => corner.Score)];
            if (Enumerable.Range(0, d).All(j => corners.Max(c => c.Point[j]) - corners.Min(c => c.Point[j]) < Precise))
            {
                break;
            }

            double[] middle = [.. Enumerable.Range(0, d).Select(j => corners.Take(d).Average(corner => corner.Point[j]))];
            (double[] Point, double Score) reflected = At(-1);
            (double[] Point, double Score) next = reflected.Score < corners[0].Score
                ? (At(-2) is var expanded && expanded.Score < reflected.Score ? expanded : reflected)
                : reflected.Score < corners[^2].Score ? reflected
                : reflected.Score < corners[^1].Score ? At(-0.5)
                : At(0.5);
            if (next.Score < corners[^1].Score)
            {
                corners[^1] = next;
                continue;
            }

            corners = [corners[0], .. corners.Skip(1).Select(corner =>
            {
                double[] point = [.. corner.Point.Zip(corners[0].Point, (a, b) => (a + b) / 2)];
                return (point, Finite(score(point)));
            })];

            (double[] Point, double Score) At(double part)
            {
                double[] point = [.. middle.Zip(corners[^1].Point, (m, worst) => Math.Clamp(m + (part * (worst - m)), 0, 1))];
                return (point, Finite(score(point)));
            }
        }

        return corners.MinBy(corner => corner.Score);
    }

    private static double[] Diagonal(double place, int dimensions) => [.. Enumerable.Repeat(place, dimensions)];

    private static double Finite(double score) => double.IsNaN(score) ? double.PositiveInfinity : score;
}
