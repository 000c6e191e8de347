namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// The least of a function on the unit cube near a point, from values alone, in few of them where it is smooth: parabolas through the
/// neighbours at a step lead to the next point, as Newton's method does; where they lead to nothing less, the least neighbour or a shorter
/// step does.
/// </summary>
internal static class ParabolaSearch
{
    private const int MostRounds = 40;

    // Parabolas are off by the cube of the step: the last one is so short that this is less than what is asked for.
    private const double LastStep = 0.002;

    private const double Shorter = 4;
    private const double MostSteps = 3;

    // A step this short leaves a gain of this part of the score to be the last one: where a valley is flat its least is soon good enough.
    private const double ShortStep = 0.01;
    private const double LeastGain = 1e-7;

    // Scores this close are off from each other by rounding.
    private const double EqualScores = 1e-12;

    /// <summary>Looks around a point.</summary>
    /// <param name="score">The function; infinite where a point is not admissible.</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="known">The score there.</param>
    /// <param name="step">How far to look at first.</param>
    /// <param name="precise">A move of less is the last one.</param>
    public static (double[] Point, double Score) From(
        Func<double[], double> score, double[] start, double known, double step, double precise)
    {
        (double[] point, double least) = (start, known);
        for (int round = 0; round < MostRounds && step >= precise; round++)
        {
            var around = new Surroundings(score, point, least, step);
            if (around.IsFlat)
            {
                break;
            }

            double[] next = around.Next();
            double there = around.IsAsWas(next) ? least : Finite(score(next));
            (double[] Point, double Score) best = there <= around.Least.Score ? (next, there) : around.Least;
            if (!(best.Score < least))
            {
                step /= Shorter;
                continue;
            }

            double moved = best.Point.Zip(point, (a, b) => Math.Abs(a - b)).Max();
            bool isLast = (step <= LastStep && moved < precise)
                || (step <= ShortStep && least - best.Score <= LeastGain * Math.Abs(least));
            (point, least) = best;
            if (isLast)
            {
                break;
            }

            step = best.Point == next ? Math.Clamp(moved / 2, step / (Shorter * Shorter), MostSteps * step) : step;
        }

        return (point, least);
    }

    private static double Finite(double score) => double.IsNaN(score) ? double.PositiveInfinity : score;

    // What the function is at steps from a point.
    private sealed class Surroundings
    {
        private readonly double[] _point;
        private readonly double _step;
        private readonly double[] _slopes;
        private readonly double[,] _curvatures;

        public Surroundings(Func<double[], double> score, double[] point, double known, double step)
        {
            int d = point.Length;
            (_point, _step, _slopes, _curvatures) = (point, step, new double[d], new double[d, d]);
            Least = (point, known);
            (double[] offsets, double[] scores) = (new double[d], new double[d]);
            bool isFlat = true;
            for (int j = 0; j < d; j++)
            {
                (double near, double far) = Offsets(point[j], step);
                (double atNear, double atFar) = (At((j, near)), At((j, far)));
                isFlat &= Math.Max(Math.Abs(atNear - known), Math.Abs(atFar - known)) <= EqualScores * Math.Abs(known);
                (double toNear, double toFar) = ((atNear - known) / near, (atFar - known) / far);
                _curvatures[j, j] = 2 * (toNear - toFar) / (near - far);
                _slopes[j] = toNear - (near * _curvatures[j, j] / 2);
                (offsets[j], scores[j]) = (near, atNear);
            }

            IsFlat = isFlat;
            for (int j = 1; j < d && !isFlat; j++)
            {
                for (int k = 0; k < j; k++)
                {
                    double mixed = At((j, offsets[j]), (k, offsets[k])) - scores[j] - scores[k] + known;
                    _curvatures[j, k] = _curvatures[k, j] = mixed / (offsets[j] * offsets[k]);
                }
            }

            double At(params (int Place, double Offset)[] moves)
            {
                double[] moved = [.. point];
                foreach ((int place, double offset) in moves)
                {
                    moved[place] = Math.Clamp(moved[place] + offset, 0, 1);
                }

                double there = Finite(score(moved));
                Least = there < Least.Score ? (moved, there) : Least;
                return there;
            }
        }

        public (double[] Point, double Score) Least { get; private set; }

        public bool IsFlat { get; }

        public bool IsAsWas(double[] next) => next.AsSpan().SequenceEqual(_point);

        // To the least of the parabolas where all of them have one; else of each that has one for itself.
        public double[] Next()
        {
            int d = _point.Length;
            bool[] isFree = [.. Enumerable.Range(0, d).Select(j => _curvatures[j, j] > 0 && double.IsFinite(_curvatures[j, j]))];
            double[] move = new double[d];
            for (int turn = 0; turn <= d; turn++)
            {
                double[] found = Solve(isFree, move) ?? [.. Enumerable.Range(0, d).Select(j => -_slopes[j] / _curvatures[j, j])];
                int[] outside = [.. Enumerable.Range(0, d).Where(j => isFree[j] && _point[j] + found[j] is < 0 or > 1)];
                foreach (int j in Enumerable.Range(0, d).Where(j => isFree[j]))
                {
                    move[j] = found[j];
                }

                if (outside.Length == 0)
                {
                    break;
                }

                foreach (int j in outside)
                {
                    move[j] = Math.Clamp(_point[j] + found[j], 0, 1) - _point[j];
                    isFree[j] = false;
                }
            }

            double longest = move.Max(Math.Abs);
            double part = longest > MostSteps * _step ? MostSteps * _step / longest : 1;
            return [.. _point.Zip(move, (x, by) => Math.Clamp(x + (part * by), 0, 1))];
        }

        // Where what is not free moves as it does; null where the curvatures have no least.
        private double[]? Solve(bool[] isFree, double[] move)
        {
            int d = _point.Length;
            int[] free = [.. Enumerable.Range(0, d).Where(j => isFree[j])];
            double[,] factor = new double[free.Length, free.Length];
            double[] right = [.. free.Select(j => -_slopes[j]
                - Enumerable.Range(0, d).Where(k => !isFree[k] && move[k] != 0).Sum(k => _curvatures[j, k] * move[k]))];
            for (int a = 0; a < free.Length; a++)
            {
                for (int b = 0; b <= a; b++)
                {
                    double rest = _curvatures[free[a], free[b]];
                    for (int k = 0; k < b; k++)
                    {
                        rest -= factor[a, k] * factor[b, k];
                    }

                    if (a == b && !(rest > 0 && double.IsFinite(rest)))
                    {
                        return null;
                    }

                    factor[a, b] = a == b ? Math.Sqrt(rest) : rest / factor[b, b];
                }
            }

            double[] found = new double[d];
            for (int a = 0; a < free.Length; a++)
            {
                for (int k = 0; k < a; k++)
                {
                    right[a] -= factor[a, k] * right[k];
                }

                right[a] /= factor[a, a];
            }

            for (int a = free.Length - 1; a >= 0; a--)
            {
                for (int k = a + 1; k < free.Length; k++)
                {
                    right[a] -= factor[k, a] * right[k];
                }

                found[free[a]] = right[a] /= factor[a, a];
            }

            return found;
        }

        // To both sides; at an end of the cube twice to the same one.
        private static (double Near, double Far) Offsets(double place, double step) =>
            place + step > 1 ? (-step, 1 - place > step / 4 ? 1 - place : -2 * step)
            : place - step < 0 ? (step, place > step / 4 ? -place : 2 * step)
            : (step, -step);
    }
}
