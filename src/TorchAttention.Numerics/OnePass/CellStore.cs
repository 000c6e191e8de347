namespace TorchAttention.Numerics.OnePass;

/// <summary>The cells that hold rows: their sums, in fixed point, and the rows of those that hold few.</summary>
internal sealed class CellStore
{
    /// <summary>
    /// A cell of fewer rows keeps them: a row that is a large part of its cell's weight cannot be told from it by moments.
    /// </summary>
    public const int MostKept = 32;

    private const int FirstCells = 64;
    private const int NoRows = -1;

    // A megabyte or two.
    private const long MostInWindow = 1 << 17;

    private readonly MomentGrid _grid;
    private readonly Stack<int> _free = [];
    private Int128[] _sums;
    private long[] _ids = new long[FirstCells];
    private double[] _levels = new double[FirstCells];
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
        Sums = 3 * grid.Terms;
        _sums = new Int128[FirstCells * Sums];
    }

    /// <summary>Sums of a cell: of T_k, y T_k and y^2 T_k.</summary>
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

    public double LevelAt(int place) => _levels[place];

    public long CountAt(int place) => _counts[place];

    /// <summary>The rows of a cell that keeps them, key and value in turn.</summary>
    public ReadOnlySpan<double> RowsAt(int place) =>
        _rowPlaces[place] == NoRows ? [] : _rows.AsSpan(_rowPlaces[place] * 2 * MostKept, 2 * _kept[place]);

    /// <summary>The rows of a cell that keeps them, in an order of their own, whoever added them.</summary>
    public (double X, double Y)[] RowsInOrder(int place)
    {
        ReadOnlySpan<double> rows = RowsAt(place);
        var ordered = new (double X, double Y)[rows.Length / 2];
        for (int i = 0; i < ordered.Length; i++)
        {
            ordered[i] = (rows[2 * i], rows[(2 * i) + 1]);
        }

        Array.Sort(ordered);
        return ordered;
    }

    /// <summary>Counts rows of a cell that are about to be added.</summary>
    /// <param name="place">The cell's place.</param>
    /// <param name="rows">How many.</param>
    /// <returns>Whether they are to be kept: <see cref="Keep"/> takes them one by one.</returns>
    public bool Count(int place, long rows)
    {
        Occupied += _counts[place] == 0 && rows > 0 ? 1 : 0;
        _counts[place] = checked(_counts[place] + rows);
        if (_counts[place] < MostKept)
        {
            return true;
        }

        Release(place);
        return false;
    }

    /// <summary>Keeps a row of a cell that holds few.</summary>
    /// <param name="place">The cell's place.</param>
    /// <param name="x">The key.</param>
    /// <param name="y">The value.</param>
    public void Keep(int place, double x, double y)
    {
        int at = (_rowPlaces[place] * 2 * MostKept) + (2 * _kept[place]++);
        (_rows[at], _rows[at + 1]) = (x, y);
    }

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

            if (Count(place, other._counts[from]))
            {
                ReadOnlySpan<double> rows = other.RowsAt(from);
                for (int i = 0; i < rows.Length; i += 2)
                {
                    Keep(place, rows[i], rows[i + 1]);
                }
            }
        }
    }

    /// <summary>Sets a cell as a file has it.</summary>
    public void Set(long id, long count, ReadOnlySpan<Int128> sums, ReadOnlySpan<double> rows)
    {
        int place = PlaceOf(id);
        sums.CopyTo(SumsAt(place));
        if (Count(place, count))
        {
            for (int i = 0; i < rows.Length; i += 2)
            {
                Keep(place, rows[i], rows[i + 1]);
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
            Array.Resize(ref _levels, size);
            Array.Resize(ref _counts, size);
            Array.Resize(ref _kept, size);
            Array.Resize(ref _rowPlaces, size);
        }

        _ids[place] = id;
        _levels[place] = _grid.LevelAt(id);
        _rowPlaces[place] = _free.Count > 0 ? _free.Pop() : NewRowSet();
        if (4 * Cells > _table.Length)
        {
            Rehash();
        }

        return place;
    }

    private int NewRowSet()
    {
        if ((_rowSets + 1) * 2 * MostKept > _rows.Length)
        {
            Array.Resize(ref _rows, Math.Max(2 * _rows.Length, 2 * MostKept * FirstCells));
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
