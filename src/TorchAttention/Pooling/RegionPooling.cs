using TorchAttention.Numerics;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Pooling;

/// <summary>Pooling by the engine where all keys of a region share a w, on tensors.</summary>
internal static class RegionPooling
{
    /// <summary>Pools the values at each query.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="inputs">Queries (m), keys (n), values (n), and w of each region (regions).</param>
    /// <param name="regions">The region of each key, int64 (n).</param>
    /// <param name="options">How to compute.</param>
    public static Tensor Pool(SmoothingKernel kernel, PoolingInputs inputs, Tensor regions, PoolingOptions options)
    {
        bool areFew = RegionalPooling.AreFew(inputs.Queries.size(0), inputs.Keys.size(0), inputs.W.size(0));
        bool needsPairs = inputs.Wanted is { Values: true } or { Queries: true };
        return areFew || needsPairs
            ? EnginePooling.Pool(kernel, inputs with { W = inputs.W[regions] }, options)
            : Merged(kernel, inputs, regions, options);
    }

    /// <summary>Pools region by region; gradients of w alone.</summary>
    /// <inheritdoc cref="Pool"/>
    public static Tensor Merged(SmoothingKernel kernel, PoolingInputs inputs, Tensor regions, PoolingOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        EngineShapes.Measure(inputs with { W = inputs.W[regions] });
        bool hasGradient = inputs.Wanted.W;
        (int[] regionOf, int[] leftOut) = (EnginePooling.Indices(regions), EnginePooling.Indices(inputs.Excluded));
        var input = new SamplePointInput
        {
            Queries = inputs.Queries.ToDoubles(),
            Keys = inputs.Keys.ToDoubles(),
            Values = inputs.Values.ToDoubles(),
            InverseBandwidths = inputs.W.ToDoubles(),
            LeftOut = leftOut,
        };
        (double[] values, double[] byW) = RegionalPooling.Pool(kernel, input, regionOf, hasGradient, options);
        Tensor output = tensor(values, inputs.Queries.dtype);
        if (hasGradient)
        {
            var form = new TextbookForm(kernel, options.NoNeighbour, leftOut, regionOf);
            output = EngineFunction.Record(inputs, output, new Gradient(form, byW, input.InverseBandwidths.Length, output.dtype));
        }

        return output.MoveToOuterDisposeScope();
    }

    /// <param name="form">The same pooling in operations of libtorch.</param>
    /// <param name="byW">df/dw (m, regions).</param>
    /// <param name="regions">The number of regions.</param>
    /// <param name="type">The number type of the gradient.</param>
    private sealed class Gradient(TextbookForm form, double[] byW, int regions, ScalarType type) : EngineGradient(form)
    {
        /// <inheritdoc/>
        public override (Tensor? Queries, Tensor? Values, Tensor? W) Of(Tensor outputGradient)
        {
            double[] gradient = outputGradient.ToDoubles();
            double[] sums = new double[regions];
            for (int i = 0; i < byW.Length; i++)
            {
                sums[i % regions] += gradient[i / regions] * byW[i];
            }

            return (null, null, tensor(sums, type));
        }
    }
}
