namespace TorchAttention.Pooling;

/// <summary>
/// softmax(scale q.k + mask) v: PyTorch's <c>scaled_dot_product_attention</c>, with every mask, a scale of one's own, grouped heads, and
/// the weights.
/// </summary>
/// <remarks>
/// float16 and bfloat16 are computed in float32, and rounded once. Time and memory are queries x keys. Second derivatives are libtorch's.
/// </remarks>
public static class ScaledDotProduct
{
    /// <summary>Attention of queries (batch, heads, queries, d) over keys and values, differentiable in all of them.</summary>
    /// <param name="queries">
    /// Queries (batch, heads, queries, d), (batch, queries, d) or (queries, d), of any floating type.
    /// </param>
    /// <param name="keys">
    /// Keys (batch, key heads, keys, d), or as the queries. The heads are a multiple of the key heads: head h of H reads key head
    /// h / (H / key heads), rounded down.
    /// </param>
    /// <param name="values">Values (batch, key heads, keys, v), or as the queries.</param>
    /// <param name="masks">Which keys count; all where null.</param>
    /// <param name="scale">What q.k is multiplied by; null, the default, for 1 / sqrt(d).</param>
    /// <param name="dropout">
    /// The part of the weights that is set to 0, from 0 up to 1, by the draws of libtorch's dropout; 0 by default.
    /// </param>
    /// <returns>
    /// Outputs (..., queries, v), and weights before dropout (..., queries, keys): rows sum to 1, or are 0 where no key counts.
    /// </returns>
    /// <exception cref="ArgumentException">Shapes, number types or devices that do not fit each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Another dropout, or a window below 1.</exception>
    public static (Tensor Output, Tensor Weights) Attend(
        Tensor queries, Tensor keys, Tensor values, AttentionMasks? masks = null, double? scale = null, double dropout = 0)
    {
        Check(queries, keys, values);
        Guard.Part(dropout);
        using DisposeScope scope = NewDisposeScope();
        (Tensor q, Tensor k, Tensor v) = (Whole(queries), Whole(keys), Whole(values));
        (Tensor? leftOut, Tensor? added) = MasksFor(masks, q, k);
        (Tensor output, Tensor weights) = Attend(
            q, masks?.WithoutPadding(k) ?? k, masks?.WithoutPadding(v) ?? v, leftOut, added, scale, dropout);
        long[] sides = queries.shape[..^2];
        return (
            output.reshape([.. sides, .. output.shape[2..]]).MoveToOuterDisposeScope(),
            weights.reshape([.. sides, .. weights.shape[2..]]).MoveToOuterDisposeScope());
    }

    /// <summary>The scores, scale q.k + mask, minus infinity where a key is left out; their <c>logsumexp</c> is that of PyTorch.</summary>
    /// <inheritdoc cref="Attend(Tensor, Tensor, Tensor, AttentionMasks?, double?, double)"/>
    /// <returns>Scores (..., queries, keys).</returns>
    public static Tensor Scores(Tensor queries, Tensor keys, AttentionMasks? masks = null, double? scale = null)
    {
        Check(queries, keys, keys);
        using DisposeScope scope = NewDisposeScope();
        (Tensor q, Tensor k) = (Whole(queries), Whole(keys));
        (Tensor? leftOut, Tensor? added) = MasksFor(masks, q, k);
        Tensor scores = Scores(q, masks?.WithoutPadding(k) ?? k, added, scale);
        scores = leftOut is null ? scores : scores.masked_fill(leftOut, Held.MinusInfinity);
        return scores.reshape([.. queries.shape[..^2], .. scores.shape[2..]]).MoveToOuterDisposeScope();
    }

    /// <summary>The same of inputs with all four sides, and of checked masks.</summary>
    internal static (Tensor Output, Tensor Weights) Attend(
        Tensor queries, Tensor keys, Tensor values, Tensor? leftOut, Tensor? added, double? scale, double dropout)
    {
        Tensor weights = Softmax(Scores(queries, keys, added, scale), leftOut);
        Tensor dropped = dropout > 0 ? nn.functional.dropout(weights, dropout, training: true) : weights;
        Tensor output = dropped.matmul(Grouped(Wide(values), queries.size(1)));
        return (output.to(queries.dtype), weights.to(queries.dtype));
    }

    /// <summary>Weights of scores, of which some are left out.</summary>
    internal static Tensor Softmax(Tensor scores, Tensor? leftOut)
    {
        if (leftOut is null)
        {
            return nn.functional.softmax(scores, dim: -1);
        }

        Tensor isEmpty = leftOut.all(dim: -1, keepdim: true);
        Tensor seen = scores.masked_fill(leftOut, Held.MinusInfinity).masked_fill(isEmpty, Held.Zero);
        return nn.functional.softmax(seen, dim: -1).masked_fill(leftOut, Held.Zero);
    }

    // q takes the scale: it is the smaller matrix where there are many keys.
    private static Tensor Scores(Tensor queries, Tensor keys, Tensor? added, double? scale)
    {
        Tensor scaled = Wide(queries).Times(scale ?? 1 / Math.Sqrt(queries.size(3)));
        Tensor scores = scaled.matmul(Grouped(Wide(keys), queries.size(1)).transpose(-2, -1));
        return added is null ? scores : scores.Plus(Wide(added));
    }

    private static (Tensor? LeftOut, Tensor? Added) MasksFor(AttentionMasks? masks, Tensor queries, Tensor keys) =>
        masks?.For((queries.size(0), queries.size(1), queries.size(2), keys.size(2)), queries) ?? default;

    private static Tensor Wide(Tensor tensor) =>
        tensor.dtype is ScalarType.Float16 or ScalarType.BFloat16 ? tensor.to(ScalarType.Float32) : tensor;

    private static Tensor Grouped(Tensor tensor, long heads) =>
        tensor.size(1) == heads ? tensor : tensor.repeat_interleave(heads / tensor.size(1), 1);

    // (batch, heads, rows, length) of fewer sides.
    private static Tensor Whole(Tensor tensor) => tensor.dim() switch
    {
        2 => tensor.unsqueeze(0).unsqueeze(0),
        3 => tensor.unsqueeze(1),
        _ => tensor,
    };

    private static void Check(Tensor queries, Tensor keys, Tensor values)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(values);
        long sides = queries.dim();
        bool fits = sides is >= 2 and <= 4 && keys.dim() == sides && values.dim() == sides
            && keys.size(-1) == queries.size(-1) && values.size(-2) == keys.size(-2)
            && (sides == 2 || (keys.size(0) == queries.size(0) && values.size(0) == queries.size(0)))
            && (sides < 4 || (values.size(1) == keys.size(1) && keys.size(1) > 0 && queries.size(1) % keys.size(1) == 0));
        if (!fits)
        {
            throw new ArgumentException(
                $"Expected queries (batch, heads, queries, d), keys (batch, key heads, keys, d) and values (batch, key heads, keys, v), "
                    + $"heads a multiple of key heads, got {Guard.Shape(queries)}, {Guard.Shape(keys)} and {Guard.Shape(values)}.",
                nameof(keys));
        }

        if (!queries.is_floating_point() || keys.dtype != queries.dtype || values.dtype != queries.dtype)
        {
            throw new ArgumentException(
                $"Expected queries, keys and values of one floating type, got {queries.dtype}, {keys.dtype} and {values.dtype}.",
                nameof(keys));
        }
    }
}
