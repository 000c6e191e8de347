using Context = TorchSharp.torch.autograd.AutogradContext;

namespace TorchAttention.Pooling;

/// <summary>The streaming form as one operation of autograd: backward computes the weights again, tile by tile.</summary>
/// <remarks>
/// An exception in here would end the process. So forward is handed finished results, and all that backward reads is private to it: copies
/// of the inputs, as large as these, that no one can change, and saved results. Where a graph of the gradients is asked for, they are those
/// of the textbook form on the copies.
/// </remarks>
internal sealed class StreamingFunction : autograd.MultiTensorFunction<StreamingFunction>
{
    private const string PlanKey = "plan";

    private readonly ReturnedGradients _returned = new();

    /// <inheritdoc/>
    public override string Name => nameof(StreamingFunction);

    /// <summary>Records finished results as a function of what they were computed from.</summary>
    /// <returns>Outputs (m, v) and the logs of the sums of weights (m), which have a gradient where they are wanted.</returns>
    public static (Tensor Output, Tensor LogWeightSum) Record(
        StreamingProblem problem, StreamingForward results, long tileElements, bool isLogWanted)
    {
        (Tensor queries, Tensor keys, Tensor values, Tensor scale) = (problem.Queries, problem.Keys, problem.Values, problem.Scale);
        var plan = new Plan(tileElements, problem.Excluded is not null, new PoolingInputs(queries, keys, values, scale).Wanted);
        List<Tensor> outputs = apply(queries, keys, values, scale, new Recorded(problem, results, plan, isLogWanted));
        return (outputs[0], isLogWanted ? outputs[1] : results.LogWeightSum);
    }

    /// <inheritdoc/>
    public override List<Tensor> forward(Context ctx, params object[] vars)
    {
        var (problem, results, plan, isLogWanted) = (Recorded)vars[4];
        List<Tensor> saved =
        [
            problem.Queries, problem.Keys, problem.Values, problem.Scale,
            problem.Centre, results.LeastEnergy, results.WeightSum, results.CentredOutput,
        ];
        if (problem.Excluded is not null)
        {
            saved.Add(problem.Excluded);
        }

        ctx.save_for_backward(saved);
        ctx.save_data(PlanKey, plan);
        ctx.set_materialize_grads(false);
        return isLogWanted ? [results.Output, results.LogWeightSum] : [results.Output];
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(Context ctx, List<Tensor> grad_outputs)
    {
        var plan = (Plan)ctx.get_data(PlanKey);
        Tensor?[] gradients = [.. grad_outputs.Select(gradient => gradient.IsInvalid ? null : gradient)];
        if (Array.TrueForAll(gradients, gradient => gradient is null))
        {
            return [null!, null!, null!, null!, null!];
        }

        List<Tensor> returned = is_grad_enabled() ? WithGraph(ctx, plan, gradients) : Recomputed(ctx, plan, gradients);
        Array.ForEach(gradients, gradient => gradient?.Dispose());
        return returned;
    }

    private List<Tensor> Recomputed(Context ctx, Plan plan, Tensor?[] outputGradients)
    {
        using IDisposable noGraph = no_grad();
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> saved = ctx.get_saved_variables();
        var problem = new StreamingProblem(saved[0], saved[1], saved[2], saved[4], saved[3], plan.LeavesOut ? saved[^1] : null);
        var backward = new StreamingBackward(problem, plan.Wanted, LeastEnergy: saved[5], WeightSum: saved[6], CentredOutput: saved[7]);
        Tensor?[] gradients = backward.Run(outputGradients[0], outputGradients.ElementAtOrDefault(1), plan.TileElements);
        scope.MoveToOuter(gradients.OfType<Tensor>());
        return _returned.Keep([.. gradients, null]);
    }

    private List<Tensor> WithGraph(Context ctx, Plan plan, Tensor?[] outputGradients)
    {
        Tensor?[]? known = GradientGraph.Differentiate(ctx, Textbook, outputGradients[0], outputGradients.ElementAtOrDefault(1));
        if (known is [var queries, var keys, var values, var scale])
        {
            return _returned.Keep(queries, keys, values, scale, null);
        }

        List<Tensor> gradients = Recomputed(ctx, plan, outputGradients);
        gradients.ForEach(gradient => gradient?.fill_(Held.NaN));
        return gradients;

        (Tensor Output, Tensor LogWeightSum) Textbook(Tensor[] saved)
        {
            Tensor columns = saved[2].narrow(1, 0, saved[4].size(0));
            Tensor? excluded = plan.LeavesOut ? saved[^1] : null;
            return TextbookForm.Gaussian(
                new PoolingInputs(saved[0].t(), saved[1].t(), columns, saved[3].div(Held.SqrtHalf), excluded));
        }
    }

    // Of the gradients that are wanted, W is the scale's.
    private sealed record Plan(long TileElements, bool LeavesOut, WantedGradients Wanted);

    private sealed record Recorded(StreamingProblem Problem, StreamingForward Results, Plan Plan, bool IsLogWanted);
}
