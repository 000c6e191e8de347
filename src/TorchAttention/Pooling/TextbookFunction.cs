using Context = TorchSharp.torch.autograd.AutogradContext;

namespace TorchAttention.Pooling;

/// <summary>
/// An output as it is, whose gradient goes on to what computed it; where a graph of the gradients is asked for, the textbook form's go to
/// the inputs.
/// </summary>
/// <remarks>The inputs are read in the second case alone: whoever changes them in place has plain gradients all the same.</remarks>
internal sealed class TextbookFunction : autograd.SingleTensorFunction<TextbookFunction>
{
    private readonly ReturnedGradients _returned = new();

    /// <inheritdoc/>
    public override string Name => nameof(TextbookFunction);

    /// <summary>Records an output (m, v) of the Gaussian as a function of the inputs too.</summary>
    public static Tensor Record(Tensor output, PoolingInputs inputs) => apply(output, inputs.Queries, inputs.Keys, inputs.Values, inputs.W);

    /// <inheritdoc/>
    public override Tensor forward(Context ctx, params object[] vars)
    {
        ctx.save_for_backward([.. vars[1..].Cast<Tensor>()]);
        ctx.set_materialize_grads(false);
        return ((Tensor)vars[0]).detach();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(Context ctx, Tensor grad_output)
    {
        if (grad_output.IsInvalid || !is_grad_enabled())
        {
            return _returned.Keep(grad_output, null, null, null, null);
        }

        Tensor?[]? gradients = GradientGraph.Differentiate(
            ctx, saved => TextbookForm.Gaussian(new PoolingInputs(saved[0], saved[1], saved[2], saved[3])), grad_output);
        return gradients is [var queries, var keys, var values, var w]
            ? _returned.Keep(null, queries, keys, values, w)
            : _returned.Keep(grad_output.mul(Held.NaN), null, null, null, null);
    }
}
