namespace TorchAttention.Pooling;

/// <summary>
/// How many of an example's keys each query may look at: the first so many. The others are padding and have no say, whatever numbers they
/// hold.
/// </summary>
/// <remarks>
/// 0 times NaN or infinity is NaN, forward and backward, so a weight of 0 does not silence padding; zeros take its place before anything
/// is computed.
/// </remarks>
internal sealed class ValidLengths
{
    private readonly Tensor _seen;
    private readonly Tensor _softened;
    private readonly Tensor? _isEmpty;

    // Lengths (batch, queries or 1); what a softmax is taken over, where no row is empty; which rows are, null for none.
    private ValidLengths(Tensor lengths, bool hasEmpty, long keys, EmptyRowPolicy emptyRows)
    {
        using Scalar all = keys;
        _isEmpty = hasEmpty ? lengths.eq(Held.Zero) : null;
        _softened = _isEmpty is null ? lengths : lengths.masked_fill(_isEmpty, all);
        _seen = emptyRows == EmptyRowPolicy.Uniform ? _softened : lengths;
    }

    private ValidLengths(Tensor seen, Tensor softened, Tensor? isEmpty) => (_seen, _softened, _isEmpty) = (seen, softened, isEmpty);

    /// <summary>Outputs (batch, queries, o) and weights (batch x heads, queries, keys) of inputs without padding.</summary>
    public delegate (Tensor Output, Tensor Weights) AttentionForm(Tensor queries, Tensor keys, Tensor values, ValidLengths? lengths);

    /// <summary>Checks lengths; null for null, where every query sees all keys.</summary>
    /// <param name="validLens">Whole numbers (batch), or (batch, queries).</param>
    /// <param name="shape">The shape of the scores: batch, queries, keys.</param>
    /// <param name="device">The device of the scores.</param>
    /// <param name="emptyRows">What a length of 0 means.</param>
    /// <exception cref="ArgumentException">Another number type, shape or device, or a length below 0 or beyond the keys.</exception>
    public static ValidLengths? Create(
        Tensor? validLens, (long Batch, long Queries, long Keys) shape, Device device, EmptyRowPolicy emptyRows)
    {
        if (validLens is null)
        {
            return null;
        }

        if (validLens.dtype is not (ScalarType.Int64 or ScalarType.Int32 or ScalarType.Int16 or ScalarType.Int8 or ScalarType.Byte))
        {
            throw new ArgumentException(
                $"Expected valid lengths as whole numbers, such as Int64, got {validLens.dtype} {Guard.Shape(validLens)}.",
                nameof(validLens));
        }

        bool isShared = validLens.dim() == 1;
        long[] expected = isShared ? [shape.Batch] : [shape.Batch, shape.Queries];
        if (!validLens.shape.AsSpan().SequenceEqual(expected))
        {
            throw new ArgumentException(
                $"Expected valid lengths ({shape.Batch}) or ({shape.Batch}, {shape.Queries}) for {shape.Batch} examples of "
                + $"{shape.Queries} queries and {shape.Keys} keys, got shape {Guard.Shape(validLens)}.", nameof(validLens));
        }

        if (validLens.device_type != device.type || validLens.device_index != device.index)
        {
            throw new ArgumentException(
                $"Expected valid lengths on {device}, as the keys are, got them on {validLens.device}.", nameof(validLens));
        }

        Tensor lengths = (isShared ? validLens.unsqueeze(1) : validLens).to(ScalarType.Int64);
        long least = lengths.numel() == 0 ? 1 : lengths.min().ToInt64();
        long most = lengths.numel() == 0 ? 0 : lengths.max().ToInt64();
        return least < 0 || most > shape.Keys
            ? throw new ArgumentException(
                $"Expected valid lengths from 0 to {shape.Keys}, the number of keys, got {(least < 0 ? least : most)}.", nameof(validLens))
            : new ValidLengths(lengths, least == 0, shape.Keys, emptyRows);
    }

    /// <summary>Weights of scores (batch, queries, keys), without what is padding.</summary>
    public Tensor Softmax(Tensor scores)
    {
        Tensor places = Held.Range(scores.shape[2], scores.device);
        Tensor kept = _isEmpty is null ? scores : scores.masked_fill(_isEmpty.unsqueeze(-1), Held.Zero);
        Tensor weights = nn.functional.softmax(kept.masked_fill(places >= _softened.unsqueeze(-1), Held.MinusInfinity), dim: -1);

        // Backward too: the gradient of a weight that is 0 by a mask is v.g, and may overflow.
        return weights.masked_fill(places >= _seen.unsqueeze(-1), Held.Zero);
    }

    /// <summary>Runs an attention on inputs from which the padding is gone.</summary>
    /// <param name="queries">Queries (batch, queries, q).</param>
    /// <param name="keys">Keys (batch, keys, k).</param>
    /// <param name="values">Values (batch, keys, v).</param>
    /// <param name="lengths">How many keys count; all where null.</param>
    /// <param name="attend">The attention.</param>
    public static (Tensor Output, Tensor Weights) Attend(
        Tensor queries, Tensor keys, Tensor values, ValidLengths? lengths, AttentionForm attend)
    {
        if (lengths is null)
        {
            return attend(queries, keys, values, null);
        }

        Tensor seenQueries = lengths._isEmpty is null ? queries : queries.masked_fill(lengths._isEmpty.unsqueeze(-1), Held.Zero);
        Tensor isPadding = lengths.IsPadding(keys.shape[1]);
        Tensor seenKeys = keys.masked_fill(isPadding, Held.Zero);
        Tensor seenValues = values.masked_fill(isPadding, Held.Zero);
        if (lengths._seen.shape[1] <= 1 || (IsFinite(seenKeys) && IsFinite(seenValues)))
        {
            return attend(seenQueries, seenKeys, seenValues, lengths);
        }

        // A key that one query sees and another does not holds NaN or infinity: only apart do they not meet.
        (Tensor Output, Tensor Weights)[] rows =
        [
            .. Enumerable.Range(0, (int)queries.shape[1])
                .Select(row => Attend(seenQueries.narrow(1, row, 1), keys, values, lengths.Row(row), attend)),
        ];
        return (cat([.. rows.Select(row => row.Output)], dim: 1), cat([.. rows.Select(row => row.Weights)], dim: 1));
    }

    /// <summary>The lengths of each head's example, an example's heads one after the other.</summary>
    public ValidLengths ForHeads(int heads) =>
        new(_seen.repeat_interleave(heads, 0), _softened.repeat_interleave(heads, 0), _isEmpty?.repeat_interleave(heads, 0));

    private static bool IsFinite(Tensor tensor) => tensor.isfinite().all().ToBoolean();

    // The keys that no query of an example sees (batch, keys, 1).
    private Tensor IsPadding(long keys) => (Held.Range(keys, _seen.device) >= _seen.unsqueeze(-1)).all(dim: 1).unsqueeze(-1);

    private ValidLengths Row(int row) => new(_seen.narrow(1, row, 1), _softened.narrow(1, row, 1), _isEmpty?.narrow(1, row, 1));
}
