using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics;

/// <content>Kernels that are chosen when the program runs.</content>
public static partial class KernelPooling
{
    /// <summary>Pools with a <paramref name="kernel"/> that is chosen when the program runs.</summary>
    /// <inheritdoc cref="Pool{TKernel, T}(PoolingInput{T}, PoolingOutput{T}, PoolingOptions?, IProgress{double}?, CancellationToken)"/>
    public static PoolingReport Pool<T>(
        this SmoothingKernel kernel, PoolingInput<T> input, PoolingOutput<T> output, PoolingOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(kernel);
        return kernel.Call<Chosen<T>, PoolingReport>(new Chosen<T>(input, output, options, progress, cancellationToken));
    }

    /// <summary>
    /// Pools samples that are checked and in order already, with a bandwidth for this call alone; one that is asked again is a
    /// <see cref="Pooler{T}"/>.
    /// </summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <typeparam name="T">float or double.</typeparam>
    /// <param name="samples">What is pooled.</param>
    /// <param name="widths">Bandwidths h (d), or their inverses.</param>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="output">Where the answers go.</param>
    /// <param name="leftOut">The index of the key that each query must not see (m), -1 for none; where empty, each sees all.</param>
    /// <param name="options">How to compute; the defaults where null.</param>
    /// <param name="progress">Told the part done, from 0 to 1, now and then.</param>
    /// <param name="cancellationToken">Stops the work; what was written by then stays.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">Lengths that do not fit each other; a number that is not finite; bandwidths that are not
    /// positive.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option out of its range.</exception>
    /// <exception cref="NoNeighbourException">A query has no neighbour, and the policy is to stop there.</exception>
    /// <exception cref="ObjectDisposedException">The samples were disposed.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static PoolingReport Pool<TKernel, T>(
        Samples<T> samples, PoolingWidths widths, ReadOnlySpan<T> queries, PoolingOutput<T> output, ReadOnlySpan<int> leftOut = default,
        PoolingOptions? options = null, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(widths);
        options ??= new PoolingOptions();
        PoolingCheck.Options(options);
        PoolingCheck.Widths(widths, samples.Features);
        samples.CheckUse();
        using var kept = new Kept(isLasting: false);
        return Compute<TKernel, T>(samples, widths, kept, queries, leftOut, output, options, progress, cancellationToken);
    }

    /// <summary>Pools samples with a <paramref name="kernel"/> that is chosen when the program runs.</summary>
    /// <inheritdoc
    /// cref="Pool{TKernel, T}(Samples{T}, PoolingWidths, ReadOnlySpan{T}, PoolingOutput{T}, ReadOnlySpan{int}, PoolingOptions?,
    /// IProgress{double}?, CancellationToken)"/>
    public static PoolingReport Pool<T>(
        this SmoothingKernel kernel, Samples<T> samples, PoolingWidths widths, ReadOnlySpan<T> queries, PoolingOutput<T> output,
        ReadOnlySpan<int> leftOut = default, PoolingOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(kernel);
        using var pooler = new Pooler<T>(kernel, samples, widths, options, isLasting: false);
        return pooler.At(queries, output, leftOut, progress, cancellationToken);
    }

    private readonly ref struct Chosen<T>(
        PoolingInput<T> input, PoolingOutput<T> output, PoolingOptions? options, IProgress<double>? progress,
        CancellationToken cancellationToken)
        : IKernelCall<PoolingReport>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private readonly PoolingInput<T> _input = input;
        private readonly PoolingOutput<T> _output = output;

        public PoolingReport Run<TKernel>()
            where TKernel : IKernel => Pool<TKernel, T>(_input, _output, options, progress, cancellationToken);
    }
}
