namespace TorchAttention.Numerics.Pooling.Loops;

/// <summary>
/// Lays a stretch of keys out for the loops over pairs: column by column, values centred and scaled, in the precision of the loops.
/// </summary>
/// <typeparam name="T">The precision of the data.</typeparam>
/// <typeparam name="TTile">The precision of the loops.</typeparam>
internal sealed unsafe class TilePacker<T, TTile> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TTile : unmanaged, IBinaryFloatingPointIeee754<TTile>
{
    // A tile and the buffers beside it stay in the first-level cache; sums over one stay short enough for float.
    private const int MostKeys = 1024;
    private const int LeastKeys = 64;
    private const int CacheBytes = 24 * 1024;

    private readonly PoolingProblem<T> _problem;
    private readonly Scratch _memory;
    private readonly TTile[] _centres;
    private readonly TTile[] _inverseHalfRanges;

    public TilePacker(PoolingProblem<T> problem)
    {
        _problem = problem;
        Capacity = CapacityFor(problem.Features, problem.Columns);
        _memory = new Scratch((long)Capacity * (problem.Features + 1 + problem.Columns) * sizeof(TTile));
        _centres = [.. problem.Samples.Centres.Select(TTile.CreateTruncating)];
        _inverseHalfRanges = [.. problem.Samples.HalfRanges.Select(half => TTile.CreateTruncating(1 / half))];
    }

    /// <summary>The most keys in a tile.</summary>
    public int Capacity { get; }

    public static int CapacityFor(int features, int columns)
    {
        int fitting = CacheBytes / (sizeof(TTile) * (features + columns + 1));
        return Math.Clamp((int)BitOperations.RoundUpToPowerOf2((uint)fitting + 1) / 2, LeastKeys, MostKeys);
    }

    /// <summary>Packs keys; the tile is valid until the next call.</summary>
    /// <param name="first">The first key.</param>
    /// <param name="count">How many, at most <see cref="Capacity"/>.</param>
    public Tile<TTile> Pack(int first, int count)
    {
        TTile* keys = _memory.As<TTile>();
        TTile* sampleWeights = keys + ((long)Capacity * _problem.Features);
        TTile* values = sampleWeights + Capacity;
        for (int j = 0; j < _problem.Features; j++)
        {
            Gather(_problem.Samples.Keys + ((long)first * _problem.Features) + j, _problem.Features, keys + ((long)j * Capacity), count);
        }

        for (int c = 0; c < _problem.Columns; c++)
        {
            PackValues(_problem.Samples.Values + ((long)first * _problem.Columns) + c, c, values + ((long)c * Capacity), count);
        }

        if (_problem.Samples.SampleWeights is null)
        {
            return new Tile<TTile>(count, Capacity, keys, null, values);
        }

        for (int i = 0; i < count; i++)
        {
            sampleWeights[i] = TTile.CreateTruncating(_problem.Samples.SampleWeight(first + i));
            for (int c = 0; c < _problem.Columns; c++)
            {
                values[((long)c * Capacity) + i] *= sampleWeights[i];
            }
        }

        return new Tile<TTile>(count, Capacity, keys, sampleWeights, values);
    }

    public void Dispose() => _memory.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gather(T* source, int step, TTile* destination, int count)
    {
        if (typeof(T) == typeof(TTile) && step == 1)
        {
            new ReadOnlySpan<T>(source, count).CopyTo(new Span<T>(destination, count));
            return;
        }

        for (int i = 0; i < count; i++, source += step)
        {
            destination[i] = TTile.CreateTruncating(*source);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackValues(T* source, int column, TTile* destination, int count)
    {
        TTile scale = _inverseHalfRanges[column];
        if (sizeof(TTile) <= sizeof(T))
        {
            // The difference of numbers of this precision is rounded once, whatever their offset.
            T centre = T.CreateTruncating(_problem.Samples.Centres[column]);
            for (int i = 0; i < count; i++, source += _problem.Columns)
            {
                destination[i] = TTile.CreateTruncating(*source - centre) * scale;
            }

            return;
        }

        TTile wideCentre = _centres[column];
        for (int i = 0; i < count; i++, source += _problem.Columns)
        {
            destination[i] = (TTile.CreateTruncating(*source) - wideCentre) * scale;
        }
    }
}
