namespace TorchAttention.Numerics.Pooling;

/// <summary>The sizes of a request: m, n, d, v.</summary>
internal readonly record struct PoolingSizes(int Queries, int Keys, int Features, int Columns);
