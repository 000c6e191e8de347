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
    private Lazy<double[]> _spanning;

    private BoxLevel(BoxGrid grid, int[] merged, int count, int columns, double[] origins)
    {
        (_grid, _merged, Origins) = (grid, merged, origins);
        _spanning = new(() => BoxSpan.SpanningOf(this));
        Terms = grid.Terms;
        Columns = columns;
        Widths = [.. grid.Exponents.ToArray().Zip(merged, (e, more) => Math.ScaleB(1, e + more))];
        (Ids, Counts, Weights, Rows) = (new long[count], new double[count], new double[count], new double[count][]);
        Levels = [.. Enumerable.Range(0, columns).Select(_ => new double[count])];
        All = NewTower();
        Light = HasWeights ? [.. Enumerable.Range(0, MomentGrid.Towers).Select(_ => NewTower())] : [All];
        Products = grid.HasClasses ? All.V : [.. Levels.Select(_ => new double[count * Terms.Count])];

        BoxTower NewTower() => new(count * Terms.Count, columns, grid.HasClasses);
    }

    public BoxTerms Terms { get; }

    public int Features => Terms.Features;

    /// <summary>v; of classes as many as there are.</summary>
    public int Columns { get; }

    /// <summary>Whether rows have weights s; without, each is 1.</summary>
    public bool HasWeights => _grid.HasWeights;

    public int Count => Ids.Length;

    /// <summary>How often boxes of the grid were put together along each feature (d).</summary>
    public IReadOnlyList<int> Merges => _merged;

    /// <summary>w_j (d).</summary>
    public double[] Widths { get; }

    /// <summary>The boxes' numbers, ascending: the first feature is the fastest.</summary>
    public long[] Ids { get; }

    /// <summary>r: what the values of each are counted from (v, boxes).</summary>
    public double[][] Levels { get; }

    /// <summary>How many rows each has.</summary>
    public double[] Counts { get; }

    /// <summary>What they weigh.</summary>
    public double[] Weights { get; }

    /// <summary>What a row weighs on average.</summary>
    public double MeanWeight => Weights.Sum() / Counts.Sum();

    /// <summary>The rows of each box that are a large part of it (n, fields): keys, values or the class's place, weight.</summary>
    public double[][] Rows { get; }

    /// <summary>How many numbers such a row has.</summary>
    public int Fields => Features + (_grid.HasClasses ? 1 : Columns) + 1;

    /// <summary>Sums over all rows, with their weights.</summary>
    public BoxTower All { get; }

    /// <summary>
    /// The same with s^m, m = 1, 2, .., over the rows that are not kept as rows; without weights of boxes that keep none.
    /// </summary>
    public BoxTower[] Light { get; }

    /// <summary>Sums of y - <see cref="Origins"/> times the terms (v), over all rows.</summary>
    public double[][] Products { get; }

    /// <summary>What all values are counted from where those of several boxes are added (v).</summary>
    public double[] Origins { get; }

    /// <summary>Places (k, d) that determine as many directions as all rows; the same at every width.</summary>
    public double[] Spanning => _spanning.Value;

    /// <summary>Whether rows of a box are not kept as rows.</summary>
    public bool HasLight(int box) => HasWeights ? Light[0].M[box * Terms.Count] > 0 : Rows[box].Length == 0;

    /// <summary>A kept row's value.</summary>
    public double ValueOf(ReadOnlySpan<double> row, int column) =>
        !_grid.HasClasses ? row[Features + column] : row[Features] == column ? 1 : 0;

    /// <summary>Products of the rows of a box that are not kept as rows.</summary>
    public double[] LightProducts(int box, int column)
    {
        double apart = Levels[column][box] - Origins[column];
        double[] products = new double[Terms.Count];
        for (int term = 0; term < products.Length; term++)
        {
            int at = (box * Terms.Count) + term;
            products[term] = Light[0].V[column][at] + (apart * Light[0].M[at]);
        }

        return products;
    }

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

    /// <summary>Some rows.</summary>
    /// <param name="moments">The moments.</param>
    /// <param name="isAsked">Which parts of the rows; all where null.</param>
    /// <param name="hasValues">Whether their values matter, or where they are alone.</param>
    public static BoxLevel Create(BoxMoments moments, Func<Moments.Part, bool>? isAsked = null, bool hasValues = true)
    {
        BoxGrid grid = moments.Grid;
        string[] classes = [.. moments.Classes];
        (int Class, BoxStore Store)[][] parts = [.. moments.Parts.Where(part => isAsked?.Invoke(part.Key) != false)
            .Select(part => (Array.IndexOf(classes, part.Key.Class), part.Value)).GroupBy(part => part.Item1)
            .Select(group => group.ToArray())];
        long[] ids = [.. parts.SelectMany(group => group.SelectMany(part => part.Store.Ids)).Distinct().Order()];
        int columns = !hasValues ? 0 : grid.HasClasses ? classes.Length : grid.Columns;
        var level = new BoxLevel(grid, new int[grid.Features], ids.Length, columns, new double[columns]);
        for (int i = 0; i < ids.Length; i++)
        {
            level.Ids[i] = ids[i];
            level.Set(i, [.. parts.Select(group => group.Select(part => (part.Class, part.Store, Box: part.Store.Find(ids[i])))
                .Where(part => part.Box is not null).Select(part => (part.Class, part.Store, part.Box!)).ToArray())]);
        }

        double all = level.Weights.Sum();
        for (int c = 0; c < columns && !grid.HasClasses; c++)
        {
            level.Origins[c] = level.Levels[c].Zip(level.Weights, (at, weight) => at * (weight / all)).Sum();
        }

        return level.WithProducts();
    }

    // The parts of each class, or of all rows.
    private void Set(int box, (int Class, BoxStore Store, BoxStore.Box Box)[][] groups)
    {
        foreach ((_, BoxStore store, BoxStore.Box of) in groups.SelectMany(group => group))
        {
            Counts[box] += of.Count;
            Weights[box] += store.WeightOf(of);
        }

        for (int c = 0; c < Columns; c++)
        {
            Levels[c][box] = _grid.LevelAt(Ids[box], c);
        }

        var rows = new List<double[]>();
        var all = new Int128[_grid.SumsOfBox];
        foreach ((int Class, BoxStore Store, BoxStore.Box Box)[] group in groups.Where(group => group.Length > 0))
        {
            var own = new Int128[all.Length];
            foreach ((int c, BoxStore store, BoxStore.Box of) in group)
            {
                // A part keeps more rows than are a large part of all.
                (Int128[] sums, double[][] kept) = store.Split(of, Weights[box]);
                rows.AddRange(kept.Select(row => WithClass(row, c)));
                for (int k = 0; k < sums.Length; k++)
                {
                    own[k] = checked(own[k] + sums[k]);
                }
            }

            for (int k = 0; k < own.Length; k++)
            {
                all[k] = checked(all[k] + own[k]);
            }

            for (int m = 0; m < Light.Length && _grid.HasClasses && Columns > 0; m++)
            {
                SetTerms(Light[m].V[group[0].Class], box, own.AsSpan(m * _grid.SumsOfTower), UnitOf(box, m));
            }
        }

        for (int m = 0; m < Light.Length; m++)
        {
            Span<Int128> tower = all.AsSpan(m * _grid.SumsOfTower);
            double unit = UnitOf(box, m);
            SetTerms(Light[m].M, box, tower, unit);
            for (int c = 0; c < _grid.Columns; c++)
            {
                double ofValue = _grid.ValueUnitAt(c);
                SetTerms(Light[m].V[c], box, tower[((1 + (2 * c)) * Terms.Count)..], unit * ofValue);
                SetTerms(Light[m].Q[c], box, tower[((2 + (2 * c)) * Terms.Count)..], unit * ofValue * ofValue);
            }
        }

        if (HasWeights)
        {
            Copy(Light[0], All, box);
        }

        rows.Sort(CellStore.CompareRows);
        Rows[box] = [.. rows.SelectMany(row => row)];
        AddRows([All], box, Rows[box]);
    }

    private double[] WithClass(double[] row, int ofClass) => [
        .. row.AsSpan(0, Features + _grid.Columns), .. _grid.HasClasses ? (double[])[ofClass] : [], HasWeights ? row[^1] : 1];

    private double UnitOf(int box, int tower) => Math.Pow(_grid.WeightUnitAt(Ids[box]), tower + 1);

    private void SetTerms(double[] to, int box, ReadOnlySpan<Int128> sums, double unit)
    {
        double scale = Math.ScaleB(unit, -FixedPointSums.Bits);
        for (int k = 0; k < Terms.Count; k++)
        {
            to[(box * Terms.Count) + k] = (double)sums[k] * scale;
        }
    }

    private void Copy(BoxTower from, BoxTower to, int box)
    {
        (int start, int count) = (box * Terms.Count, Terms.Count);
        Array.Copy(from.M, start, to.M, start, count);
        for (int c = 0; c < Columns; c++)
        {
            Array.Copy(from.V[c], start, to.V[c], start, count);
            Array.Copy(from.Q[c], start, to.Q[c], start, count);
        }
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
        var coarse = new BoxLevel(_grid, merged, count, Columns, Origins) { _spanning = _spanning };
        double[] apart = new double[Columns];
        int to = -1;
        foreach (int i in order)
        {
            long id = Merged(Ids[i], once);
            if (to < 0 || coarse.Ids[to] != id)
            {
                to++;
                (coarse.Ids[to], coarse.Rows[to]) = (id, []);
                for (int c = 0; c < Columns; c++)
                {
                    coarse.Levels[c][to] = Levels[c][i];
                }
            }

            for (int c = 0; c < Columns; c++)
            {
                apart[c] = Levels[c][i] - coarse.Levels[c][to];
            }

            double[] half = (PlaceOf(Ids[i], feature) & 1) == 0 ? _low : _high;
            All.AddHalf(Terms, coarse.All, to, i, feature, half, apart);
            for (int m = 0; m < Light.Length && HasWeights; m++)
            {
                Light[m].AddHalf(Terms, coarse.Light[m], to, i, feature, half, apart);
            }

            coarse.Counts[to] += Counts[i];
            coarse.Weights[to] += Weights[i];
            coarse.Rows[to] = [.. coarse.Rows[to], .. Rows[i]];
        }

        for (int box = 0; box < count; box++)
        {
            coarse.LetGo(box);
        }

        return coarse.WithProducts();
    }

    // Rows that are no large part of their box any more go into its sums.
    private void LetGo(int box)
    {
        ILookup<bool, double[]> rows = Rows[box].Chunk(Fields).ToLookup(row => row[^1] * BoxGrid.MostKept > Weights[box]);
        Rows[box] = [.. rows[true].SelectMany(row => row)];
        if (HasWeights)
        {
            AddRows(Light, box, [.. rows[false].SelectMany(row => row)]);
        }
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

    private BoxLevel WithProducts()
    {
        for (int c = 0; c < Columns && !_grid.HasClasses; c++)
        {
            for (int i = 0; i < Products[c].Length; i++)
            {
                Products[c][i] = All.V[c][i] + ((Levels[c][i / Terms.Count] - Origins[c]) * All.M[i]);
            }
        }

        return this;
    }

    private void AddRows(BoxTower[] towers, int box, double[] rows)
    {
        double[][] polynomials = new double[Features][];
        foreach (double[] row in rows.Chunk(Fields))
        {
            for (int j = 0; j < Features; j++)
            {
                polynomials[j] = BoxBasis.Polynomials(PlaceIn(Ids[box], row[j], j));
            }

            for (int term = 0; term < Terms.Count; term++)
            {
                int at = (box * Terms.Count) + term;
                double product = Terms.Product(polynomials, term);
                foreach (BoxTower tower in towers)
                {
                    product *= row[^1];
                    tower.M[at] += product;
                    for (int c = 0; c < Columns; c++)
                    {
                        tower.AddValue(at, product, c, ValueOf(row, c) - Levels[c][box]);
                    }
                }
            }
        }
    }
}
