using TorchAttention.Numerics;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Pooling;

/// <summary>Pooling by the engine where each key has its own w, in float64 on copies of the inputs.</summary>
internal static class SamplePoints
{
    public static Tensor Pool<TKernel>(PoolingInputs inputs, PoolingOptions options)
        where TKernel : IKernel
    {
        WantedGradients wanted = inputs.Wanted;
        var pairs = new Pairs(
            inputs.Queries.ToDoubles(), inputs.Keys.ToDoubles(), inputs.Values.ToDoubles(), inputs.W.ToDoubles(),
            EnginePooling.Indices(inputs.Excluded));
        double[] pooled = new double[pairs.Queries.Length];
        double[] logSums = new double[wanted.Any ? pooled.Length : 0];
        double[] byQuery = new double[wanted.Queries ? pooled.Length : 0];
        SamplePointPooling.Pool<TKernel>(
            pairs.Input, new SamplePointOutput { Values = pooled, LogWeightSum = logSums, QueryGradient = byQuery }, options);
        Tensor output = tensor(pooled, inputs.Queries.dtype);
        if (!wanted.Any)
        {
            return output;
        }

        var gradient = new Gradient<TKernel>(pairs, wanted, output.dtype, pooled, logSums, byQuery, options);
        return EngineFunction.Record(inputs, output, gradient);
    }

    /// <summary>Copies of the inputs.</summary>
    private sealed record Pairs(double[] Queries, double[] Keys, double[] Values, double[] W, int[] LeftOut)
    {
        public SamplePointInput Input =>
            new() { Queries = Queries, Keys = Keys, Values = Values, InverseBandwidths = W, LeftOut = LeftOut };
    }

    private sealed class Gradient<TKernel>(
        Pairs pairs, WantedGradients wanted, ScalarType type, double[] pooled, double[] logSums, double[] byQuery,
        PoolingOptions options) : EngineGradient(new TextbookForm(SmoothingKernel.For<TKernel>(), options.NoNeighbour, pairs.LeftOut))
        where TKernel : IKernel
    {
        /// <inheritdoc/>
        public override (Tensor? Queries, Tensor? Values, Tensor? W) Of(Tensor outputGradient)
        {
            double[] gradient = outputGradient.ToDoubles();
            Tensor? ofQueries = wanted.Queries ? tensor([.. gradient.Zip(byQuery, (g, slope) => g * slope)], type) : null;
            if (!wanted.Values && !wanted.W)
            {
                return (ofQueries, null, null);
            }

            double[] byValue = new double[pairs.Keys.Length];
            double[] byW = new double[pairs.Keys.Length];
            SamplePointPooling.Backward<TKernel>(pairs.Input, pooled, logSums, gradient, byValue, byW, options);
            return (ofQueries, wanted.Values ? tensor(byValue, type) : null, wanted.W ? tensor(byW, type) : null);
        }
    }
}
