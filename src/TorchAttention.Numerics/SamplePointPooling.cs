using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Methods.SamplePoint;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics;

/// <summary>
/// Attention pooling where each key has a bandwidth of its own, f(q) = sum_i K(|(q - k_i) w_i|) v_i / sum_i K(|(q - k_i) w_i|): the
/// sample-point (adaptive) kernel regression, with its gradients, in memory that grows with the inputs alone.
/// </summary>
/// <remarks>
/// <para>Every pair in float64, in the vectors that the machine has, on several threads; the numbers do not depend on their number. Where a
/// Gaussian's weights underflow they are taken relative to the largest. Time m n for either direction.</para>
/// <para>Sample-point estimators: L. Breiman, W. Meisel and E. Purcell (1977); G. R. Terrell and D. W. Scott (1992). One w for all keys:
/// <see cref="KernelPooling"/>.</para>
/// <para>Methods may be called from several threads at once.</para>
/// </remarks>
public static class SamplePointPooling
{
    /// <summary>Pools the values at each query.</summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <param name="input">Queries, keys, values, w.</param>
    /// <param name="output">Where the answers go.</param>
    /// <param name="options">How to compute them; of these the policy without neighbours, threads and vectors count, and the degree must be
    /// 0.</param>
    /// <param name="cancellationToken">Stops the work; what was written by then stays.</param>
    /// <exception cref="ArgumentException">Lengths that do not fit each other, or a number that is not finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option out of its range.</exception>
    /// <exception cref="NoNeighbourException">A query has no neighbour, and the policy is to stop there.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static void Pool<TKernel>(
        SamplePointInput input, SamplePointOutput output, PoolingOptions? options = null, CancellationToken cancellationToken = default)
        where TKernel : IKernel
    {
        options ??= new PoolingOptions();
        Check(input, options);
        PoolingCheck.Length(output.Values.Length, input.Queries.Length, nameof(output.Values), isOptional: false);
        PoolingCheck.Length(output.LogWeightSum.Length, input.Queries.Length, nameof(output.LogWeightSum));
        PoolingCheck.Length(output.QueryGradient.Length, input.Queries.Length, nameof(output.QueryGradient));
        using var problem = new SamplePointProblem(input, options, cancellationToken);
        int[] withoutNeighbour = options.Bits switch
        {
            512 => SamplePointForward<TKernel, Lanes512<double>>.Run(problem, output),
            256 => SamplePointForward<TKernel, Lanes256<double>>.Run(problem, output),
            _ => SamplePointForward<TKernel, Lanes128<double>>.Run(problem, output),
        };
        if (withoutNeighbour.Length > 0 && options.NoNeighbour == NoNeighbourPolicy.Error)
        {
            throw new NoNeighbourException(withoutNeighbour);
        }
    }

    /// <summary>Pools with a <paramref name="kernel"/> that is chosen when the program runs.</summary>
    /// <inheritdoc cref="Pool{TKernel}(SamplePointInput, SamplePointOutput, PoolingOptions?, CancellationToken)"/>
    public static void Pool(
        this SmoothingKernel kernel, SamplePointInput input, SamplePointOutput output, PoolingOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        kernel.Call<Chosen, bool>(new Chosen(input, output, options, cancellationToken));
    }

    /// <summary>The gradients of values and bandwidths from that of the pooled values.</summary>
    /// <remarks>
    /// With p_mi the attention weights and G the gradient of the output: dL/dv_i = sum_m p_mi G_m and dL/dw_i = sum_m p_mi (d log K_mi /
    /// dw_i) (v_i - f(q_m)) G_m. A query without neighbours has no gradient; by <see cref="NoNeighbourPolicy.Nearest"/> its nearest keys'
    /// values have.
    /// </remarks>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <param name="input">What was pooled.</param>
    /// <param name="pooled">The pooled values (m).</param>
    /// <param name="logWeightSum">The logs of the sums of weights (m).</param>
    /// <param name="outputGradient">G (m).</param>
    /// <param name="valueGradient">Where dL/dv goes (n).</param>
    /// <param name="inverseBandwidthGradient">Where dL/dw goes (n).</param>
    /// <param name="options">The options of the pooling.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentException">Lengths that do not fit each other, or a number of the input that is not finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option out of its range.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static void Backward<TKernel>(
        SamplePointInput input, ReadOnlySpan<double> pooled, ReadOnlySpan<double> logWeightSum, ReadOnlySpan<double> outputGradient,
        Span<double> valueGradient, Span<double> inverseBandwidthGradient, PoolingOptions? options = null,
        CancellationToken cancellationToken = default)
        where TKernel : IKernel
    {
        options ??= new PoolingOptions();
        Check(input, options);
        PoolingCheck.Length(pooled.Length, input.Queries.Length, nameof(pooled), isOptional: false);
        PoolingCheck.Length(logWeightSum.Length, input.Queries.Length, nameof(logWeightSum), isOptional: false);
        PoolingCheck.Length(outputGradient.Length, input.Queries.Length, nameof(outputGradient), isOptional: false);
        PoolingCheck.Length(valueGradient.Length, input.Keys.Length, nameof(valueGradient), isOptional: false);
        PoolingCheck.Length(inverseBandwidthGradient.Length, input.Keys.Length, nameof(inverseBandwidthGradient), isOptional: false);
        using var problem = new SamplePointProblem(input, options, cancellationToken);
        switch (options.Bits)
        {
            case 512:
                new SamplePointBackward<TKernel, Lanes512<double>>(
                    problem, pooled, logWeightSum, outputGradient).Run(valueGradient, inverseBandwidthGradient);
                break;
            case 256:
                new SamplePointBackward<TKernel, Lanes256<double>>(
                    problem, pooled, logWeightSum, outputGradient).Run(valueGradient, inverseBandwidthGradient);
                break;
            default:
                new SamplePointBackward<TKernel, Lanes128<double>>(
                    problem, pooled, logWeightSum, outputGradient).Run(valueGradient, inverseBandwidthGradient);
                break;
        }
    }

    /// <summary>The same with a <paramref name="kernel"/> that is chosen when the program runs.</summary>
    internal static void Backward(
        this SmoothingKernel kernel, SamplePointInput input, ReadOnlySpan<double> pooled, ReadOnlySpan<double> logWeightSum,
        ReadOnlySpan<double> outputGradient, Span<double> valueGradient, Span<double> inverseBandwidthGradient, PoolingOptions options,
        CancellationToken cancellationToken) =>
        kernel.Call<ChosenBackward, bool>(new ChosenBackward(
            input, pooled, logWeightSum, outputGradient, valueGradient, inverseBandwidthGradient, options, cancellationToken));

    private static void Check(SamplePointInput input, PoolingOptions options)
    {
        PoolingCheck.Options(options);
        if (options.Degree != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Degree, "Expected the degree 0 where each key has a bandwidth.");
        }

        if (input.InverseBandwidths.Length != input.Keys.Length || input.Values.Length != input.Keys.Length)
        {
            throw new ArgumentException(
                $"Expected a value and a w for each of {input.Keys.Length} keys, got {input.Values.Length} and "
                + $"{input.InverseBandwidths.Length}.", nameof(input));
        }

        PoolingSizes sizes = PoolingCheck.Samples(input.Keys, input.Values, [], 1);
        PoolingCheck.Queries(input.Queries, input.LeftOut, 1, sizes.Keys);
        for (int i = 0; i < input.InverseBandwidths.Length; i++)
        {
            if (!double.IsFinite(input.InverseBandwidths[i]))
            {
                throw new ArgumentException($"Expected a finite w, got {input.InverseBandwidths[i]} for key {i}.", nameof(input));
            }
        }
    }

    private readonly ref struct Chosen(
        SamplePointInput input, SamplePointOutput output, PoolingOptions? options, CancellationToken cancellationToken)
        : IKernelCall<bool>
    {
        private readonly SamplePointInput _input = input;
        private readonly SamplePointOutput _output = output;

        public bool Run<TKernel>()
            where TKernel : IKernel
        {
            Pool<TKernel>(_input, _output, options, cancellationToken);
            return true;
        }
    }

    private readonly ref struct ChosenBackward(
        SamplePointInput input, ReadOnlySpan<double> pooled, ReadOnlySpan<double> logWeightSum, ReadOnlySpan<double> outputGradient,
        Span<double> valueGradient, Span<double> inverseBandwidthGradient, PoolingOptions options, CancellationToken cancellationToken)
        : IKernelCall<bool>
    {
        private readonly SamplePointInput _input = input;
        private readonly ReadOnlySpan<double> _pooled = pooled;
        private readonly ReadOnlySpan<double> _logWeightSum = logWeightSum;
        private readonly ReadOnlySpan<double> _outputGradient = outputGradient;
        private readonly Span<double> _valueGradient = valueGradient;
        private readonly Span<double> _inverseBandwidthGradient = inverseBandwidthGradient;

        public bool Run<TKernel>()
            where TKernel : IKernel
        {
            Backward<TKernel>(
                _input, _pooled, _logWeightSum, _outputGradient, _valueGradient, _inverseBandwidthGradient, options, cancellationToken);
            return true;
        }
    }
}
