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
/// place to a row in bandwidths. Each is summed once, whatever needs it.
/// </summary>
internal sealed class BoxLayout
{
    private readonly List<Term> _terms = [];

    /// <summary>Finds the sums.</summary>
    /// <param name="features">d.</param>
    /// <param name="columns">v.</param>
    /// <param name="degree">0 for means, 1 for planes.</param>
    /// <param name="kind">What is summed beside.</param>
    public BoxLayout(int features, int columns, int degree, BoxSumsKind kind)
    {
        (Features, Columns, Degree, Kind) = (features, columns, degree, kind);
        var one = new Term(Term.OfWeights, false, 0, 0, 0);
        int[] all = [.. Enumerable.Range(0, features)];
        _terms.AddRange(Enumerable.Range(Term.OfWeights, columns + 1).Select(c => one with { Column = c }));
        Weights = OfPlane(one);
        Products = [.. Enumerable.Range(0, columns).Select(c => OfLine(one with { Column = c }))];
        Squares = kind == BoxSumsKind.Squares ? OfPlane(one with { IsSquare = true }) : [];
        Spread = kind == BoxSumsKind.Squares ? [.. all.Select(j => Find(one.Times(j).Times(j)))] : [];
        Term[] byLog = kind == BoxSumsKind.Slopes ? [.. all.Select(j => one.Times(j).Times(j))] : [];
        WeightsByLog = [.. byLog.Select(OfPlane)];
        ProductsByLog = [.. byLog.Select(by => Enumerable.Range(0, columns).Select(c => OfLine(by with { Column = c })).ToArray())];
        Terms = [.. _terms];
        MostPower = _terms.Max(term => all.Max(term.PowerOf));
        Stages = MakeStages();
    }

    /// <summary>d.</summary>
    public int Features { get; }

    /// <summary>v.</summary>
    public int Columns { get; }

    /// <summary>0 for means, 1 for planes.</summary>
    public int Degree { get; }

    /// <summary>What is summed beside.</summary>
    public BoxSumsKind Kind { get; }

    /// <summary>Whether derivatives by log h_j are asked for.</summary>
    public bool HasSlopes => Kind == BoxSumsKind.Slopes;

    /// <summary>The sums: the weights first, and then each column's product with them.</summary>
    public Term[] Terms { get; }

    /// <summary>How many sums there are.</summary>
    public int Count => Terms.Length;

    /// <summary>Where sum s K stands; and of planes those with p_j (d), and with p_j p_k, k up to j.</summary>
    public int[] Weights { get; }

    /// <summary>Where sum s K (y - origin) of each column stands (v), and of planes those with p_j.</summary>
    public int[][] Products { get; }

    /// <summary>The like of <see cref="Weights"/> with K^2; none where they are not asked for.</summary>
    public int[] Squares { get; }

    /// <summary>The like of <see cref="Weights"/> with p_q^2 (d), by which weights change with log h_q; none likewise.</summary>
    public int[][] WeightsByLog { get; }

    /// <summary>The like of <see cref="Products"/> (d, v).</summary>
    public int[][][] ProductsByLog { get; }

    /// <summary>The sums with the square of the way along each feature (d), where squares are asked for.</summary>
    public int[] Spread { get; }

    /// <summary>The highest power along one feature.</summary>
    public int MostPower { get; }

    /// <summary>
    /// By what tables sums over one feature after the other are made: of each of a stage which of the stage before it comes from, and the
    /// power of p_j that it is multiplied with; those with K^2 come after the others.
    /// </summary>
    public (int From, int Table)[][] Stages { get; }

    private int[] OfLine(Term by) =>
        [Find(by), .. Enumerable.Range(0, Degree * Features).Select(j => Find(by.Times(j)))];

    private int[] OfPlane(Term by) =>
    [
        .. OfLine(by),
        .. Enumerable.Range(0, Degree * Features).SelectMany(j => Enumerable.Range(0, j + 1).Select(k => Find(by.Times(j).Times(k)))),
    ];

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
        List<Term> before = [.. Enumerable.Range(Term.OfWeights, Columns + 1).Select(c => new Term(c, false, 0, 0, 0))];
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
