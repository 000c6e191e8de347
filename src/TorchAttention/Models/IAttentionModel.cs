namespace TorchAttention.Models;

/// <summary>A model whose attention weights can be looked at.</summary>
public interface IAttentionModel
{
    /// <summary>
    /// The attention weights of the last forward pass (queries, keys), or (heads, queries, keys) of several heads; null before the first.
    /// The model disposes them at the next.
    /// </summary>
    Tensor? AttentionWeights { get; }
}
