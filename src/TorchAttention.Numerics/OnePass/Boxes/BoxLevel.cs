namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// Moments as numbers of float64, in order of their boxes, at the grid's widths or at multiples by powers of 2: what wide bandwidths are
/// answered from.
/// </summary>
internal sealed class BoxLevel
{
    private static readonly double[] _low = MomentLevel.Halves(-1);
    private static readonly double[] _high = MomentLevel.Halves(1);

    private readonly BoxGrid _grid;

    // How often boxes of the grid were put together along each feature.
    private readonly int[] _merged;

    private BoxLevel(BoxGrid grid, int[] merged, int count, double origin)
    {
        (_grid, _merged, Origin) = (grid, merged, origin);
        Terms = grid.Terms;
        Widths = [.. grid.Exponents.ToArray().Zip(merged, (e, more) => Math.ScaleB(1, e + more))];
        (Ids, Levels, Counts, Rows) = (new long[count], new double[count], new double[count], new double[count][]);
        (M, V, Q, Products) = (NewSums(), NewSums(), NewSums(), NewSums());

        double[] NewSums() => new double[count * Terms.Count];
    }

    public BoxTerms Terms { get; }

    public int Features => Terms.Features;

    public int Count => Ids.Length;

    /// <summary>w_j (d).</summary>
    public double[] Widths { get; }

    /// <summary>The boxes' numbers, ascending: the first feature is the fastest.</summary>
    public long[] Ids { get; }

    /// <summary>r: what the values of each are counted from.</summary>
    public double[] Levels { get; }

    /// <summary>How many rows each has.</summary>
    public double[] Counts { get; }

    /// <summary>Its rows where it has few (n, d + 1); else none.</summary>
    public double[][] Rows { get; }

    /// <summary>Sums of the terms, of y - r and of (y - r)^2 times them (boxes, terms).</summary>
    public double[] M { get; }

    /// <inheritdoc cref="M"/>
    public double[] V { get; }

    /// <inheritdoc cref="M"/>
    public double[] Q { get; }

    /// <summary>Sums of y - <see cref="Origin"/> times the terms.</summary>
    public double[] Products { get; }

    /// <summary>What all values are counted from where those of several boxes are added.</summary>
    public double Origin { get; }

    /// <summary>Whether the rows of a box are taken one by one.</summary>
    public bool IsOfRows(int box) => Rows[box].Length > 0;

    /// <summary>The box's place along a feature.</summary>
    public long PlaceOf(long id, int feature) => _grid.PlaceOf(id, feature);

    /// <summary>The number of the box that a key lies in; null where it is too far away to have one.</summary>
    public long? BoxOrNone(ReadOnlySpan<double> x) => _grid.TryBoxOf(x, out long box) < 0 ? Merged(box, _merged) : null;

    /// <summary>The place in a box along a feature, -1 to 1.</summary>
    public double PlaceIn(long id, double x, int feature)
    {
        // From the first of the grid's boxes that were put together.
        double first = _grid.PlaceIn(Shifted(id), x, feature) + 1;
        return Math.ScaleB(first, -_merged[feature]) - 1;
    }

    /// <summary>Where a box begins and ends along a feature.</summary>
    public double[] Ends(long id, int feature)
    {
        double first = _grid.StartOf(Shifted(id), feature);
        return [first, first + Widths[feature]];
    }

    /// <summary>All rows.</summary>
    public static BoxLevel Create(BoxMoments moments)
    {
        BoxGrid grid = moments.Grid;
        BoxStore.Box[] boxes = moments.InOrder();
        double origin = boxes.Length == 0 ? 0 : boxes.Sum(box => box.Level * (box.Count / (double)moments.Count));
        var level = new BoxLevel(grid, new int[grid.Features], boxes.Length, origin);
        int terms = grid.Terms.Count;
        for (int i = 0; i < boxes.Length; i++)
        {
            BoxStore.Box box = boxes[i];
            (level.Ids[i], level.Levels[i], level.Counts[i]) = (box.Id, box.Level, box.Count);
            level.Rows[i] = [.. box.RowsInOrder().SelectMany(row => row)];
            if (box.Sums.Length == 0)
            {
                level.SetByRows(i);
                continue;
            }

            double unit = Math.ScaleB(1, -FixedPointSums.Bits);
            for (int k = 0; k < terms; k++)
            {
                int at = (i * terms) + k;
                level.M[at] = (double)box.Sums[k] * unit;
                level.V[at] = (double)box.Sums[terms + k] * unit * grid.ValueUnit;
                level.Q[at] = (double)box.Sums[(2 * terms) + k] * unit * grid.ValueUnit * grid.ValueUnit;
            }
        }

        return level.WithProducts();
    }

    /// <summary>The same rows in boxes twice as wide along a feature.</summary>
    public BoxLevel Coarser(int feature)
    {
        int[] merged = [.. _merged];
        merged[feature]++;
        int[] once = new int[Features];
        once[feature] = 1;
        int[] order = [.. Enumerable.Range(0, Count).OrderBy(i => Merged(Ids[i], once)).ThenBy(i => Ids[i])];
        int count = order.Select(i => Merged(Ids[i], once)).Distinct().Count();
        var coarse = new BoxLevel(_grid, merged, count, Origin);
        int to = -1;
        foreach (int i in order)
        {
            long id = Merged(Ids[i], once);
            if (to < 0 || coarse.Ids[to] != id)
            {
                to++;
                (coarse.Ids[to], coarse.Levels[to], coarse.Rows[to]) = (id, Levels[i], []);
            }

            bool isOfRows = Counts[i] + coarse.Counts[to] < BoxGrid.MostKept;
            coarse.Counts[to] += Counts[i];
            coarse.Rows[to] = isOfRows ? [.. coarse.Rows[to], .. Rows[i]] : [];
            AddHalf(coarse, to, i, feature, (PlaceOf(Ids[i], feature) & 1) == 0 ? _low : _high);
        }

        return coarse.WithProducts();
    }

    private long Merged(long id, int[] times)
    {
        for (int j = 0; j < Features; j++)
        {
            long place = _grid.PlaceOf(id, j);
            id += ((place >> times[j]) - place) << (j * _grid.BitsOfFeature);
        }

        return id;
    }

    private long Shifted(long id)
    {
        for (int j = 0; j < Features; j++)
        {
            long place = _grid.PlaceOf(id, j);
            id += ((place << _merged[j]) - place) << (j * _grid.BitsOfFeature);
        }

        return id;
    }

    private void AddHalf(BoxLevel to, int toBox, int box, int feature, double[] half)
    {
        double apart = Levels[box] - to.Levels[toBox];
        int terms = Terms.Count;
        for (int term = 0; term < terms; term++)
        {
            (double m, double v, double q) = (0, 0, 0);
            int degree = Terms.Degrees[term][feature];
            for (int k = 0; k <= degree; k++)
            {
                double factor = half[(degree * MomentLevel.MostTerms) + k];
                int from = (box * terms) + Terms.With(term, feature, k);
                m += factor * M[from];
                v += factor * (V[from] + (apart * M[from]));
                q += factor * (Q[from] + (2 * apart * V[from]) + (apart * apart * M[from]));
            }

            int at = (toBox * terms) + term;
            to.M[at] += m;
            to.V[at] += v;
            to.Q[at] += q;
        }
    }

    private BoxLevel WithProducts()
    {
        for (int i = 0; i < Products.Length; i++)
        {
            Products[i] = V[i] + ((Levels[i / Terms.Count] - Origin) * M[i]);
        }

        return this;
    }

    private void SetByRows(int box)
    {
        int fields = Features + 1;
        double[][] polynomials = new double[Features][];
        foreach (double[] row in Rows[box].Chunk(fields))
        {
            for (int j = 0; j < Features; j++)
            {
                polynomials[j] = BoxBasis.Polynomials(PlaceIn(Ids[box], row[j], j));
            }

            double y = row[^1] - Levels[box];
            for (int term = 0; term < Terms.Count; term++)
            {
                double product = 1;
                for (int j = 0; j < Features; j++)
                {
                    product *= polynomials[j][Terms.Degrees[term][j]];
                }

                int at = (box * Terms.Count) + term;
                M[at] += product;
                V[at] += product * y;
                Q[at] += product * y * y;
            }
        }
    }
}
