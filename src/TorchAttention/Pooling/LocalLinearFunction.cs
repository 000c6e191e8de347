using Context = TorchSharp.torch.autograd.AutogradContext;

namespace TorchAttention.Pooling;

/// <summary>A local linear attention as one operation of autograd.</summary>
/// <remarks>
/// An exception in here would end the process. So forward is handed a finished result, and gradients are computed of what belongs to them
/// alone. Where a graph of the gradients is asked for, they are those of operations on the inputs, which are read then and only then.
/// </remarks>
internal sealed class LocalLinearFunction : autograd.MultiTensorFunction<LocalLinearFunction>
{
    private const string GradientsKey = "gradients";

    private readonly ReturnedGradients _returned = new();

    /// <inheritdoc/>
    public override string Name => nameof(LocalLinearFunction);

    /// <summary>Records a finished result as a function of the inputs.</summary>
    /// <param name="inputs">Matrices.</param>
    /// <param name="ridge">lambda (1).</param>
    /// <param name="outputs">Outputs (m, c).</param>
    /// <param name="gradients">The gradients of queries, keys, values, g and lambda from that of the outputs.</param>
    public static Tensor Record(PoolingInputs inputs, Tensor ridge, Tensor outputs, Func<Tensor, Tensor?[]> gradients) =>
        apply(inputs.Queries, inputs.Keys, inputs.Values, inputs.W, ridge, new Recorded(outputs, inputs.Excluded, gradients))[0];

    /// <inheritdoc/>
    public override List<Tensor> forward(Context ctx, params object[] vars)
    {
        var recorded = (Recorded)vars[5];
        List<Tensor> saved = [.. vars[..5].Cast<Tensor>()];
        if (recorded.Excluded is not null)
        {
            saved.Add(recorded.Excluded);
        }

        ctx.save_for_backward(saved);
        ctx.save_data(GradientsKey, recorded.Gradients);
        ctx.set_materialize_grads(false);
        return [recorded.Outputs];
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(Context ctx, List<Tensor> grad_outputs)
    {
        if (grad_outputs[0].IsInvalid)
        {
            return [null!, null!, null!, null!, null!, null!];
        }

        var gradients = (Func<Tensor, Tensor?[]>)ctx.get_data(GradientsKey);
        bool isGraphWanted = is_grad_enabled();
        Tensor?[]? found = isGraphWanted
            ? GradientGraph.Differentiate(
                ctx,
                saved => (LocalLinearForm.Pool(
                    new PoolingInputs(saved[0], saved[1], saved[2], saved[3], saved.ElementAtOrDefault(5)), saved[4]).Outputs, saved[4]),
                grad_outputs[0], inputs: 5)
            : null;
        if (found is null)
        {
            using IDisposable noGraph = no_grad();
            found = gradients(grad_outputs[0]);
            if (isGraphWanted)
            {
                Array.ForEach(found, gradient => gradient?.fill_(Held.NaN));
            }
        }

        grad_outputs[0].Dispose();
        return _returned.Keep([.. found, null]);
    }

    private sealed record Recorded(Tensor Outputs, Tensor? Excluded, Func<Tensor, Tensor?[]> Gradients);
}
