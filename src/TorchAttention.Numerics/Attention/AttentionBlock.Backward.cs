namespace TorchAttention.Numerics.Attention;

/// <content>
/// Gradients. With p the weights, g the outputs' gradient and o the outputs: ds = p (g.v - g.o) by the scores, dv = p g by the values, and
/// through the score's terms to queries and keys.
/// </content>
internal sealed unsafe partial class AttentionBlock<TScore, TLanes, T>
{
    private readonly T* _gradients;
    private readonly T* _gradientColumns;
    private readonly T* _queryColumns;
    private readonly T* _slopes;
    private readonly T* _queryGradients;
    private readonly T* _keyGradients;
    private readonly T* _valueGradients;
    private readonly T* _lanes;
    private readonly T[] _shares = new T[Rows];

    /// <summary>Gradients of a block's queries, and its part in those of what all queries share.</summary>
    /// <param name="part">The part.</param>
    /// <param name="block">The block.</param>
    /// <param name="results">Of the forward pass.</param>
    /// <param name="outputGradients">(parts, queries, columns).</param>
    /// <param name="queries">(parts, queries, features).</param>
    /// <param name="leadBias">(leads), added to; null where not wanted.</param>
    /// <param name="weights">(features), added to; null where not wanted.</param>
    public void QueryGradients(
        int part, int block, AttentionResults<T> results, T* outputGradients, T* queries, T* leadBias, T* weights)
    {
        BeginBackward(part, block, results, outputGradients);
        new Span<T>(_queryGradients, _padded * _tiles.Features).Clear();
        for (int tile = _first / Tile; tile * Tile < _end; tile++)
        {
            if (!Sees(tile))
            {
                continue;
            }

            ComputeSlopes(tile, results, leadBias);
            if (typeof(TScore) == typeof(DotProductScore))
            {
                LaneProduct.Run<DotProductScore, TLanes, T>(
                    _slopes, Tile, _tiles.KeyRows + (Place(tile) * Tile * _tiles.Features), _tiles.Features, null, KeysIn(tile),
                    _queryGradients, _tiles.Features, _padded, _tiles.Features / TLanes.Count, isAdded: true);
            }
            else
            {
                FeatureSlopes(tile, _queryGradients, null, weights);
            }
        }

        int features = _request.Features;
        long row = ((long)part * _request.QueryCount) + _start;
        for (int i = 0; i < _count && queries is not null; i++)
        {
            new Span<T>(_queryGradients + (i * _tiles.Features), features).CopyTo(
                new Span<T>(queries + ((row + i) * features), features));
        }
    }

    /// <summary>Gradients of a tile's keys and values.</summary>
    /// <param name="part">The part.</param>
    /// <param name="tile">The tile.</param>
    /// <param name="ranges">The keys that each block of the part sees.</param>
    /// <param name="results">Of the forward pass.</param>
    /// <param name="outputGradients">(parts, queries, columns).</param>
    /// <param name="keys">(parts, keys, features); null where not wanted.</param>
    /// <param name="values">(parts, keys, columns); null where not wanted.</param>
    public void KeyGradients(
        int part, int tile, ReadOnlySpan<(int First, int End)> ranges, AttentionResults<T> results, T* outputGradients, T* keys, T* values)
    {
        (int features, int columns) = (_request.Features, _request.Columns);
        (int featureRows, int columnRows) = (WholeRows(features), WholeRows(columns));
        new Span<T>(_keyGradients, featureRows * Tile).Clear();
        new Span<T>(_valueGradients, columnRows * Tile).Clear();
        for (int block = 0; block < ranges.Length; block++)
        {
            if (ranges[block].First >= (tile + 1) * Tile || ranges[block].End <= tile * Tile)
            {
                continue;
            }

            BeginBackward(part, block, results, outputGradients);
            if (!Sees(tile))
            {
                continue;
            }

            ComputeSlopes(tile, results, null);
            LaneProduct.Run<DotProductScore, TLanes, T>(
                _gradientColumns, Rows, _scores, Tile, null, _count, _valueGradients, Tile, columnRows, Tile / TLanes.Count, isAdded: true);
            if (keys is not null && typeof(TScore) == typeof(DotProductScore))
            {
                LaneProduct.Run<DotProductScore, TLanes, T>(
                    _queryColumns, Rows, _slopes, Tile, null, _count, _keyGradients, Tile, featureRows, Tile / TLanes.Count, isAdded: true);
            }
            else if (keys is not null)
            {
                FeatureSlopes(tile, null, _keyGradients, null);
            }
        }

        long row = ((long)part * _request.KeyCount) + (tile * Tile);
        Turn(_keyGradients, features, keys is null ? null : keys + (row * features), KeysIn(tile));
        Turn(_valueGradients, columns, values is null ? null : values + (row * columns), KeysIn(tile));
    }

    private void BeginBackward(int part, int block, AttentionResults<T> results, T* outputGradients)
    {
        Begin(part, block);
        (int features, int columns) = (_request.Features, _request.Columns);
        Copy(outputGradients, columns, _gradients);
        long first = (((long)part * _request.QueryCount) + _start) * columns;
        for (int i = 0; i < _count; i++)
        {
            T share = T.Zero;
            for (int c = 0; c < columns; c++)
            {
                T gradient = _gradients[(i * columns) + c];
                _gradientColumns[(c * Rows) + i] = gradient;
                share += gradient * results.Outputs[first + (i * columns) + c];
            }

            _shares[i] = share;
            for (int f = 0; f < features; f++)
            {
                _queryColumns[(f * Rows) + i] = _queries[(i * features) + f];
            }
        }
    }

    // Scores become weights, and slopes the derivatives by the sums of terms; those by the scores are added to the bias's.
    private void ComputeSlopes(int tile, AttentionResults<T> results, T* leadBias)
    {
        int columns = _request.Columns;
        ComputeScores(tile);
        LaneProduct.Run<DotProductScore, TLanes, T>(
            _gradients, columns, _tiles.ValueColumns + (Place(tile) * columns * Tile), Tile, null, columns, _slopes, Tile, _padded,
            Tile / TLanes.Count, isAdded: false);
        T* logSums = results.LogSums + ((long)_part * _request.QueryCount) + _start;
        TLanes zero = TLanes.All(0);
        TLanes scale = TLanes.All(_request.Scale);
        for (int i = 0; i < _count; i++)
        {
            T* scores = _scores + (i * Tile);
            T* slopes = _slopes + (i * Tile);
            T* bias = leadBias is null ? null : leadBias + LeadOf(i, tile);
            if (T.IsNegativeInfinity(logSums[i]))
            {
                new Span<T>(scores, Tile).Clear();
                new Span<T>(slopes, Tile).Clear();
                continue;
            }

            TLanes logSum = TLanes.Broadcast(logSums + i);
            fixed (T* share = &_shares[i])
            {
                TLanes own = TLanes.Broadcast(share);
                for (int j = 0; j < Tile; j += TLanes.Count)
                {
                    TLanes weight = TLanes.Exp2(TLanes.Min(TLanes.Load(scores + j) - logSum, zero));
                    TLanes slope = weight * (TLanes.Load(slopes + j) - own);
                    weight.Store(scores + j);
                    (slope * scale * TScore.FinishSlope<TLanes, T>(TLanes.Load(_sums + (i * Tile) + j))).Store(slopes + j);
                    if (bias is not null)
                    {
                        (TLanes.Load(bias + j) + slope).Store(bias + j);
                    }
                }
            }
        }
    }

    // From the slopes by the sums, through the terms: to queries (queries, Features), keys (features, tile) or the features' weights.
    private void FeatureSlopes(int tile, T* queries, T* keys, T* weights)
    {
        int features = _request.Features;
        T* columns = _tiles.KeyColumns + (Place(tile) * features * Tile);
        TLanes zero = TLanes.All(0);
        TLanes one = TLanes.All(1);
        for (int f = 0; f < features; f++)
        {
            TLanes factor = TScore.HasWeights ? TLanes.Broadcast(_request.Weights + f) : one;
            TLanes forWeight = zero;
            new Span<T>(_lanes, Rows * TLanes.Count).Clear();
            for (int j = 0; j < Tile; j += TLanes.Count)
            {
                TLanes key = TLanes.Load(columns + (f * Tile) + j);
                TLanes forKey = zero;
                for (int i = 0; i < _count; i++)
                {
                    TLanes query = TLanes.Broadcast(_queries + (i * features) + f);
                    TLanes slope = TLanes.Load(_slopes + (i * Tile) + j);
                    if (keys is not null)
                    {
                        forKey = TLanes.MultiplyAdd(slope, TScore.KeySlope<TLanes, T>(query, key), forKey);
                        continue;
                    }

                    T* lanes = _lanes + (i * TLanes.Count);
                    TLanes.MultiplyAdd(slope, TScore.QuerySlope<TLanes, T>(query, key), TLanes.Load(lanes)).Store(lanes);
                    if (TScore.HasWeights)
                    {
                        forWeight = TLanes.MultiplyAdd(slope, TScore.Add<TLanes, T>(zero, query, key, one), forWeight);
                    }
                }

                if (keys is not null)
                {
                    T* place = keys + (f * Tile) + j;
                    TLanes.MultiplyAdd(factor, forKey, TLanes.Load(place)).Store(place);
                }
            }

            for (int i = 0; i < _count && queries is not null; i++)
            {
                queries[(i * _tiles.Features) + f] += T.CreateTruncating((factor * TLanes.Load(_lanes + (i * TLanes.Count))).Sum());
            }

            if (weights is not null)
            {
                weights[f] += T.CreateTruncating(forWeight.Sum());
            }
        }
    }

    private static void Turn(T* columns, int length, T* rows, int count)
    {
        for (int j = 0; j < count && rows is not null; j++)
        {
            for (int f = 0; f < length; f++)
            {
                rows[(j * length) + f] = columns[(f * Tile) + j];
            }
        }
    }
}
