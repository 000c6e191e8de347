using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>
/// The Gaussian over keys in order: cells with many keys act through their moments sum s u^j and sum s v u^j, which are turned into a
/// polynomial for each cell of queries; few keys act pair by pair; keys beyond the reach are left out. What is summed beside the weights
/// is said by those derived from this.
/// </summary>
/// <remarks>
/// Time n + m + (cells with queries) x (cells in reach) x terms^2; memory 8 terms bytes for each column and cell of at least 16 keys.
/// </remarks>
internal abstract unsafe partial class GaussianCells<TLanes> : IRowSums
    where TLanes : struct, ILanes<TLanes, double>
{
    private const int LeastKeysForMoments = 16;

    // Up to this many keys in a cell the work is in the cells: wider ones with more terms, of which there are fewer.
    private const int FewKeysInCell = 200;
    private const int MomentBuffer = 256;

    // Below this many pairs between two cells, the pairs themselves are cheaper than the squared number of terms.
    private const long FewPairs = 96;

    private readonly HermiteTable _table;
    private readonly int[] _momentsOf;
    private readonly Scratch _moments;
    private readonly double _dropped;
    private readonly double _pairError;

    protected GaussianCells(LineKeys keys, double bandwidth, in CellPrecision precision, Work work)
    {
        (Keys, Bandwidth, _pairError) = (keys, bandwidth, precision.PairError);
        double width = LineCells.WidthFor(bandwidth);
        Cells = LineCells.Split(keys.Sorted, width);
        if (precision.MayBeWide && keys.Count / Cells.Count < FewKeysInCell)
        {
            width *= 2;
            Cells = LineCells.Split(keys.Sorted, width);
        }

        double exponent = Math.Log(precision.Far * 400.0 * keys.Count / precision.Tolerance);
        _dropped = keys.Count * Math.Exp(-exponent) * precision.Far;
        int terms = width / bandwidth <= 0.5 ? precision.Terms : precision.TermsOfWide;
        _table = new HermiteTable(width / bandwidth, (int)Math.Ceiling(Math.Sqrt(2 * exponent) * bandwidth / width) + 1, terms);
        _momentsOf = new int[Cells.Count];
        int dense = 0;
        for (int cell = 0; cell < Cells.Count; cell++)
        {
            _momentsOf[cell] = Cells.CountIn(cell) >= LeastKeysForMoments ? dense++ : -1;
        }

        _moments = new Scratch((long)dense * MomentsLength * sizeof(double));
        if (dense == 0)
        {
            return;
        }

        const int CellsInPart = 256;
        work.ForEach((Cells.Count + CellsInPart - 1) / CellsInPart, part =>
        {
            for (int cell = part * CellsInPart; cell < Math.Min(Cells.Count, (part + 1) * CellsInPart); cell++)
            {
                if (_momentsOf[cell] >= 0)
                {
                    FillMoments(cell);
                }
            }
        });
    }

    protected LineKeys Keys { get; }

    protected double Bandwidth { get; }

    protected LineCells Cells { get; }

    /// <summary>The terms of a cell's polynomials.</summary>
    protected int Terms => _table.Terms;

    /// <summary>How many numbers a query's row has.</summary>
    protected abstract int RowLength { get; }

    /// <summary>How many numbers a sum over pairs works in.</summary>
    protected abstract int BufferLength { get; }

    private int MomentsLength => Terms * (1 + Keys.Columns);

    public void Dispose()
    {
        _table.Dispose();
        _moments.Dispose();
    }

    /// <inheritdoc/>
    public void Sum(double* queries, int count, double* rows, double* errors)
    {
        double* local = stackalloc double[MomentsLength];
        double* buffers = stackalloc double[BufferLength];
        if (_moments.Bytes == 0)
        {
            SumWindows(queries, count, rows, errors, buffers);
            return;
        }

        int firstCell = Cells.FirstFrom(Cells.IndexOf(queries[0]) - _table.Most);
        int end;
        for (int first = 0; first < count; first = end)
        {
            long place = Cells.IndexOf(queries[first]);
            end = first + 1;
            while (end < count && Cells.IndexOf(queries[end]) == place)
            {
                end++;
            }

            while (firstCell < Cells.Count && Cells.Index[firstCell] < place - _table.Most)
            {
                firstCell++;
            }

            SumCell(
                place, firstCell, queries + first, end - first, rows + ((long)first * RowLength), errors + first, local, buffers);
        }
    }

    /// <summary>Adds some neighbouring keys to queries' rows pair by pair.</summary>
    protected abstract void AddPairs(int firstKey, int endKey, double* queries, int count, double* rows, double* buffers);

    /// <summary>Adds what the polynomials of a cell say to queries' rows.</summary>
    /// <param name="t">A register of queries, counted from the cell's middle in bandwidths.</param>
    /// <param name="count">How many of them there are.</param>
    /// <param name="rows">Their rows.</param>
    /// <param name="local">The coefficients of the sum of weights and of those of the columns of values (1 + v, terms).</param>
    protected abstract void Evaluate(TLanes t, int count, double* rows, double* local);

    // No cell has many keys: each query has a window of keys, and windows move along with the queries.
    private void SumWindows(double* queries, int count, double* rows, double* errors, double* buffers)
    {
        double reach = (_table.Most - 1) * Cells.Width;
        int low = Keys.Sorted.FirstNotBelow(queries[0] - reach);
        int high = low;
        for (int i = 0; i < count; i++)
        {
            while (low < Keys.Count && Keys.Keys[low] < queries[i] - reach)
            {
                low++;
            }

            high = Math.Max(low, high);
            while (high < Keys.Count && Keys.Keys[high] <= queries[i] + reach)
            {
                high++;
            }

            AddPairs(low, high, queries + i, 1, rows + ((long)i * RowLength), buffers);
            errors[i] = _dropped;
        }
    }

    private void SumCell(
        long place, int firstCell, double* queries, int count, double* rows, double* errors, double* local, double* buffers)
    {
        new Span<double>(local, MomentsLength).Clear();
        long through = 0;
        int direct = -1;
        int cell = firstCell;
        for (; cell < Cells.Count && Cells.Index[cell] <= place + _table.Most; cell++)
        {
            int keys = Cells.CountIn(cell);
            if (_momentsOf[cell] < 0 || (long)keys * count <= FewPairs)
            {
                direct = direct < 0 ? cell : direct;
                continue;
            }

            Flush(cell);
            Translate(
                _moments.As<double>() + ((long)_momentsOf[cell] * MomentsLength), _table.At((int)(place - Cells.Index[cell])), local);
            through += keys;
        }

        Flush(cell);
        if (through > 0)
        {
            EvaluateAll(place, queries, count, rows, local);
        }

        new Span<double>(errors, count).Fill((through * _pairError) + _dropped);

        void Flush(int upTo)
        {
            if (direct >= 0)
            {
                AddPairs(Cells.Start[direct], Cells.Start[upTo], queries, count, rows, buffers);
                direct = -1;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void EvaluateAll(long place, double* queries, int count, double* rows, double* local)
    {
        double centre = Cells.CentreAt(place);
        double* few = stackalloc double[TLanes.Count];
        for (int first = 0; first < count; first += TLanes.Count)
        {
            int here = Math.Min(TLanes.Count, count - first);
            double* source = queries + first;
            if (here < TLanes.Count)
            {
                new Span<double>(few, TLanes.Count).Fill(centre);
                new ReadOnlySpan<double>(source, here).CopyTo(new Span<double>(few, here));
                source = few;
            }

            TLanes t = (TLanes.Load(source) - TLanes.All(centre)) / TLanes.All(Bandwidth);
            Evaluate(t, here, rows + ((long)first * RowLength), local);
        }
    }

    // Two columns at a time, so that a coefficient is loaded once for both.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Translate(double* moments, double* coefficients, double* local)
    {
        int terms = Terms;
        int c = 0;
        for (; c < Keys.Columns; c += 2, moments += 2 * terms, local += 2 * terms)
        {
            for (int k = 0; k < terms; k += TLanes.Count)
            {
                TLanes first = TLanes.Load(local + k);
                TLanes second = TLanes.Load(local + terms + k);
                double* coefficient = coefficients + k;
                for (int j = 0; j < terms; j++, coefficient += terms)
                {
                    TLanes here = TLanes.Load(coefficient);
                    first = TLanes.MultiplyAdd(TLanes.All(moments[j]), here, first);
                    second = TLanes.MultiplyAdd(TLanes.All(moments[terms + j]), here, second);
                }

                first.Store(local + k);
                second.Store(local + terms + k);
            }
        }

        for (int k = 0; c == Keys.Columns && k < terms; k += TLanes.Count)
        {
            TLanes sum = TLanes.Load(local + k);
            for (int j = 0; j < terms; j++)
            {
                sum = TLanes.MultiplyAdd(TLanes.All(moments[j]), TLanes.Load(coefficients + (j * terms) + k), sum);
            }

            sum.Store(local + k);
        }
    }
}
