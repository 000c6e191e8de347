namespace TorchAttention.Models;

/// <summary>The score that an <see cref="AttentionRegression"/> learns.</summary>
public enum AttentionScore
{
    /// <summary>phi(q).phi(k) / sqrt(h) of learned features phi: <see cref="DotProductAttention"/>.</summary>
    DotProduct,

    /// <summary>w_v . tanh(W_q q + W_k k): <see cref="AdditiveAttention"/>.</summary>
    Additive,

    /// <summary>Several dot products side by side, on projections of learned features: <see cref="MultiHeadAttention"/>.</summary>
    MultiHead,
}
