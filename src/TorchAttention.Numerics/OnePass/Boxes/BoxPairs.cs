namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>Sums over rows one by one.</summary>
internal sealed class BoxPairs
{
    // Where a Gaussian's weight is below 1e-17 of a row's own beside a thousand million of them.
    private const double Reach = 120;

    // What a pair costs beside what a node of a box costs for one other box, both of one sum.
    private const double NodesOfPair = 3;

    private readonly BoxLevel _level;
    private readonly double[] _h;
    private readonly BoxLayout _layout;
    private readonly double[] _rows;

    /// <summary>Prepares bandwidths.</summary>
    /// <param name="level">The rows.</param>
    /// <param name="h">The bandwidths (d).</param>
    /// <param name="layout">What is summed.</param>
    public BoxPairs(BoxLevel level, double[] h, BoxLayout layout)
    {
        (_level, _h, _layout) = (level, h, layout);
        AreAll = AreAllOf(level);
        _rows = AreAll ? [.. level.Rows.SelectMany(rows => rows)] : [];
    }

    /// <summary>Whether all rows are kept as rows.</summary>
    public bool AreAll { get; }

    /// <summary>Whether that is so and sums over all rows cost less than those at the nodes of boxes, and from there at places.</summary>
    /// <param name="places">At how many places.</param>
    /// <param name="boxes">In how many boxes.</param>
    public bool AreQuicker(long places, long boxes) =>
        AreAll && AreQuicker(places, _rows.Length / _level.Fields, boxes, _level.Terms);

    /// <summary>The same, where all rows are kept.</summary>
    public static bool AreQuicker(double places, double rows, double boxes, BoxTerms terms) =>
        NodesOfPair * places * rows < ((boxes * BoxTerms.K) + places) * terms.Nodes;

    /// <summary>Whether boxes keep all their rows.</summary>
    public static bool AreAllOf(BoxLevel level) => Enumerable.Range(0, level.Count).All(box => !level.HasLight(box));

    /// <summary>Adds all rows.</summary>
    /// <param name="place">The place (d).</param>
    /// <param name="without">One that is not to count, or none.</param>
    /// <param name="sums">The sums (terms).</param>
    public void AddAll(ReadOnlySpan<double> place, ReadOnlySpan<double> without, Span<double> sums)
    {
        bool isLeftOut = without.IsEmpty;
        for (int at = 0; at < _rows.Length; at += _level.Fields)
        {
            ReadOnlySpan<double> row = _rows.AsSpan(at, _level.Fields);
            if (!isLeftOut && row.SequenceEqual(without))
            {
                isLeftOut = true;
                continue;
            }

            Add(place, row, sums);
        }
    }

    /// <summary>Adds a row.</summary>
    /// <param name="place">The place (d).</param>
    /// <param name="row">The row (fields).</param>
    /// <param name="sums">The sums (terms).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(ReadOnlySpan<double> place, ReadOnlySpan<double> row, Span<double> sums)
    {
        const int Powers = 5;
        Span<double> powers = stackalloc double[BoxGrid.MostFeatures * Powers];
        double square = 0;
        for (int j = 0; j < _h.Length; j++)
        {
            double p = (row[j] - place[j]) / _h[j];
            square += p * p;
        }

        if (square > Reach)
        {
            return;
        }

        double kernel = Math.Exp(-0.5 * square);
        double weight = row[^1] * kernel;
        powers.Fill(1);
        for (int j = 0; j < _h.Length; j++)
        {
            double p = (row[j] - place[j]) / _h[j];
            for (int power = 1; power <= _layout.MostPower; power++)
            {
                powers[(j * Powers) + power] = powers[(j * Powers) + power - 1] * p;
            }
        }

        for (int i = 0; i < sums.Length; i++)
        {
            BoxLayout.Term term = _layout.Terms[i];
            double one = weight * powers[term.One] * powers[Powers + term.Two] * powers[(2 * Powers) + term.Three];
            one *= term.IsSquare ? kernel : 1;
            sums[i] += term.Column < 0 ? one : one * (_level.ValueOf(row, term.Column) - _level.Origins[term.Column]);
        }
    }
}
