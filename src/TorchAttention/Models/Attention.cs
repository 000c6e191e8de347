using TorchAttention.Pooling;

namespace TorchAttention.Models;

/// <summary>
/// Attention over keys and values by a score of its own, f(q) = sum_i softmax_i(score(q, k_i)) v_i, with the keys beyond an example's
/// length left out and dropout on the weights: the line that Nadaraya-Watson kernel regression is too, with the score -|q - k|^2 / 2.
/// </summary>
/// <remarks>
/// <para>
/// A key beyond the length has the score minus infinity, in every number type. Neither it nor its value has any say, NaN and infinity
/// included, and their gradients are 0. A query of length 0 sees no key: its output and its gradient are 0, or what
/// <see cref="EmptyRowPolicy"/> says.
/// </para>
/// <para>
/// A dot product and a Gaussian are one thing where all keys are equally long: -|q - k|^2 / 2 = q.k - |q|^2 / 2 - |k|^2 / 2, and what does
/// not depend on the key cancels in the softmax.
/// </para>
/// </remarks>
public abstract class Attention : nn.Module<Tensor, Tensor, Tensor, Tensor?, Tensor>
{
    private readonly LastWeights _last = new();
    private readonly double _dropout;
    private readonly EmptyRowPolicy _emptyRows;

    /// <summary>Creates the base.</summary>
    /// <param name="name">The module's name.</param>
    /// <param name="dropout">The part of the weights that is set to 0 while training, from 0 up to 1.</param>
    /// <param name="emptyRows">What a query gets that no key counts for; 0 by default, as only then does padding never have a say.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part is below 0 or not below 1, or another policy.</exception>
    protected Attention(string name, double dropout, EmptyRowPolicy emptyRows = EmptyRowPolicy.Zero)
        : base(name)
    {
        _emptyRows = Guard.Defined(emptyRows);
        _dropout = Guard.Part(dropout);
    }

    /// <summary>
    /// The attention weights of the last forward pass, before dropout (batch, queries, keys); null before the first. The module disposes
    /// them at the next pass.
    /// </summary>
    public Tensor? AttentionWeights => _last.Value;

    /// <inheritdoc/>
    /// <param name="input1">Queries (batch, queries, q).</param>
    /// <param name="input2">Keys (batch, keys, k).</param>
    /// <param name="input3">Values (batch, keys, v).</param>
    /// <param name="input4">How many keys count, whole numbers from 0 to keys: (batch) or (batch, queries); all where null.</param>
    /// <returns>Outputs (batch, queries, v).</returns>
    /// <exception cref="ArgumentException">Shapes that do not fit each other, or lengths that are not from 0 to keys.</exception>
    public sealed override Tensor forward(Tensor input1, Tensor input2, Tensor input3, Tensor? input4)
    {
        using DisposeScope scope = NewDisposeScope();
        ValidLengths? lengths = Checked(input1, input2, input3, input4, _emptyRows);
        (Tensor output, Tensor weights) = ValidLengths.Attend(input1, input2, input3, lengths, Attend);
        _last.Keep(weights);
        return output.MoveToOuterDisposeScope();
    }

    /// <summary>Outputs (batch, queries, v) and weights (batch, queries, keys) of inputs without padding.</summary>
    internal (Tensor Output, Tensor Weights) Attend(Tensor queries, Tensor keys, Tensor values, ValidLengths? lengths)
    {
        Tensor weights = MaskedSoftmax.Apply(Scores(queries, keys), lengths);
        return (bmm(nn.functional.dropout(weights, _dropout, training), values), weights);
    }

    /// <summary>The score of every query and key.</summary>
    /// <param name="queries">Queries (batch, queries, q).</param>
    /// <param name="keys">Keys (batch, keys, k).</param>
    /// <returns>Scores (batch, queries, keys).</returns>
    protected abstract Tensor Scores(Tensor queries, Tensor keys);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _last.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Checks the shapes and the lengths of a forward pass.</summary>
    internal static ValidLengths? Checked(Tensor queries, Tensor keys, Tensor values, Tensor? validLens, EmptyRowPolicy emptyRows)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(values);
        bool fits = queries.dim() == 3 && keys.dim() == 3 && values.dim() == 3
            && keys.shape[0] == queries.shape[0] && values.shape[0] == queries.shape[0] && values.shape[1] == keys.shape[1];
        if (!fits)
        {
            throw new ArgumentException(
                $"Expected queries (batch, queries, q), keys (batch, keys, k) and values (batch, keys, v), got {Guard.Shape(queries)}, "
                    + $"{Guard.Shape(keys)} and {Guard.Shape(values)}.", nameof(keys));
        }

        return ValidLengths.Create(validLens, (queries.shape[0], queries.shape[1], keys.shape[1]), keys.device, emptyRows);
    }
}
