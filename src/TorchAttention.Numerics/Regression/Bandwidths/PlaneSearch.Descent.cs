using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <content>The way down into a valley.</content>
internal sealed partial class PlaneSearch
{
    /// <summary>Descent on one set of examples.</summary>
    private sealed class Descent(PlaneSearch owner, SmootherData data, bool isSingle, bool isEstimate)
    {
        private int Features => owner.Features;

        public double At(double[] logs)
        {
            double[] bandwidths = [.. logs.Select(Math.Exp)];
            return owner.Keep(bandwidths, owner.Criterion.At(data, bandwidths, isSingle), isEstimate);
        }

        /// <summary>
        /// Bandwidths with their score: the given ones, or as much wider ones as every example needs to have a neighbour.
        /// </summary>
        public (double[] Logs, double Score) Admissible(double[] start)
        {
            (double[] logs, double score) = (start, At(start));
            while (double.IsPositiveInfinity(score)
                && owner.Clamped([.. logs.Select(log => log + WideningStep)]) is var wider && !wider.SequenceEqual(logs))
            {
                (logs, score) = (wider, At(wider));
            }

            return (logs, score);
        }

        /// <summary>Walks downhill until the slope is this part of the score.</summary>
        /// <param name="start">The logarithms to begin at.</param>
        /// <param name="inverse">The inverse of the curvature as far as it is known; null where it is not.</param>
        /// <param name="tolerance">The part.</param>
        public Valley From(double[] start, double[,]? inverse, double tolerance)
        {
            if (owner.Criterion.HasJumps)
            {
                return WithoutSlope(new Valley(start, At(start), null), LongestStep);
            }

            Valley valley = BySlope(start, inverse, tolerance, out bool isAtSlopesEnd);
            return owner.Criterion.IsRough && !isAtSlopesEnd && double.IsFinite(valley.Score) ? WithoutSlope(valley, EdgeStep) : valley;
        }

        // At the edge of what is allowed a bandwidth can shrink only while another grows.
        private Valley WithoutSlope(Valley start, double first)
        {
            double[][] directions =
            [
                .. Enumerable.Range(0, Features).Select(j => Direction((j, -1))),
                .. Enumerable.Range(0, Features).Select(j => Direction((j, 1))),
                .. Enumerable.Range(0, Features * Features).Where(i => i / Features != i % Features)
                    .Select(i => Direction((i / Features, -1), (i % Features, 1))),
            ];
            Valley best = start;
            for (double step = first; step >= ShortestStep; step /= 2)
            {
                bool hasMoved = true;
                for (int round = 0; hasMoved && round < MostRounds; round++)
                {
                    // The best of all directions, not the first that is better: the order of the features decides nothing.
                    Valley from = best;
                    foreach (double[] direction in directions)
                    {
                        double[] next = owner.Clamped([.. from.Logs.Select((log, j) => log + (step * direction[j]))]);
                        double score = next.SequenceEqual(from.Logs) ? double.PositiveInfinity : At(next);
                        best = score < best.Score ? best with { Logs = next, Score = score } : best;
                    }

                    hasMoved = best.Score < from.Score;
                }
            }

            return best;

            double[] Direction(params ReadOnlySpan<(int Feature, int Sign)> moves)
            {
                double[] direction = new double[Features];
                foreach ((int feature, int sign) in moves)
                {
                    direction[feature] = sign;
                }

                return direction;
            }
        }

        private Valley BySlope(double[] start, double[,]? known, double tolerance, out bool isAtSlopesEnd)
        {
            double[] x = start;
            double[] gradient = new double[Features];
            double score = WithGradient(x, gradient);
            isAtSlopesEnd = false;
            double[,] inverse = known is null ? Identity(score) : (double[,])known.Clone();
            for (int step = 0; step < MostSteps && double.IsFinite(score); step++)
            {
                bool[] isFree = [.. Enumerable.Range(0, Features).Select(j => !IsHeld(x, gradient, j))];
                double slope = Enumerable.Range(0, Features).Where(j => isFree[j]).Select(j => Math.Abs(gradient[j]))
                    .DefaultIfEmpty(0).Max();
                if (slope <= tolerance / ScaleOf(score))
                {
                    isAtSlopesEnd = true;
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
        private double ScaleOf(double score) => 1 / Math.Max(Math.Abs(owner.Criterion.ScaleOf(score)), 1e-300);

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
            // Of log h: farther off a curvature says nothing.
            const double MostStep = 1.5;
            double[] direction = [.. Enumerable.Range(0, Features)
                .Select(j => isFree[j] ? -Enumerable.Range(0, Features).Where(k => isFree[k]).Sum(k => inverse[j, k] * gradient[k]) : 0)];
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

            double[] product = [.. Enumerable.Range(0, Features)
                .Select(j => Enumerable.Range(0, Features).Sum(k => inverse[j, k] * bent[k]))];
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
