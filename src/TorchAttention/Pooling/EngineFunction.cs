using Context = TorchSharp.torch.autograd.AutogradContext;

namespace TorchAttention.Pooling;

/// <summary>A pooling by the engine as one operation of autograd.</summary>
/// <remarks>
/// An exception in here would end the process. So forward is handed a finished result, and backward sums up arrays that belong to it alone. Backward
/// is not differentiable in turn.
/// </remarks>
internal sealed class EngineFunction : autograd.MultiTensorFunction<EngineFunction>
{
    private const string GradientKey = "gradient";
    private const string ReturnedKey = "returned";

    /// <inheritdoc/>
    public override string Name => nameof(EngineFunction);

    /// <inheritdoc/>
    public override List<Tensor> forward(Context ctx, params object[] vars)
    {
        var (output, gradient) = (Recorded)vars[3];
        ctx.save_data(GradientKey, gradient);
        ctx.set_materialize_grads(false);
        return [output];
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(Context ctx, List<Tensor> grad_outputs)
    {
        if (grad_outputs[0].IsInvalid)
        {
            return [null!, null!, null!, null!];
        }

        using IDisposable noGraph = no_grad();
        var gradient = (EngineGradient)ctx.get_data(GradientKey);
        (Tensor? queries, Tensor? values, Tensor? w) = gradient.Of(grad_outputs[0]);
        List<Tensor> returned = [queries!, values!, w!, null!];

        // libtorch reads the gradients after this method has returned: until then they must be reachable, or the collector may free them.
        ctx.save_data(ReturnedKey, returned);
        grad_outputs[0].Dispose();
        return returned;
    }

    /// <summary>A finished result and what its gradients are made of.</summary>
    internal sealed record Recorded(Tensor Output, EngineGradient Gradient);
}
