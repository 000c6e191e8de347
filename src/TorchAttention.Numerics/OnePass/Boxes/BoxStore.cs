namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>The boxes that hold rows: those that are a large part of their box themselves, and sums of all others in fixed point.</summary>
internal sealed class BoxStore(BoxGrid grid)
{
    // So many rows of a box wait until they are summed at once, which is ten times as quick as one by one.
    private const int MostWaiting = 128;

    private readonly Dictionary<long, Box> _boxes = [];
    private readonly int _fields = grid.Fields;

    public int Count => _boxes.Count;

    public IEnumerable<long> Ids => _boxes.Keys;

    /// <summary>The boxes by their numbers. Those of their rows that wait are to be kept.</summary>
    public Box[] InOrder() => [.. _boxes.Values.OrderBy(box => box.Id).Select(Settled)];

    /// <summary>A box; null where it holds no rows.</summary>
    public Box? Find(long id) => _boxes.TryGetValue(id, out Box? box) ? Settled(box) : null;

    /// <summary>A box, made where it is new.</summary>
    public Box At(long id)
    {
        if (!_boxes.TryGetValue(id, out Box? box))
        {
            grid.CheckCount(_boxes.Count + 1);
            _boxes[id] = box = new Box(id, _fields);
        }

        return box;
    }

    /// <summary>Adds rows of a box.</summary>
    /// <param name="box">The box.</param>
    /// <param name="rows">The rows (n, fields): keys, values, and weight where there are weights.</param>
    public void Add(Box box, ReadOnlySpan<double> rows)
    {
        Check(box, rows);
        int n = rows.Length / _fields;
        box.Count = checked(box.Count + n);
        double unit = grid.WeightUnitAt(box.Id);
        for (int i = 0; i < n && grid.HasWeights; i++)
        {
            box.Weight = checked(box.Weight + FixedPointSums.Rounded(rows[((i + 1) * _fields) - 1] / unit));
        }

        while (rows.Length > 0)
        {
            int some = Math.Min(rows.Length, (MostWaiting - box.Waiting) * _fields);
            box.Append(rows[..some], MostWaiting);
            rows = rows[some..];
            if (box.Waiting == MostWaiting)
            {
                Sum(box);
            }
        }
    }

    /// <summary>Adds the boxes of another store.</summary>
    public void Add(BoxStore other)
    {
        foreach (Box from in other.InOrder())
        {
            Box to = At(from.Id);
            Add(to, from.Rows);
            if (from.Sums.Length > 0)
            {
                to.Count = checked(to.Count + from.Count - from.Waiting);
                to.Weight = checked(to.Weight + (grid.HasWeights ? from.Sums[0] : 0));
                to.Add(from.Sums);
            }
        }
    }

    /// <summary>Sets a box of many rows as a file has it; rows that it keeps are added then.</summary>
    public void Set(long id, long count, Int128[] sums)
    {
        Box box = At(id);
        (box.Count, box.Sums, box.Weight) = (count, sums, grid.HasWeights ? sums[0] : 0);
    }

    /// <summary>What the rows of a box weigh; their number where they have no weights.</summary>
    public double WeightOf(Box box) =>
        grid.HasWeights ? (double)box.Weight * Math.ScaleB(grid.WeightUnitAt(box.Id), -FixedPointSums.Bits) : box.Count;

    /// <summary>
    /// Sums of the rows of a box that are no large part of a weight, and the rows that are: those of one part of all rows may be kept here
    /// and be few among all.
    /// </summary>
    public (Int128[] Sums, double[][] Rows) Split(Box box, double weight)
    {
        double[][] rows = box.RowsInOrder();
        double[][] light = [.. rows.Where(row => !IsKept(row, weight))];
        if (light.Length == 0)
        {
            return (box.Sums, rows);
        }

        var sums = new Int128[grid.SumsOfBox];
        box.Sums.CopyTo(sums, 0);
        AddTo(sums, box.Id, [.. light.SelectMany(row => row)]);
        return (sums, [.. rows.Where(row => IsKept(row, weight))]);
    }

    private bool IsKept(ReadOnlySpan<double> row, double weight) => (grid.HasWeights ? row[^1] : 1) * BoxGrid.MostKept > weight;

    private void Check(Box box, ReadOnlySpan<double> rows)
    {
        int d = grid.Features;
        double weightUnit = grid.WeightUnitAt(box.Id);
        Span<double> units = stackalloc double[grid.Columns];
        Span<double> levels = stackalloc double[grid.Columns];
        for (int c = 0; c < units.Length; c++)
        {
            (units[c], levels[c]) = (grid.ValueUnitAt(c), grid.LevelAt(box.Id, c));
        }

        for (int at = 0; at < rows.Length; at += _fields)
        {
            double largest = 0;
            for (int c = 0; c < units.Length; c++)
            {
                double size = Math.Abs(rows[at + d + c] - levels[c]) / units[c];
                FixedPointSums.CheckLargest(size, units[c]);
                largest = Math.Max(largest, size);
            }

            if (grid.HasWeights)
            {
                FixedPointSums.CheckLargest(rows[at + _fields - 1] / weightUnit, largest, weightUnit);
            }
        }
    }

    /// <summary>The box, with those of its rows that are no large part of it among its sums.</summary>
    public Box Settled(Box box)
    {
        double weight = WeightOf(box);
        for (int i = 0; i < box.Waiting; i++)
        {
            if (!IsKept(box.RowAt(i), weight))
            {
                Sum(box);
                break;
            }
        }

        return box;
    }

    // Rows that are no large part of the box go into its sums.
    private void Sum(Box box)
    {
        double weight = WeightOf(box);
        int kept = 0;
        var light = new double[box.Waiting * _fields];
        int summed = 0;
        for (int i = 0; i < box.Waiting; i++)
        {
            ReadOnlySpan<double> row = box.RowAt(i);
            if (IsKept(row, weight))
            {
                row.CopyTo(box.RowAt(kept++));
            }
            else
            {
                row.CopyTo(light.AsSpan(summed));
                summed += _fields;
            }
        }

        box.Keep(kept);
        box.Sums = box.Sums.Length == 0 ? new Int128[grid.SumsOfBox] : box.Sums;
        AddTo(box.Sums, box.Id, light[..summed]);
    }

    private void AddTo(Int128[] sums, long id, double[] rows)
    {
        int d = grid.Features;
        int n = rows.Length / _fields;
        double[] weights = [];
        if (grid.HasWeights)
        {
            double unit = grid.WeightUnitAt(id);
            weights = Column(_fields - 1, (s, _) => s / unit, 0);
        }

        BoxFixedSums.Add(
            grid.Terms,
            [.. Enumerable.Range(0, d).Select(j => Column(j, (x, j) => grid.PlaceIn(id, x, j), j))],
            [.. Enumerable.Range(0, grid.Columns).Select(ValuesOf)],
            weights,
            sums);

        double[] ValuesOf(int c)
        {
            (double level, double inverse) = (grid.LevelAt(id, c), 1 / grid.ValueUnitAt(c));
            return Column(d + c, (y, _) => (y - level) * inverse, c);
        }

        double[] Column(int field, Func<double, int, double> of, int place)
        {
            double[] column = new double[n];
            for (int i = 0; i < n; i++)
            {
                column[i] = of(rows[(i * _fields) + field], place);
            }

            return column;
        }
    }

    /// <summary>A box.</summary>
    internal sealed class Box(long id, int fields)
    {
        private double[] _rows = [];

        public long Id { get; } = id;

        public long Count { get; set; }

        /// <summary>What its rows weigh, in fixed point; 0 where they have no weights.</summary>
        public Int128 Weight { get; set; }

        /// <summary>How many rows are not among the sums.</summary>
        public int Waiting { get; private set; }

        /// <summary>These rows (n, fields): keys, values, and weight where there are weights.</summary>
        public double[] Rows => _rows[..(Waiting * fields)];

        /// <summary>
        /// The sums of the terms, of y times them and of y^2 times them of each column, times each power of the weights; none where no rows
        /// are summed.
        /// </summary>
        public Int128[] Sums { get; set; } = [];

        public Span<double> RowAt(int row) => _rows.AsSpan(row * fields, fields);

        public void Append(ReadOnlySpan<double> rows, int most)
        {
            int filled = Waiting * fields;
            if (_rows.Length < filled + rows.Length)
            {
                Array.Resize(ref _rows, Math.Min(fields * most, Math.Max(filled + rows.Length, 2 * filled)));
            }

            rows.CopyTo(_rows.AsSpan(filled));
            Waiting += rows.Length / fields;
        }

        /// <summary>Adds sums.</summary>
        public void Add(ReadOnlySpan<Int128> more)
        {
            Sums = Sums.Length == 0 ? new Int128[more.Length] : Sums;
            for (int k = 0; k < more.Length; k++)
            {
                Sums[k] = checked(Sums[k] + more[k]);
            }
        }

        /// <summary>Lets go of all rows but the first ones.</summary>
        public void Keep(int rows) => Waiting = rows;

        /// <summary>The rows in an order of their own, whoever added them.</summary>
        public double[][] RowsInOrder()
        {
            double[][] rows = [.. Rows.Chunk(fields)];
            Array.Sort(rows, CellStore.CompareRows);
            return rows;
        }
    }
}
