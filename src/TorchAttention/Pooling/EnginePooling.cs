using System.Numerics;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Pooling;

/// <summary>
/// Attention pooling with a kernel on tensors of the CPU, by the engine of <see cref="KernelPooling"/>: the textbook form's numbers without
/// a matrix of queries x keys, forward and backward.
/// </summary>
/// <remarks>
/// <para>f(q) = sum_i K(|(q - k_i) w|) v_i / sum_i K(|(q - k_i) w|) with w = 1/h. The derivatives with respect to w and the queries come
/// out of the forward pass, and backward is a sum over m x v x d numbers; the gradient of the values is one more pass with queries and keys
/// in each other's place. Where each key has its own w, backward is one more pass over all pairs (<see cref="SamplePointPooling"/>).</para>
/// <para>Differentiable with respect to queries, values and w. A query without neighbours gives NaN, and no gradient; by
/// <see cref="NoNeighbourPolicy.Nearest"/> its nearest key's value, whose derivative with respect to w and the query is 0.</para>
/// <para>Gradients that were asked for with a graph of their own (<c>create_graph</c>) are the textbook form's, with a matrix of queries x
/// keys, and have derivatives of every order. They are NaN where an input was changed in place since.</para>
/// <para>No queries have no outputs; at least one key is needed.</para>
/// </remarks>
public static class EnginePooling
{
    /// <summary>Pools the values at each query with a kernel chosen when the program runs.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="queries">Queries (m, d), or (m) for one feature; float32 or float64 on the CPU, as the others.</param>
    /// <param name="keys">Keys (n, d), or (n).</param>
    /// <param name="values">Values (n, v), or (n).</param>
    /// <param name="w">1/h of each feature (d), or (1) for all; for keys (n) and values (n) also each key's own (n).</param>
    /// <param name="excluded">The index of the key that each query leaves out, -1 for none; int64 (m).</param>
    /// <param name="options">How to compute.</param>
    /// <returns>Outputs (m, v), or (m) for values (n).</returns>
    /// <exception cref="ArgumentException">
    /// Shapes, number types or devices do not fit each other, a number is not finite, an index names no key, or a gradient of the keys is
    /// asked for.
    /// </exception>
    public static Tensor Pool(
        SmoothingKernel kernel, Tensor queries, Tensor keys, Tensor values, Tensor w, Tensor? excluded = null,
        PoolingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        return Pool(kernel, new PoolingInputs(queries, keys, values, w, excluded), options ?? new PoolingOptions());
    }

    /// <summary>The same, with what a model keeps of its keys and values from step to step.</summary>
    internal static Tensor Pool(SmoothingKernel kernel, PoolingInputs inputs, PoolingOptions options, KeptSamples? kept = null) =>
        kernel.Call<Chosen, Tensor>(new Chosen(inputs, options, kept));

    /// <summary>Pools the values at each query.</summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <inheritdoc
    /// cref="Pool(SmoothingKernel, Tensor, Tensor, Tensor, Tensor, Tensor?, PoolingOptions?)"
    /// path="/param[@name!='kernel'] | /returns | /exception"/>
    public static Tensor Pool<TKernel>(
        Tensor queries, Tensor keys, Tensor values, Tensor w, Tensor? excluded = null, PoolingOptions? options = null)
        where TKernel : IKernel =>
        Pool<TKernel>(new PoolingInputs(queries, keys, values, w, excluded), options ?? new PoolingOptions(), null);

    private static Tensor Pool<TKernel>(PoolingInputs inputs, PoolingOptions options, KeptSamples? kept)
        where TKernel : IKernel
    {
        EngineShapes shapes = EngineShapes.Measure(inputs);
        using DisposeScope scope = NewDisposeScope();
        Tensor output = shapes.Queries == 0 ? TextbookForm.Gaussian(inputs).Output
            : shapes.HasOwnWidths ? SamplePoints.Pool<TKernel>(inputs, options)
            : inputs.Queries.dtype == ScalarType.Float32 ? Pool<TKernel, float>(inputs, options, shapes, kept)
            : Pool<TKernel, double>(inputs, options, shapes, kept);
        return output.MoveToOuterDisposeScope();
    }

    private static Tensor Pool<TKernel, T>(PoolingInputs inputs, PoolingOptions options, EngineShapes shapes, KeptSamples? kept)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        WantedGradients wanted = inputs.Wanted;
        double[] widths = Spread<T>(inputs.W, shapes.Features);
        int[] leftOut = Indices(inputs.Excluded);
        long gradients = (long)shapes.Queries * shapes.Columns * shapes.Features;
        T[] byW = new T[wanted.W ? gradients : 0];
        T[] byQuery = new T[wanted.Queries ? gradients : 0];
        T[] logWeightSum = new T[wanted.Values ? shapes.Queries : 0];
        Tensor output = empty(shapes.Output, inputs.Queries.dtype);
        using var queryNumbers = new Numbers<T>(inputs.Queries);
        using var keyNumbers = new Numbers<T>(inputs.Keys);
        using var valueNumbers = new Numbers<T>(inputs.Values);
        using (var outputNumbers = new Numbers<T>(output))
        {
            var answers = new PoolingOutput<T>
            {
                Values = outputNumbers.Span,
                InverseBandwidthGradient = byW,
                QueryGradient = byQuery,
                LogWeightSum = logWeightSum,
            };

            // Values that learn are others at each step.
            if (kept is not null && !inputs.Values.requires_grad)
            {
                Samples<T> samples = kept.Of(keyNumbers.Span, valueNumbers.Span, shapes.Features);
                KernelPooling.Pool<TKernel, T>(
                    samples, new PoolingWidths { InverseBandwidths = widths }, queryNumbers.Span, answers, leftOut, options);
            }
            else
            {
                KernelPooling.Pool<TKernel, T>(
                    new PoolingInput<T>
                    {
                        Queries = queryNumbers.Span,
                        Keys = keyNumbers.Span,
                        Values = valueNumbers.Span,
                        InverseBandwidths = widths,
                        LeftOut = leftOut,
                    },
                    answers,
                    options);
            }
        }

        if (!wanted.Any)
        {
            return output;
        }

        ValueGradient<TKernel, T>? byValue = wanted.Values
            ? new ValueGradient<TKernel, T>(queryNumbers.Span, keyNumbers.Span, widths, leftOut, logWeightSum, options)
            : null;
        var form = new TextbookForm(SmoothingKernel.For<TKernel>(), options.NoNeighbour, leftOut);
        bool isShared = inputs.W.shape[0] == 1;
        var gradient = new EngineGradient<T>(form, shapes, isShared, wanted, byW, byQuery, byValue is null ? null : byValue.Run);
        return EngineFunction.Record(inputs, output, gradient);
    }

    /// <summary>The w of each feature (d).</summary>
    internal static double[] Spread<T>(Tensor w, int features)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using var widths = new Numbers<T>(w);
        double[] spread = new double[features];
        for (int j = 0; j < features; j++)
        {
            spread[j] = double.CreateTruncating(widths.Span[widths.Span.Length == 1 ? 0 : j]);
        }

        return spread;
    }

    /// <summary>Indices that were checked, as the engine has them; none of null.</summary>
    internal static int[] Indices(Tensor? indices)
    {
        if (indices is null)
        {
            return [];
        }

        using var numbers = new Numbers<long>(indices);
        return Array.ConvertAll(numbers.Span.ToArray(), number => checked((int)number));
    }

    private readonly record struct Chosen(PoolingInputs Inputs, PoolingOptions Options, KeptSamples? Kept) : IKernelCall<Tensor>
    {
        public Tensor Run<TKernel>()
            where TKernel : IKernel => Pool<TKernel>(Inputs, Options, Kept);
    }
}
