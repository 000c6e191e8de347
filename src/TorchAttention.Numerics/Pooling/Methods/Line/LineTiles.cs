using TorchAttention.Numerics.Pooling.Loops;


namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>The keys in order as tiles: a query's window touches few of them.</summary>
internal sealed class LineTiles(LineKeys keys, int[]? places) : IKeyTiles
{
    /// <summary>The keys in a tile.</summary>
    public const int Length = 64;

    public int Capacity => Length;

    public int Count => (keys.Count + Length - 1) / Length;

    public Tile<double> Get(int index) => keys.Slice(index * Length, Math.Min(Length, keys.Count - (index * Length)));

    public int PlaceOf(int key, int index) => places is null ? -1 : places[key] - (index * Length);

    public void Dispose()
    {
        // The keys belong to the method.
    }
}
