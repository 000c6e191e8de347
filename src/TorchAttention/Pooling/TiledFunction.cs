using Context = TorchSharp.torch.autograd.AutogradContext;

namespace TorchAttention.Pooling;

/// <summary>A tiled attention as one operation of autograd.</summary>
/// <remarks>
/// An exception in here would end the process. So forward is handed a finished result, and backward reads arrays of its own. Where a graph
/// of the gradients is asked for, they are those of the textbook form on the inputs, which are read then and only then.
/// </remarks>
internal sealed class TiledFunction : autograd.MultiTensorFunction<TiledFunction>
{
    private const string RunKey = "run";

    private readonly ReturnedGradients _returned = new();

    /// <inheritdoc/>
    public override string Name => nameof(TiledFunction);

    /// <summary>Records a finished result as a function of the inputs.</summary>
    public static Tensor Record(IReadOnlyList<Tensor> inputs, Tensor output, TiledRun run) =>
        apply([.. inputs, new Recorded(output, run)])[0];

    /// <inheritdoc/>
    public override List<Tensor> forward(Context ctx, params object[] vars)
    {
        var (output, run) = (Recorded)vars[TiledRun.Inputs];
        ctx.save_for_backward([.. vars[..TiledRun.Inputs].Cast<Tensor>()]);
        ctx.save_data(RunKey, run);
        ctx.set_materialize_grads(false);
        return [output];
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(Context ctx, List<Tensor> grad_outputs)
    {
        if (grad_outputs[0].IsInvalid)
        {
            return [null!, null!, null!, null!, null!, null!];
        }

        var run = (TiledRun)ctx.get_data(RunKey);
        if (!is_grad_enabled())
        {
            Tensor?[] gradients = run.Gradients(grad_outputs[0]);
            grad_outputs[0].Dispose();
            return _returned.Keep([.. gradients, null]);
        }

        Tensor?[]? withGraph = GradientGraph.Differentiate(
            ctx, saved => (run.Textbook(saved), saved[0]), grad_outputs[0], inputs: TiledRun.Inputs);
        if (withGraph is not null)
        {
            return _returned.Keep([.. withGraph, null]);
        }

        using IDisposable noGraph = no_grad();
        return _returned.Keep([.. run.Gradients(grad_outputs[0]).Select(gradient => gradient?.fill_(Held.NaN)), null]);
    }

    private sealed record Recorded(Tensor Output, TiledRun Run);
}
