namespace TorchAttention.Numerics.Sharding;

/// <summary>Who has the shards: this process, or others.</summary>
public interface IShards
{
    /// <summary>Asks.</summary>
    /// <param name="request">What is asked of all alike.</param>
    /// <param name="questions">What is asked of some, in the order of the shards.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The sums, in the order of the questions.</returns>
    Task<IReadOnlyList<PoolingSums>> AskAsync(
        ShardRequest request, IReadOnlyList<ShardQuestion> questions, CancellationToken cancellationToken);

    /// <summary>Some rows of a shard near a query.</summary>
    /// <param name="shard">Which shard.</param>
    /// <param name="query">The query (d).</param>
    /// <param name="request">The kernel, the bandwidths, the degree.</param>
    /// <param name="square">The squared distance, in bandwidths, that rows may have.</param>
    /// <param name="first">The row to begin with: 0, and then <see cref="ShardRows.Next"/>.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    Task<ShardRows> RowsNearAsync(
        int shard, double[] query, ShardRequest request, double square, int first, CancellationToken cancellationToken);
}

/// <summary>Some rows of a shard.</summary>
/// <param name="Keys">Keys (n, d).</param>
/// <param name="Values">Values (n, v).</param>
/// <param name="Weights">Weights (n); none where rows have none.</param>
/// <param name="Next">The row to go on with; -1 where there are no more.</param>
public sealed record ShardRows(double[] Keys, double[] Values, double[] Weights, int Next)
{
    /// <summary>Some of them.</summary>
    /// <param name="first">The first one.</param>
    /// <param name="step">How far the next one is from it.</param>
    /// <param name="count">How many these are.</param>
    /// <param name="most">How many there are to be at most.</param>
    internal ShardRows Every(int first, int step, int count, int most = int.MaxValue)
    {
        if (first == 0 && step == 1 && most >= count)
        {
            return this;
        }

        int[] rows = [.. Enumerable.Range(0, (int)Math.Min(most, ((long)count - first + step - 1) / step)).Select(i => first + (i * step))];
        return new ShardRows(Of(Keys), Of(Values), Of(Weights), -1);

        double[] Of(double[] numbers)
        {
            int width = numbers.Length / count;
            double[] own = new double[rows.Length * width];
            for (int i = 0; i < rows.Length; i++)
            {
                numbers.AsSpan(rows[i] * width, width).CopyTo(own.AsSpan(i * width));
            }

            return own;
        }
    }
}
