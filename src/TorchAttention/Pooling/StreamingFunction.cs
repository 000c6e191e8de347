using Context = TorchSharp.torch.autograd.AutogradContext;

namespace TorchAttention.Pooling;

/// <summary>The streaming form as one operation of autograd: backward computes the weights again, tile by tile.</summary>
/// <remarks>
/// An exception in here would end the process. So forward is handed finished results, and all that backward reads is private to it: copies of
/// the inputs, as large as these, that no one can change, and saved results. Backward is not differentiable in turn.
/// </remarks>
internal sealed class StreamingFunction : autograd.MultiTensorFunction<StreamingFunction>
{
    private const string PlanKey = "plan";
    private const string GradientsKey = "gradients";

    /// <inheritdoc/>
    public override string Name => nameof(StreamingFunction);

    /// <summary>Records finished results as a function of the inputs.</summary>
    /// <returns>Outputs (m, v) and the logs of the sums of weights (m).</returns>
    public static (Tensor Output, Tensor LogWeightSum) Record(PoolingInputs inputs, StreamingProblem problem, StreamingForward results, long tileElements)
    {
        var plan = new Plan(
            tileElements, problem.Excluded is not null, new Wanted(inputs.Queries.requires_grad, inputs.Keys.requires_grad, inputs.Values.requires_grad, inputs.W.requires_grad));
        List<Tensor> outputs = apply(inputs.Queries, inputs.Keys, inputs.Values, inputs.W, new Recorded(problem, results, plan));
        return (outputs[0], outputs[1]);
    }

    /// <inheritdoc/>
    public override List<Tensor> forward(Context ctx, params object[] vars)
    {
        var (problem, results, plan) = (Recorded)vars[4];
        List<Tensor> saved = [problem.Queries, problem.Keys, problem.Values, problem.Centre, problem.Scale, results.LeastEnergy, results.WeightSum, results.CentredOutput];
        if (problem.Excluded is not null)
        {
            saved.Add(problem.Excluded);
        }

        ctx.save_for_backward(saved);
        ctx.save_data(PlanKey, plan);
        ctx.set_materialize_grads(false);
        return [results.Output, results.LogWeightSum];
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(Context ctx, List<Tensor> grad_outputs)
    {
        using IDisposable noGraph = no_grad();
        using DisposeScope scope = NewDisposeScope();
        var plan = (Plan)ctx.get_data(PlanKey);
        List<Tensor> saved = ctx.get_saved_variables();
        var problem = new StreamingProblem(saved[0], saved[1], saved[2], saved[3], saved[4], plan.LeavesOut ? saved[^1] : null);
        var backward = new StreamingBackward(problem, plan.Wanted, LeastEnergy: saved[5], WeightSum: saved[6], CentredOutput: saved[7]);
        Tensor?[] gradients = backward.Run(Defined(grad_outputs[0]), Defined(grad_outputs[1]), plan.TileElements);
        scope.MoveToOuter(gradients.OfType<Tensor>());

        // libtorch reads the gradients after this method has returned: until then they must be reachable, or the collector may free them.
        ctx.save_data(GradientsKey, gradients);
        grad_outputs.ForEach(gradient => Defined(gradient)?.Dispose());
        return [.. gradients.Select(gradient => gradient!), null!];
    }

    private static Tensor? Defined(Tensor gradient) => gradient.IsInvalid ? null : gradient;

    /// <summary>Which gradients someone asks for.</summary>
    internal readonly record struct Wanted(bool Queries, bool Keys, bool Values, bool W);

    private sealed record Plan(long TileElements, bool LeavesOut, Wanted Wanted);

    private sealed record Recorded(StreamingProblem Problem, StreamingForward Results, Plan Plan);
}
