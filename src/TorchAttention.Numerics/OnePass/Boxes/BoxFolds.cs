using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The error of folds from moments of several features: sum_i s_i (y_i - f(x_i))^2 with f fitted to all folds but the row's own, whose
/// sums are those of all less the fold's, to the bit. An estimate.
/// </summary>
internal sealed class BoxFolds
{
    private readonly (BoxLevels Own, BoxLevels Others)[] _folds;
    private readonly int _degree;

    private BoxFolds((BoxLevels Own, BoxLevels Others)[] folds, int degree) => (_folds, _degree) = (folds, degree);

    /// <summary>Prepares the folds.</summary>
    /// <param name="moments">The moments, of a grid with folds.</param>
    /// <param name="bandwidth">The rule.</param>
    /// <param name="degree">0 for means, 1 for planes.</param>
    /// <exception cref="ArgumentException">The moments have other folds.</exception>
    /// <exception cref="RegressionDataException">All rows are in one fold.</exception>
    public static BoxFolds Create(BoxMoments moments, Bandwidth bandwidth, int degree = 0)
    {
        MomentFolds.Check(moments.Grid.Folds, bandwidth);
        int[] folds = [.. moments.Parts.Keys.Select(part => part.Fold).Distinct()];
        return folds.Length < 2 ? throw MomentFolds.AllInOne()
            : new BoxFolds([.. folds.Select(fold => (
                new BoxLevels(moments, part => part.Fold == fold), new BoxLevels(moments, part => part.Fold != fold)))], degree);
    }

    /// <summary>The sum of the squares, and its derivatives by log h_j (d) where they are asked for.</summary>
    public (double Squares, double[] ByLog) At(
        double[] h, bool hasSlopes, bool isRough, int? threads, CancellationToken cancellationToken)
    {
        double squares = 0;
        double[] byLog = new double[h.Length];
        isRough &= _degree == 0;
        foreach ((BoxLevels own, BoxLevels others) in _folds)
        {
            var fold = new Fold(own.For(h, isRough), others.For(h, isRough), h, _degree, hasSlopes);
            foreach ((double square, double[] slopes) in fold.At(threads, cancellationToken))
            {
                squares += square;
                for (int j = 0; j < slopes.Length; j++)
                {
                    byLog[j] += slopes[j];
                }
            }
        }

        return (squares, byLog);
    }

    private sealed class Fold(BoxLevel held, BoxLevel others, double[] h, int degree, bool hasSlopes)
    {
        // Where others' weights are less than this, their ratios say more.
        private const double LeastKnown = 1e-8;

        private readonly BoxFar _far = new(others, h);
        private readonly BoxLayout _layout = new(
            others.Features, others.Columns, degree, hasSlopes ? BoxSumsKind.Slopes : BoxSumsKind.Plain);

        private readonly double _least = LeastKnown * others.MeanWeight;

        public (double Squares, double[] ByLog)[] At(int? threads, CancellationToken cancellationToken)
        {
            var scores = new (double, double[])[held.Count];
            new BoxSums(others, h, _layout).At(
                held.Ids,
                _ => false,
                (box, sums, off, scratch) => scores[box] = Of(box, sums, off, scratch),
                threads,
                cancellationToken);
            return scores;
        }

        private (double Squares, double[] ByLog) Of(int box, double[][] sums, double off, double[][] scratch)
        {
            double squares = 0;
            double[] byLog = new double[hasSlopes ? h.Length : 0];
            double[] at = new double[sums.Length];
            double[] f = new double[others.Columns];
            double[] slopes = new double[others.Columns * h.Length];
            var plane = new BoxPlane(_layout, _far.Span);
            if (held.HasLight(box))
            {
                double[] m = BoxFit.AtNodes(held, held.Light[0].M, box, scratch, 1);
                double[][] v = OfColumns(held.Light[0].V);
                double[][] q = OfColumns(held.Light[0].Q);
                for (int z = 0; z < m.Length; z++)
                {
                    for (int s = 0; s < at.Length; s++)
                    {
                        at[s] = sums[s][z];
                    }

                    Set(PlaceOf(box, z), plane, at, off, isRow: false, f, slopes);
                    for (int c = 0; c < f.Length; c++)
                    {
                        double above = f[c] - held.Levels[c][box];
                        squares += q[c][z] - (2 * above * v[c][z]) + (above * above * m[z]);
                        for (int j = 0; j < byLog.Length; j++)
                        {
                            byLog[j] += 2 * slopes[(c * h.Length) + j] * ((above * m[z]) - v[c][z]);
                        }
                    }
                }
            }

            foreach (double[] kept in held.Rows[box].Chunk(held.Fields))
            {
                double[] shares = BoxFit.SharesOf(held, box, kept);
                for (int s = 0; s < at.Length; s++)
                {
                    at[s] = BoxBasis.At(sums[s], shares);
                }

                Set(kept.AsSpan(0, h.Length), plane, at, off, isRow: true, f, slopes);
                for (int c = 0; c < f.Length; c++)
                {
                    double e = held.ValueOf(kept, c) - f[c];
                    squares += kept[^1] * e * e;
                    for (int j = 0; j < byLog.Length; j++)
                    {
                        byLog[j] -= 2 * kept[^1] * e * slopes[(c * h.Length) + j];
                    }
                }
            }

            return (squares, byLog);

            double[][] OfColumns(double[][] moments) =>
                [.. moments.Select(column => (double[])BoxFit.AtNodes(held, column, box, scratch, 2).Clone())];
        }

        private double[] PlaceOf(int box, int node) => [.. Enumerable.Range(0, h.Length).Select(j =>
        {
            double[] ends = held.Ends(held.Ids[box], j);
            double t = BoxBasis.NodeOf(node, j, h.Length);
            return ends[0] + ((1 + t) / 2 * (ends[1] - ends[0]));
        })];

        // What the others say, and its derivatives by log h_j (v, d).
        private void Set(
            ReadOnlySpan<double> place, BoxPlane plane, double[] sums, double off, bool isRow, double[] f, double[] slopes)
        {
            plane.Set(sums);
            bool isNear = sums[0] > _least;
            if (isNear && plane.TrySolve(off))
            {
                Set(plane, f, slopes);
            }
            else if (degree > 0 && isRow)
            {
                Set(_far.PlaneAt(place), f, slopes);
            }
            else if (isNear)
            {
                // Nodes of a box of many rows, where these are nearly one place.
                plane.SolveMeans();
                Set(plane, f, slopes);
            }
            else
            {
                Array.Clear(slopes);
                _far.At(place).CopyTo(f, 0);
            }
        }

        private void Set<TPlane>(TPlane plane, double[] f, double[] slopes)
            where TPlane : IPlane
        {
            for (int c = 0; c < f.Length; c++)
            {
                f[c] = others.Origins[c] + plane.Height(c);
                plane.SolveSlopes(c);
                for (int j = 0; j < h.Length && hasSlopes; j++)
                {
                    slopes[(c * h.Length) + j] = plane.HeightChange(j, c);
                }
            }
        }
    }
}
