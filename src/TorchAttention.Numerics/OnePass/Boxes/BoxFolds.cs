using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The error of folds from moments of several features: sum_i s_i (y_i - f(x_i))^2 with f fitted to all folds but the row's own, whose
/// sums are those of all less the fold's, to the bit. An estimate.
/// </summary>
internal sealed class BoxFolds
{
    private readonly (BoxLevels Own, BoxLevels Others)[] _folds;

    private BoxFolds((BoxLevels Own, BoxLevels Others)[] folds) => _folds = folds;

    /// <summary>Prepares the folds.</summary>
    /// <param name="moments">The moments, of a grid with folds.</param>
    /// <param name="bandwidth">The rule.</param>
    /// <exception cref="ArgumentException">The moments have other folds.</exception>
    /// <exception cref="RegressionDataException">All rows are in one fold.</exception>
    public static BoxFolds Create(BoxMoments moments, Bandwidth bandwidth)
    {
        MomentFolds.Check(moments.Grid.Folds, bandwidth);
        int[] folds = [.. moments.Parts.Keys.Select(part => part.Fold).Distinct()];
        return folds.Length < 2 ? throw MomentFolds.AllInOne()
            : new BoxFolds([.. folds.Select(fold => (
                new BoxLevels(moments, part => part.Fold == fold), new BoxLevels(moments, part => part.Fold != fold)))]);
    }

    /// <summary>The sum of the squares, and its derivatives by log h_j (d) where they are asked for.</summary>
    public (double Squares, double[] ByLog) At(
        double[] h, bool hasSlopes, bool isRough, int? threads, CancellationToken cancellationToken)
    {
        double squares = 0;
        double[] byLog = new double[h.Length];
        foreach ((BoxLevels own, BoxLevels others) in _folds)
        {
            var fold = new Fold(own.For(h, isRough), others.For(h, isRough), h, hasSlopes);
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

    private sealed class Fold(BoxLevel held, BoxLevel others, double[] h, bool hasSlopes)
    {
        // Where others' weights are less than this, their ratios say more.
        private const double LeastKnown = 1e-8;

        private readonly BoxFar _far = new(others, h);

        private readonly double _least = LeastKnown * others.MeanWeight;

        public (double Squares, double[] ByLog)[] At(int? threads, CancellationToken cancellationToken)
        {
            var scores = new (double, double[])[held.Count];
            new BoxSums(others, h, hasSlopes ? BoxSumsKind.Slopes : BoxSumsKind.Plain).At(
                held.Ids, _ => false, (box, sums, scratch) => scores[box] = Of(box, sums, scratch), threads, cancellationToken);
            return scores;
        }

        private (double Squares, double[] ByLog) Of(int box, double[][] sums, double[][] scratch)
        {
            double squares = 0;
            double[] byLog = new double[hasSlopes ? h.Length : 0];
            double[] at = new double[sums.Length];
            double[] f = new double[others.Columns];
            double[] slopes = new double[others.Columns * h.Length];
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

                    if (!TrySurface(at, f, slopes))
                    {
                        _far.At(PlaceOf(box, z)).CopyTo(f, 0);
                    }

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

            foreach (double[] row in held.Rows[box].Chunk(held.Fields))
            {
                double[][] shares = BoxFit.SharesOf(held, box, row);
                for (int s = 0; s < at.Length; s++)
                {
                    at[s] = BoxBasis.At(sums[s], shares);
                }

                if (!TrySurface(at, f, slopes))
                {
                    _far.At(row.AsSpan(0, h.Length)).CopyTo(f, 0);
                }

                for (int c = 0; c < f.Length; c++)
                {
                    double e = held.ValueOf(row, c) - f[c];
                    squares += row[^1] * e * e;
                    for (int j = 0; j < byLog.Length; j++)
                    {
                        byLog[j] -= 2 * row[^1] * e * slopes[(c * h.Length) + j];
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

        // The means of the others, and their derivatives by log h_j (v, d), where these are near.
        private bool TrySurface(double[] sums, double[] f, double[] slopes)
        {
            if (!(sums[0] > _least))
            {
                Array.Clear(slopes);
                return false;
            }

            int width = 1 + others.Columns;
            for (int c = 0; c < f.Length; c++)
            {
                double mean = sums[1 + c] / sums[0];
                f[c] = others.Origins[c] + mean;
                for (int j = 0; j < h.Length && hasSlopes; j++)
                {
                    int at = width * (1 + j);
                    slopes[(c * h.Length) + j] = (sums[at + 1 + c] - (mean * sums[at])) / sums[0];
                }
            }

            return true;
        }
    }
}
