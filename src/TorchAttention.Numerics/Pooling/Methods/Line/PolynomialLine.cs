using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>
/// A kernel that is a polynomial on its support, over keys in order: within each cell the moments sum s u^k and sum s v u^k are summed up
/// from the cell's start, every few keys; a query takes differences of these sums and evaluates the keys at both ends of its window pair by
/// pair.
/// </summary>
/// <remarks>
/// J. Fan and J. S. Marron (1994); N. Langrene and X. Warin (2017). Sums that restart in each cell keep their digits at any bandwidth.
/// Time n + m (degree^2 + keys between two sums); memory 2 (degree + 1)(1 + v) bytes a key, from degree 5 on a quarter of it.
/// </remarks>
internal sealed unsafe partial class PolynomialLine<TKernel, TLanes> : ILineSums
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    private const int LeastKeysForMoments = 32;
    private const int CellsInPart = 64;

    // With few terms the moments keep their digits in cells of up to 2 bandwidths, else in cells of up to 1.
    private const int WideCellTerms = 5;

    // Up to this many keys, a vector's set-up costs more than the keys.
    private const int FewKeys = 12;

    private readonly SumLayout _layout;
    private readonly LineKeys _keys;
    private readonly double _bandwidth;
    private readonly double? _inverseBandwidth;
    private readonly double _scale;
    private readonly double[] _polynomial = TKernel.Polynomial.ToArray();
    private readonly LineCells _cells;

    // The kernel first, then what else is summed.
    private readonly Product[] _products;
    private readonly bool _isEven;
    private readonly double _pairError;

    // The keys between two sums are 2 to this power: 4, or 16 where a sum takes much memory.
    private readonly int _blockBits;
    private readonly long[] _firstSum;
    private readonly Scratch _sums;

    /// <summary>Prepares the sums.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="bandwidth">h.</param>
    /// <param name="inverseBandwidth">w = 1/h where that is what was given; null where h was.</param>
    /// <param name="layout">What sums will be asked for.</param>
    /// <param name="work">The threads.</param>
    public PolynomialLine(LineKeys keys, double bandwidth, double? inverseBandwidth, in SumLayout layout, Work work)
    {
        _layout = layout;
        _products = [.. ProductsOf(layout, bandwidth)];
        Moments = _products.Max(product => product.Left.Count);
        _keys = keys;
        _bandwidth = bandwidth;
        _inverseBandwidth = inverseBandwidth;
        _scale = TKernel.ArgumentScale / (bandwidth * bandwidth);
        double width = LineCells.WidthFor(bandwidth) * (_polynomial.Length <= WideCellTerms ? 4 : 2);
        _cells = LineCells.Split(keys.Sorted, width);
        _blockBits = _polynomial.Length <= WideCellTerms ? 2 : 4;
        _isEven = true;
        double size = 0;
        double ofChange = 0;
        double power = 1;
        for (int k = 0; k < _polynomial.Length; k++)
        {
            _isEven &= k % 2 == 0 || _polynomial[k] == 0;
            size += Math.Abs(_polynomial[k]) * power;
            ofChange += k * Math.Abs(_polynomial[k]) * power;

            // Keys are up to half a cell from its middle, queries that reach them a bandwidth more.
            power *= 1 + (width / bandwidth);
        }

        PlaneGradientError = ofChange / size;
        size *= layout.HasPlanes ? Math.Pow(1 + (width / bandwidth), 2) : layout.HasGradient ? _polynomial.Length : 1;
        _pairError = 8 * size * double.BitIncrement(1) - (8 * size);
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

    /// <inheritdoc/>
    public double PlaneGradientError { get; }

    private int Moments { get; }

    private int SumLength => Moments * (1 + _keys.Columns);

    // The number of blocks that a number of keys begins.
    private int BlocksUpTo(int keys) => (keys + (1 << _blockBits) - 1) >> _blockBits;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Sum(double* queries, int count, double* rows, double* errors)
    {
        SumLayout layout = _layout;
        double* buffers = stackalloc double[DirectRun<TKernel, TLanes>.BufferLength];
        double* factors = stackalloc double[Moments];
        int low = _keys.Sorted.FirstNotBelow(queries[0] - (_bandwidth * (1 + 1e-9)));
        int middle = low;
        int high = low;
        int cell = CellOf(low);
        for (int i = 0; i < count; i++)
        {
            double query = queries[i];
            low = AdvanceTo(low, query, isBelow: true);
            middle = _isEven ? low : _keys.Sorted.FirstNotBelowFrom(Math.Max(middle, low), Math.BitIncrement(query));
            high = AdvanceTo(Math.Max(high, low), query, isBelow: false);
            while (cell + 1 < _cells.Count && _cells.Start[cell + 1] <= low)
            {
                cell++;
            }

            double* row = rows + ((long)i * layout.Length);
            long through = 0;
            int at = cell;
            if (!_isEven)
            {
                // A key at the query itself has the slope 0, which is what no polynomial of one side gives it.
                int left = middle;
                while (layout.QueryGradient >= 0 && left > low && _keys.Keys[left - 1] == query)
                {
                    left--;
                }

                through += AddWindow(true, low, left, ref at, queries + i, layout, row, factors, buffers);
                AddPairs(left, middle, queries + i, layout, row, buffers);
            }

            through += AddWindow(_isEven, middle, high, ref at, queries + i, layout, row, factors, buffers);
            errors[i] = through * _pairError;
        }
    }

    public void Dispose()
    {
        Array.ForEach(_products, product => product.Dispose());
        _sums.Dispose();
    }

    private int CellOf(int key)
    {
        int found = Array.BinarySearch(_cells.Start, key);
        return Math.Min(found >= 0 ? found : ~found - 1, _cells.Count - 1);
    }

    // The boundary is decided by the scaled difference, as in the textbook; that takes a division only next to it.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int AdvanceTo(int place, double query, bool isBelow)
    {
        double boundary = isBelow ? query - _bandwidth : query + _bandwidth;
        double margin = 1e-12 * (Math.Abs(query) + _bandwidth);
        double* keys = _keys.Keys;
        int count = _keys.Count;
        place = _keys.Sorted.FirstNotBelowFrom(place, boundary - margin);
        while (place < count && keys[place] <= boundary + margin)
        {
            double difference = keys[place] - query;
            double u = _inverseBandwidth is double w ? difference * w : difference / _bandwidth;
            if (isBelow ? u > -1 : u >= 1)
            {
                break;
            }

            place++;
        }

        return place;
    }

    // Adds the keys from low to high, all on one side of the query, and returns how many went through sums.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private long AddWindow(
        bool isLeft, int low, int high, ref int cell, double* query, in SumLayout layout, double* row, double* factors, double* buffers)
    {
        long through = 0;
        int pending = low;
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
                AddPairs(pending, start + (firstBlock << _blockBits), query, layout, row, buffers);
                pending = Math.Min(end, start + (endBlock << _blockBits));
                double t = (*query - _cells.CentreAt(_cells.Index[cell])) / _bandwidth;
                foreach (Product product in _products)
                {
                    (isLeft ? product.Left : product.Right).Fill(t, factors);
                    AddSums(cell, firstBlock, endBlock, factors, product, row);
                }

                through += end - start;
            }

            low = end;
        }

        AddPairs(pending, high, query, layout, row, buffers);
        return through;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddSums(int cell, int firstBlock, int endBlock, double* factors, in Product product, double* row)
    {
        double* sums = _sums.As<double>() + (_firstSum[cell] * SumLength);
        double* from = sums + ((long)firstBlock * SumLength);
        double* to = sums + ((long)endBlock * SumLength);
        int moments = product.Left.Count;
        int stride = Moments;
        double weight = 0;
        for (int j = 0; j < moments; j++)
        {
            weight += factors[j] * (to[j] - from[j]);
        }

        row[product.WeightSum] += weight;
        double* valueSums = row + product.ValueSums;
        for (int c = 1; product.ValueSums >= 0 && c <= _keys.Columns; c++)
        {
            from += stride;
            to += stride;
            double value = 0;
            for (int j = 0; j < moments; j++)
            {
                value += factors[j] * (to[j] - from[j]);
            }

            valueSums[c - 1] += value;
        }
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

            double u = (_keys.Keys[key] - centre) / _bandwidth;
            double power = 1;
            double sampleWeight = _keys.SampleWeights is null ? 1 : _keys.SampleWeights[key];
            for (int j = 0; j < Moments; j++)
            {
                running[j] += power * sampleWeight;
                for (int c = 0; c < _keys.Columns; c++)
                {
                    running[((c + 1) * Moments) + j] += power * _keys.Values[((long)c * _keys.Stride) + key];
                }

                power *= u;
            }
        }

        new ReadOnlySpan<double>(running, SumLength).CopyTo(new Span<double>(sums, SumLength));
    }
}
