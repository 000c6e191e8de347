using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>
/// The Gaussian over keys in order: cells with many keys act through their moments sum s u^j and sum s v u^j, which are turned into a
/// polynomial for each cell of queries; few keys act pair by pair; keys beyond the reach are left out.
/// </summary>
/// <remarks>
/// Time n + m + (cells with queries) x (cells in reach) x terms^2; memory 8 terms bytes for each column and cell of at least 16 keys.
/// </remarks>
internal sealed unsafe partial class GaussianLine<TLanes> : ILineSums
    where TLanes : struct, ILanes<TLanes, double>
{
    private const int LeastKeysForMoments = 16;

    // Up to this many keys in a cell the work is in the cells: wider ones with more terms, of which there are fewer.
    private const int FewKeysInCell = 200;
    private const int MomentBuffer = 256;

    // Below this many pairs between two cells, the pairs themselves are cheaper than the squared number of terms.
    private const long FewPairs = 96;

    // The rounding and the truncation of one pair in a sum, relative to the weight 1.
    private const double PairError = 2e-15;
    private const double PlanePairError = 2e-14;

    // 16 terms know the second derivative to fewer digits.
    private const double GradientPairError = 2e-13;

    // The square of a position at the reach, which is what a key beyond it counts in the sums for planes and gradients: r^2 exp(-r^2 / 2)
    // falls from there on.
    private const double FarPositions = 200;
    private const double FarFourthPowers = FarPositions * FarPositions;

    private readonly LineKeys _keys;
    private readonly double _bandwidth;
    private readonly LineCells _cells;
    private readonly HermiteTable _table;
    private readonly int[] _momentsOf;
    private readonly Scratch _moments;
    private readonly double _scale;
    private readonly double _dropped;
    private readonly double _pairError;

    public GaussianLine(LineKeys keys, double bandwidth, double tolerance, in SumLayout layout, Work work)
    {
        bool hasPlanes = layout.HasPlanes;
        _pairError = hasPlanes ? PlanePairError : layout.HasGradient ? GradientPairError : PairError;
        _keys = keys;
        _bandwidth = bandwidth;
        _scale = Gaussian.ArgumentScale / (bandwidth * bandwidth);
        double width = LineCells.WidthFor(bandwidth);
        _cells = LineCells.Split(keys.Sorted, width);
        if (keys.Count / _cells.Count < FewKeysInCell && !hasPlanes)
        {
            width *= 2;
            _cells = LineCells.Split(keys.Sorted, width);
        }

        double far = layout.PlaneGradient >= 0 ? FarFourthPowers : hasPlanes || layout.HasGradient ? FarPositions : 1;
        double exponent = Math.Log(far * 400.0 * keys.Count / tolerance);
        _dropped = keys.Count * Math.Exp(-exponent) * far;
        int terms = width / bandwidth <= 0.5 && !hasPlanes ? 16 : 24;
        _table = new HermiteTable(width / bandwidth, (int)Math.Ceiling(Math.Sqrt(2 * exponent) * bandwidth / width) + 1, terms);
        _momentsOf = new int[_cells.Count];
        int dense = 0;
        for (int cell = 0; cell < _cells.Count; cell++)
        {
            _momentsOf[cell] = _cells.CountIn(cell) >= LeastKeysForMoments ? dense++ : -1;
        }

        _moments = new Scratch((long)dense * MomentsLength * sizeof(double));
        if (dense == 0)
        {
            return;
        }

        const int CellsInPart = 256;
        work.ForEach((_cells.Count + CellsInPart - 1) / CellsInPart, part =>
        {
            for (int cell = part * CellsInPart; cell < Math.Min(_cells.Count, (part + 1) * CellsInPart); cell++)
            {
                if (_momentsOf[cell] >= 0)
                {
                    FillMoments(cell);
                }
            }
        });
    }

    /// <inheritdoc/>
    public double PlaneGradientError => 3;

    private int Terms => _table.Terms;

    private int MomentsLength => Terms * (1 + _keys.Columns);

    /// <inheritdoc/>
    public void Sum(double* queries, int count, in SumLayout layout, double* rows, double* errors)
    {
        double* local = stackalloc double[MomentsLength];
        double* buffers = stackalloc double[DirectRun<Gaussian, TLanes>.BufferLength];
        if (_moments.Bytes == 0)
        {
            SumWindows(queries, count, layout, rows, errors, buffers);
            return;
        }

        int firstCell = _cells.FirstFrom(_cells.IndexOf(queries[0]) - _table.Most);
        int end;
        for (int first = 0; first < count; first = end)
        {
            long place = _cells.IndexOf(queries[first]);
            end = first + 1;
            while (end < count && _cells.IndexOf(queries[end]) == place)
            {
                end++;
            }

            while (firstCell < _cells.Count && _cells.Index[firstCell] < place - _table.Most)
            {
                firstCell++;
            }

            SumCell(
                place, firstCell, queries + first, end - first, layout, rows + ((long)first * layout.Length), errors + first, local,
                buffers);
        }
    }

    public void Dispose()
    {
        _table.Dispose();
        _moments.Dispose();
    }

    // No cell has many keys: each query has a window of keys, and windows move along with the queries.
    private void SumWindows(double* queries, int count, in SumLayout layout, double* rows, double* errors, double* buffers)
    {
        double scale = _scale;
        double reach = (_table.Most - 1) * _cells.Width;
        int low = _keys.Sorted.FirstNotBelow(queries[0] - reach);
        int high = low;
        for (int i = 0; i < count; i++)
        {
            while (low < _keys.Count && _keys.Keys[low] < queries[i] - reach)
            {
                low++;
            }

            high = Math.Max(low, high);
            while (high < _keys.Count && _keys.Keys[high] <= queries[i] + reach)
            {
                high++;
            }

            DirectRun<Gaussian, TLanes>.Add(_keys, low, high, layout, queries + i, &scale, buffers, rows + ((long)i * layout.Length));
            errors[i] = _dropped;
        }
    }

    private void SumCell(
        long place, int firstCell, double* queries, int count, in SumLayout layout, double* rows, double* errors, double* local,
        double* buffers)
    {
        new Span<double>(local, MomentsLength).Clear();
        long through = 0;
        int direct = -1;
        SumLayout rowLayout = layout;
        int cell = firstCell;
        for (; cell < _cells.Count && _cells.Index[cell] <= place + _table.Most; cell++)
        {
            int keys = _cells.CountIn(cell);
            if (_momentsOf[cell] < 0 || (long)keys * count <= FewPairs)
            {
                direct = direct < 0 ? cell : direct;
                continue;
            }

            Flush(cell);
            Translate(
                _moments.As<double>() + ((long)_momentsOf[cell] * MomentsLength), _table.At((int)(place - _cells.Index[cell])), local);
            through += keys;
        }

        Flush(cell);
        if (through > 0)
        {
            Evaluate(place, queries, count, layout, rows, local);
        }

        new Span<double>(errors, count).Fill((through * _pairError) + _dropped);

        void Flush(int upTo)
        {
            if (direct >= 0)
            {
                AddPairs(_cells.Start[direct], _cells.Start[upTo], queries, count, rowLayout, rows, buffers);
                direct = -1;
            }
        }
    }

    private void AddPairs(int firstKey, int endKey, double* queries, int count, in SumLayout layout, double* rows, double* buffers)
    {
        double scale = _scale;
        for (int i = 0; i < count; i++)
        {
            DirectRun<Gaussian, TLanes>.Add(
                _keys, firstKey, endKey, layout, queries + i, &scale, buffers, rows + ((long)i * layout.Length));
        }
    }

    // Two columns at a time, so that a coefficient is loaded once for both.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Translate(double* moments, double* coefficients, double* local)
    {
        int terms = Terms;
        int c = 0;
        for (; c < _keys.Columns; c += 2, moments += 2 * terms, local += 2 * terms)
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

        for (int k = 0; c == _keys.Columns && k < terms; k += TLanes.Count)
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
