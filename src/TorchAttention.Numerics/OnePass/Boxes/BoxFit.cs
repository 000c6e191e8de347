namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The leave-one-out error of some bandwidths and what belongs to it, from moments: in a box of many rows the sum over its nodes, where
/// these rows count as numbers with the same moments; in a box of few rows one by one.
/// </summary>
internal sealed class BoxFit
{
    // Room for what moments of a box become at its nodes: one to work in, products, squares, and the masses of each power of the weights.
    private const int Work = 0;
    private const int Products = 1;
    private const int Squares = 2;
    private const int Masses = 3;

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

    private int Columns => _level.Columns;

    private bool HasSlopes => _kind == BoxSumsKind.Slopes;

    // Beside S0 and each column's T0: R0 and S_j, or S_j and each column's product for each feature.
    private int FirstOther => 1 + Columns;

    /// <summary>How many numbers at the nodes are worked with.</summary>
    public static int ScratchOf(BoxLevel level) => Masses + level.Light.Length;

    /// <summary>The score of all rows.</summary>
    public BoxScore Score(int? threads, CancellationToken cancellationToken)
    {
        (int Box, bool IsOfRows)[] asked = [.. Enumerable.Range(0, _level.Count).SelectMany(box => Asked(_level, box))];
        var scores = new BoxScore[asked.Length];
        _sums.At(
            [.. asked.Select(one => _level.Ids[one.Box])],
            at => asked[at].IsOfRows,
            (at, sums, scratch) =>
                scores[at] = asked[at].IsOfRows ? OfFew(asked[at].Box, sums) : OfMany(asked[at].Box, sums, scratch),
            threads,
            cancellationToken);
        var all = NewScore();
        Array.ForEach(scores, all.Add);
        return all;
    }

    /// <summary>A box for its sums, and for the rows that it keeps.</summary>
    public static IEnumerable<(int Box, bool IsOfRows)> Asked(BoxLevel level, int box)
    {
        if (level.HasLight(box))
        {
            yield return (box, false);
        }

        if (level.Rows[box].Length > 0)
        {
            yield return (box, true);
        }
    }

    /// <summary>A box's moments as numbers at its nodes.</summary>
    public static double[] AtNodes(BoxLevel level, double[] moments, int box, double[][] scratch, int place)
    {
        int terms = level.Terms.Count;
        BoxBasis.ToNodes(level.Terms, moments.AsSpan(box * terms, terms), ref scratch[Work], ref scratch[place]);
        return scratch[place];
    }

    private BoxScore NewScore() => new(Features, Columns);

    private BoxScore OfMany(int box, double[][] sums, double[][] scratch)
    {
        BoxTower[] light = _level.Light;
        BoxScore score = NewScore();
        for (int t = 0; t < light.Length; t++)
        {
            AtNodes(_level, light[t].M, box, scratch, Masses + t);
        }

        // A row's own part is small: the heaviest that is not kept as a row has a 64th of the box's weight.
        double[] own = Array.ConvertAll(sums[0], s0 => 1 / s0);
        double heaviest = _level.HasWeights ? _level.Weights[box] / BoxGrid.MostKept : 1;
        double most = MomentFit.OwnMargin * heaviest * own.Max();
        bool hasPole = _level.HasWeights && !(sums[0].Min() > 0 && 1 - most > MomentFit.LeastLeftOfWeighted);
        double[] powers = _level.HasWeights && !hasPole ? MomentFit.PowersOf(most, h => 1 / ((1 - h) * (1 - h))) : [1];
        AddTraces(box, sums, own, scratch[Masses], score);
        for (int c = 0; c < Columns; c++)
        {
            for (int t = 0; t < powers.Length; t++)
            {
                double[] v = AtNodes(_level, light[t].V[c], box, scratch, Products);
                double[] q = light[t].Q[c] == light[t].V[c] ? v : AtNodes(_level, light[t].Q[c], box, scratch, Squares);
                var power = new Power(t, powers[t], !_level.HasWeights);
                AddSquares(box, c, sums, own, (scratch[Masses + t], v, q), power, score);
            }
        }

        if (hasPole)
        {
            // Each row has its share of the box's own parts: an estimate.
            double rows = _level.Counts[box] - (_level.Rows[box].Length / _level.Fields);
            double share = Math.Max(MomentFit.LeastLeft, 1 - (score.Trace / rows));
            score.LeaveOneOut = score.Residual / (share * share);
            for (int j = 0; j < Features && HasSlopes; j++)
            {
                score.LeaveOneOutByLog[j] =
                    (score.ResidualByLog[j] + (2 * score.Residual / share * (score.TraceByLog[j] / rows))) / (share * share);
            }
        }

        return score;
    }

    private void AddTraces(int box, double[][] sums, double[] own, double[] m, BoxScore score)
    {
        for (int z = 0; z < m.Length; z++)
        {
            score.Trace += own[z] * m[z];
            if (_kind == BoxSumsKind.Squares)
            {
                score.TraceOfSquare += sums[FirstOther][z] * own[z] * own[z] * m[z];
            }

            for (int j = 0; j < Features && HasSlopes; j++)
            {
                score.TraceByLog[j] -= own[z] * own[z] * sums[FirstOther * (1 + j)][z] * m[z];
            }
        }
    }

    // One column's squares, of rows with one power of their weights: 1 / (1 - H)^2 itself without weights, else one term of it.
    private void AddSquares(
        int box, int column, double[][] sums, double[] own, (double[] M, double[] V, double[] Q) at, Power power, BoxScore score)
    {
        double apart = _level.Origins[column] - _level.Levels[column][box];
        for (int z = 0; z < own.Length; z++)
        {
            double mean = sums[1 + column][z] * own[z];
            double f = mean + apart;
            double square = at.Q[z] - (2 * f * at.V[z]) + (f * f * at.M[z]);
            (double g, double gByOwn) = power.At(own[z]);
            score.LeaveOneOut += g * square;
            score.Residuals[column] += power.Exponent == 0 ? square : 0;
            for (int j = 0; j < Features && HasSlopes; j++)
            {
                double weight = sums[FirstOther * (1 + j)][z];
                double fByLog = (sums[(FirstOther * (1 + j)) + 1 + column][z] - (mean * weight)) * own[z];
                double ownByLog = -own[z] * own[z] * weight;
                double squareByLog = 2 * fByLog * ((f * at.M[z]) - at.V[z]);
                score.LeaveOneOutByLog[j] += (g * squareByLog) + (gByOwn * ownByLog * square);
                score.ResidualByLog[j] += power.Exponent == 0 ? squareByLog : 0;
            }
        }
    }

    private BoxScore OfFew(int box, double[][] sums)
    {
        double[][] rows = [.. _level.Rows[box].Chunk(_level.Fields)];
        BoxScore score = NewScore();
        double[] at = new double[sums.Length];
        double[] squares = new double[Features];
        for (int i = 0; i < rows.Length; i++)
        {
            double[][] shares = SharesOf(_level, box, rows[i]);
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

    /// <summary>What each node of a box counts for at a row (d, K).</summary>
    public static double[][] SharesOf(BoxLevel level, int box, double[] row) =>
        [.. Enumerable.Range(0, level.Features).Select(j => BoxBasis.Shares(level.PlaceIn(level.Ids[box], row[j], j)))];

    private void AddRow(double[] query, double[] row, double[] squares, double[] sums)
    {
        double square = 0;
        for (int j = 0; j < Features; j++)
        {
            double v = (query[j] - row[j]) / _h[j];
            squares[j] = v * v;
            square += squares[j];
        }

        double kernel = Math.Exp(-0.5 * square);
        double weight = row[^1] * kernel;
        sums[0] += weight;
        if (_kind == BoxSumsKind.Squares)
        {
            sums[FirstOther] += weight * kernel;
        }

        for (int j = 0; j < Features && HasSlopes; j++)
        {
            sums[FirstOther * (1 + j)] += weight * squares[j];
        }

        for (int c = 0; c < Columns; c++)
        {
            double product = weight * (_level.ValueOf(row, c) - _level.Origins[c]);
            sums[1 + c] += product;
            for (int j = 0; j < Features && HasSlopes; j++)
            {
                sums[(FirstOther * (1 + j)) + 1 + c] += product * squares[j];
            }
        }
    }

    // By the sums of all other rows.
    private void AddError(double[] row, double[] sums, BoxScore score)
    {
        double s = row[^1];
        if (!(sums[0] > MomentFit.Lonely * s))
        {
            double[] means = _far.At(row.AsSpan(0, Features), row);
            for (int c = 0; c < Columns; c++)
            {
                double alone = _level.ValueOf(row, c) - means[c];
                score.LeaveOneOut += s * alone * alone;
            }

            score.Trace++;
            score.TraceOfSquare++;
            score.Lonely++;
            return;
        }

        double others = 1 / sums[0];
        double own = s / (sums[0] + s);
        double left = 1 - own;
        score.Trace += own;
        if (_kind == BoxSumsKind.Squares)
        {
            score.TraceOfSquare += (sums[FirstOther] + s) * own * own / s;
        }

        for (int j = 0; j < Features && HasSlopes; j++)
        {
            score.TraceByLog[j] -= own * own / s * sums[FirstOther * (1 + j)];
        }

        for (int c = 0; c < Columns; c++)
        {
            double mean = sums[1 + c] * others;
            double e = _level.ValueOf(row, c) - _level.Origins[c] - mean;
            score.LeaveOneOut += s * e * e;
            score.Residuals[c] += s * e * e * left * left;
            for (int j = 0; j < Features && HasSlopes; j++)
            {
                double weight = sums[FirstOther * (1 + j)];
                double eByLog = ((mean * weight) - sums[(FirstOther * (1 + j)) + 1 + c]) * others;
                double ownByLog = -own * own / s * weight;
                score.LeaveOneOutByLog[j] += 2 * s * e * eByLog;
                score.ResidualByLog[j] += 2 * s * e * left * ((eByLog * left) - (e * ownByLog));
            }
        }
    }

    /// <summary>1 / (1 - H)^2 of a row's own part H, or one term b H^m of it.</summary>
    private readonly record struct Power(int Exponent, double Factor, bool IsAll)
    {
        /// <summary>Its value where a row of the weight 1 has a part, and its derivative by that.</summary>
        public (double Value, double Slope) At(double own)
        {
            if (IsAll)
            {
                double g = 1 / ((1 - own) * (1 - own));
                return (g, 2 / (1 - own) * g);
            }

            double before = Exponent == 0 ? 0 : Factor * Math.Pow(own, Exponent - 1);
            return (Exponent == 0 ? Factor : before * own, Exponent * before);
        }
    }
}
