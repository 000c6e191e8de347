using TorchAttention.Pooling;

namespace TorchAttention.Models;

/// <summary>
/// Scaled dot-product attention, score(q, k) = q.k / sqrt(d): the book's <c>DotProductAttention</c>. It has no parameters.
/// </summary>
public sealed class DotProductAttention : Attention
{
    /// <summary>Creates the module.</summary>
    /// <param name="dropout">The part of the weights that is set to 0 while training, from 0 up to 1; 0 by default.</param>
    /// <param name="emptyRows">What a query gets that no key counts for; 0 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part is below 0 or not below 1, or another policy.</exception>
    public DotProductAttention(double dropout = 0, EmptyRowPolicy emptyRows = EmptyRowPolicy.Zero)
        : base(nameof(DotProductAttention), dropout, emptyRows)
    {
        RegisterComponents();
    }

    /// <inheritdoc/>
    protected override Tensor Scores(Tensor queries, Tensor keys) => queries.shape[2] == keys.shape[2]
        ? bmm(queries, keys.transpose(1, 2)).Over(Math.Sqrt(queries.shape[2]))
        : throw new ArgumentException(
            $"Expected queries and keys of one length, got {Guard.Shape(queries)} and {Guard.Shape(keys)}.", nameof(keys));
}
