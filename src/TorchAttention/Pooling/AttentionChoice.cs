namespace TorchAttention.Pooling;

/// <summary>Picks the way that a model computes its pooling.</summary>
internal static class AttentionChoice
{
    // A matrix of so many weights is at once there and gone, and few large operations are what a device likes.
    private const long SmallMatrix = 1 << 22;

    private const double LargestW = 1e15;

    /// <summary>The method for one forward pass.</summary>
    /// <param name="asked">What the user asked for.</param>
    /// <param name="queries">Queries (m).</param>
    /// <param name="keys">Keys (n).</param>
    /// <param name="w">One w for all keys (1), or each key's own (n).</param>
    /// <param name="sharedW">The one w as a number; NaN where there are several.</param>
    /// <returns>Never <see cref="AttentionMethod.Auto"/>.</returns>
    /// <exception cref="InvalidOperationException">The method that was asked for cannot do this.</exception>
    public static AttentionMethod For(AttentionMethod asked, Tensor queries, Tensor keys, Tensor w, out double sharedW)
    {
        bool isShared = w.size(0) == 1;
        sharedW = isShared ? w.ToDouble() : double.NaN;
        bool isCpu = keys.device_type == DeviceType.CPU;
        switch (asked)
        {
            case AttentionMethod.Textbook:
                return asked;
            case AttentionMethod.Engine or AttentionMethod.Streaming when !isShared:
                throw new InvalidOperationException($"The method {asked} takes one w for all keys; with {w.size(0)} of them use {AttentionMethod.Textbook} or {AttentionMethod.Auto}.");
            case AttentionMethod.Engine when !isCpu:
                throw new InvalidOperationException($"The method {asked} computes on the CPU, and the keys are on {keys.device}; use {AttentionMethod.Streaming} or {AttentionMethod.Auto}.");
        }

        // Half precision and mixed number types are libtorch's to promote.
        bool isPlain = queries.dtype == keys.dtype && keys.dtype is (ScalarType.Float32 or ScalarType.Float64);

        // Where w has run away, squared distances overflow to NaN in the textbook form, and whoever watches the loss sees it.
        if (!(Math.Abs(sharedW) < LargestW) || (asked == AttentionMethod.Auto && !isPlain))
        {
            return AttentionMethod.Textbook;
        }

        return asked != AttentionMethod.Auto ? asked
            : isCpu ? AttentionMethod.Engine
            : queries.numel() * keys.numel() <= SmallMatrix ? AttentionMethod.Textbook
            : AttentionMethod.Streaming;
    }
}
