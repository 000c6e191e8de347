namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>The boxes that hold rows: these themselves where they are few, else their sums in fixed point.</summary>
internal sealed class BoxStore(BoxGrid grid)
{
    // So many rows of a box wait until they are summed at once, which is ten times as quick as one by one.
    private const int MostWaiting = 128;

    private readonly Dictionary<long, Box> _boxes = [];
    private readonly int _fields = grid.Features + 1;
    private readonly double _inverseUnit = 1 / grid.ValueUnit;

    public int Count => _boxes.Count;

    /// <summary>The boxes by their numbers. No rows wait in those that have sums.</summary>
    public Box[] InOrder()
    {
        foreach (Box box in _boxes.Values)
        {
            Settle(box);
        }

        return [.. _boxes.Values.OrderBy(box => box.Id)];
    }

    /// <summary>A box, made where it is new.</summary>
    public Box At(long id)
    {
        if (!_boxes.TryGetValue(id, out Box? box))
        {
            grid.CheckCount(_boxes.Count + 1);
            _boxes[id] = box = new Box(id, grid.LevelAt(id), _fields);
        }

        return box;
    }

    /// <summary>Adds rows of a box.</summary>
    /// <param name="box">The box.</param>
    /// <param name="rows">The rows (n, d + 1): keys and value.</param>
    public void Add(Box box, ReadOnlySpan<double> rows)
    {
        double largest = 0;
        for (int at = _fields - 1; at < rows.Length; at += _fields)
        {
            largest = Math.Max(largest, Math.Abs(rows[at] - box.Level) * _inverseUnit);
        }

        FixedPointSums.CheckLargest(largest, grid.ValueUnit);
        box.Count += rows.Length / _fields;
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
                to.Count = checked(to.Count + from.Count);
                Sum(to);
                for (int k = 0; k < to.Sums.Length; k++)
                {
                    to.Sums[k] = checked(to.Sums[k] + from.Sums[k]);
                }
            }
        }
    }

    /// <summary>Sets a box of many rows as a file has it.</summary>
    public void Set(long id, long count, Int128[] sums)
    {
        Box box = At(id);
        (box.Count, box.Sums) = (count, sums);
    }

    private void Settle(Box box)
    {
        if (box.Count >= BoxGrid.MostKept && (box.Waiting > 0 || box.Sums.Length == 0))
        {
            Sum(box);
        }
    }

    private void Sum(Box box)
    {
        if (box.Sums.Length == 0)
        {
            box.Sums = new Int128[3 * grid.Terms.Count];
        }

        ReadOnlySpan<double> rows = box.Rows;
        int n = box.Waiting;
        double[][] places = [.. Enumerable.Range(0, grid.Features).Select(_ => new double[n])];
        double[] values = new double[n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < grid.Features; j++)
            {
                places[j][i] = grid.PlaceIn(box.Id, rows[(i * _fields) + j], j);
            }

            values[i] = (rows[(i * _fields) + _fields - 1] - box.Level) * _inverseUnit;
        }

        BoxFixedSums.Add(grid.Terms, places, values, box.Sums);
        box.Clear();
    }

    /// <summary>A box.</summary>
    internal sealed class Box(long id, double level, int fields)
    {
        private double[] _rows = [];

        public long Id { get; } = id;

        /// <summary>What its values are counted from.</summary>
        public double Level { get; } = level;

        public long Count { get; set; }

        /// <summary>How many rows are not among the sums.</summary>
        public int Waiting { get; private set; }

        /// <summary>These rows (n, d + 1): keys and value.</summary>
        public double[] Rows => _rows[..(Waiting * fields)];

        /// <summary>The sums of the terms, of y times them and of y^2 times them, where rows are many; else none.</summary>
        public Int128[] Sums { get; set; } = [];

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

        public void Clear() => Waiting = 0;

        /// <summary>The rows in an order of their own, whoever added them.</summary>
        public double[][] RowsInOrder()
        {
            double[][] rows = [.. Rows.Chunk(fields)];
            Array.Sort(rows, CellStore.CompareRows);
            return rows;
        }
    }
}
