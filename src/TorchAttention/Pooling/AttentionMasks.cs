namespace TorchAttention.Pooling;

/// <summary>Which keys a query may look at, and what is added to its scores. What is left out by one mask is left out.</summary>
/// <remarks>
/// <para>
/// PyTorch's masks of booleans mean opposite things: <c>true</c> leaves a key out in <c>nn.MultiheadAttention</c>, and lets it take part in
/// <c>scaled_dot_product_attention</c>. Here each is named by what it does.
/// </para>
/// <para>
/// Masks are (queries, keys), (heads, queries, keys), (batch x heads, queries, keys) with an example's heads one after the other, or
/// (batch, heads, queries, keys); a side of 1 stands for all. A query that no key is left for gets the output 0, and has no gradient.
/// </para>
/// </remarks>
public sealed record AttentionMasks
{
    /// <summary>Booleans: true leaves the key out. As <c>attn_mask</c> of <c>nn.MultiheadAttention</c>.</summary>
    public Tensor? LeaveOut { get; init; }

    /// <summary>Booleans: true lets the key take part. As <c>attn_mask</c> of <c>scaled_dot_product_attention</c>.</summary>
    public Tensor? Keep { get; init; }

    /// <summary>Numbers that are added to the scores; may learn. Minus infinity leaves the key out.</summary>
    public Tensor? Added { get; init; }

    /// <summary>
    /// Booleans (batch, keys): true is padding. Such a key and its value have no say, NaN and infinity included. As
    /// <c>key_padding_mask</c>.
    /// </summary>
    public Tensor? Padding { get; init; }

    /// <summary>Whether query i sees the keys 0 to i alone, however many keys there are.</summary>
    public bool IsCausal { get; init; }

    /// <summary>w, at least 1: query i sees the keys i - w + 1 to i + w - 1; null, the default, for all.</summary>
    public int? Window { get; init; }

    /// <summary>Keys or values (batch, heads, keys, length) with zeros where there is padding.</summary>
    internal Tensor WithoutPadding(Tensor rows) =>
        Padding is null ? rows : rows.masked_fill(Padding.unsqueeze(1).unsqueeze(-1), Held.Zero);

    /// <summary>Which pairs are left out and what is added to scores (batch, heads, queries, keys), which broadcast.</summary>
    /// <param name="shape">The shape of the scores.</param>
    /// <param name="like">A tensor with their device and number type.</param>
    /// <param name="extraKeys">Keys after these, which every query sees.</param>
    /// <exception cref="ArgumentException">A mask of another shape, number type or device.</exception>
    internal (Tensor? LeftOut, Tensor? Added) For(
        (long Batch, long Heads, long Queries, long Keys) shape, Tensor like, int extraKeys = 0)
    {
        Guard.AtLeast(Window ?? 1, 1, nameof(Window));
        Tensor? leftOut = Checked(LeaveOut, nameof(LeaveOut));
        leftOut = Either(leftOut, Checked(Keep, nameof(Keep))?.logical_not());
        leftOut = Either(leftOut, Checked(Padding, nameof(Padding)));
        leftOut = Either(leftOut, FarPlaces(shape.Queries, shape.Keys, like.device));
        leftOut = leftOut is null || extraKeys == 0 ? leftOut : Extended(leftOut);
        Tensor? added = Checked(Added, nameof(Added))?.to(like.dtype);
        added = added is null || extraKeys == 0 ? added : Extended(added);
        return (Either(leftOut, added?.detach().isneginf()), added);

        Tensor Extended(Tensor mask)
        {
            long[] sides = [.. mask.shape[..^1], shape.Keys];
            return cat([mask.expand(sides), zeros([.. sides[..^1], extraKeys], mask.dtype, mask.device)], dim: -1);
        }

        Tensor? Checked(Tensor? mask, string name)
        {
            if (mask is null)
            {
                return null;
            }

            bool isRight = name == nameof(Added) ? mask.is_floating_point() : mask.dtype == ScalarType.Bool;
            if (!isRight)
            {
                string type = name == nameof(Added) ? "numbers with a point" : nameof(ScalarType.Bool);
                throw new ArgumentException($"Expected {name} of {type}, got {mask.dtype} {Guard.Shape(mask)}.", name);
            }

            if (mask.device_type != like.device_type || mask.device_index != like.device_index)
            {
                throw new ArgumentException($"Expected {name} on {like.device}, as the queries are, got it on {mask.device}.", name);
            }

            (long batch, long heads) = (shape.Batch, shape.Heads);
            if (name == nameof(Padding))
            {
                return mask.shape.SequenceEqual([batch, shape.Keys])
                    ? mask.unsqueeze(1).unsqueeze(1)
                    : throw new ArgumentException($"Expected {name} ({batch}, {shape.Keys}), got shape {Guard.Shape(mask)}.", name);
            }

            Tensor whole = mask.dim() == 2 ? mask.unsqueeze(0).unsqueeze(0)
                : mask.dim() == 3 && mask.size(0) == batch * heads ? mask.reshape(batch, heads, mask.size(1), mask.size(2))
                : mask.dim() == 3 ? mask.unsqueeze(0)
                : mask;
            long[] scores = [batch, heads, shape.Queries, shape.Keys];
            return whole.dim() == 4 && whole.shape.Zip(scores).All(pair => pair.First == pair.Second || pair.First == 1)
                ? whole
                : throw new ArgumentException(
                    $"Expected {name} ({shape.Queries}, {shape.Keys}), with heads ({heads}, ...), with examples ({batch * heads}, ...) "
                        + $"or ({batch}, {heads}, ...), got shape {Guard.Shape(mask)}.", name);
        }
    }

    private static Tensor? Either(Tensor? one, Tensor? other) => one is null ? other : other is null ? one : one.logical_or(other);

    // The pairs (1, 1, queries, keys) that lie too far from each other.
    private Tensor? FarPlaces(long queries, long keys, Device device)
    {
        if (!IsCausal && Window is null)
        {
            return null;
        }

        using Scalar reach = Window ?? Math.Max(queries, keys);
        Tensor lead = Held.Range(queries, device).unsqueeze(1) - Held.Range(keys, device).unsqueeze(0);
        Tensor far = lead.abs().ge(reach);
        return (IsCausal ? far.logical_or(lead.lt(Held.Zero)) : far).unsqueeze(0).unsqueeze(0);
    }
}
