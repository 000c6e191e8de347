using System.Runtime.Intrinsics;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The leave-one-out error of some bandwidths and what belongs to it, from moments: in a box of many rows the sum over its nodes, where
/// these rows count as numbers with the same moments; in a box of few rows one by one.
/// </summary>
internal sealed partial class BoxFit
{
    // Room for what moments of a box become at its nodes: one to work in, products, squares, and the masses of each power of the weights.
    private const int Work = 0;
    private const int Products = 1;
    private const int Squares = 2;
    private const int Masses = 3;

    // By how much what determines a plane may vary within a box for polynomials to follow.
    private const double MostVaried = 1e6;

    // Of the parts of rows, from their mean.
    private const double MostDeviations = 8;

    // What rounding does to sums over pairs.
    internal const double RoundedPairs = 2e-15;

    private readonly BoxLevel _level;
    private readonly double[] _h;
    private readonly BoxLayout _layout;
    private readonly BoxSums _sums;
    private readonly BoxPairs _pairs;
    private readonly BoxFar _far;

    /// <summary>Prepares bandwidths.</summary>
    /// <param name="level">The moments, in boxes that are not much wider than the bandwidths.</param>
    /// <param name="h">The bandwidths (d).</param>
    /// <param name="kind">Whether derivatives or tr H'H are asked for.</param>
    /// <param name="degree">0 for means, 1 for planes.</param>
    public BoxFit(BoxLevel level, double[] h, BoxSumsKind kind, int degree = 0)
    {
        (_level, _h) = (level, h);
        _layout = new BoxLayout(level.Features, level.Columns, degree, kind);
        _sums = new BoxSums(level, h, _layout);
        _pairs = new BoxPairs(level, h, _layout);
        _far = new BoxFar(level, h);
    }

    private int Features => _level.Features;

    private int Columns => _level.Columns;

    private bool HasSlopes => _layout.HasSlopes;

    // After the masses: 1 / s of a row's own part, what the squares of parts sum up to, each column's fit, and the derivatives of the first
    // and the last by log h_j.
    private int Own => Masses + _level.Light.Length;

    private int Parts => Own + 1;

    private int Fitted => Own + 2;

    private int OwnByLog => Fitted + Columns;

    private int FittedByLog => OwnByLog + Features;

    /// <summary>How many numbers at the nodes are worked with.</summary>
    public static int ScratchOf(BoxLevel level, BoxLayout layout) =>
        Masses + level.Light.Length + 2 + level.Columns + (layout.HasSlopes ? level.Features * (1 + level.Columns) : 0);

    /// <summary>The score of all rows.</summary>
    public BoxScore Score(int? threads, CancellationToken cancellationToken)
    {
        BoxScore[] scores = _pairs.AreQuicker((long)_level.Counts.Sum(), _level.Count) ? OfPairs(threads, cancellationToken)
            : OfNodes(threads, cancellationToken);
        var all = NewScore();
        Array.ForEach(scores, all.Add);
        return all;
    }

    private BoxScore[] OfNodes(int? threads, CancellationToken cancellationToken)
    {
        (int Box, bool IsOfRows)[] asked = [.. Enumerable.Range(0, _level.Count).SelectMany(box => Asked(_level, box))];
        var scores = new BoxScore[asked.Length];
        _sums.At(
            [.. asked.Select(one => _level.Ids[one.Box])],
            at => asked[at].IsOfRows,
            (at, sums, off, scratch) =>
                scores[at] = asked[at].IsOfRows ? OfFew(asked[at].Box, sums, off) : OfMany(asked[at].Box, sums, off, scratch),
            threads,
            cancellationToken);
        return scores;
    }

    // Where all rows are kept, and few.
    private BoxScore[] OfPairs(int? threads, CancellationToken cancellationToken)
    {
        var scores = new BoxScore[_level.Count];
        Parallel.For(
            0,
            scores.Length,
            new ParallelOptions { MaxDegreeOfParallelism = threads ?? -1, CancellationToken = cancellationToken },
            box =>
            {
                BoxScore score = scores[box] = NewScore();
                double[] sums = new double[_layout.Count];
                var plane = new BoxPlane(_layout, _far.Span);
                foreach (double[] row in _level.Rows[box].Chunk(_level.Fields))
                {
                    Array.Clear(sums);
                    _pairs.AddAll(row.AsSpan(0, Features), row, sums);
                    AddError(row, sums, 0, plane, score);
                }
            });
        return scores;
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

    private double[] AtNodes(double[] moments, int box, double[][] scratch, int place) => AtNodes(_level, moments, box, scratch, place);

    private BoxScore NewScore() => new(Features, Columns);

    private BoxScore OfMany(int box, double[][] sums, double off, double[][] scratch)
    {
        if (_layout.Degree > 0 && PlaceOf(box) is { } place)
        {
            return OfPlace(box, place, sums, off, scratch);
        }

        for (int t = 0; t < _level.Light.Length; t++)
        {
            AtNodes(_level.Light[t].M, box, scratch, Masses + t);
        }

        var plane = new BoxPlane(_layout, _far.Span);
        if (TrySet(plane, sums, off, scratch, areMeans: _layout.Degree == 0))
        {
            BoxScore score = OfMany(box, scratch, AtNodes);
            if (_layout.Degree == 0 || (score.Uncertain <= 1 && score.LeaveOneOut >= 0 && score.Residuals.All(squares => squares >= 0)
                && score.Trace >= 0 && score.Trace <= RowsOf(box)))
            {
                return score;
            }
        }

        // Planes have no digits there, or are no polynomials, or even powers of a row's own part are none: means are left.
        TrySet(plane, sums, off, scratch, areMeans: true);
        BoxScore ofMeans = OfMany(box, scratch, AtNodes);
        ofMeans.Uncertain = 1;
        return ofMeans;
    }

    // How many rows of a box are not kept as rows.
    private double RowsOf(int box) => _level.Counts[box] - (_level.Rows[box].Length / _level.Fields);

    private bool TrySet(BoxPlane plane, double[][] sums, double off, double[][] scratch, bool areMeans)
    {
        Vector256<double> least = Vector256.Create(double.PositiveInfinity);
        Vector256<double> most = default;
        for (int z = 0; z < _level.Terms.Nodes; z += BoxPlane.Lanes)
        {
            plane.Set(sums, z);
            if (areMeans)
            {
                plane.SolveMeans();
            }
            else if (!plane.TrySolve(off))
            {
                return false;
            }

            Vector256<double> determinant = plane.Determinant;
            (least, most) = (Vector256.Min(least, determinant), Vector256.Max(most, determinant));
            Set(plane, z, scratch);
        }

        return areMeans || MostOf(most) < MostVaried * LeastOf(least);

        static double MostOf(Vector256<double> of) =>
            Math.Max(Math.Max(of.GetElement(0), of.GetElement(1)), Math.Max(of.GetElement(2), of.GetElement(3)));

        static double LeastOf(Vector256<double> of) => -MostOf(-of);
    }

    private void Set(BoxPlane plane, int node, double[][] scratch)
    {
        Put(Own, plane.Own);
        if (_layout.Kind == BoxSumsKind.Squares)
        {
            Put(Parts, plane.Parts());
        }

        for (int j = 0; j < Features && HasSlopes; j++)
        {
            Put(OwnByLog + j, plane.OwnChange(j));
        }

        for (int c = 0; c < Columns; c++)
        {
            Put(Fitted + c, plane.Height(c));
            if (HasSlopes)
            {
                plane.SolveSlopes(c);
                for (int j = 0; j < Features; j++)
                {
                    Put(FittedByLog + (c * Features) + j, plane.HeightChange(j, c));
                }
            }
        }

        void Put(int place, Vector256<double> numbers) => numbers.CopyTo(scratch[place].AsSpan(node));
    }

    // What the fits at the nodes make of the rows of a box that are not kept as rows.
    private BoxScore OfMany(int box, double[][] scratch, Func<double[], int, double[][], int, double[]> atNodes)
    {
        BoxTower[] light = _level.Light;
        BoxScore score = NewScore();

        // A row's own part is small: the heaviest that is not kept as a row has a 64th of the box's weight.
        double[] own = scratch[Own];
        double heaviest = _level.HasWeights ? _level.Weights[box] / BoxGrid.MostKept : 1;
        double most = MomentFit.OwnMargin * heaviest * own.Max();
        double left = _level.HasWeights ? MomentFit.LeastLeftOfWeighted : MomentFit.LeastLeft;
        bool hasPole = (_level.HasWeights || _layout.Degree > 0) && !(own.Min() > 0 && 1 - most > left);
        AddTraces(scratch, score);
        double ofRows = hasPole && !_level.HasWeights ? MostOwnOf(box, scratch, score.Trace) : 1;
        bool isBeside = ofRows < 1 - MomentFit.LeastLeftOfWeighted;
        hasPole &= !isBeside;
        score.Uncertain = isBeside ? 1 : 0;
        double[] powers = isBeside ? MomentFit.PowersOf(ofRows, ByOthers)
            : _level.HasWeights && !hasPole ? MomentFit.PowersOf(most, ByOthers)
            : [1];
        for (int c = 0; c < Columns; c++)
        {
            for (int t = 0; t < powers.Length; t++)
            {
                int tower = isBeside ? 0 : t;
                double[] v = atNodes(light[tower].V[c], box, scratch, Products);
                double[] q = light[tower].Q[c] == light[tower].V[c] ? v : atNodes(light[tower].Q[c], box, scratch, Squares);
                var power = new Power(t, powers[t], powers.Length == 1);
                AddSquares(box, c, scratch, (scratch[Masses + tower], v, q), power, score);
            }
        }

        if (hasPole)
        {
            // Each row has its share of the box's own parts: an estimate.
            double rows = RowsOf(box);
            double share = Math.Max(MomentFit.LeastLeft, 1 - (score.Trace / rows));
            score.LeaveOneOut = score.Residual / (share * share);
            score.Uncertain = 2 * _layout.Degree;
            for (int j = 0; j < Features && HasSlopes; j++)
            {
                score.LeaveOneOutByLog[j] =
                    (score.ResidualByLog[j] + (2 * score.Residual / share * (score.TraceByLog[j] / rows))) / (share * share);
            }
        }

        return score;
    }

    private static double ByOthers(double own) => 1 / ((1 - own) * (1 - own));

    // Roughly, of the rows of a box that are not kept: nodes that none is near of, as beside a line of rows, may have more.
    private double MostOwnOf(int box, double[][] scratch, double trace)
    {
        (double[] own, double[] m) = (scratch[Own], scratch[Masses]);
        double rows = RowsOf(box);
        double square = 0;
        for (int z = 0; z < m.Length; z++)
        {
            square += own[z] * own[z] * m[z];
        }

        double mean = trace / rows;
        return mean + (MostDeviations * Math.Sqrt(Math.Max(0, (square / rows) - (mean * mean))));
    }

    private void AddTraces(double[][] scratch, BoxScore score)
    {
        (double[] own, double[] parts, double[] m) = (scratch[Own], scratch[Parts], scratch[Masses]);
        for (int z = 0; z < m.Length; z++)
        {
            score.Trace += own[z] * m[z];
            score.TraceOfSquare += _layout.Kind == BoxSumsKind.Squares ? parts[z] * m[z] : 0;
        }

        for (int j = 0; j < Features && HasSlopes; j++)
        {
            double[] byLog = scratch[OwnByLog + j];
            for (int z = 0; z < m.Length; z++)
            {
                score.TraceByLog[j] += byLog[z] * m[z];
            }
        }
    }

    // One column's squares, of rows with one power of their weights: 1 / (1 - H)^2 itself without weights, else one term of it.
    private void AddSquares(
        int box, int column, double[][] scratch, (double[] M, double[] V, double[] Q) at, Power power, BoxScore score)
    {
        double apart = _level.Origins[column] - _level.Levels[column][box];
        (double[] own, double[] fitted) = (scratch[Own], scratch[Fitted + column]);
        for (int z = 0; z < own.Length; z++)
        {
            double f = fitted[z] + apart;
            double square = at.Q[z] - (2 * f * at.V[z]) + (f * f * at.M[z]);
            (double g, double gByOwn) = power.At(own[z]);
            score.LeaveOneOut += g * square;
            score.Residuals[column] += power.Exponent == 0 ? square : 0;
            for (int j = 0; j < Features && HasSlopes; j++)
            {
                double fByLog = scratch[FittedByLog + (column * Features) + j][z];
                double squareByLog = 2 * fByLog * ((f * at.M[z]) - at.V[z]);
                score.LeaveOneOutByLog[j] += (g * squareByLog) + (gByOwn * scratch[OwnByLog + j][z] * square);
                score.ResidualByLog[j] += power.Exponent == 0 ? squareByLog : 0;
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
