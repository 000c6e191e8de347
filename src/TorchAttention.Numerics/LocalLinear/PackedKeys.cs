namespace TorchAttention.Numerics.LocalLinear;

/// <summary>Keys and values in tiles, in which the numbers of one direction or column lie side by side.</summary>
internal sealed class PackedKeys
{
    /// <summary>The keys of a tile: whole registers, and few enough for what is computed of them to stay in the first cache.</summary>
    public const int Tile = 128;

    public PackedKeys(LocalLinearInput input)
    {
        Tiles = (input.KeyCount + Tile - 1) / Tile;
        KeyCount = input.KeyCount;
        Keys = Pack(input.Keys, input.Features);
        Values = Pack(input.Values, input.Columns);
    }

    public int Tiles { get; }

    public int KeyCount { get; }

    /// <summary>The keys with those that fill up the last tile.</summary>
    public int Count => Tiles * Tile;

    /// <summary>(tiles, d, Tile); what fills up is like the last key.</summary>
    public double[] Keys { get; }

    /// <summary>(tiles, c, Tile).</summary>
    public double[] Values { get; }

    /// <summary>Some of the numbers of each key (n, count), of (tiles, all, Tile).</summary>
    public double[] Unpack(double[] packed, int all, int first, int count)
    {
        double[] rows = new double[KeyCount * count];
        for (int i = 0; i < KeyCount; i++)
        {
            for (int j = 0; j < count; j++)
            {
                rows[(i * count) + j] = packed[(((i / Tile * all) + first + j) * Tile) + (i % Tile)];
            }
        }

        return rows;
    }

    private double[] Pack(double[] rows, int columns)
    {
        double[] packed = new double[Count * columns];
        for (int i = 0; i < Count; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                packed[(((i / Tile * columns) + j) * Tile) + (i % Tile)] = rows[(Math.Min(i, KeyCount - 1) * columns) + j];
            }
        }

        return packed;
    }
}
