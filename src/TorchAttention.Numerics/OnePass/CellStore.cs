namespace TorchAttention.Numerics.OnePass;

/// <summary>The cells that hold rows: their sums, in fixed point, and the rows of those that hold few.</summary>
internal sealed class CellStore
{
    private const int FirstCells = 64;
    private const int NoRows = -1;

    // A megabyte or two.
    private const long MostInWindow = 1 << 17;

    private readonly MomentGrid _grid;
    private readonly int _mostKept;

    private readonly int _columns;

    // Of a kept row: its key, its values, its weight.
    private readonly int _fields;
    private readonly Stack<int> _free = [];
    private Int128[] _sums;
    private long[] _ids = new long[FirstCells];
    private double[] _levels;
    private double[] _weightUnits = new double[FirstCells];
    private long[] _counts = new long[FirstCells];
    private byte[] _kept = new byte[FirstCells];
    private int[] _rowPlaces = new int[FirstCells];
    private int[] _table = NewTable(4 * FirstCells);

    // One more than the place of each cell where they lie close together; 0 where there is none, or it is not known yet.
    private int[] _window = [];
    private long _windowStart;
    private double[] _rows = [];
    private int _rowSets;

    public CellStore(MomentGrid grid)
    {
        _grid = grid;
        Sums = grid.SumRows * grid.Terms;
        _mostKept = grid.MostKept;
        _columns = grid.Columns;
        _fields = _columns + 2;
        _levels = new double[FirstCells * _columns];
        _sums = new Int128[FirstCells * Sums];
    }

    /// <summary>Sums of a cell.</summary>
    public int Sums { get; }

    /// <summary>The places that cells have, with those that hold no rows, as where rows were refused.</summary>
    public int Cells { get; private set; }

    /// <summary>The cells that hold rows.</summary>
    public int Occupied { get; private set; }

    public ReadOnlySpan<long> Ids => _ids.AsSpan(0, Cells);

    /// <summary>The places of the cells that hold rows, by the cells' numbers.</summary>
    public int[] InOrder() => [.. Enumerable.Range(0, Cells).Where(place => _counts[place] > 0).OrderBy(place => _ids[place])];

    public long IdAt(int place) => _ids[place];

    /// <summary>The place of a cell, made where it is new.</summary>
    public int PlaceOf(long id)
    {
        ulong inWindow = unchecked((ulong)(id - _windowStart));
        if (inWindow < (ulong)_window.Length && _window[inWindow] > 0)
        {
            return _window[inWindow] - 1;
        }

        // A new cell may have moved the window.
        int place = Search(id);
        inWindow = unchecked((ulong)(id - _windowStart));
        if (inWindow < (ulong)_window.Length)
        {
            _window[inWindow] = place + 1;
        }

        return place;
    }

    /// <summary>The place of a cell that holds rows; -1 where there is none.</summary>
    public int Find(long id)
    {
        int mask = _table.Length - 1;
        int slot = (int)Hash(id) & mask;
        while (_table[slot] >= 0 && _ids[_table[slot]] != id)
        {
            slot = (slot + 1) & mask;
        }

        return _table[slot] >= 0 && _counts[_table[slot]] > 0 ? _table[slot] : -1;
    }

    private int Search(long id)
    {
        int mask = _table.Length - 1;
        int slot = (int)Hash(id) & mask;
        while (_table[slot] >= 0)
        {
            if (_ids[_table[slot]] == id)
            {
                return _table[slot];
            }

            slot = (slot + 1) & mask;
        }

        _table[slot] = Cells;
        return Make(id);
    }

    public Span<Int128> SumsAt(int place) => _sums.AsSpan(place * Sums, Sums);

    public double LevelAt(int place, int column) => _levels[(place * _columns) + column];

    public long CountAt(int place) => _counts[place];

    /// <summary>The rows that a cell keeps, each a key, its values and its weight, in an order of their own, whoever added them.</summary>
    public double[][] RowsInOrder(int place)
    {
        double[][] rows = [.. Enumerable.Range(0, KeptAt(place)).Select(i => RowAt(place, i).ToArray())];
        Array.Sort(rows, CompareRows);
        return rows;
    }

    private int KeptAt(int place) => _rowPlaces[place] == NoRows ? 0 : _kept[place];

    private Span<double> RowAt(int place, int row) => _rows.AsSpan(((_rowPlaces[place] * _mostKept) + row) * _fields, _fields);

    // Bits tell zeros of both signs apart.
    internal static int CompareRows(double[] one, double[] other)
    {
        for (int i = 0; i < one.Length; i++)
        {
            int order = one[i].CompareTo(other[i]);
            order = order != 0 ? order : BitConverter.DoubleToInt64Bits(one[i]).CompareTo(BitConverter.DoubleToInt64Bits(other[i]));
            if (order != 0)
            {
                return order;
            }
        }

        return 0;
    }

    /// <summary>The weight of a cell's rows; their number where they have none.</summary>
    public double WeightAt(int place) => (double)_sums[place * Sums] * Math.ScaleB(_weightUnits[place], -FixedPointSums.Bits);

    /// <summary>The unit of a cell's weights.</summary>
    public double WeightUnitAt(int place) => _weightUnits[place];

    /// <summary>Counts rows of a cell whose sums were added, and lets go of kept rows that are now a small part of it.</summary>
    /// <param name="place">The cell's place.</param>
    /// <param name="rows">How many.</param>
    /// <returns>Whether rows of it may be kept: <see cref="Keep"/> takes them one by one.</returns>
    public bool Count(int place, long rows)
    {
        Occupied += _counts[place] == 0 && rows > 0 ? 1 : 0;
        _counts[place] = checked(_counts[place] + rows);
        if (!_grid.HasWeights)
        {
            if (_counts[place] < _mostKept)
            {
                return true;
            }

            Release(place);
            return false;
        }

        double weight = WeightAt(place);
        int left = 0;
        for (int i = 0; i < _kept[place]; i++)
        {
            if (IsKept(RowAt(place, i)[^1], weight))
            {
                RowAt(place, i).CopyTo(RowAt(place, left++));
            }
        }

        _kept[place] = (byte)left;
        return true;
    }

    /// <summary>Keeps a row, if it is a large part of its cell.</summary>
    /// <param name="place">The cell's place.</param>
    /// <param name="x">The key.</param>
    /// <param name="y">The values.</param>
    /// <param name="weight">The weight; 1 where rows have none.</param>
    public void Keep(int place, double x, ReadOnlySpan<double> y, double weight = 1)
    {
        bool isKept = _rowPlaces[place] != NoRows && _kept[place] < _mostKept && (!_grid.HasWeights || IsKept(weight, WeightAt(place)));
        if (isKept)
        {
            Span<double> row = RowAt(place, _kept[place]++);
            (row[0], row[^1]) = (x, weight);
            y.CopyTo(row[1..]);
        }
    }

    // A row that is a large part of its cell's weight cannot be told from it by moments. At most so many rows are.
    private bool IsKept(double weight, double all) => weight * _mostKept > all;

    /// <summary>Adds the cells of another store.</summary>
    public void Add(CellStore other)
    {
        for (int from = 0; from < other.Cells; from++)
        {
            int place = PlaceOf(other._ids[from]);
            Span<Int128> sums = SumsAt(place);
            ReadOnlySpan<Int128> more = other.SumsAt(from);
            for (int k = 0; k < Sums; k++)
            {
                sums[k] = checked(sums[k] + more[k]);
            }

            KeepAll(place, other._counts[from], other.RowsInOrder(from));
        }
    }

    /// <summary>Sets a cell as a file has it.</summary>
    public void Set(long id, long count, ReadOnlySpan<Int128> sums, double[][] rows)
    {
        int place = PlaceOf(id);
        sums.CopyTo(SumsAt(place));
        KeepAll(place, count, rows);
    }

    private void KeepAll(int place, long count, double[][] rows)
    {
        if (Count(place, count))
        {
            foreach (double[] row in rows)
            {
                Keep(place, row[0], row.AsSpan(1, _columns), row[^1]);
            }
        }
    }

    private int Make(long id)
    {
        int place = Cells++;
        if (place == _ids.Length)
        {
            int size = checked(2 * place);
            Array.Resize(ref _sums, checked(size * Sums));
            Array.Resize(ref _ids, size);
            Array.Resize(ref _levels, size * _columns);
            Array.Resize(ref _weightUnits, size);
            Array.Resize(ref _counts, size);
            Array.Resize(ref _kept, size);
            Array.Resize(ref _rowPlaces, size);
        }

        _ids[place] = id;
        for (int c = 0; c < _columns; c++)
        {
            _levels[(place * _columns) + c] = _grid.LevelAt(id, c);
        }

        _weightUnits[place] = _grid.WeightUnitAt(id);
        _rowPlaces[place] = _free.Count > 0 ? _free.Pop() : NewRowSet();
        if (4 * Cells > _table.Length)
        {
            Rehash();
        }

        return place;
    }

    private int NewRowSet()
    {
        if ((_rowSets + 1) * _fields * _mostKept > _rows.Length)
        {
            Array.Resize(ref _rows, Math.Max(2 * _rows.Length, _fields * _mostKept * FirstCells));
        }

        return _rowSets++;
    }

    private void Release(int place)
    {
        if (_rowPlaces[place] != NoRows)
        {
            _free.Push(_rowPlaces[place]);
            _rowPlaces[place] = NoRows;
        }
    }

    private void Rehash()
    {
        _table = NewTable(2 * _table.Length);
        int mask = _table.Length - 1;
        for (int place = 0; place < Cells; place++)
        {
            int slot = (int)Hash(_ids[place]) & mask;
            while (_table[slot] >= 0)
            {
                slot = (slot + 1) & mask;
            }

            _table[slot] = place;
        }

        (long least, long most) = (Ids[0], Ids[0]);
        foreach (long id in Ids)
        {
            (least, most) = (Math.Min(least, id), Math.Max(most, id));
        }

        long span = most - least + 1;
        _windowStart = least - span;
        _window = span <= MostInWindow ? new int[3 * span] : [];
    }

    private static int[] NewTable(int size)
    {
        int[] table = new int[size];
        Array.Fill(table, -1);
        return table;
    }

    // Fibonacci hashing: neighbouring cells land far apart.
    private static uint Hash(long id) => (uint)(((ulong)id * 0x9E3779B97F4A7C15) >> 33);
}

/// <summary>A row that a cell keeps beside its sums, of one column of values.</summary>
/// <param name="X">The key.</param>
/// <param name="Y">The value.</param>
/// <param name="Weight">The weight; 1 where rows have none.</param>
internal readonly record struct KeptRow(double X, double Y, double Weight);
