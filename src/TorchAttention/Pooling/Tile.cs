namespace TorchAttention.Pooling;

/// <summary>A block of pairs: queries Row to Row + Rows, keys Column to Column + Columns.</summary>
internal readonly record struct Tile(long Row, long Rows, long Column, long Columns);
