using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>What is summed beside what a fit itself needs.</summary>
internal enum BoxSumsKind
{
    /// <summary>Nothing.</summary>
    Plain,

    /// <summary>Derivatives by log h_j: every sum with v_j^2, as many for each feature.</summary>
    Slopes,

    /// <summary>Sums with K^2 in the place of K, and sum s K v_j^2 of each feature.</summary>
    Squares,
}

/// <summary>
/// The sums that a fit of a degree needs: sum s K p^a and sum s K p^a (y - origin) of each column, and sum s K^2 p^a, with p the way from a
/// place to a row in bandwidths. Each is summed once, wherever it stands in the rows of sums that <see cref="SumLayout"/> describes.
/// </summary>
internal sealed class BoxLayout
{
    private readonly List<Term> _terms = [];
    private readonly int[] _placeInRow;

    /// <summary>Finds the sums.</summary>
    /// <param name="features">d.</param>
    /// <param name="columns">v.</param>
    /// <param name="degree">0 for means, 1 for planes.</param>
    /// <param name="kind">What is summed beside.</param>
    public BoxLayout(int features, int columns, int degree, BoxSumsKind kind)
    {
        (Features, Degree, Kind) = (features, degree, kind);
        Row = new SumLayout(features, columns, kind == BoxSumsKind.Squares, kind == BoxSumsKind.Slopes, planes: degree > 0);
        _placeInRow = new int[Row.Length];
        Array.Fill(_placeInRow, -1);
        var one = new Term(Term.OfWeights, false, 0, 0, 0);
        Put(SumLayout.WeightSum, one);
        for (int c = 0; c < columns; c++)
        {
            Put(SumLayout.Values + c, one with { Column = c });
        }

        if (kind == BoxSumsKind.Squares)
        {
            Put(SumLayout.SquaredWeightSum, one with { IsSquare = true });
        }

        for (int j = 0; j < features && kind == BoxSumsKind.Slopes; j++)
        {
            Put(Row.BandwidthGradient + j, one.Times(j).Times(j));
            for (int c = 0; c < columns; c++)
            {
                Put(Row.BandwidthGradient + features + (j * columns) + c, one.Times(j).Times(j) with { Column = c });
            }
        }

        if (degree > 0)
        {
            PutPlane(Row.Planes, one, columns);
            for (int j = 0; j < features && kind == BoxSumsKind.Slopes; j++)
            {
                PutPlane(Row.PlaneGradient + (j * Row.PlaneLength), one.Times(j).Times(j), columns);
            }

            if (kind == BoxSumsKind.Squares)
            {
                PutPlane(Row.SquaredPlanes, one with { IsSquare = true }, 0);
            }
        }

        Spread = kind == BoxSumsKind.Squares ? [.. Enumerable.Range(0, features).Select(j => Find(one.Times(j).Times(j)))] : [];
        Terms = [.. _terms];
        MostPower = _terms.Max(term => Enumerable.Range(0, features).Max(term.PowerOf));
        Stages = MakeStages();
    }

    /// <summary>d.</summary>
    public int Features { get; }

    /// <summary>0 for means, 1 for planes.</summary>
    public int Degree { get; }

    /// <summary>What is summed beside.</summary>
    public BoxSumsKind Kind { get; }

    /// <summary>Whether derivatives by log h_j are asked for.</summary>
    public bool HasSlopes => Kind == BoxSumsKind.Slopes;

    /// <summary>Where sums stand in a row of them.</summary>
    public SumLayout Row { get; }

    /// <summary>The sums: the weights first, and then each column's product with them.</summary>
    public Term[] Terms { get; }

    /// <summary>How many sums there are.</summary>
    public int Count => _terms.Count;

    /// <summary>The sums with the square of the way along each feature (d), where squares are asked for.</summary>
    public int[] Spread { get; }

    /// <summary>The highest power along one feature.</summary>
    public int MostPower { get; }

    /// <summary>
    /// By what tables sums over one feature after the other are made: of each of a stage which of the stage before it comes from, and the
    /// power of p_j that it is multiplied with; those with K^2 come after the others.
    /// </summary>
    public (int From, int Table)[][] Stages { get; }

    /// <summary>Sets a row of sums.</summary>
    /// <param name="row">The row (<see cref="Row"/>).</param>
    /// <param name="sums">The sums, each at all nodes.</param>
    /// <param name="node">The node.</param>
    public unsafe void Set(double* row, double[][] sums, int node)
    {
        for (int i = 0; i < _placeInRow.Length; i++)
        {
            row[i] = _placeInRow[i] < 0 ? 0 : sums[_placeInRow[i]][node];
        }
    }

    /// <summary>The same of sums at one place.</summary>
    public unsafe void Set(double* row, ReadOnlySpan<double> sums)
    {
        for (int i = 0; i < _placeInRow.Length; i++)
        {
            row[i] = _placeInRow[i] < 0 ? 0 : sums[_placeInRow[i]];
        }
    }

    private void PutPlane(int at, Term by, int columns)
    {
        for (int j = 0; j < Features; j++)
        {
            Put(at + j, by.Times(j));
        }

        at += Features;
        for (int j = 0; j < Features; j++)
        {
            for (int k = 0; k <= j; k++)
            {
                Put(at++, by.Times(j).Times(k));
            }
        }

        for (int j = 0; j < Features; j++)
        {
            for (int c = 0; c < columns; c++)
            {
                Put(at++, by.Times(j) with { Column = c });
            }
        }
    }

    private void Put(int place, Term term) => _placeInRow[place] = Find(term);

    private int Find(Term term)
    {
        int at = _terms.IndexOf(term);
        if (at < 0)
        {
            at = _terms.Count;
            _terms.Add(term);
        }

        return at;
    }

    private (int From, int Table)[][] MakeStages()
    {
        var stages = new (int, int)[Features][];
        List<Term> before = [.. Enumerable.Range(Term.OfWeights, Row.Columns + 1).Select(c => new Term(c, false, 0, 0, 0))];
        for (int j = 0; j < Features; j++)
        {
            List<Term> own = [.. _terms.Select(term => term.UpTo(j)).Distinct()];
            List<Term> from = before;
            stages[j] = [.. own.Select(term => (
                from.IndexOf(term.UpTo(j - 1) with { IsSquare = j > 0 && term.IsSquare }),
                term.PowerOf(j) + (term.IsSquare ? MostPower + 1 : 0)))];
            before = own;
        }

        return stages;
    }

    /// <summary>A sum: of weights or of a column's products with them, of K or K^2, times powers of p along each feature.</summary>
    internal readonly record struct Term(int Column, bool IsSquare, int One, int Two, int Three)
    {
        /// <summary>The column of weights alone.</summary>
        public const int OfWeights = -1;

        public int PowerOf(int feature) => feature switch { 0 => One, 1 => Two, _ => Three };

        public Term Times(int feature) => feature switch
        {
            0 => this with { One = One + 1 },
            1 => this with { Two = Two + 1 },
            _ => this with { Three = Three + 1 },
        };

        /// <summary>What is left of it before the features after one.</summary>
        public Term UpTo(int feature) => this with
        {
            One = feature >= 0 ? One : 0,
            Two = feature >= 1 ? Two : 0,
            Three = feature >= 2 ? Three : 0,
        };
    }
}
