namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>A way to sum a kernel over the keys in order, for queries in order.</summary>
internal unsafe interface IRowSums : IDisposable
{
    /// <summary>Sums for some neighbouring queries.</summary>
    /// <param name="queries">Queries (count), ascending.</param>
    /// <param name="count">How many.</param>
    /// <param name="rows">A row for each query, zeroed; the sums are added to it.</param>
    /// <param name="errors">For each query the most that any of its sums may be off (count). Overwritten.</param>
    void Sum(double* queries, int count, double* rows, double* errors);
}
