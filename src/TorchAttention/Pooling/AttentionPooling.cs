namespace TorchAttention.Pooling;

/// <summary>The chapter's attention pooling in its textbook form: the weights are a matrix that one can look at.</summary>
/// <remarks>
/// f(q) = sum_i softmax_i(-(q - k_i)^2 / 2) v_i. Memory and time are queries x keys. Differences are scaled before they come here: by a
/// learned w, or by 1/h for a bandwidth h.
/// </remarks>
public static class AttentionPooling
{
    /// <summary>The difference of every query and every key: the book's <c>diff</c>.</summary>
    /// <param name="queries">Queries (queries), or (queries, d) for d features.</param>
    /// <param name="keys">Keys (keys), or (keys, d).</param>
    /// <returns>q - k (queries, keys), or (queries, keys, d).</returns>
    /// <exception cref="ArgumentException">One of them has another number of sides, or they differ in features.</exception>
    public static Tensor Diff(Tensor queries, Tensor keys)
    {
        if (Guard.Rows(keys).dim() != Guard.Queries(queries).dim() || !keys.shape.AsSpan(1).SequenceEqual(queries.shape.AsSpan(1)))
        {
            throw new ArgumentException(
                $"Expected queries (m) and keys (n), or (m, d) and (n, d), got shape {Guard.Shape(queries)} and {Guard.Shape(keys)}.",
                nameof(keys));
        }

        using DisposeScope scope = NewDisposeScope();
        return (queries.unsqueeze(1) - keys.unsqueeze(0)).MoveToOuterDisposeScope();
    }

    /// <summary>|u|^2 of every query and key.</summary>
    /// <param name="queryKeyDiffs">Scaled differences u (queries, keys), or (queries, keys, d) for d features.</param>
    /// <returns>Squared scaled distances (queries, keys).</returns>
    /// <exception cref="ArgumentException">The differences have another number of sides.</exception>
    public static Tensor SquaredDistances(Tensor queryKeyDiffs)
    {
        ArgumentNullException.ThrowIfNull(queryKeyDiffs);
        using DisposeScope scope = NewDisposeScope();
        return queryKeyDiffs.dim() switch
        {
            2 => (queryKeyDiffs * queryKeyDiffs).MoveToOuterDisposeScope(),
            3 => (queryKeyDiffs * queryKeyDiffs).sum(dim: 2).MoveToOuterDisposeScope(),
            _ =>
                throw new ArgumentException(
                    $"Expected differences (queries, keys) or (queries, keys, d), got shape {Guard.Shape(queryKeyDiffs)}.",
                    nameof(queryKeyDiffs)),
        };
    }

    /// <summary>Gaussian attention weights: softmax over the keys of -u^2 / 2.</summary>
    /// <param name="queryKeyDiffs">Scaled differences u (queries, keys).</param>
    /// <returns>Weights (queries, keys), not negative; rows sum to 1.</returns>
    /// <exception cref="ArgumentException">The differences are no matrix.</exception>
    public static Tensor Weights(Tensor queryKeyDiffs)
    {
        Guard.Matrix(queryKeyDiffs, "differences (queries, keys)");
        using DisposeScope scope = NewDisposeScope();
        return KernelWeights.Compute(SmoothingKernel.Gaussian, SquaredDistances(queryKeyDiffs)).MoveToOuterDisposeScope();
    }

    /// <summary>The weighted averages of the values.</summary>
    /// <param name="attentionWeights">Weights (queries, keys).</param>
    /// <param name="values">Values (keys), the same for all queries, or (queries, keys), each query's own.</param>
    /// <returns>Outputs (queries).</returns>
    /// <exception cref="ArgumentException">The weights are no matrix, or the values have neither shape.</exception>
    public static Tensor Pool(Tensor attentionWeights, Tensor values)
    {
        Guard.Matrix(attentionWeights, "weights (queries, keys)");
        ArgumentNullException.ThrowIfNull(values);
        if (values.dim() == 1 && values.size(0) == attentionWeights.size(1))
        {
            return matmul(attentionWeights, values);
        }

        using DisposeScope scope = NewDisposeScope();
        return values.shape.AsSpan().SequenceEqual(attentionWeights.shape)
            ? bmm(attentionWeights.unsqueeze(1), values.unsqueeze(-1)).reshape(-1).MoveToOuterDisposeScope()
            : throw new ArgumentException(
                $"Expected values ({attentionWeights.shape[1]}) or {Guard.Shape(attentionWeights)} for weights "
                    + $"{Guard.Shape(attentionWeights)}, "
                + $"got {Guard.Shape(values)}.", nameof(values));
    }

    /// <summary>The book's <c>attention_pool</c>: weights of the scaled differences, and the values pooled by them.</summary>
    /// <param name="queryKeyDiffs">Scaled differences u (queries, keys).</param>
    /// <param name="values">Values (keys) or (queries, keys).</param>
    /// <returns>Outputs (queries), and weights (queries, keys) whose rows sum to 1.</returns>
    public static (Tensor Output, Tensor AttentionWeights) AttentionPool(Tensor queryKeyDiffs, Tensor values)
    {
        Tensor attentionWeights = Weights(queryKeyDiffs);
        return (Pool(attentionWeights, values), attentionWeights);
    }
}
