using Context = TorchSharp.torch.autograd.AutogradContext;

namespace TorchAttention.Pooling;

/// <summary>A pooling by the engine as one operation of autograd.</summary>
/// <remarks>
/// An exception in here would end the process. So forward is handed a finished result, and backward sums up arrays that belong to it alone.
/// Where a graph of the gradients is asked for, they are those of the textbook form on the inputs, which are read then and only then.
/// </remarks>
internal sealed class EngineFunction : autograd.MultiTensorFunction<EngineFunction>
{
    private const string GradientKey = "gradient";

    private readonly ReturnedGradients _returned = new();

    /// <inheritdoc/>
    public override string Name => nameof(EngineFunction);

    /// <summary>Records a finished result as a function of the inputs.</summary>
    public static Tensor Record(PoolingInputs inputs, Tensor output, EngineGradient gradient) =>
        apply(inputs.Queries, inputs.Values, inputs.W, new Recorded(inputs.Keys, output, gradient))[0];

    /// <inheritdoc/>
    public override List<Tensor> forward(Context ctx, params object[] vars)
    {
        var (keys, output, gradient) = (Recorded)vars[3];
        ctx.save_for_backward([(Tensor)vars[0], keys, (Tensor)vars[1], (Tensor)vars[2]]);
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

        var gradient = (EngineGradient)ctx.get_data(GradientKey);
        if (is_grad_enabled())
        {
            return WithGraph(ctx, gradient, grad_outputs[0]);
        }

        (Tensor? queries, Tensor? values, Tensor? w) = gradient.Of(grad_outputs[0]);
        grad_outputs[0].Dispose();
        return _returned.Keep(queries, values, w, null);
    }

    private List<Tensor> WithGraph(Context ctx, EngineGradient gradient, Tensor outputGradient)
    {
        Tensor?[]? gradients = GradientGraph.Differentiate(
            ctx, saved => gradient.Form.Pool(saved[0], saved[1], saved[2], saved[3]), outputGradient);
        if (gradients is [var queries, _, var values, var w])
        {
            return _returned.Keep(queries, values, w, null);
        }

        using IDisposable noGraph = no_grad();
        (queries, values, w) = gradient.Of(outputGradient);
        return _returned.Keep(queries?.fill_(Held.NaN), values?.fill_(Held.NaN), w?.fill_(Held.NaN), null);
    }

    private sealed record Recorded(Tensor Keys, Tensor Output, EngineGradient Gradient);
}
