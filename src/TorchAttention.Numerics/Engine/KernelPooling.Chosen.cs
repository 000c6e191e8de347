using System.Numerics;
using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics.Engine;

/// <content>Kernels that are chosen when the program runs.</content>
public static partial class KernelPooling
{
    /// <summary>Pools with a <paramref name="kernel"/> that is chosen when the program runs.</summary>
    /// <inheritdoc cref="Pool{TKernel, T}(PoolingInput{T}, PoolingOutput{T}, PoolingOptions?, IProgress{double}?, CancellationToken)"/>
    public static PoolingReport Pool<T>(
        this SmoothingKernel kernel, PoolingInput<T> input, PoolingOutput<T> output, PoolingOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentNullException.ThrowIfNull(kernel);
        return kernel.Call<Chosen<T>, PoolingReport>(new Chosen<T>(input, output, options, progress, cancellationToken));
    }

    private readonly ref struct Chosen<T>(
        PoolingInput<T> input, PoolingOutput<T> output, PoolingOptions? options, IProgress<double>? progress, CancellationToken cancellationToken)
        : IKernelCall<PoolingReport>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private readonly PoolingInput<T> _input = input;
        private readonly PoolingOutput<T> _output = output;

        public PoolingReport Run<TKernel>()
            where TKernel : IKernel => Pool<TKernel, T>(_input, _output, options, progress, cancellationToken);
    }
}
