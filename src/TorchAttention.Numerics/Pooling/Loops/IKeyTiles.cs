namespace TorchAttention.Numerics.Pooling.Loops;

/// <summary>Keys in float64, a tile at a time.</summary>
internal interface IKeyTiles : IDisposable
{
    /// <summary>The longest tile.</summary>
    int Capacity { get; }

    /// <summary>How many tiles there are.</summary>
    int Count { get; }

    /// <summary>A tile; valid until the next call.</summary>
    Tile<double> Get(int index);

    /// <summary>Where in a tile a key stands; outside of 0 .. tile.Count - 1 where it stands elsewhere.</summary>
    int PlaceOf(int key, int index);
}
