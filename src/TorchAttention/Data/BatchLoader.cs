using System.Collections;

namespace TorchAttention.Data;

/// <summary>The mini-batches of one part of a data set; each enumeration is an epoch.</summary>
/// <remarks>The tensors of a batch belong to the dispose scope that is open when the batch is drawn.</remarks>
public abstract class BatchLoader : IEnumerable<Batch>
{
    /// <summary>The number of batches in an epoch.</summary>
    public abstract int Count { get; }

    /// <summary>The examples of the largest batch.</summary>
    internal abstract long LargestBatch { get; }

    /// <summary>The numbers of all inputs: examples times features.</summary>
    internal abstract long InputCount { get; }

    /// <inheritdoc/>
    public abstract IEnumerator<Batch> GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
