namespace TorchAttention.Pooling;

/// <summary>Cuts all pairs of queries and keys into tiles of a bounded number of pairs; the last ones are smaller.</summary>
/// <param name="Queries">The queries.</param>
/// <param name="Keys">The keys.</param>
/// <param name="Elements">The most pairs in a tile.</param>
internal readonly record struct TileGrid(long Queries, long Keys, long Elements)
{
    // Square tiles, as far as there are queries and keys for them.
    private long Columns => Math.Min(Keys, Math.Max((long)Math.Sqrt(Elements), Elements / Queries));

    private long Rows => Math.Min(Queries, Math.Max(1, Elements / Columns));

    /// <summary>The first query of each band of tiles, and the number of its queries.</summary>
    public IEnumerable<(long Row, long Rows)> Bands()
    {
        for (long row = 0; row < Queries; row += Rows)
        {
            yield return (row, Math.Min(Rows, Queries - row));
        }
    }

    /// <summary>The tiles of a band, in the order of the keys.</summary>
    public IEnumerable<Tile> Tiles(long row, long rows)
    {
        for (long column = 0; column < Keys; column += Columns)
        {
            yield return new Tile(row, rows, column, Math.Min(Columns, Keys - column));
        }
    }
}
