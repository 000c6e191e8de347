namespace TorchAttention.Pooling;

/// <summary>
/// The attention weights of every kernel in their textbook form, K(r_i) / sum_i K(r_i) of the scaled distances r, with autograd.
/// </summary>
/// <remarks>
/// <para>
/// The Gaussian's are a softmax; those of the others are what the kernel says (<see cref="IKernel.Weight"/>), on tensors. The boxcar's have
/// no graph: their gradient is 0 everywhere.
/// </para>
/// <para>
/// A query that no key is within reach of gives its nearest key the weight 1, and keys that are equally near equal parts of it: without a
/// gradient of the distance, since a small step changes nothing. Where even the nearest squared distance is infinite or NaN, the weights
/// are NaN.
/// </para>
/// </remarks>
public static class KernelWeights
{
    /// <summary>The weights of squared scaled distances.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="squaredDistances">r^2 (queries, keys).</param>
    /// <returns>Weights (queries, keys), not negative; rows sum to 1.</returns>
    /// <exception cref="ArgumentException">The distances are no matrix, or there is no key.</exception>
    public static Tensor Compute(SmoothingKernel kernel, Tensor squaredDistances)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        if (Guard.Matrix(squaredDistances, "squared distances (queries, keys)").size(1) == 0)
        {
            throw new ArgumentException(
                $"Expected squared distances (queries, keys) of at least one key, got shape {Guard.Shape(squaredDistances)}.",
                nameof(squaredDistances));
        }

        using DisposeScope scope = NewDisposeScope();
        if (kernel == SmoothingKernel.Gaussian)
        {
            return nn.functional.softmax(squaredDistances.mul(Held.MinusHalf), dim: 1).MoveToOuterDisposeScope();
        }

        Tensor kernels = kernel.Call<Weights, Tensor>(new Weights(squaredDistances));
        Tensor sums = kernels.sum(dim: 1, keepdim: true);
        Tensor isAlone = sums.eq(Held.Zero);
        return where(isAlone, Nearest(squaredDistances), kernels / sums.masked_fill(isAlone, Held.One)).MoveToOuterDisposeScope();
    }

    // Infinity less infinity is no number, so that no key is nearest and the weights are 0 / 0.
    private static Tensor Nearest(Tensor squares)
    {
        using IDisposable noGradients = no_grad();
        Tensor isNearest = (squares - squares.amin([1], keepdim: true)).eq(Held.Zero).to(squares.dtype);
        return isNearest / isNearest.sum(dim: 1, keepdim: true);
    }

    private readonly record struct Weights(Tensor Squares) : IKernelCall<Tensor>
    {
        public Tensor Run<TKernel>()
            where TKernel : IKernel
        {
            Tensor argument = Squares * tensor(TKernel.ArgumentScale, ScalarType.Float64);
            return TKernel.Weight<TensorLanes, float>(new TensorLanes(argument)).Value.masked_fill(Squares.isnan(), Held.NaN);
        }
    }
}
