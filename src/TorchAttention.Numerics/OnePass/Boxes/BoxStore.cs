namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>The boxes that hold rows: these themselves where they are few, else their sums in fixed point.</summary>
internal sealed class BoxStore(BoxGrid grid)
{
    private readonly Dictionary<long, Box> _boxes = [];

    public int Count => _boxes.Count;

    /// <summary>How many have sums.</summary>
    public int Summed { get; private set; }

    /// <summary>The boxes by their numbers.</summary>
    public Box[] InOrder() => [.. _boxes.Values.OrderBy(box => box.Id)];

    /// <summary>A box, made where it is new.</summary>
    public Box At(long id)
    {
        if (!_boxes.TryGetValue(id, out Box? box))
        {
            _boxes[id] = box = new Box(id, grid.LevelAt(id));
        }

        return box;
    }

    /// <summary>Adds rows of one box.</summary>
    /// <param name="box">The box.</param>
    /// <param name="rows">The rows (n, d + 1): keys and value.</param>
    public void Add(Box box, ReadOnlySpan<double> rows)
    {
        int fields = grid.Features + 1;
        long count = checked(box.Count + (rows.Length / fields));
        if (count < BoxGrid.MostKept)
        {
            box.Rows = [.. box.Rows, .. rows];
        }
        else
        {
            Sum(box);
            AddToSums(box, rows);
        }

        box.Count = count;
    }

    /// <summary>Adds the boxes of another store.</summary>
    public void Add(BoxStore other)
    {
        foreach (Box from in other._boxes.Values)
        {
            Box to = At(from.Id);
            if (from.Sums.Length == 0)
            {
                Add(to, from.Rows);
                continue;
            }

            Sum(to);
            for (int k = 0; k < to.Sums.Length; k++)
            {
                to.Sums[k] = checked(to.Sums[k] + from.Sums[k]);
            }

            to.Count = checked(to.Count + from.Count);
        }
    }

    /// <summary>Sets a box of many rows as a file has it.</summary>
    public void Set(Box box, long count, Int128[] sums)
    {
        Sum(box);
        (box.Count, box.Sums) = (count, sums);
    }

    // What a box of few rows keeps becomes sums when it has many.
    private void Sum(Box box)
    {
        if (box.Sums.Length > 0)
        {
            return;
        }

        if (++Summed * grid.BytesOfBox > BoxGrid.MostBytes)
        {
            throw BoxGrid.TooMany(grid.Features, Summed - 1);
        }

        box.Sums = new Int128[3 * grid.Terms.Count];
        AddToSums(box, box.Rows);
        box.Rows = [];
    }

    private void AddToSums(Box box, ReadOnlySpan<double> rows)
    {
        int fields = grid.Features + 1;
        int n = rows.Length / fields;
        double[][] places = [.. Enumerable.Range(0, grid.Features).Select(_ => new double[n])];
        double[] values = new double[n];
        double unit = 1 / grid.ValueUnit;
        double largest = 0;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < grid.Features; j++)
            {
                places[j][i] = grid.PlaceIn(box.Id, rows[(i * fields) + j], j);
            }

            values[i] = (rows[(i * fields) + fields - 1] - box.Level) * unit;
            largest = Math.Max(largest, Math.Abs(values[i]));
        }

        FixedPointSums.CheckLargest(largest, grid.ValueUnit);
        BoxFixedSums.Add(grid.Terms, places, values, box.Sums);
    }

    /// <summary>A box.</summary>
    internal sealed class Box(long id, double level)
    {
        public long Id { get; } = id;

        /// <summary>What its values are counted from.</summary>
        public double Level { get; } = level;

        public long Count { get; set; }

        /// <summary>The rows where they are few (n, d + 1).</summary>
        public double[] Rows { get; set; } = [];

        /// <summary>The sums of the terms, of y times them and of y^2 times them, where they are many; else none.</summary>
        public Int128[] Sums { get; set; } = [];

        /// <summary>The rows in an order of their own, whoever added them.</summary>
        public double[][] RowsInOrder(int fields)
        {
            double[][] rows = [.. Rows.Chunk(fields)];
            Array.Sort(rows, CellStore.CompareRows);
            return rows;
        }
    }
}
