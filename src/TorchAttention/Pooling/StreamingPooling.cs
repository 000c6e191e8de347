namespace TorchAttention.Pooling;

/// <summary>Gaussian attention pooling in the streaming form: the textbook form's numbers, without a matrix of queries x keys.</summary>
/// <remarks>
/// <para>f(q) = sum_i softmax_i(-|(q - k_i) w|^2 / 2) v_i with w = 1/h. Time is queries x keys; memory is inputs, outputs and a tile, and
/// twice the inputs where a gradient will be asked for. Differences are formed as q - k, so nothing is lost far from the origin, and
/// weights are relative to the nearest key's: a query a million bandwidths away gets its nearest neighbour's value.</para>
/// <para>Differentiable with respect to queries, keys, values and w. Gradients that were asked for with a graph of their own
/// (<c>create_graph</c>) are the textbook form's, with a matrix of queries x keys, and have derivatives of every order. Runs on every
/// device of libtorch.</para>
/// <para>A query with no neighbour, whose only key it leaves out or whose keys all lie so far away that the squared distance overflows
/// (1.8e19 bandwidths in float32), has the output NaN and a log of the sum of weights of minus infinity. A NaN in a query makes its results
/// NaN, one anywhere else all of them. No queries have no outputs; at least one key is needed.</para>
/// </remarks>
public static class StreamingPooling
{
    /// <summary>Pools the values at each query.</summary>
    /// <param name="queries">Queries (m, d), or (m) for one feature; float32 or float64, as the others.</param>
    /// <param name="keys">Keys (n, d), or (n).</param>
    /// <param name="values">Values (n, v), or (n).</param>
    /// <param name="w">1/h of each feature (d), or (1) for all.</param>
    /// <param name="excluded">The index of the key that each query leaves out, -1 for none; int64 (m). For leave-one-out: 0, 1, ..., n -
    /// 1.</param>
    /// <param name="options">The size of a tile.</param>
    /// <returns>Outputs (m, v), or (m) for values (n).</returns>
    /// <exception cref="ArgumentException">Shapes, number types or devices do not fit each other, or an index names no key.</exception>
    public static Tensor Pool(
        Tensor queries, Tensor keys, Tensor values, Tensor w, Tensor? excluded = null, StreamingOptions? options = null)
    {
        return Run(new PoolingInputs(queries, keys, values, w, excluded), options, isLogWanted: false).Output;
    }

    /// <summary>
    /// Pools the values at each query, and says how much weight there was: what one needs to merge results over other keys.
    /// </summary>
    /// <inheritdoc cref="Pool"/>
    /// <returns>Outputs (m, v), or (m) for values (n); log sum_i exp(-|(q - k_i) w|^2 / 2) (m).</returns>
    public static (Tensor Output, Tensor LogWeightSum) PoolWithLogWeightSum(
        Tensor queries, Tensor keys, Tensor values, Tensor w, Tensor? excluded = null, StreamingOptions? options = null) =>
        Run(new PoolingInputs(queries, keys, values, w, excluded), options, isLogWanted: true);

    private static (Tensor Output, Tensor LogWeightSum) Run(PoolingInputs inputs, StreamingOptions? options, bool isLogWanted)
    {
        using DisposeScope scope = NewDisposeScope();
        inputs.Check();
        options ??= new StreamingOptions();
        options.Check();
        (Tensor output, Tensor logWeightSum) = Compute(inputs.AsMatrices(), options.TileElements(inputs.Queries), isLogWanted);
        output = inputs.Values.dim() == 1 ? output.squeeze(1) : output;
        output.MoveToOuterDisposeScope();
        return (output, isLogWanted ? logWeightSum.MoveToOuterDisposeScope() : logWeightSum);
    }

    private static (Tensor Output, Tensor LogWeightSum) Compute(PoolingInputs inputs, long tileElements, bool isLogWanted)
    {
        if (inputs.Queries.size(0) == 0)
        {
            return TextbookForm.Gaussian(inputs);
        }

        bool needGradient = inputs.Wanted.Any;
        StreamingProblem problem = StreamingProblem.Create(inputs, copies: needGradient);
        StreamingForward results = StreamingForward.Run(problem, tileElements);
        return needGradient
            ? StreamingFunction.Record(problem, results, tileElements, isLogWanted)
            : (results.Output, results.LogWeightSum);
    }
}
