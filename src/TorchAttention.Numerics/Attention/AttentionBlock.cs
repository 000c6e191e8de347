using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Attention;

/// <summary>A block of queries of one part, and its scores with one tile of keys after the other: a thread's memory.</summary>
internal sealed unsafe partial class AttentionBlock<TScore, TLanes, T> : IDisposable
    where TScore : IScore
    where TLanes : struct, ILanes<TLanes, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Queries of a block: a multiple of the rows of a product.</summary>
    public const int Rows = 8 * LaneProduct.Rows;

    private const int Tile = AttentionTiles<TLanes, T>.Tile;
    private const double Log2E = 1.4426950408889634074;
    private readonly AttentionRequest<T> _request;
    private readonly AttentionTiles<TLanes, T> _tiles;
    private readonly T* _leadBias;
    private readonly Scratch _memory;
    private readonly int[] _firsts = new int[Rows];
    private readonly int[] _ends = new int[Rows];
    private readonly T* _queries;
    private readonly T* _sums;
    private readonly T* _scores;
    private readonly T* _outputs;
    private readonly int _outputLength;
    private int _part;
    private int _start;
    private int _count;
    private int _padded;
    private int _first;
    private int _end;

    /// <param name="request">What is asked.</param>
    /// <param name="tiles">Its keys and values.</param>
    /// <param name="leadBias">The biases in powers of 2, with a tile of numbers behind them; null where there are none.</param>
    public AttentionBlock(AttentionRequest<T> request, AttentionTiles<TLanes, T> tiles, T* leadBias)
    {
        (_request, _tiles) = (request, tiles);
        _leadBias = leadBias;
        (int features, int columns) = (WholeRows(tiles.Features), WholeRows(tiles.Columns));
        _outputLength = tiles.IsNarrow ? request.Columns * TLanes.Count : tiles.Columns;
        int[] sizes = [Rows * features, Rows * Tile, Rows * Tile, Rows * _outputLength, Rows * columns, Rows * columns, Rows * features,
            Rows * Tile, Rows * features, features * Tile, columns * Tile, Rows * TLanes.Count];
        _memory = new Scratch((long)sizes.Sum() * sizeof(T));
        T* next = _memory.As<T>();
        _queries = Take(0);
        _sums = Take(1);
        _scores = Take(2);
        _outputs = Take(3);
        _gradients = Take(4);
        _gradientColumns = Take(5);
        _queryColumns = Take(6);
        _slopes = Take(7);
        _queryGradients = Take(8);
        _keyGradients = Take(9);
        _valueGradients = Take(10);
        _lanes = Take(11);

        T* Take(int place)
        {
            T* taken = next;
            next += sizes[place];
            return taken;
        }
    }

    /// <summary>How many blocks there are in a part.</summary>
    public static int Blocks(AttentionRequest<T> request) => (request.QueryCount + Rows - 1) / Rows;

    /// <summary>The keys that any query of a block sees.</summary>
    public static (int First, int End) KeysOf(AttentionRequest<T> request, int part, int block)
    {
        (int first, int end) = (request.KeyCount, 0);
        for (int query = block * Rows; query < Math.Min(request.QueryCount, (block + 1) * Rows); query++)
        {
            (int from, int to) = request.Range.KeysOf(part, query, request.KeyCount);
            (from, to) = (Math.Max(0, from), Math.Min(request.KeyCount, to));
            (first, end) = from < to ? (Math.Min(first, from), Math.Max(end, to)) : (first, end);
        }

        return (first, end);
    }

    /// <summary>Outputs and sums of a block's queries.</summary>
    public void Forward(int part, int block, AttentionResults<T> results)
    {
        Begin(part, block);
        Span<T> best = stackalloc T[Rows];
        Span<T> total = stackalloc T[Rows];
        best.Fill(T.NegativeInfinity);
        total.Clear();
        new Span<T>(_outputs, _padded * _outputLength).Clear();
        for (int tile = _first / Tile; tile * Tile < _end; tile++)
        {
            if (!Sees(tile))
            {
                continue;
            }

            ComputeScores(tile);
            for (int i = 0; i < _count; i++)
            {
                Soften(i, ref best[i], ref total[i]);
            }

            if (_tiles.IsNarrow)
            {
                AddNarrow(tile);
                continue;
            }

            LaneProduct.Run<DotProductScore, TLanes, T>(
                _scores, Tile, _tiles.ValueRows + (Place(tile) * Tile * _tiles.Columns), _tiles.Columns, null, KeysIn(tile), _outputs,
                _tiles.Columns, _padded, _tiles.Columns / TLanes.Count, isAdded: true);
        }

        int columns = _request.Columns;
        long row = ((long)part * _request.QueryCount) + _start;
        for (int i = 0; i < _count; i++)
        {
            bool isEmpty = T.IsNegativeInfinity(best[i]);
            T factor = isEmpty ? T.Zero : T.One / total[i];
            results.LogSums[row + i] = isEmpty ? best[i] : best[i] + T.CreateTruncating(Math.Log2(double.CreateTruncating(total[i])));
            for (int c = 0; c < columns; c++)
            {
                T sum = _tiles.IsNarrow
                    ? T.CreateTruncating(TLanes.Load(_outputs + (i * _outputLength) + (c * TLanes.Count)).Sum())
                    : _outputs[(i * _outputLength) + c];
                results.Outputs[((row + i) * columns) + c] = factor * sum;
            }
        }
    }

    public void Dispose() => _memory.Dispose();

    private static int WholeRows(int length) => (length + LaneProduct.Rows - 1) / LaneProduct.Rows * LaneProduct.Rows;

    private void Begin(int part, int block)
    {
        (_part, _start) = (part, block * Rows);
        _count = Math.Min(Rows, _request.QueryCount - _start);
        _padded = WholeRows(_count);
        (_first, _end) = (_request.KeyCount, 0);
        for (int i = 0; i < _count; i++)
        {
            (int first, int end) = _request.Range.KeysOf(part, _start + i, _request.KeyCount);
            (first, end) = (Math.Max(0, first), Math.Min(_request.KeyCount, end));
            (_firsts[i], _ends[i]) = first < end ? (first, end) : (0, 0);
            (_first, _end) = first < end ? (Math.Min(_first, first), Math.Max(_end, end)) : (_first, _end);
        }

        Copy(_request.Queries, _request.Features, _queries);
    }

    // The block's rows of an array (parts, queries, length), and zeros up to whole rows of a product.
    private void Copy(T* source, int length, T* destination)
    {
        long first = (((long)_part * _request.QueryCount) + _start) * length;
        new Span<T>(source + first, _count * length).CopyTo(new Span<T>(destination, _count * length));
        new Span<T>(destination + (_count * length), (_padded - _count) * length).Clear();
    }

    private long Place(int tile) => ((long)_part * _tiles.Count) + tile;

    private int KeysIn(int tile) => Math.Min(Tile, _request.KeyCount - (tile * Tile));

    private bool Sees(int tile)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_firsts[i] < (tile + 1) * Tile && _ends[i] > tile * Tile)
            {
                return true;
            }
        }

        return false;
    }

    // Sums, and scores in powers of 2, which are minus infinity where a key does not count.
    private void ComputeScores(int tile)
    {
        int features = _request.Features;
        LaneProduct.Run<TScore, TLanes, T>(
            _queries, features, _tiles.KeyColumns + (Place(tile) * features * Tile), Tile, _request.Weights, features, _sums, Tile, _padded,
            Tile / TLanes.Count, isAdded: false);
        TLanes scale = TLanes.All(_request.Scale * Log2E);
        for (int i = 0; i < _count; i++)
        {
            T* sums = _sums + (i * Tile);
            T* scores = _scores + (i * Tile);
            T* bias = _leadBias is null ? null
                : _leadBias + LeadOf(i, tile) + ((long)(_part % _request.BiasParts) * (_request.Leads + Tile));
            for (int j = 0; j < Tile; j += TLanes.Count)
            {
                TLanes score = TScore.Finish<TLanes, T>(TLanes.Load(sums + j)) * scale;
                (bias is null ? score : score + TLanes.Load(bias + j)).Store(scores + j);
            }

            int first = Math.Clamp(_firsts[i] - (tile * Tile), 0, Tile);
            int end = Math.Clamp(_ends[i] - (tile * Tile), first, Tile);
            new Span<T>(scores, first).Fill(T.NegativeInfinity);
            new Span<T>(scores + end, Tile - end).Fill(T.NegativeInfinity);
        }
    }

    // A vector of sums for each row and column, which are summed up in the end.
    private void AddNarrow(int tile)
    {
        int columns = _request.Columns;
        T* values = _tiles.ValueColumns + (Place(tile) * columns * Tile);
        for (int i = 0; i < _count; i++)
        {
            T* weights = _scores + (i * Tile);
            for (int c = 0; c < columns; c++)
            {
                T* output = _outputs + (i * _outputLength) + (c * TLanes.Count);
                TLanes sum = TLanes.Load(output);
                for (int j = 0; j < Tile; j += TLanes.Count)
                {
                    sum = TLanes.MultiplyAdd(TLanes.Load(weights + j), TLanes.Load(values + (c * Tile) + j), sum);
                }

                sum.Store(output);
            }
        }
    }

    // The place of the tile's first key in a bias.
    private int LeadOf(int row, int tile) => (tile * Tile) - (_start + row) + _request.QueryCount - 1;

    // Scores to weights relative to the best score so far; what is summed already changes with it.
    private void Soften(int i, ref T best, ref T total)
    {
        T* scores = _scores + (i * Tile);
        TLanes tops = TLanes.Load(scores);
        for (int j = TLanes.Count; j < Tile; j += TLanes.Count)
        {
            tops = TLanes.Max(tops, TLanes.Load(scores + j));
        }

        T* lanes = stackalloc T[TLanes.Count];
        tops.Store(lanes);
        T top = best;
        for (int lane = 0; lane < TLanes.Count; lane++)
        {
            top = T.Max(top, lanes[lane]);
        }

        if (T.IsNegativeInfinity(top))
        {
            new Span<T>(scores, Tile).Clear();
            return;
        }

        if (top > best)
        {
            T factor = T.Exp2(best - top);
            TLanes factors = TLanes.Broadcast(&factor);
            T* outputs = _outputs + (i * _outputLength);
            for (int c = 0; c < _outputLength; c += TLanes.Count)
            {
                (TLanes.Load(outputs + c) * factors).Store(outputs + c);
            }

            (best, total) = (top, total * factor);
        }

        TLanes tip = TLanes.Broadcast(&top);
        TLanes sum = TLanes.All(0);
        for (int j = 0; j < Tile; j += TLanes.Count)
        {
            TLanes weight = TLanes.Exp2(TLanes.Load(scores + j) - tip);
            weight.Store(scores + j);
            sum += weight;
        }

        total += T.CreateTruncating(sum.Sum());
    }
}
