using TorchAttention.Numerics.Pooling.Answers;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>Rows that are kept as rows, one by one.</content>
internal sealed partial class BoxFit
{
    private BoxScore OfFew(int box, double[][] sums, double off)
    {
        double[][] rows = [.. _level.Rows[box].Chunk(_level.Fields)];
        BoxScore score = NewScore();
        double[] at = new double[sums.Length];
        var plane = new BoxPlane(_layout, _far.Span);
        for (int i = 0; i < rows.Length; i++)
        {
            double[] shares = SharesOf(_level, box, rows[i]);
            for (int s = 0; s < sums.Length; s++)
            {
                at[s] = BoxBasis.At(sums[s], shares);
            }

            for (int k = 0; k < rows.Length; k++)
            {
                if (k != i)
                {
                    _pairs.Add(rows[i].AsSpan(0, Features), rows[k], at);
                }
            }

            AddError(rows[i], at, off, plane, score);
        }

        return score;
    }

    /// <summary>What each node of a box counts for at a row (K^d).</summary>
    public static double[] SharesOf(BoxLevel level, int box, double[] row) => BoxBasis.Products(
        [.. Enumerable.Range(0, level.Features).Select(j => BoxBasis.Shares(level.PlaceIn(level.Ids[box], row[j], j)))]);

    // By the sums of all other rows.
    private void AddError(double[] row, double[] sums, double off, BoxPlane others, BoxScore score)
    {
        bool isLonely = !(sums[0] > MomentFit.Lonely * row[^1]);
        score.Lonely += isLonely ? 1 : 0;
        others.Set(sums);
        if (!isLonely && others.TrySolve(off + (RoundedPairs * sums[0])))
        {
            AddError(row, others, score);
        }
        else if (_layout.Degree == 0)
        {
            AddAlone(row, score);
        }
        else
        {
            AddFar(row, score);
        }
    }

    // By the rows around, however far. A row that says of a direction what the others leave open has the plane to itself there.
    private void AddFar(double[] row, BoxScore score)
    {
        ReadOnlySpan<double> at = row.AsSpan(0, Features);
        BoxFar.Plane others = _far.PlaneAt(at, row);
        int rank = others.Rank;
        bool isOpen = rank < _far.Span.Rank;
        bool isAlone = isOpen && _far.PlaneAt(at).Rank > rank;
        AddError(row, isOpen ? _far.PlaneAt(at, row) : others, score, isAlone);
    }

    // The mean where no row is near.
    private void AddAlone(double[] row, BoxScore score)
    {
        double[] means = _far.At(row.AsSpan(0, Features), row);
        for (int c = 0; c < Columns; c++)
        {
            double alone = _level.ValueOf(row, c) - means[c];
            score.LeaveOneOut += row[^1] * alone * alone;
        }

        score.Trace++;
        score.TraceOfSquare++;
    }

    // With the row itself e becomes (1 - H) e.
    private void AddError<TPlane>(double[] row, TPlane others, BoxScore score, bool isAlone = false)
        where TPlane : IPlane
    {
        double s = row[^1];
        double left = isAlone ? 0 : 1 / (1 + (s * others.OwnWeight));
        double own = 1 - left;
        score.Trace += own;
        if (_layout.Kind == BoxSumsKind.Squares)
        {
            score.TraceOfSquare += (own * own) + (left > 0 ? s * left * left * others.SquaredWeights() : 0);
        }

        Span<double> ownByLog = stackalloc double[Features];
        for (int j = 0; j < Features && HasSlopes; j++)
        {
            ownByLog[j] = left > 0 ? s * left * left * others.OwnWeightChange(j) : 0;
            score.TraceByLog[j] += ownByLog[j];
        }

        for (int c = 0; c < Columns; c++)
        {
            double e = _level.ValueOf(row, c) - _level.Origins[c] - others.Height(c);
            score.LeaveOneOut += s * e * e;
            score.Residuals[c] += s * e * e * left * left;
            if (!HasSlopes)
            {
                continue;
            }

            others.SolveSlopes(c);
            for (int j = 0; j < Features; j++)
            {
                double eByLog = -others.HeightChange(j, c);
                score.LeaveOneOutByLog[j] += 2 * s * e * eByLog;
                score.ResidualByLog[j] += 2 * s * e * left * ((eByLog * left) - (e * ownByLog[j]));
            }
        }
    }
}
