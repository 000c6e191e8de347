namespace TorchAttention.Pooling;

/// <summary>A softmax over the keys that each query may see: the book's <c>masked_softmax</c>.</summary>
/// <remarks>
/// Masked scores are minus infinity in every number type, however low the others are; the book fills them with -1e6, which real scores may
/// be below, and which float16 cannot hold.
/// </remarks>
public static class MaskedSoftmax
{
    /// <summary>Weights of the first keys of each query; the others weigh nothing, whatever their scores are.</summary>
    /// <param name="scores">Scores (batch, queries, keys).</param>
    /// <param name="validLens">
    /// How many keys count, whole numbers from 0 to keys: (batch), the same for all queries of an example, or (batch, queries), each
    /// query's own; all where null.
    /// </param>
    /// <param name="emptyRows">
    /// What the weights of a length of 0 are; zeros by default, since only then does padding never have a say. The book's are
    /// <see cref="EmptyRowPolicy.Uniform"/>.
    /// </param>
    /// <returns>Weights (batch, queries, keys), not negative; rows sum to 1, or are 0 where no key counts.</returns>
    /// <exception cref="ArgumentException">Scores of other dimensions, or lengths of another shape or type, or not from 0 to
    /// keys.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Another policy.</exception>
    public static Tensor Apply(Tensor scores, Tensor? validLens, EmptyRowPolicy emptyRows = EmptyRowPolicy.Zero)
    {
        ArgumentNullException.ThrowIfNull(scores);
        Guard.Defined(emptyRows);
        if (scores.dim() != 3)
        {
            throw new ArgumentException($"Expected scores (batch, queries, keys), got shape {Guard.Shape(scores)}.", nameof(scores));
        }

        using DisposeScope scope = NewDisposeScope();
        ValidLengths? lengths = ValidLengths.Create(
            validLens, (scores.shape[0], scores.shape[1], scores.shape[2]), scores.device, emptyRows);
        return Apply(scores, lengths).MoveToOuterDisposeScope();
    }

    internal static Tensor Apply(Tensor scores, ValidLengths? lengths) =>
        lengths?.Softmax(scores) ?? nn.functional.softmax(scores, dim: -1);
}
