using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>
/// A kernel that is a polynomial on its support, over keys in order: within each cell the moments sum s u^k and sum s v u^k are summed up
/// from the cell's start, every few keys; a query takes differences of these sums and evaluates the keys at both ends of its window pair by
/// pair. What is summed is said by those derived from this.
/// </summary>
/// <remarks>
/// J. Fan and J. S. Marron (1994); N. Langrene and X. Warin (2017). Sums that restart in each cell keep their digits at any bandwidth.
/// Memory 8 moments (1 + v) bytes for each key between two sums.
/// </remarks>
internal abstract unsafe class PrefixWindows<TKernel, TLanes> : IRowSums
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    private const int LeastKeysForMoments = 32;
    private const int CellsInPart = 64;

    private readonly double? _inverseBandwidth;
    private readonly LineCells _cells;

    // The keys between two sums are 2 to this power.
    private readonly int _blockBits;
    private readonly long[] _firstSum;
    private readonly Scratch _sums;

    /// <summary>Prepares the sums.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="bandwidth">h.</param>
    /// <param name="inverseBandwidth">w = 1/h where that is what was given; null where h was.</param>
    /// <param name="moments">How many moments are summed.</param>
    /// <param name="width">The width of a cell, a power of 2.</param>
    /// <param name="blockBits">The keys between two sums are 2 to this power.</param>
    /// <param name="work">The threads.</param>
    protected PrefixWindows(
        LineKeys keys, double bandwidth, double? inverseBandwidth, int moments, double width, int blockBits, Work work)
    {
        (Keys, Bandwidth, _inverseBandwidth, Moments, _blockBits) = (keys, bandwidth, inverseBandwidth, moments, blockBits);
        _cells = LineCells.Split(keys.Sorted, width);
        IsEven = true;
        for (int k = 1; k < TKernel.Polynomial.Length; k += 2)
        {
            IsEven &= TKernel.Polynomial[k] == 0;
        }

        _firstSum = new long[_cells.Count];
        long total = 0;
        for (int cell = 0; cell < _cells.Count; cell++)
        {
            bool isDense = _cells.CountIn(cell) >= LeastKeysForMoments;
            _firstSum[cell] = isDense ? total : -1;
            total += isDense ? BlocksUpTo(_cells.CountIn(cell)) + 1 : 0;
        }

        _sums = new Scratch(total * SumLength * sizeof(double));
        work.ForEach((_cells.Count + CellsInPart - 1) / CellsInPart, part =>
        {
            for (int cell = part * CellsInPart; cell < Math.Min(_cells.Count, (part + 1) * CellsInPart); cell++)
            {
                if (_firstSum[cell] >= 0)
                {
                    FillSums(cell);
                }
            }
        });
    }

    protected LineKeys Keys { get; }

    protected double Bandwidth { get; }

    /// <summary>Whether the kernel is a polynomial of u, the same on both sides of the query.</summary>
    protected bool IsEven { get; }

    /// <summary>How many moments are summed.</summary>
    protected int Moments { get; }

    /// <summary>How many numbers a query's row has.</summary>
    protected abstract int RowLength { get; }

    /// <summary>How many numbers a sum over pairs works in.</summary>
    protected abstract int BufferLength { get; }

    /// <summary>How many numbers moments are worked on in.</summary>
    protected virtual int RoomLength => Moments;

    /// <summary>The rounding of one pair in a sum, relative to the weight 1.</summary>
    protected abstract double PairError { get; }

    /// <summary>Whether a key at the query itself is told from those beside it.</summary>
    protected abstract bool SeesOwnKey { get; }

    private int SumLength => Moments * (1 + Keys.Columns);

    // The number of blocks that a number of keys begins.
    private int BlocksUpTo(int keys) => (keys + (1 << _blockBits) - 1) >> _blockBits;

    /// <inheritdoc/>
    public void Sum(double* queries, int count, double* rows, double* errors) => Sum(queries, null, count, rows, errors);

    /// <summary>The same for queries of different bandwidths.</summary>
    /// <param name="queries">Queries (count), ascending.</param>
    /// <param name="widths">
    /// The bandwidth of each (count), from h to twice that of the cells, such that windows that begin later end later; null for h.
    /// </param>
    /// <param name="count">How many.</param>
    /// <param name="rows">As in the other.</param>
    /// <param name="errors">As in the other.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Sum(double* queries, double* widths, int count, double* rows, double* errors)
    {
        double* buffers = stackalloc double[BufferLength];
        double* room = stackalloc double[RoomLength];
        *room = 0;
        new Span<double>(buffers, BufferLength).Clear();
        int low = Keys.Sorted.FirstNotBelow(queries[0] - ((widths == null ? Bandwidth : *widths) * (1 + 1e-9)));
        int middle = low;
        int high = low;
        int cell = CellOf(low);
        for (int i = 0; i < count; i++)
        {
            double query = queries[i];
            double h = widths == null ? Bandwidth : widths[i];
            low = AdvanceTo(low, query, h, isBelow: true);
            middle = IsEven ? low : Keys.Sorted.FirstNotBelowFrom(Math.Max(middle, low), Math.BitIncrement(query));
            high = AdvanceTo(Math.Max(high, low), query, h, isBelow: false);
            while (cell + 1 < _cells.Count && _cells.Start[cell + 1] <= low)
            {
                cell++;
            }

            double* row = rows + ((long)i * RowLength);
            long through = 0;
            int at = cell;
            int pending = low;
            if (!IsEven)
            {
                // A key at the query itself has the slope 0, which is what no polynomial of one side gives it.
                int left = middle;
                while (SeesOwnKey && left > low && Keys.Keys[left - 1] == query)
                {
                    left--;
                }

                through += AddWindow(true, low, left, ref pending, ref at, queries + i, h, row, room, buffers);
            }

            through += AddWindow(IsEven, middle, high, ref pending, ref at, queries + i, h, row, room, buffers);
            AddPairs(pending, high, queries + i, h, row, buffers);
            EndPairs(row, buffers);
            errors[i] = through * PairError;
        }

        AddWaiting(room);
    }

    public void Dispose()
    {
        Dispose(isDisposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Adds some neighbouring keys to the row of a query with a bandwidth, pair by pair, or leaves them in the buffers.</summary>
    protected abstract void AddPairs(int first, int end, double* query, double h, double* row, double* buffers);

    /// <summary>Adds to a query's row what its pairs have left in the buffers, and makes that 0, as it was before.</summary>
    protected virtual void EndPairs(double* row, double* buffers)
    {
    }

    /// <summary>Adds keys of a cell to a query's row by their moments, which are differences of two sums.</summary>
    /// <param name="isLeft">Whether the kernel's polynomial is that for keys left of the query.</param>
    /// <param name="t">The query from the middle of the cell, in the bandwidth of the cells.</param>
    /// <param name="scale">That bandwidth in the query's, at most 1.</param>
    /// <param name="from">The sums (1 + v, moments) before the first key.</param>
    /// <param name="to">The sums after the last.</param>
    /// <param name="room">What the sums of some queries have to work in, whose first number was 0 at the beginning.</param>
    /// <param name="row">The row.</param>
    protected abstract void AddMoments(bool isLeft, double t, double scale, double* from, double* to, double* room, double* row);

    /// <summary>Adds to their rows what <see cref="AddMoments"/> has put aside.</summary>
    /// <param name="room">As there.</param>
    protected virtual void AddWaiting(double* room)
    {
    }

    protected virtual void Dispose(bool isDisposing) => _sums.Dispose();

    private int CellOf(int key)
    {
        int found = Array.BinarySearch(_cells.Start, key);
        return Math.Min(found >= 0 ? found : ~found - 1, _cells.Count - 1);
    }

    // The boundary is decided by the scaled difference, as in the textbook; that takes a division only next to it.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int AdvanceTo(int place, double query, double h, bool isBelow)
    {
        double boundary = isBelow ? query - h : query + h;
        double margin = 1e-12 * (Math.Abs(query) + h);
        double* keys = Keys.Keys;
        int count = Keys.Count;
        place = Keys.Sorted.FirstNotBelowFrom(place, boundary - margin);
        while (place < count && keys[place] <= boundary + margin)
        {
            double difference = keys[place] - query;
            double u = _inverseBandwidth is double w ? difference * w : difference / h;
            if (isBelow ? u > -1 : u >= 1)
            {
                break;
            }

            place++;
        }

        return place;
    }

    // Adds the keys from low to high, all on one side of the query, but for the last ones, which are pending; returns how many went through
    // sums.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private long AddWindow(
        bool isLeft, int low, int high, ref int pending, ref int cell, double* query, double h, double* row, double* room, double* buffers)
    {
        long through = 0;
        int[] starts = _cells.Start;
        while (low < high)
        {
            while (starts[cell + 1] <= low)
            {
                cell++;
            }

            int start = starts[cell];
            int cellEnd = starts[cell + 1];
            int end = Math.Min(high, cellEnd);
            int firstBlock = BlocksUpTo(low - start);
            int endBlock = end == cellEnd ? BlocksUpTo(end - start) : (end - start) >> _blockBits;
            if (_firstSum[cell] >= 0 && endBlock > firstBlock)
            {
                AddPairs(pending, start + (firstBlock << _blockBits), query, h, row, buffers);
                pending = Math.Min(end, start + (endBlock << _blockBits));
                double t = (*query - _cells.CentreAt(_cells.Index[cell])) / Bandwidth;
                double* sums = _sums.As<double>() + (_firstSum[cell] * SumLength);
                AddMoments(
                    isLeft, t, Bandwidth / h, sums + ((long)firstBlock * SumLength), sums + ((long)endBlock * SumLength), room, row);
                through += end - start;
            }

            low = end;
        }

        return through;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FillSums(int cell)
    {
        double* sums = _sums.As<double>() + (_firstSum[cell] * SumLength);
        double centre = _cells.CentreAt(_cells.Index[cell]);
        double* running = stackalloc double[SumLength];
        new Span<double>(running, SumLength).Clear();
        int start = _cells.Start[cell];
        int end = _cells.Start[cell + 1];
        for (int key = start; key < end; key++)
        {
            if (((key - start) & ((1 << _blockBits) - 1)) == 0)
            {
                new ReadOnlySpan<double>(running, SumLength).CopyTo(new Span<double>(sums, SumLength));
                sums += SumLength;
            }

            double u = (Keys.Keys[key] - centre) / Bandwidth;
            double power = 1;
            double sampleWeight = Keys.SampleWeights is null ? 1 : Keys.SampleWeights[key];
            for (int j = 0; j < Moments; j++)
            {
                running[j] += power * sampleWeight;
                for (int c = 0; c < Keys.Columns; c++)
                {
                    running[((c + 1) * Moments) + j] += power * Keys.Values[((long)c * Keys.Stride) + key];
                }

                power *= u;
            }
        }

        new ReadOnlySpan<double>(running, SumLength).CopyTo(new Span<double>(sums, SumLength));
    }
}
