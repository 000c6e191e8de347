using TorchAttention.Numerics.Attention;

namespace TorchAttention.Pooling;

/// <summary>
/// Attention by any score over ranges of keys, with memory linear in queries and keys: softmax_j(scale s(q_i, k_j) + b(j - i)) v_j.
/// </summary>
/// <remarks>
/// On the CPU in float32 and float64 scores are computed tile by tile with a running softmax, and again for the gradients; what no query of
/// a tile sees is never computed. Numbers do not depend on the number of threads. Elsewhere, in half precision, and for gradients that need
/// gradients (<c>create_graph</c>) it is a matrix of queries x keys in operations of libtorch, the same formula. A query without keys gets
/// 0 and no gradient.
/// </remarks>
public static class TiledAttention
{
    /// <summary>Attends, differentiably in queries, keys, values, biases and weights.</summary>
    /// <typeparam name="TScore">The score.</typeparam>
    /// <param name="queries">Queries (..., queries, d), of any sides in front, such as examples and heads.</param>
    /// <param name="keys">Keys (..., keys, d).</param>
    /// <param name="values">Values (..., keys, v).</param>
    /// <param name="options">Which keys count; scale, biases and weights of the score; all keys and the usual scale where null.</param>
    /// <returns>Outputs (..., queries, v).</returns>
    /// <exception cref="ArgumentException">Shapes, number types or devices that do not fit each other.</exception>
    public static Tensor Attend<TScore>(Tensor queries, Tensor keys, Tensor values, TiledOptions? options = null)
        where TScore : IScore
    {
        options ??= new TiledOptions();
        Check<TScore>(queries, keys, values, options);
        using DisposeScope scope = NewDisposeScope();
        Guard.AtLeast(options.Threads ?? 1, 1, nameof(options.Threads));
        var problem = new TiledProblem<TScore>(options.Scale ?? TScore.UsualScale((int)queries.size(-1)), options);
        long[] sides = queries.shape[..^2];
        Tensor[] inputs =
        [
            Flat(queries), Flat(keys), Flat(values), options.LeadBias?.reshape(-1, options.LeadBias.size(-1)) ?? empty(0),
            options.Weights ?? empty(0),
        ];
        bool isTiled = queries.device_type == DeviceType.CPU && queries.dtype is ScalarType.Float32 or ScalarType.Float64
            && queries.numel() > 0 && keys.numel() > 0 && values.numel() > 0;
        Tensor output = !isTiled ? problem.Textbook(inputs)
            : queries.dtype == ScalarType.Float32 ? new TiledRun<TScore, float>(problem, inputs).Attend(inputs)
            : new TiledRun<TScore, double>(problem, inputs).Attend(inputs);
        return output.reshape([.. sides, .. output.shape[1..]]).MoveToOuterDisposeScope();
    }

    /// <summary>Attends by a score that is a function of tensors, with a matrix of queries x keys.</summary>
    /// <param name="score">Scores (batch, heads, queries, keys) of queries and keys with four sides.</param>
    /// <param name="queries">Queries (batch, heads, queries, d).</param>
    /// <param name="keys">Keys (batch, heads, keys, k).</param>
    /// <param name="values">Values (batch, heads, keys, v).</param>
    /// <param name="masks">Which keys count; all where null.</param>
    /// <returns>Outputs (batch, heads, queries, v), and weights (batch, heads, queries, keys).</returns>
    /// <exception cref="ArgumentException">Shapes that do not fit each other.</exception>
    public static (Tensor Output, Tensor Weights) Attend(
        Func<Tensor, Tensor, Tensor> score, Tensor queries, Tensor keys, Tensor values, AttentionMasks? masks = null)
    {
        ArgumentNullException.ThrowIfNull(score);
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(values);
        using DisposeScope scope = NewDisposeScope();
        (Tensor k, Tensor v) = (masks?.WithoutPadding(keys) ?? keys, masks?.WithoutPadding(values) ?? values);
        Tensor scores = score(queries, k);
        long[] expected = [.. queries.shape[..^1], keys.size(-2)];
        if (queries.dim() != 4 || !scores.shape.SequenceEqual(expected))
        {
            throw new ArgumentException(
                $"Expected a score of shape ({string.Join(", ", expected)}) for queries (batch, heads, queries, d), got "
                    + $"{Guard.Shape(scores)}.", nameof(score));
        }

        (Tensor? leftOut, Tensor? added) = masks?.For((expected[0], expected[1], expected[2], expected[3]), scores) ?? default;
        Tensor weights = ScaledDotProduct.Softmax(added is null ? scores : scores.Plus(added), leftOut);
        return (weights.matmul(v).MoveToOuterDisposeScope(), weights.MoveToOuterDisposeScope());
    }

    private static Tensor Flat(Tensor tensor) => tensor.reshape(
        tensor.shape[..^2].Aggregate(1L, (all, side) => all * side), tensor.size(-2), tensor.size(-1));

    private static void Check<TScore>(Tensor queries, Tensor keys, Tensor values, TiledOptions options)
        where TScore : IScore
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(values);
        bool fits = queries.dim() >= 2 && keys.dim() == queries.dim() && values.dim() == queries.dim()
            && keys.shape.AsSpan(..^2).SequenceEqual(queries.shape.AsSpan(..^2))
            && values.shape.AsSpan(..^1).SequenceEqual(keys.shape.AsSpan(..^1)) && keys.size(-1) == queries.size(-1);
        if (!fits)
        {
            throw new ArgumentException(
                $"Expected queries (..., queries, d), keys (..., keys, d) and values (..., keys, v), got {Guard.Shape(queries)}, "
                    + $"{Guard.Shape(keys)} and {Guard.Shape(values)}.", nameof(keys));
        }

        foreach (Tensor other in new[] { keys, values, options.LeadBias ?? keys, options.Weights ?? keys })
        {
            if (!queries.is_floating_point() || other.dtype != queries.dtype || other.device_type != queries.device_type)
            {
                throw new ArgumentException(
                    $"Expected tensors of one floating type on one device, got {queries.dtype} on {queries.device} and {other.dtype} on "
                        + $"{other.device}.", nameof(keys));
            }
        }

        long leads = Math.Max(0, queries.size(-2) + keys.size(-2) - 1);
        if (options.LeadBias is Tensor bias && !(bias.dim() is 1 or 2 && bias.size(-1) == leads
            && (bias.dim() == 1 || (queries.dim() > 2 && bias.size(0) == queries.size(-3)))))
        {
            long heads = queries.dim() > 2 ? queries.size(-3) : 1;
            throw new ArgumentException(
                $"Expected a bias ({leads}) or ({heads}, {leads}) by queries + keys - 1 leads, got shape {Guard.Shape(bias)}.",
                nameof(options));
        }

        if (TScore.HasWeights != options.Weights is not null
            || (options.Weights is Tensor weights && !weights.shape.SequenceEqual([queries.size(-1)])))
        {
            throw new ArgumentException(
                TScore.HasWeights
                    ? $"Expected weights ({queries.size(-1)}) of the score's terms, got "
                        + $"{(options.Weights is null ? "none" : $"shape {Guard.Shape(options.Weights)}")}."
                    : $"Expected no weights of {typeof(TScore).Name}, got shape {Guard.Shape(options.Weights!)}.", nameof(options));
        }
    }
}
