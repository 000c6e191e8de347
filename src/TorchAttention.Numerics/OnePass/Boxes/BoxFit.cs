namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The leave-one-out error of some bandwidths and what belongs to it, from moments: in a box of many rows the sum over its nodes, where
/// these rows count as numbers with the same moments; in a box of few rows one by one.
/// </summary>
internal sealed class BoxFit
{
    // So little weight of other rows says nothing of a row: its error is an estimate.
    private const double Lonely = 1e-10;

    private readonly BoxLevel _level;
    private readonly double[] _h;
    private readonly BoxSumsKind _kind;
    private readonly BoxSums _sums;
    private readonly BoxFar _far;

    /// <summary>Prepares bandwidths.</summary>
    /// <param name="level">The moments, in boxes that are not much wider than the bandwidths.</param>
    /// <param name="h">The bandwidths (d).</param>
    /// <param name="kind">Whether derivatives or tr H'H are asked for.</param>
    public BoxFit(BoxLevel level, double[] h, BoxSumsKind kind)
    {
        (_level, _h, _kind) = (level, h, kind);
        _sums = new BoxSums(level, h, kind);
        _far = new BoxFar(level, h);
    }

    private int Features => _level.Features;

    private bool HasSlopes => _kind == BoxSumsKind.Slopes;

    /// <summary>The score of all rows.</summary>
    public BoxScore Score(int? threads, CancellationToken cancellationToken)
    {
        var scores = new BoxScore[_level.Count];
        _sums.At(
            _level.Ids,
            _level.IsOfRows,
            (box, sums, scratch) => scores[box] = _level.IsOfRows(box) ? OfFew(box, sums) : OfMany(box, sums, scratch),
            threads,
            cancellationToken);
        var all = new BoxScore(Features);
        Array.ForEach(scores, all.Add);
        return all;
    }

    private BoxScore OfMany(int box, double[][] sums, double[][] scratch)
    {
        int terms = _level.Terms.Count;
        BoxBasis.ToNodes(_level.Terms, _level.M.AsSpan(box * terms, terms), ref scratch[3], ref scratch[0]);
        BoxBasis.ToNodes(_level.Terms, _level.V.AsSpan(box * terms, terms), ref scratch[3], ref scratch[1]);
        BoxBasis.ToNodes(_level.Terms, _level.Q.AsSpan(box * terms, terms), ref scratch[3], ref scratch[2]);
        (double[] m, double[] v, double[] q) = (scratch[0], scratch[1], scratch[2]);
        double apart = _level.Origin - _level.Levels[box];
        var score = new BoxScore(Features);
        for (int z = 0; z < m.Length; z++)
        {
            double own = 1 / sums[0][z];
            double mean = sums[1][z] * own;
            double f = mean + apart;
            double g = 1 / ((1 - own) * (1 - own));
            double square = q[z] - (2 * f * v[z]) + (f * f * m[z]);
            score.LeaveOneOut += g * square;
            score.Residual += square;
            score.Trace += own * m[z];
            if (_kind == BoxSumsKind.Squares)
            {
                score.TraceOfSquare += sums[2][z] * own * own * m[z];
            }

            for (int j = 0; j < Features && HasSlopes; j++)
            {
                double weight = sums[2 + (2 * j)][z];
                double fByLog = (sums[3 + (2 * j)][z] - (mean * weight)) * own;
                double ownByLog = -own * own * weight;
                double squareByLog = 2 * fByLog * ((f * m[z]) - v[z]);
                score.LeaveOneOutByLog[j] += g * (squareByLog + (2 / (1 - own) * ownByLog * square));
                score.ResidualByLog[j] += squareByLog;
                score.TraceByLog[j] += ownByLog * m[z];
            }
        }

        return score;
    }

    private BoxScore OfFew(int box, double[][] sums)
    {
        double[][] rows = [.. _level.Rows[box].Chunk(Features + 1)];
        var score = new BoxScore(Features);
        double[] at = new double[sums.Length];
        double[] squares = new double[Features];
        for (int i = 0; i < rows.Length; i++)
        {
            double[][] shares = [.. Enumerable.Range(0, Features).Select(
                j => BoxBasis.Shares(_level.PlaceIn(_level.Ids[box], rows[i][j], j)))];
            for (int s = 0; s < sums.Length; s++)
            {
                at[s] = BoxBasis.At(sums[s], shares);
            }

            for (int k = 0; k < rows.Length; k++)
            {
                if (k != i)
                {
                    AddRow(rows[i], rows[k], squares, at);
                }
            }

            AddError(rows[i], at, score);
        }

        return score;
    }

    private void AddRow(double[] query, double[] row, double[] squares, double[] sums)
    {
        double square = 0;
        for (int j = 0; j < Features; j++)
        {
            double v = (query[j] - row[j]) / _h[j];
            squares[j] = v * v;
            square += squares[j];
        }

        double weight = Math.Exp(-0.5 * square);
        double product = weight * (row[^1] - _level.Origin);
        sums[0] += weight;
        sums[1] += product;
        if (_kind == BoxSumsKind.Squares)
        {
            sums[2] += weight * weight;
        }

        for (int j = 0; j < Features && HasSlopes; j++)
        {
            sums[2 + (2 * j)] += weight * squares[j];
            sums[3 + (2 * j)] += product * squares[j];
        }
    }

    // By the sums of all other rows.
    private void AddError(double[] row, double[] sums, BoxScore score)
    {
        if (!(sums[0] > Lonely))
        {
            double alone = row[^1] - _far.At(row.AsSpan(0, Features), row);
            score.LeaveOneOut += alone * alone;
            score.Trace++;
            score.TraceOfSquare++;
            score.Lonely++;
            return;
        }

        double others = 1 / sums[0];
        double mean = sums[1] * others;
        double e = row[^1] - _level.Origin - mean;
        double own = 1 / (sums[0] + 1);
        double left = 1 - own;
        score.LeaveOneOut += e * e;
        score.Residual += e * e * left * left;
        score.Trace += own;
        if (_kind == BoxSumsKind.Squares)
        {
            score.TraceOfSquare += (sums[2] + 1) * own * own;
        }

        for (int j = 0; j < Features && HasSlopes; j++)
        {
            double weight = sums[2 + (2 * j)];
            double eByLog = ((mean * weight) - sums[3 + (2 * j)]) * others;
            double ownByLog = -own * own * weight;
            score.LeaveOneOutByLog[j] += 2 * e * eByLog;
            score.ResidualByLog[j] += 2 * e * left * ((eByLog * left) - (e * ownByLog));
            score.TraceByLog[j] += ownByLog;
        }
    }
}
