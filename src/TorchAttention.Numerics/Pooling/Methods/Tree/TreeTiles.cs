using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Methods.Tree;

/// <summary>Stretches of the tree's keys as tiles in float64.</summary>
internal sealed unsafe class TreeTiles<T> : IKeyTiles
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly KeyTree<T> _keys;
    private readonly int _columns;
    private readonly bool _hasLeftOut;
    private readonly Scratch _memory;
    private readonly List<(int First, int Count)> _tiles = [];

    public TreeTiles(KeyTree<T> keys, int columns, bool hasLeftOut)
    {
        _keys = keys;
        _columns = columns;
        _hasLeftOut = hasLeftOut;
        _memory = new Scratch((long)Capacity * (keys.Points.Features + columns + 1) * sizeof(double));
    }

    public int Capacity => KeyTree<T>.LeafSize;

    public int Count => _tiles.Count;

    /// <summary>Chooses the stretches that the tiles are cut from.</summary>
    public void Select(List<(int First, int End)> stretches)
    {
        _tiles.Clear();
        foreach ((int from, int end) in stretches)
        {
            for (int first = from; first < end; first += Capacity)
            {
                _tiles.Add((first, Math.Min(Capacity, end - first)));
            }
        }
    }

    public Tile<double> Get(int index)
    {
        (int first, int count) = _tiles[index];
        Tile<T> tile = _keys.Slice(first, count);
        double* keys = _memory.As<double>();
        double* values = keys + ((long)Capacity * _keys.Points.Features);
        double* sampleWeights = values + ((long)Capacity * _columns);
        Widen(tile.Keys, tile.Stride, keys, _keys.Points.Features, count);
        Widen(tile.Values, tile.Stride, values, _columns, count);
        if (tile.SampleWeights is not null)
        {
            Widen(tile.SampleWeights, 0, sampleWeights, 1, count);
        }

        return new Tile<double>(count, Capacity, keys, tile.SampleWeights is null ? null : sampleWeights, values);
    }

    public int PlaceOf(int key, int index) => _hasLeftOut ? _keys.PlaceOf(key) - _tiles[index].First : -1;

    public void Dispose() => _memory.Dispose();

    private void Widen(T* source, int stride, double* destination, int columns, int count)
    {
        for (int c = 0; c < columns; c++)
        {
            for (int i = 0; i < count; i++)
            {
                destination[((long)c * Capacity) + i] = double.CreateTruncating(source[((long)c * stride) + i]);
            }
        }
    }
}
