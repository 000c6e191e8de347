namespace TorchAttention.Pooling;

/// <summary>A softmax over the keys that some queries may see: the book's <c>masked_softmax</c>.</summary>
public static class MaskedSoftmax
{
    // As the book has it: small enough to weigh nothing beside a real score, and where every key is masked all weigh the same.
    private const double MaskedScore = -1e6;

    /// <summary>Weights of the first keys of each query; the others weigh nothing.</summary>
    /// <param name="scores">Scores (batch, queries, keys).</param>
    /// <param name="validLens">
    /// How many keys count, int64: (batch), the same for all queries of an example, or (batch, queries), each query's own; all where null. A query with 0 sees
    /// all keys alike.
    /// </param>
    /// <returns>Weights (batch, queries, keys), not negative; rows sum to 1.</returns>
    /// <exception cref="ArgumentException">The scores have another number of dimensions, or the lengths another shape.</exception>
    public static Tensor Of(Tensor scores, Tensor? validLens)
    {
        ArgumentNullException.ThrowIfNull(scores);
        if (scores.dim() != 3)
        {
            throw new ArgumentException($"Expected scores (batch, queries, keys), got shape {Guard.Shape(scores)}.", nameof(scores));
        }

        if (validLens is null)
        {
            return nn.functional.softmax(scores, dim: -1);
        }

        bool isShared = validLens.dim() == 1;
        long[] expected = isShared ? [scores.shape[0]] : [scores.shape[0], scores.shape[1]];
        if (!validLens.shape.AsSpan().SequenceEqual(expected))
        {
            throw new ArgumentException(
                $"Expected valid lengths ({scores.shape[0]}) or ({scores.shape[0]}, {scores.shape[1]}) for scores {Guard.Shape(scores)}, got shape {Guard.Shape(validLens)}.", nameof(validLens));
        }

        using DisposeScope scope = NewDisposeScope();
        using Scalar maskedScore = MaskedScore;
        Tensor lengths = isShared ? validLens.reshape(-1, 1, 1) : validLens.unsqueeze(-1);
        Tensor isMasked = Held.Range(scores.shape[2], scores.device).reshape(1, 1, -1) >= lengths;
        return nn.functional.softmax(scores.masked_fill(isMasked, maskedScore), dim: -1).MoveToOuterDisposeScope();
    }
}
