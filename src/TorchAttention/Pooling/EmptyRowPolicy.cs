namespace TorchAttention.Pooling;

/// <summary>What attention weights a query gets that may look at no key: one whose valid length is 0.</summary>
public enum EmptyRowPolicy
{
    /// <summary>
    /// Zeros, and so the output 0 and no gradient: nothing of the padding is ever seen. As <c>scaled_dot_product_attention</c> of PyTorch
    /// 2.5 and later.
    /// </summary>
    Zero,

    /// <summary>
    /// 1 / keys for every key, padding included, and so the mean of all values: the book's <c>masked_softmax</c>, which fills masked
    /// scores with -1e6.
    /// </summary>
    Uniform,
}
