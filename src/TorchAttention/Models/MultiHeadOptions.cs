namespace TorchAttention.Models;

/// <summary>What <see cref="MultiHeadAttention.AttentionWeights"/> keeps of a pass.</summary>
public enum KeptWeights
{
    /// <summary>The weights of each head.</summary>
    ByHead,

    /// <summary>Their mean over the heads.</summary>
    Averaged,

    /// <summary>None.</summary>
    None,
}

/// <summary>The sizes and parts of a <see cref="MultiHeadAttention"/>; defaults are PyTorch's, but the batch is first.</summary>
public sealed record MultiHeadOptions
{
    /// <summary>The length of a query, and of an output where <see cref="Hiddens"/> is not given: PyTorch's <c>embed_dim</c>.</summary>
    public required int QuerySize { get; init; }

    /// <summary>The heads; the hidden length is a multiple of them.</summary>
    public required int Heads { get; init; }

    /// <summary>The length of a key (<c>kdim</c>); null, the default, for that of a query.</summary>
    public int? KeySize { get; init; }

    /// <summary>The length of a value (<c>vdim</c>); null, the default, for that of a query.</summary>
    public int? ValueSize { get; init; }

    /// <summary>The length of all heads together, and of an output; null, the default, for that of a query.</summary>
    public int? Hiddens { get; init; }

    /// <summary>
    /// Heads of keys and values, of which the heads are a multiple: several heads read one. Null, the default, for as many as heads.
    /// </summary>
    public int? KeyHeads { get; init; }

    /// <summary>What q.k is multiplied by; null, the default, for 1 / sqrt(length of a head).</summary>
    public double? Scale { get; init; }

    /// <summary>The part of the weights that is set to 0 while training, from 0 up to 1; 0 by default.</summary>
    public double Dropout { get; init; }

    /// <summary>Whether the projections have biases; true by default.</summary>
    public bool HasBias { get; init; } = true;

    /// <summary>Whether a learned key and value stand after the others (<c>add_bias_kv</c>); false by default.</summary>
    public bool HasBiasKey { get; init; }

    /// <summary>Whether a key and a value of zeros stand after all others (<c>add_zero_attn</c>); false by default.</summary>
    public bool HasZeroKey { get; init; }

    /// <summary>
    /// Whether inputs are (batch, places, length) and not (places, batch, length); true by default (PyTorch's
    /// <c>batch_first</c> is false).
    /// </summary>
    public bool IsBatchFirst { get; init; } = true;

    /// <summary>What is kept of the weights; <see cref="KeptWeights.ByHead"/> by default.</summary>
    public KeptWeights Weights { get; init; }

    /// <summary>The length of all heads together.</summary>
    internal int AllHiddens => Hiddens ?? QuerySize;

    /// <summary>The length of all heads of keys together.</summary>
    internal int KeyHiddens => AllHiddens / Heads * (KeyHeads ?? Heads);

    internal MultiHeadOptions Checked()
    {
        Guard.AtLeast(QuerySize, 1);
        Guard.AtLeast(KeySize ?? 1, 1, nameof(KeySize));
        Guard.AtLeast(ValueSize ?? 1, 1, nameof(ValueSize));
        Guard.AtLeast(Heads, 1);
        Guard.AtLeast(KeyHeads ?? 1, 1, nameof(KeyHeads));
        Guard.Defined(Weights);
        if (Guard.AtLeast(AllHiddens, 1, nameof(Hiddens)) % Heads != 0)
        {
            throw new ArgumentException($"Expected a multiple of {Heads} heads, got {AllHiddens}.", nameof(Hiddens));
        }

        return KeyHeads is not int keyHeads || Heads % keyHeads == 0
            ? this
            : throw new ArgumentException($"Expected a divisor of {Heads} heads, got {keyHeads}.", nameof(KeyHeads));
    }
}
