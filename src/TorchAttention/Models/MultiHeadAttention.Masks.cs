using TorchAttention.Pooling;

namespace TorchAttention.Models;

/// <content>Attention with every mask of PyTorch's, on batches of either order.</content>
public sealed partial class MultiHeadAttention
{
    /// <summary>Attends with masks: PyTorch's <c>nn.MultiheadAttention</c>.</summary>
    /// <remarks>
    /// A query that no key is left for gets the last bias, and no gradient. Dropout draws what PyTorch's does after the same seed.
    /// </remarks>
    /// <param name="queries">
    /// Queries (batch, queries, q), or (queries, batch, q) where <see cref="MultiHeadOptions.IsBatchFirst"/> is false, or (queries, q).
    /// </param>
    /// <param name="keys">Keys, of the same order.</param>
    /// <param name="values">Values, of the same order.</param>
    /// <param name="masks">Which keys count; all where null. The keys that options add always count.</param>
    /// <param name="staticKeys">
    /// Keys (batch x key heads, keys, length of a head) in the place of the projected ones; null, the default, for those.
    /// </param>
    /// <param name="staticValues">Values (batch x key heads, keys, length of a head), likewise.</param>
    /// <returns>
    /// Outputs of the queries' shape and the length of the hiddens. <see cref="AttentionWeights"/> has the weights: (batch, heads, queries,
    /// keys) or (batch, queries, keys), and without the batch where the queries have none.
    /// </returns>
    /// <exception cref="ArgumentException">Shapes, number types or devices that do not fit each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A window below 1.</exception>
    public Tensor Attend(
        Tensor queries,
        Tensor keys,
        Tensor values,
        AttentionMasks? masks = null,
        Tensor? staticKeys = null,
        Tensor? staticValues = null)
    {
        CheckInputs(queries, keys, values);
        using DisposeScope scope = NewDisposeScope();
        bool isBatch = queries.dim() == 3;
        (Tensor k, Tensor v) = (BatchFirst(keys), BatchFirst(values));
        if (masks?.Padding is Tensor padding && padding.shape.SequenceEqual([k.size(0), k.size(1)]))
        {
            k = k.masked_fill(padding.unsqueeze(-1), Held.Zero);
            v = v.masked_fill(padding.unsqueeze(-1), Held.Zero);
        }

        Tensor q = Heads(_wq.call(BatchFirst(queries)), _options.Heads);
        Tensor projectedKeys = staticKeys is null ? KeyHeads(_wk.call(k)) : Static(staticKeys, q);
        Tensor projectedValues = staticValues is null ? KeyHeads(_wv.call(v)) : Static(staticValues, q);
        (Tensor? leftOut, Tensor? added) = masks?.For(
            (q.size(0), q.size(1), q.size(2), projectedKeys.size(2)), q, (_biasKey is null ? 0 : 1) + (_options.HasZeroKey ? 1 : 0))
            ?? default;
        (Tensor attended, Tensor weights) = ScaledDotProduct.Attend(
            q, WithExtra(projectedKeys, _biasKey), WithExtra(projectedValues, _biasValue), leftOut, added, _options.Scale,
            training ? _options.Dropout : 0);
        Keep(isBatch ? weights : weights.squeeze(0), headSide: isBatch ? 1 : 0);
        Tensor output = _wo.call(attended.transpose(1, 2).flatten(2));
        return (!isBatch ? output.squeeze(0) : _options.IsBatchFirst ? output : output.transpose(0, 1)).MoveToOuterDisposeScope();

        Tensor BatchFirst(Tensor input) => !isBatch ? input.unsqueeze(0) : _options.IsBatchFirst ? input : input.transpose(0, 1);

        Tensor KeyHeads(Tensor projected) => Heads(projected, _options.KeyHeads ?? _options.Heads);
    }

    private void Keep(Tensor weights, int headSide)
    {
        switch (_options.Weights)
        {
            case KeptWeights.ByHead:
                _last.Keep(weights);
                break;
            case KeptWeights.Averaged:
                _last.Keep(weights.mean([headSide]));
                break;
            default:
                _last.Dispose();
                break;
        }
    }

    // (batch, places, hiddens) to (batch, heads, places, length).
    private static Tensor Heads(Tensor projected, long heads) =>
        projected.reshape(projected.size(0), projected.size(1), heads, projected.size(2) / heads).transpose(1, 2);

    // The learned one and then zeros after keys or values (batch, key heads, keys, length).
    private Tensor WithExtra(Tensor rows, Tensor? bias)
    {
        (long batch, long heads, long length) = (rows.size(0), rows.size(1), rows.size(3));
        if (bias is not null)
        {
            rows = cat([rows, bias.reshape(1, heads, 1, length).expand(batch, -1, -1, -1)], dim: 2);
        }

        return _options.HasZeroKey ? cat([rows, zeros([batch, heads, 1, length], rows.dtype, rows.device)], dim: 2) : rows;
    }

    private Tensor Static(Tensor given, Tensor queries)
    {
        long heads = _options.KeyHeads ?? _options.Heads;
        (long batch, long length) = (queries.size(0), queries.size(3));
        return given.dim() == 3 && given.size(0) == batch * heads && given.size(2) == length
            ? given.reshape(batch, heads, given.size(1), length)
            : throw new ArgumentException(
                $"Expected static keys and values ({batch * heads}, keys, {length}), got {Guard.Shape(given)}.", nameof(given));
    }

    private void CheckInputs(Tensor queries, Tensor keys, Tensor values)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(values);
        long sides = queries.dim();
        int batchSide = _options.IsBatchFirst ? 0 : 1;
        bool fits = sides is 2 or 3 && keys.dim() == sides && values.dim() == sides
            && keys.shape.AsSpan(..^1).SequenceEqual(values.shape.AsSpan(..^1))
            && (sides == 2 || keys.size(batchSide) == queries.size(batchSide))
            && queries.size(-1) == _options.QuerySize && keys.size(-1) == (_options.KeySize ?? _options.QuerySize)
            && values.size(-1) == (_options.ValueSize ?? _options.QuerySize);
        if (!fits)
        {
            string batch = _options.IsBatchFirst ? "batch, {0}" : "{0}, batch";
            string Sides(string places, int? length) =>
                $"({string.Format(CultureInfo.InvariantCulture, batch, places)}, {length ?? _options.QuerySize})";
            throw new ArgumentException(
                $"Expected queries {Sides("queries", null)}, keys {Sides("keys", _options.KeySize)} and values "
                    + $"{Sides("keys", _options.ValueSize)}, or all without the batch, got {Guard.Shape(queries)}, {Guard.Shape(keys)} and "
                    + $"{Guard.Shape(values)}.", nameof(keys));
        }
    }
}
