using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Attention;

/// <summary>
/// Keys and values as the loops read them, once more and no larger: in tiles of keys, a number's column side by side, and row by row with
/// rows of whole vectors; zeros after the last key.
/// </summary>
internal sealed unsafe class AttentionTiles<TLanes, T> : IDisposable
    where TLanes : struct, ILanes<TLanes, T>
    where T : unmanaged
{
    public const int Tile = 128;
    private const int MostNarrow = 4;
    private readonly List<Scratch> _memory = [];

    public AttentionTiles(AttentionRequest<T> request, Work work, bool forBackward)
    {
        Count = (request.KeyCount + Tile - 1) / Tile;
        (Features, Columns) = (Whole(request.Features), Whole(request.Columns));
        KeyColumns = Allocate((long)request.Parts * Count * Tile * request.Features);
        IsNarrow = request.Columns <= MostNarrow;
        ValueRows = IsNarrow ? null : Allocate((long)request.Parts * Count * Tile * Columns);
        KeyRows = forBackward ? Allocate((long)request.Parts * Count * Tile * Features) : null;
        ValueColumns = forBackward || IsNarrow ? Allocate((long)request.Parts * Count * Tile * request.Columns) : null;
        work.ForEach(request.Parts * Count, place => Pack(request, place));
    }

    /// <summary>Tiles of a part.</summary>
    public int Count { get; }

    /// <summary>Numbers in a row of <see cref="KeyRows"/>.</summary>
    public int Features { get; }

    /// <summary>Numbers in a row of <see cref="ValueRows"/>.</summary>
    public int Columns { get; }

    /// <summary>Whether values have so few columns that rows of whole vectors would be mostly empty.</summary>
    public bool IsNarrow { get; }

    /// <summary>(parts x tiles, features, tile).</summary>
    public T* KeyColumns { get; }

    /// <summary>(parts x tiles, tile, Columns); null where values are narrow.</summary>
    public T* ValueRows { get; }

    /// <summary>(parts x tiles, tile, Features).</summary>
    public T* KeyRows { get; }

    /// <summary>(parts x tiles, columns, tile).</summary>
    public T* ValueColumns { get; }

    /// <summary>A length rounded up to whole vectors.</summary>
    public static int Whole(int length) => (length + TLanes.Count - 1) / TLanes.Count * TLanes.Count;

    public void Dispose() => _memory.ForEach(memory => memory.Dispose());

    private T* Allocate(long numbers)
    {
        var memory = new Scratch(numbers * sizeof(T));
        _memory.Add(memory);
        return memory.As<T>();
    }

    private void Pack(AttentionRequest<T> request, int place)
    {
        int first = place % Count * Tile;
        long row = ((long)(place / Count) * request.KeyCount) + first;
        int keys = Math.Min(Tile, request.KeyCount - first);
        Copy(request.Keys + (row * request.Features), keys, request.Features, KeyColumns, KeyRows, Features, place);
        Copy(request.Values + (row * request.Columns), keys, request.Columns, ValueColumns, ValueRows, Columns, place);
    }

    private static void Copy(T* source, int keys, int length, T* columns, T* rows, int rowLength, long place)
    {
        for (int j = 0; j < keys; j++)
        {
            for (int f = 0; f < length; f++)
            {
                T number = source[(j * length) + f];
                if (columns is not null)
                {
                    columns[(((place * length) + f) * Tile) + j] = number;
                }

                if (rows is not null)
                {
                    rows[(((place * Tile) + j) * rowLength) + f] = number;
                }
            }
        }
    }
}
