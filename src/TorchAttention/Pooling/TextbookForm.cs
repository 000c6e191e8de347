using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Pooling;

/// <summary>
/// A pooling in operations of libtorch, with a matrix of queries x keys: it has derivatives of every order, whatever computed the pooling.
/// </summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="NoNeighbour">Whether a query without neighbours has its nearest key's value, or none and no gradient.</param>
/// <param name="LeftOut">The key that each query leaves out, -1 for none (m); empty for none at all.</param>
/// <param name="Regions">The place in w of each key's (n); null where w is that of all keys, of each feature or of each key.</param>
internal sealed record TextbookForm(SmoothingKernel Kernel, NoNeighbourPolicy NoNeighbour, int[] LeftOut, int[]? Regions = null)
{
    /// <summary>The Gaussian on tensors of any device.</summary>
    /// <inheritdoc cref="Pool(Tensor, Tensor, Tensor, Tensor)"/>
    public static (Tensor Output, Tensor LogWeightSum) Gaussian(PoolingInputs inputs) =>
        new TextbookForm(SmoothingKernel.Gaussian, NoNeighbourPolicy.NaN, []).Pool(inputs);

    /// <summary>Pools the values at each query.</summary>
    /// <returns>
    /// Outputs (m), or (m, v), less the mean of the values, and logs of the sums of weights (m). A query without a neighbour has other
    /// numbers, and no gradient.
    /// </returns>
    public (Tensor Output, Tensor LogWeightSum) Pool(Tensor queries, Tensor keys, Tensor values, Tensor w) =>
        Pool(new PoolingInputs(
            queries, keys, values, Regions is null ? w : w[Indices(Regions)], LeftOut.Length == 0 ? null : Indices(LeftOut)));

    private (Tensor Output, Tensor LogWeightSum) Pool(PoolingInputs inputs)
    {
        (Tensor queries, Tensor keys, Tensor values, Tensor w, Tensor? excluded) = inputs;
        Tensor squares = AttentionPooling.SquaredDistances(AttentionPooling.Diff(queries, keys) * w);
        if (excluded is not null)
        {
            squares = squares.masked_fill(Held.Range(keys.size(0), keys.device).eq(excluded.unsqueeze(1)), Held.Infinity);
        }

        Tensor nearest = squares.detach().amin([1], keepdim: true);
        bool needsReach = double.IsFinite(Kernel.Support) && NoNeighbour != NoNeighbourPolicy.Nearest;
        Tensor isAlone = needsReach ? nearest >= tensor(Kernel.Support * Kernel.Support, ScalarType.Float64) : nearest.isposinf();
        squares = squares.masked_fill(isAlone, Held.Zero);
        Tensor weights = KernelWeights.Compute(Kernel, squares).masked_fill(isAlone, Held.Zero);

        // As in the streaming form: gradients keep their digits however far from 0 the values lie.
        Tensor output = weights.matmul(values - values.detach().mean([0], keepdim: true));
        return (output, squares.mul(Held.MinusHalf).logsumexp(1));
    }

    private static Tensor Indices(int[] places) => tensor(places, ScalarType.Int64);
}
