namespace TorchAttention.Pooling;

/// <summary>Picks the way that a model computes its pooling.</summary>
internal static class AttentionChoice
{
    // A matrix of so many weights is at once there and gone, and few large operations are what a device likes.
    private const long SmallMatrix = 1 << 22;

    private const double LargestW = 1e15;

    /// <summary>Whether a w is so large that it is no bandwidth any more, or no number.</summary>
    public static bool HasRunAway(double[] w) => !Array.TrueForAll(w, number => Math.Abs(number) < LargestW);

    /// <summary>The method for one forward pass.</summary>
    /// <param name="asked">What the user asked for.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="inputs">What is pooled, with each key's own w (n) where they differ.</param>
    /// <param name="numbers">The numbers of w, where no matrix is made of them.</param>
    /// <returns>Never <see cref="AttentionMethod.Auto"/>.</returns>
    /// <exception cref="InvalidOperationException">The method that was asked for cannot do this.</exception>
    public static AttentionMethod For(AttentionMethod asked, SmoothingKernel kernel, PoolingInputs inputs, out double[] numbers)
    {
        (Tensor queries, Tensor keys, Tensor values, Tensor w, _) = inputs;
        numbers = [];
        bool isShared = w.size(0) == 1 || keys.dim() == 2;
        bool isCpu = keys.device_type == DeviceType.CPU;
        bool isGaussian = kernel == SmoothingKernel.Gaussian;
        switch (asked)
        {
            case AttentionMethod.Textbook:
                return asked;
            case AttentionMethod.Streaming when !isShared:
                throw new InvalidOperationException(
                    $"The method {asked} takes one w for all keys; with {w.size(0)} of them use {AttentionMethod.Textbook} or "
                    + $"{AttentionMethod.Auto}.");
            case AttentionMethod.Engine when !isCpu:
                throw new InvalidOperationException(
                    $"The method {asked} computes on the CPU, and the keys are on {keys.device}; use {AttentionMethod.Streaming} or "
                    + $"{AttentionMethod.Auto}.");
            case AttentionMethod.Streaming when !isGaussian:
                throw new InvalidOperationException(
                    $"The method {asked} takes the gaussian kernel alone; with the kernel {kernel} use {AttentionMethod.Textbook} or "
                    + $"{AttentionMethod.Auto}.");
        }

        // Half precision and mixed number types are libtorch's to promote.
        bool isPlain = queries.dtype == keys.dtype && keys.dtype is (ScalarType.Float32 or ScalarType.Float64);

        // On a device a w for each key is the textbook form's matter in any case, and need not be fetched.
        if ((asked == AttentionMethod.Auto && !isPlain) || (!isShared && !isCpu))
        {
            return AttentionMethod.Textbook;
        }

        // Where w or learned values have run away, outputs of the textbook form are NaN, and whoever watches the loss sees it.
        numbers = w.ToDoubles();
        bool hasRunAway = values.requires_grad && !values.isfinite().all().ToBoolean();
        if (hasRunAway || HasRunAway(numbers))
        {
            return AttentionMethod.Textbook;
        }

        return asked != AttentionMethod.Auto ? asked
            : isCpu ? AttentionMethod.Engine
            : !isGaussian || queries.size(0) * keys.numel() <= SmallMatrix ? AttentionMethod.Textbook
            : AttentionMethod.Streaming;
    }
}
